"""Score distribution learning from several judges: one distribution for each judge's own mark.

Paper: Tang et al., CVPR 2020, "Uncertainty-aware score distribution learning for action quality
assessment" (MUSDL, the multi-path variant of USDL).
Reproduced: a softmax over score bins for each judge, Kullback-Leibler loss against a Gaussian
around the judge's mark, the final score by the federation's rule from the predicted marks. Differs:
as in `usdl`, and the judges' paths share the hidden layers; the bins span the marks as well as the
scores; there is no degree of difficulty, since marks are points of the target itself; a mark that
is not known is left out. A performance without a mark of a target teaches the target's final score
as in USDL, and a target without any mark is answered so: without marks this is USDL, number for
number.

Letters: B videos, T clips, D width, K targets, J judges (seats of the panel), L score bins,
N performances, S scores and marks.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.errors import CofinalError
from cofinal.grades import usual_edges
from cofinal.layers.losses import divergences
from cofinal.layers.quantiles import of_bins
from cofinal.methods.musdl import MusdlSettings
from cofinal.models.interface import Labels, ModelOutput, StagedClips, Task
from cofinal.models.usdl import Usdl

# From so many marks on, the highest and the lowest do not count (ISU and FIG rules).
TRIMMED_FROM = 5


def panel_score(marks_BKJ: Tensor, known_KJ: Tensor) -> Tensor:
    """The federation's rule: the mean, from five marks on without the highest and the lowest.

    Args:
        marks_BKJ: points, or shares of a score range.
        known_KJ: True for the judges who count.

    Returns:
        (B, K); zero where no judge counts.
    """
    count_K1 = known_KJ.sum(-1, keepdim=True)
    trimmed_K1 = (count_K1 >= TRIMMED_FROM).long()
    rank_J = torch.arange(known_KJ.shape[-1], device=known_KJ.device)
    kept_KJ = (rank_J >= trimmed_K1) & (rank_J < count_K1 - trimmed_K1)
    sorted_BKJ = marks_BKJ.masked_fill(~known_KJ, torch.inf).sort(-1).values
    return sorted_BKJ.masked_fill(~kept_KJ, 0.0).sum(-1) / kept_KJ.sum(-1).clamp(min=1)


def judges_divergence(final_BK: Tensor, judges_BKJ: Tensor, known_BKJ: Tensor) -> Tensor:
    """Mean over performances and targets of the known judges' mean divergence, else the score's.

    Args:
        final_BK: divergence of the final score's distribution.
        judges_BKJ: divergence of each judge's distribution; any number where a mark is not known.
        known_BKJ: True where the judge gave a mark.
    """
    count_BK = known_BKJ.sum(-1)
    mean_BK = judges_BKJ.masked_fill(~known_BKJ, 0.0).sum(-1) / count_BK.clamp(min=1)
    return torch.where(count_BK > 0, mean_BK, final_BK).mean()


class Musdl(Usdl):
    """USDL with a distribution for every judge of the panel."""

    Settings = MusdlSettings
    learns_from_judges = True
    known_KJ: Tensor
    """Seats that had a mark in training; the others have learned nothing."""

    def __init__(self, task: Task, settings: MusdlSettings) -> None:
        super().__init__(task, settings)
        self.seats = (len(task.targets), settings.seats)
        outputs = len(task.targets) * settings.seats * settings.bins
        self.to_judges = nn.Linear(self.to_bins.in_features, outputs)
        self.register_buffer("known_KJ", torch.zeros(self.seats, dtype=torch.bool))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the whitening, the range of scores and marks, and which seats are taken."""
        if labels.marks_NKJ is None:
            super().prepare(clips, labels)
            return
        judges = labels.marks_NKJ.shape[-1]
        if judges > self.seats[1]:
            raise CofinalError(
                f"a panel has {judges} judges; setting seats is {self.seats[1]}, set it to "
                f"{judges} or more"
            )
        known_NKJ = np.isfinite(labels.marks_NKJ)
        self.known_KJ[:, :judges] = torch.from_numpy(known_NKJ.any(0))
        scores_NK1 = labels.scores_NK[..., np.newaxis]
        filled_NKJ = np.where(known_NKJ, labels.marks_NKJ, scores_NK1)
        # The bins span marks as well as scores.
        columns_SNK = np.moveaxis(np.concatenate([scores_NK1, filled_NKJ], -1), -1, 0)
        super().prepare(clips, Labels(columns_SNK.reshape(-1, self.seats[0])))
        # Grades are those of the scores alone.
        edges_KG = np.stack([usual_edges(column, self.grades) for column in labels.scores_NK.T])
        self.edges_KG[:, 1:-1] = torch.from_numpy(edges_KG[:, 1:-1])

    def log_judges(self, hidden_BD: Tensor) -> Tensor:
        """Logarithm of the probability that each judge's mark is in each bin: (B, K, J, L)."""
        logits_BKJL = self.to_judges(hidden_BD).unflatten(-1, (*self.seats, len(self.bins_L)))
        return logits_BKJL.log_softmax(-1)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch; the judges' marks (B, K, J), as unit scores, are in `extras`."""
        hidden_BD = self.summary(self.fixed_stage(clips_BTC), mask_BT)
        judges_BKJL = self.log_judges(hidden_BD).exp()
        final_BKL = self.log_distribution(hidden_BD).exp()
        marks_BKJ, final_BK = judges_BKJL @ self.bins_L, final_BKL @ self.bins_L
        judged_K = self.known_KJ.any(-1)
        unit_BK = torch.where(judged_K, panel_score(marks_BKJ, self.known_KJ), final_BK)
        # Of the panel's distribution the mean mark's shape is told, moved to the panel's score.
        known_KJ1 = self.known_KJ.unsqueeze(-1)
        mixed_BKL = (judges_BKJL * known_KJ1).sum(2) / known_KJ1.sum(1).clamp(min=1)
        shape_BKL = torch.where(judged_K.unsqueeze(-1), mixed_BKL, final_BKL)
        part = of_bins(shape_BKL, self.bins_L)
        part.units_BKU = part.units_BKU + (unit_BK - shape_BKL @ self.bins_L).unsqueeze(-1)
        return ModelOutput(unit_BK, [part], extras={"unit_marks_BKJ": marks_BKJ})

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Divergence from the Gaussians around the judges' marks."""
        marks_BKJ = labels.marks_NKJ
        if marks_BKJ is None:
            return super().training_loss(staged, labels)
        known_BKJ = marks_BKJ.isfinite()
        # Any number will do where a mark is not known: the loss leaves it out.
        filled_BKJ = marks_BKJ.where(known_BKJ, labels.scores_NK.unsqueeze(-1))
        target_JBKL = self.target_distribution(filled_BKJ.movedim(-1, 0))
        hidden_BD = self.summary(staged.values_BTC, staged.mask_BT)
        log_BKJL = self.log_judges(hidden_BD)[..., : marks_BKJ.shape[-1], :]
        judges_BKJ = divergences(log_BKJL, target_JBKL.movedim(0, 2))
        final_BKL = self.target_distribution(labels.scores_NK)
        final_BK = divergences(self.log_distribution(hidden_BD), final_BKL)
        return {"divergence": judges_divergence(final_BK, judges_BKJ, known_BKJ)}
