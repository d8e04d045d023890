"""Distribution auto-encoder: a score is a Gaussian, of which mean and spread are learned.

Paper: Zhang et al., "Auto-encoding score distribution regression for action quality assessment",
Neural Computing and Applications 2023, https://arxiv.org/abs/2111.11029.
Reproduced: clips averaged over time, two hidden layers with ReLU, one linear map to the mean of the
score and one to the logarithm of its variance; the likelihood loss with its authors' weights, or
as the setting `squared` the loss that the released programs train with.
Differs: the backbone stays frozen and its principal components are read; padding is invisible; mean
and variance are those of the score in training deviations; the variance is bounded, without which
it runs away on few performances; the answer is the mean, not a draw, so that it is the same twice;
the squared error of a draw is taken in expectation, the mean's squared error plus the variance; two
heads per target over common hidden layers. The released likelihood, whose spread has no gradient
and is the square of the log-variance, is not reproduced.

Letters: B videos, T clips, C backbone channels, D width, K targets, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from torch import Tensor, nn

from cofinal.layers.losses import gaussian_likelihood
from cofinal.layers.summary import time_average
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.dae import DaeSettings
from cofinal.models.deviation import DeviationModel
from cofinal.models.interface import Labels, ModelOutput, StagedClips, Task

# Bounds of the logarithm of the variance, in training deviations: a spread of .02 to 2.7.
LOG_VARIANCE = (-8.0, 2.0)


class Dae(DeviationModel):
    """A perceptron from the time average of the clips to a Gaussian over scores."""

    Settings = DaeSettings

    def __init__(self, task: Task, settings: DaeSettings) -> None:
        super().__init__(task, settings)
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        widths = (self.whitening.width, settings.width, settings.width // 2)
        self.hidden = nn.Sequential()
        for narrow_from, narrow_to in pairwise(widths):
            self.hidden.extend([nn.Linear(narrow_from, narrow_to), nn.ReLU()])
        self.to_mean = nn.Linear(widths[-1], len(task.targets))
        self.to_log_variance = nn.Linear(widths[-1], len(task.targets))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the scale of the scores and the principal components."""
        self.learn_scale(labels.scores_NK)
        self.whitening.fit(clips)

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Whitened principal components of the clips."""
        return self.whitening(clips)

    def gaussian(self, staged_BTC: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log-variance of the score, both (B, K), in training deviations."""
        hidden_BD = self.hidden(time_average(staged_BTC, mask_BT))
        return self.to_mean(hidden_BD), self.to_log_variance(hidden_BD).clamp(*LOG_VARIANCE)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch; the standard deviation (B, K) of the unit score is in `extras`."""
        mean_BK, log_variance_BK = self.gaussian(self.fixed_stage(clips_BTC), mask_BT)
        return self.assessed(mean_BK, spread_BK=self.spread_K * (log_variance_BK / 2).exp())

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """The likelihood, or the expected squared error of a draw."""
        mean_BK, log_variance_BK = self.gaussian(staged.values_BTC, staged.mask_BT)
        true_BK = self.deviation(labels.scores_NK)
        if self.settings.loss == "likelihood":
            return {"likelihood": gaussian_likelihood(mean_BK, log_variance_BK, true_BK)}
        return {
            "score": (mean_BK - true_BK).square().mean(),
            "spread": log_variance_BK.exp().mean(),
        }
