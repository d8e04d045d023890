"""The checks for methods of one's own: a sound one passes, and each kind of fault is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cofinal.config import Preset
from cofinal.grades import to_unit_score
from cofinal.layers.summary import time_average
from cofinal.methods import use_method
from cofinal.models.interface import (
    AssessmentModel,
    ClipPoints,
    Labels,
    ModelOutput,
    StagedClips,
    Task,
)
from cofinal.settings import MethodSettings
from cofinal.testing import METHOD_CHECKS, TRAINING, check_method, failure


@dataclass(frozen=True)
class LinearSettings(MethodSettings):
    """No settings."""


class Linear(AssessmentModel):
    """A sound method: linear in the time average, trained by gradients."""

    Settings = LinearSettings
    mean_C: Tensor

    def __init__(self, task: Task, settings: LinearSettings) -> None:
        super().__init__(task, settings)
        self.linear = nn.Linear(task.channels, len(task.targets))
        self.register_buffer("mean_C", torch.zeros(task.channels))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the score range and the mean clip."""
        self.learn_range(labels.scores_NK)
        self.mean_C.copy_(torch.cat(list(clips)).mean(0))

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        return ModelOutput(unit_score_BK=self.answer(clips_BTC.float(), mask_BT))

    def answer(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Unit scores (B, K)."""
        unit_BK: Tensor = self.linear(time_average(clips_BTC, mask_BT) - self.mean_C)
        return unit_BK

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Squared error."""
        unit_BK = to_unit_score(labels.scores_NK, self.range_K2)
        error_BK = self.answer(staged.values_BTC, staged.mask_BT) - unit_BK
        return {"score": error_BK.square().mean()}


class SeesTheBatch(Linear):
    """Compares each performance with the others of its batch."""

    def answer(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        unit_BK = super().answer(clips_BTC, mask_BT)
        return unit_BK - unit_BK.mean(0)


class SeesPadding(Linear):
    """Averages over padding too."""

    def answer(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        return super().answer(clips_BTC, torch.ones_like(mask_BT))


class SeesPlaces(Linear):
    """Favours those that come late in the batch."""

    def answer(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        late_B = torch.arange(len(clips_BTC)) / 10
        return super().answer(clips_BTC, mask_BT) + late_B.unsqueeze(1)


class NeedsTwoClips(Linear):
    """Divides by a deviation over time, which one clip does not have."""

    def answer(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        unit_BK = super().answer(clips_BTC, mask_BT)
        only_B = mask_BT.sum(1) == 1
        return unit_BK / (~only_B).float().unsqueeze(1)


class AttentionOfTwo(Linear):
    """Attention that sums to two."""

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        output = super().forward(clips_BTC, mask_BT)
        share_BT = 2 * mask_BT / mask_BT.sum(1, keepdim=True)
        output.attention_BKGT = share_BT[:, None, None].expand(-1, 2, 1, -1)
        return output


class TellsAnotherSum(Linear):
    """Points of clips that have nothing to do with the score."""

    def clip_points(self, clips_TC: Tensor) -> ClipPoints:
        """The same for every performance."""
        return ClipPoints(torch.zeros(2).double(), torch.ones(2, len(clips_TC)).double())


class NeedsFloat32(Linear):
    """Forgets that features may be half as long."""

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        return ModelOutput(unit_score_BK=self.answer(clips_BTC, mask_BT))


class Forgets(Linear):
    """Keeps what it has learned where saving does not see it."""

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the score range and an offset."""
        super().prepare(clips, labels)
        self.offset = 0.3

    def start_from(self, prepared: AssessmentModel) -> None:
        """Takes over the offset too."""
        super().start_from(prepared)
        self.offset = 0.3

    def answer(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        return super().answer(clips_BTC, mask_BT) + getattr(self, "offset", 0.0)


class Restless(Linear):
    """Draws by chance when it answers."""

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        unit_BK = self.answer(clips_BTC.float(), mask_BT)
        return ModelOutput(unit_score_BK=unit_BK + torch.randn_like(unit_BK) / 100)


class FourGradesAlways(Linear):
    """Cuts even labels of two values into four grades."""

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the score range and evenly spaced edges."""
        super().prepare(clips, labels)
        ends_K2 = self.range_K2
        share = torch.linspace(0, 1, 5)
        self.edges_KG = ends_K2[:, :1] + share * (ends_K2[:, 1:] - ends_K2[:, :1])


class KnowsNoSeed(Linear):
    """Draws its preparation from a generator that no seed rules."""

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the score range and a random mean."""
        super().prepare(clips, labels)
        self.mean_C.copy_(torch.from_numpy(np.random.default_rng().normal(size=len(self.mean_C))))


class Uphill(Linear):
    """Learns the wrong way."""

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Squared error, whose gradient is turned round."""
        loss = super().training_loss(staged, labels)["score"]
        return {"score": 2 * loss.detach() - loss}


class NeedsFloat32Training(Linear):
    """Has an operation that PyTorch offers in float32 only."""

    def answer(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        unit_BK = super().answer(clips_BTC, mask_BT)
        if torch.is_autocast_enabled("cpu"):
            unit_BK = torch.fft.irfft(torch.fft.rfft(unit_BK.bfloat16()), n=unit_BK.shape[1])
        return unit_BK


BROKEN = {
    SeesTheBatch: "batch_independence",
    SeesPadding: "padding_invariance",
    SeesPlaces: "batch_permutation",
    NeedsTwoClips: "any_size",
    AttentionOfTwo: "one_distribution",
    TellsAnotherSum: "votes_that_add_up",
    NeedsFloat32: "any_precision",
    Restless: "evaluation_is_repeatable",
    Forgets: "saving_and_loading",
    FourGradesAlways: "labels_of_two_values",
    KnowsNoSeed: "same_seed_same_run",
    Uphill: "training_lowers_the_loss",
    NeedsFloat32Training: "half_precision_training",
}


def test_a_sound_method_of_ones_own_passes() -> None:
    check_method(Linear)


def test_every_check_has_a_method_that_fails_it() -> None:
    assert set(BROKEN.values()) == set(METHOD_CHECKS)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_method_fails_the_check_of_its_fault(broken: type) -> None:
    preset = Preset(use_method(broken), training=TRAINING)
    told = failure(METHOD_CHECKS[BROKEN[broken]], preset)
    assert told and "\n" not in told


def test_all_failures_are_told_a_line_each() -> None:
    with pytest.raises(AssertionError, match=r"SeesPadding fails \d of 13 checks:\n- ") as raised:
        check_method(SeesPadding)
    assert "- padding_invariance: scores with other padding: off by " in str(raised.value)
