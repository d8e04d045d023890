"""Base of rivals that regress a score in training deviations: how far from the training mean.

So the rate of training need not know the points of a data set, and a fresh network answers about
the mean.

Letters: B videos, K targets, N performances.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from cofinal.grades import to_unit_score
from cofinal.models.interface import AssessmentModel, ModelOutput, Task


class DeviationModel(AssessmentModel):
    """A method whose network answers deviations from the training mean, in training deviations."""

    mean_K: Tensor
    """Of the training performances' unit scores."""
    spread_K: Tensor
    """Their standard deviation."""

    def __init__(self, task: Task, settings: Any) -> None:
        super().__init__(task, settings)
        self.register_buffer("mean_K", torch.full((len(task.targets),), 0.5))
        self.register_buffer("spread_K", torch.ones(len(task.targets)))

    def learn_scale(self, scores_NK: np.ndarray) -> None:
        """Learns the score range, and mean and deviation of the training scores."""
        self.learn_range(scores_NK)
        unit_NK = to_unit_score(torch.from_numpy(scores_NK), self.range_K2.double())
        self.mean_K.copy_(unit_NK.mean(0))
        self.spread_K.copy_(unit_NK.std(0, correction=0))

    def deviation(self, scores_BK: Tensor) -> Tensor:
        """Scores in points as deviations (B, K)."""
        deviation_BK: Tensor = to_unit_score(scores_BK, self.range_K2) - self.mean_K
        return deviation_BK / self.spread_K

    def assessed(self, deviation_BK: Tensor, **extras: Tensor) -> ModelOutput:
        """The output that says so."""
        return ModelOutput(self.mean_K + self.spread_K * deviation_BK, extras=extras)
