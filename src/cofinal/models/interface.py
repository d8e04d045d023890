"""What every method offers, so that training, evaluation and scoring need to know no more.

A method is a torch module. Whatever it learns without gradients (score range, grade edges, scales,
closed-form read-outs) it learns in `prepare`; whatever it learns by gradients are its parameters,
trained on `training_loss`. Closed-form methods simply have no parameters.

Letters: B videos, T clips, C backbone channels, G grades, K targets, N performances,
F features of a whole performance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.grades import GRADES, to_score, usual_edges
from cofinal.layers.quantiles import QuantileFunction, of_logistic, pool


@dataclass(frozen=True)
class Task:
    """What a model reads and what it predicts."""

    channels: int
    """C, width of a clip's features."""
    targets: tuple[str, ...]
    """Names of the K predicted scores, for example ("TES", "PCS")."""
    grades: int | None = None
    """Grades that the labels themselves are (2 for labels of two values), which go before a
    method's settings; None where labels are scores."""

    def __post_init__(self) -> None:
        if self.channels < 1:
            raise CofinalError(f"{self.channels} channels a clip; expected at least 1")
        if not self.targets or len(set(self.targets)) != len(self.targets):
            raise CofinalError(
                f"targets {list(self.targets)}: expected one or more different names"
            )
        if self.grades is not None and not 2 <= self.grades <= 100:
            raise CofinalError(f"{self.grades} grades of a task; expected 2 to 100, or none")


@dataclass(frozen=True, eq=False)
class StagedClips:
    """Clips that have passed `fixed_stage`: what a loss is of; `forward` takes raw ones."""

    values_BTC: Tensor
    mask_BT: Tensor
    """True at valid clips, which come first."""


Numbers = TypeVar("Numbers", np.ndarray, Tensor)


@dataclass(frozen=True, eq=False)
class Labels(Generic[Numbers]):
    """What judges said of performances: of all in `prepare`, of a batch in `training_loss`."""

    scores_NK: Numbers
    """Points."""
    marks_NKJ: Numbers | None = None
    """Points that each of J judges gave, not a number where a judge gave none; None where marks are
    not known, and for methods that do not learn from them."""


@dataclass
class ModelOutput:
    """Answers for a batch. Optional fields are None where a method has no such notion."""

    unit_score_BK: Tensor
    """Score as a share of the model's score range: the mean of the pooled parts; see
    `AssessmentModel.edges_KG`."""
    parts: list[QuantileFunction] = field(default_factory=list)
    """Distributions whose pool is the answer; of a method that predicts a score alone none: the
    answer is then a logistic distribution around it, as wide as the method's error."""
    votes_BKGT: Tensor | None = None
    """What each clip says for or against each grade; zero on padding."""
    attention_BKGT: Tensor | None = None
    """Share of each prototype's attention to each clip; zero on padding, summing to one."""
    views: list[Any] = field(default_factory=list)
    """What each member saw, for `AssessmentModel.points_of`."""
    extras: dict[str, Tensor] = field(default_factory=dict)
    """Further tensors of a method, for its loss and for tests."""


@dataclass(frozen=True)
class ClipPoints:
    """An answer taken apart: average_K + points_KT.sum(1) is the score, in points."""

    average_K: Tensor
    """The answer at the average of the training performances."""
    points_KT: Tensor
    """What each clip added to it."""


