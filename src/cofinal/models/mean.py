"""The mean of the training scores: what a method without eyes achieves.

Source: the standard constant baseline; its R-l2 is the variance of the scores.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from cofinal.grades import to_unit_score
from cofinal.methods.mean import MeanSettings
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, Task


class Mean(AssessmentModel):
    """Answers the training mean for every performance."""

    Settings = MeanSettings
    knows_error = True
    sees_clips = False
    mean_K: Tensor

    def __init__(self, task: Task, settings: MeanSettings) -> None:
        super().__init__(task, settings)
        self.register_buffer("mean_K", torch.zeros(len(task.targets)))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Stores the mean of each target."""
        self.learn_range(labels.scores_NK)
        N = len(labels.scores_NK)
        # The mean of all others misses a score by N / (N - 1) of what the mean of all misses it by.
        self.learn_error(labels.scores_NK.std(0) * N / max(N - 1, 1))
        self.mean_K.copy_(torch.from_numpy(labels.scores_NK.mean(0)))

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        unit_K = to_unit_score(self.mean_K, self.range_K2)
        return ModelOutput(unit_K.expand(clips_BTC.shape[0], -1))
