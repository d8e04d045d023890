"""Ridge regression on time-averaged clip features: the baseline every method must beat.

Source: scikit-learn's RidgeCV, strength chosen per target by leave-one-out error.
Reproduced: the standard baseline. Differs: nothing.

Letters: B videos, T clips, C backbone channels, K targets, N performances, F features, A strengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.errors import CofinalError
from cofinal.grades import to_unit_score
from cofinal.layers.summary import time_average
from cofinal.methods.ridge import RidgeSettings
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, Task, summarise_each

STRENGTHS = np.logspace(-2, 5, 15)
# Relative error of a float32 average over many clips.
ROUNDING = 1e-6


@dataclass(frozen=True)
class RidgeSolution:
    """A fitted linear map from standardised features to scores."""

    mean_F: np.ndarray
    scale_F: np.ndarray
    weights_KF: np.ndarray
    bias_K: np.ndarray
    held_out_error_K: np.ndarray
    """Root mean square of the leave-one-out errors at the chosen strength, in points."""


def standard_scale(values_NF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (F,) of each column; a constant column has the deviation 1."""
    deviation_F = values_NF.std(0)
    # Averaging in float32 makes a constant tremble; scaled up, the tremor would be a feature.
    varies_F = deviation_F > ROUNDING * np.abs(values_NF).max(0)
    return values_NF.mean(0), np.where(varies_F, deviation_F, 1.0)


def solve_ridge(
    features_NF: np.ndarray, scores_NK: np.ndarray, importance_F: np.ndarray | float = 1.0
) -> RidgeSolution:
    """Ridge regression with the strength chosen per target by leave-one-out error.

    Args:
        features_NF: one row a performance.
        scores_NK: scores in points.
        importance_F: factor on each standardised feature; the larger, the less it is shrunk.

    Raises:
        CofinalError: fewer than three performances.
    """
    from sklearn.linear_model import RidgeCV  # only training waits for scikit-learn

    if len(features_NF) < 3:
        raise CofinalError(
            f"{len(features_NF)} training performances; ridge regression needs at least 3"
        )
    mean_F, scale_F = standard_scale(features_NF)
    scale_F = scale_F / importance_F
    ridge = RidgeCV(STRENGTHS, alpha_per_target=True, store_cv_results=True)
    ridge.fit((features_NF - mean_F) / scale_F, scores_NK)
    squared_errors_NKA = ridge.cv_results_.reshape(*scores_NK.shape, len(STRENGTHS))
    return RidgeSolution(
        mean_F,
        scale_F,
        np.atleast_2d(ridge.coef_),
        np.atleast_1d(ridge.intercept_),
        np.sqrt(squared_errors_NKA.mean(0).min(-1)),
    )


class RidgeReadout(nn.Module):
    """A fitted ridge solution as fixed tensors: features (..., F) to points (..., K)."""

    weights_KF: Tensor
    bias_K: Tensor

    def __init__(self, features: int, targets: int) -> None:
        super().__init__()
        self.register_buffer("weights_KF", torch.zeros(targets, features))
        self.register_buffer("bias_K", torch.zeros(targets))

    def set(self, solution: RidgeSolution) -> None:
        """Takes over a solution, its standardisation folded into the weights."""
        weights_KF = solution.weights_KF / solution.scale_F
        self.weights_KF.copy_(torch.from_numpy(weights_KF))
        self.bias_K.copy_(torch.from_numpy(solution.bias_K - weights_KF @ solution.mean_F))

    def forward(self, features_BF: Tensor) -> Tensor:
        """Returns points (B, K)."""
        return features_BF @ self.weights_KF.T + self.bias_K


class Ridge(AssessmentModel):
    """Linear in the time-average of the clips."""

    Settings = RidgeSettings
    knows_error = True

    def __init__(self, task: Task, settings: RidgeSettings) -> None:
        super().__init__(task, settings)
        self.readout = RidgeReadout(task.channels, len(task.targets))

    def features(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """What the regression sees of a performance: (B, F)."""
        return time_average(clips_BTC, mask_BT)

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Solves the regression."""
        self.learn_range(labels.scores_NK)
        solution = solve_ridge(summarise_each(self.features, clips), labels.scores_NK)
        self.readout.set(solution)
        self.learn_error(solution.held_out_error_K)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        points_BK = self.readout(self.features(clips_BTC.float(), mask_BT))
        return ModelOutput(to_unit_score(points_BK, self.range_K2))