class AssessmentModel(nn.Module):
    """Base of every method: holds the task, the settings and the score range."""

    Settings: ClassVar[type]
    """Settings class of the method, from `cofinal.config`."""
    knows_error: ClassVar[bool] = False
    """Whether `prepare` learns how wide the answer's distribution is, or `forward` gives it; of
    other methods training measures the error on a part of the performances."""
    learns_from_judges: ClassVar[bool] = False
    """Whether labels come with the judges' marks, where the data has them."""
    common_parts: ClassVar[tuple[str, ...]] = ()
    """Modules behind `common`, which are the same in all members of an ensemble."""
    sees_clips: ClassVar[bool] = True
    """Whether the answer depends on the video; a baseline's may not."""
    shares_points: ClassVar[bool] = False
    """Whether `points_of` reads what members have answered already."""
    holds_performances: ClassVar[bool] = False
    """Whether its tensors hold features of single training performances, as a model card says."""
    edges_KG: Tensor
    """Edges of the grades in points, (K, G + 1); not a number where they are not known, as in
    models imported from their authors."""
    range_K2: Tensor
    """Points that the unit scores 0 and 1 stand for."""
    error_K: Tensor
    """Root mean square error on performances that took no part in training, as a unit score."""

    def __init__(self, task: Task, settings: Any, grades: int = GRADES) -> None:
        super().__init__()
        self.task = task
        self.settings = settings
        targets, grades = len(task.targets), task.grades or grades
        self.register_buffer("edges_KG", torch.linspace(0, 1, grades + 1).repeat(targets, 1))
        self.register_buffer("range_K2", torch.tensor([0.0, 1.0]).repeat(targets, 1))
        self.register_buffer("error_K", torch.ones(targets))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns what needs no gradients from the training performances.

        Args:
            clips: N tensors (T, C), float32, on the CPU; each is made anew when it is asked for,
                so a list of them all takes memory that the sequence itself does not.
            labels: their scores, and marks for a method that learns from these.
        """
        raise NotImplementedError

    def learn_range(
        self,
        scores_NK: np.ndarray,
        edges_of: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> None:
        """Sets grades and score range from training scores in points.

        Every method is asked for grades, whether it was made for them or not.

        Args:
            scores_NK: training scores in points.
            edges_of: from the scores (N,) of a target to the edges (G + 1,) of its grades;
                `usual_edges` if left out.

        Raises:
            CofinalError: scores that cannot have these grades; the target is named.
        """
        for k, (target, score_N) in enumerate(zip(self.task.targets, scores_NK.T, strict=True)):
            try:
                edges_G = edges_of(score_N) if edges_of else usual_edges(score_N, self.grades)
                self.edges_KG[k] = torch.from_numpy(edges_G)
            except CofinalError as error:
                raise CofinalError(f"target {target!r}: {error}") from error
        self.range_K2.copy_(self.edges_KG[:, [0, -1]])

    @property
    def grades(self) -> int:
        """G."""
        return self.edges_KG.shape[-1] - 1

    def learn_error(self, error_K: np.ndarray) -> None:
        """Sets the width of the distribution around every answer, from errors in points."""
        range_K = (self.range_K2[:, 1] - self.range_K2[:, 0]).cpu()
        self.error_K.copy_(torch.from_numpy(error_K) / range_K)

    @torch.no_grad()
    def start_from(self, prepared: AssessmentModel) -> None:
        """Takes over what `prepare` learned for another member of the same ensemble."""
        for mine, other in zip(self.buffers(), prepared.buffers(), strict=True):
            mine.copy_(other)

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """The first, gradient-free step on clips (..., C); training applies it only once."""
        return clips.float()

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch. `mask_BT` is True at valid clips, which come first."""
        raise NotImplementedError

    def common(self, clips_BTC: Tensor, mask_BT: Tensor) -> Any:
        """What all members of an ensemble find in a batch, worked out once; None for nothing.

        `forward` of a method that has it takes it as a third argument.
        """
        return None

    def stage(self, clips: Sequence[Tensor]) -> StagedClips:
        """Performances (T, C) of different length behind the fixed stage, as one batch."""
        return StagedClips(*pad_clips([self.fixed_stage(values) for values in clips]))

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Named loss terms, of a batch, whose sum is minimised."""
        raise NotImplementedError

    def score(self, output: ModelOutput) -> Tensor:
        """Scores in points (B, K): the means of the distributions, open to gradients."""
        return to_score(output.unit_score_BK.float(), self.range_K2)

    def distribution(self, output: ModelOutput) -> ScoreDistribution:
        """Distributions (B, K) in points."""
        pooled = pool(output.parts or [of_logistic(output.unit_score_BK.float(), self.error_K)])
        low_K1, high_K1 = self.range_K2.cpu().double().numpy()[:, None].transpose(2, 0, 1)
        units_BKU = pooled.units_BKU.detach().cpu().numpy()
        return ScoreDistribution(
            pooled.levels_BKU.detach().cpu().numpy(),
            low_K1 + units_BKU * (high_K1 - low_K1),
            self.edges_KG.cpu().double().numpy(),
        )

    def finish(self, staged: Sequence[Tensor]) -> None:
        """Learns what follows from the trained parameters alone; called once, after training."""

    def clip_points(self, clips_TC: Tensor) -> ClipPoints | None:
        """What each clip (T, C) added to the answer; None for methods that cannot take it apart."""
        return None

    @classmethod
    def points_of(
        cls, members: Sequence[Any], clips_TC: Tensor, output: ModelOutput | None
    ) -> ClipPoints | None:
        """`clip_points` of the mean of several members.

        Args:
            members: models of this class.
            clips_TC: a performance.
            output: what they answered to it, alone in its batch; known where `shares_points`.
        """
        each = [member.clip_points(clips_TC) for member in members]
        found = [points for points in each if points is not None]
        if not found:
            return None
        return ClipPoints(
            torch.stack([points.average_K for points in found]).mean(0),
            torch.stack([points.points_KT for points in found]).mean(0),
        )

    @classmethod
    def has_fixed_stage(cls) -> bool:
        """Whether the method has a fixed stage of its own."""
        return cls.fixed_stage is not AssessmentModel.fixed_stage

    @property
    def trains_by_gradient(self) -> bool:
        """Whether the method has parameters at all."""
        return any(True for _ in self.parameters())


def pad_clips(clips: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Stacks performances of different length: (B, T, C) with zeros behind, and the mask (B, T)."""
    mask_BT = torch.zeros(len(clips), max(len(clip) for clip in clips), dtype=torch.bool)
    for row, clip in zip(mask_BT, clips, strict=True):
        row[: len(clip)] = True
    return nn.utils.rnn.pad_sequence(list(clips), batch_first=True), mask_BT.to(clips[0].device)


def summarise_each(
    summary: Callable[[Tensor, Tensor], Tensor], clips: Iterable[Tensor]
) -> np.ndarray:
    """Summaries (N, F), float64, of performances one by one, which takes no memory for padding.

    Args:
        summary: from clips (1, T, C) and mask (1, T) to features (1, F).
        clips: N tensors (T, C).
    """
    return torch.cat([summary(*pad_clips([clip])) for clip in clips]).double().numpy()
