"""Score distribution learning: predicts how probable each score is, not one score.

Paper: Tang et al., CVPR 2020, "Uncertainty-aware score distribution learning for action quality
assessment" (USDL).
Reproduced: the score as a Gaussian over score bins, clip features averaged over time, a perceptron
with softmax, Kullback-Leibler loss. Differs: the clip features are given and not trained along, so
that their whitened principal components take the place of a trained backbone's output; the answer
is the expectation of the distribution, where the paper takes the most probable bin, since bins tie
performances that differ and leap between neighbours; the bins span the range of the training scores
with a margin; several targets share the hidden layers. The several-judge variant is `musdl`.

Letters: B videos, T clips, C backbone channels, D width, K targets, L score bins, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.grades import to_unit_score
from cofinal.layers.losses import distribution_divergence
from cofinal.layers.quantiles import of_bins
from cofinal.layers.summary import time_average
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.usdl import UsdlSettings
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, StagedClips, Task


def score_distribution(unit_BK: Tensor, bins_L: Tensor, spread: float) -> Tensor:
    """Gaussians of standard deviation `spread` around unit scores, over bins: (B, K, L), sum one.

    Args:
        unit_BK: unit scores; those beyond the outermost bins lean on these.
        bins_L: middles of the bins, as unit scores.
        spread: more than 0, as a share of the score range.
    """
    distance_BKL = (bins_L - unit_BK.unsqueeze(-1)) / spread
    return (-0.5 * distance_BKL.square()).softmax(-1)


class Usdl(AssessmentModel):
    """A perceptron from the time average of the clips to a distribution over score bins."""

    Settings = UsdlSettings
    knows_error = True
    bins_L: Tensor

    def __init__(self, task: Task, settings: UsdlSettings) -> None:
        super().__init__(task, settings)
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        widths = (self.whitening.width, settings.width, settings.width // 2)
        self.hidden = nn.Sequential()
        for narrow_from, narrow_to in pairwise(widths):
            self.hidden.extend([nn.Linear(narrow_from, narrow_to), nn.ReLU()])
        self.to_bins = nn.Linear(widths[-1], len(task.targets) * settings.bins)
        self.register_buffer("bins_L", torch.linspace(0, 1, settings.bins))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the whitening and the range that the bins span."""
        self.learn_range(labels.scores_NK)
        self.whitening.fit(clips)

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Whitened principal components of the clips."""
        return self.whitening(clips)

    def summary(self, staged_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """What all distributions are read from: (B, D)."""
        hidden_BD: Tensor = self.hidden(time_average(staged_BTC, mask_BT))
        return hidden_BD

    def log_distribution(self, hidden_BD: Tensor) -> Tensor:
        """Logarithm of the probability of each bin: (B, K, L)."""
        logits_BKL = self.to_bins(hidden_BD).unflatten(-1, (-1, len(self.bins_L)))
        return logits_BKL.log_softmax(-1)

    def target_distribution(self, scores_BK: Tensor) -> Tensor:
        """Gaussians around scores in points: (B, K, L)."""
        unit_BK = to_unit_score(scores_BK, self.range_K2).to(self.bins_L.dtype)
        return score_distribution(unit_BK, self.bins_L, self.settings.spread)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch; the distribution (B, K, L) is in `extras`."""
        hidden_BD = self.summary(self.fixed_stage(clips_BTC), mask_BT)
        distribution_BKL = self.log_distribution(hidden_BD).exp()
        return ModelOutput(
            unit_score_BK=distribution_BKL @ self.bins_L,
            parts=[of_bins(distribution_BKL, self.bins_L)],
            extras={"distribution_BKL": distribution_BKL},
        )

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Divergence from the Gaussian around the true score."""
        log_BKL = self.log_distribution(self.summary(staged.values_BTC, staged.mask_BT))
        target_BKL = self.target_distribution(labels.scores_NK)
        return {"divergence": distribution_divergence(log_BKL, target_BKL)}
