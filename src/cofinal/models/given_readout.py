"""A target predicted from what is given and from what the video says: a ridge over both.

The ridge is fitted on what the method says of performances that it was not trained on, so that it
learns how far the video is to be trusted. Of several targets it sees what the video says of all.

Source: stacked generalisation, Wolpert, Neural Networks 1992; Breiman, "Stacked regressions",
Machine Learning 1996. Differs: given numbers stand beside the one method, and weights may be
negative. The distribution is logistic, as wide as the ridge's leave-one-out error.

Letters: N performances, K targets, F given numbers, U knots.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from cofinal.distributions import ScoreDistribution, same_knots
from cofinal.errors import CofinalError
from cofinal.given.numbers import Given
from cofinal.layers.quantiles import of_logistic
from cofinal.models.ridge import solve_ridge


@dataclass(frozen=True)
class TargetReadout:
    """The ridge of one target: its weighted sum of given numbers and what the video says."""

    given: tuple[float, ...]
    """Points for one more of each of F given numbers."""
    video: tuple[float, ...]
    """Points for one more point of what the video says of each of K targets."""
    bias: float
    error: float
    """Root mean square of the leave-one-out errors, in points."""

    def __post_init__(self) -> None:
        if self.error < 0:
            raise CofinalError(f"error is {self.error:g}; expected 0 or more")


@dataclass(frozen=True)
class GivenReadout:
    """The ridges of a model."""

    targets: tuple[TargetReadout | None, ...]
    """For each of K targets; None where the video alone answers."""

    @classmethod
    def fit(cls, given: Given, video_NK: np.ndarray | None, scores_NK: np.ndarray) -> GivenReadout:
        """Fits a ridge for each target that has covariates.

        Args:
            given: what is known of N training performances.
            video_NK: what the video says of each, by models that were not trained on it; None for
                a method that says the same of every video.
            scores_NK: points of the execution.
        """
        found: list[TargetReadout | None] = []
        for k, target in enumerate(given.targets):
            given_NF = given.covariates(target)
            if given_NF is None:
                found.append(None)
                continue
            columns = [given_NF, *([] if video_NK is None else [video_NK])]
            solution = solve_ridge(np.hstack(columns), scores_NK[:, [k]])
            weights = solution.weights_KF[0] / solution.scale_F
            count = given_NF.shape[1]
            found.append(
                TargetReadout(
                    tuple(weights[:count].tolist()),
                    tuple(weights[count:].tolist()) or (0.0,) * len(given.targets),
                    float(solution.bias_K[0] - weights @ solution.mean_F),
                    float(solution.held_out_error_K[0]),
                )
            )
        return cls(tuple(found))

    def linear(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """The answer as matrix_KK @ video + shift_NK, in points of the execution."""
        matrix_KK = np.eye(len(self.targets))
        shift_NK = np.zeros((len(given), len(self.targets)))
        for k, (target, readout) in enumerate(zip(given.targets, self.targets, strict=True)):
            given_NF = given.covariates(target)
            if readout is not None and given_NF is not None:
                matrix_KK[k] = readout.video
                shift_NK[:, k] = readout.bias + given_NF @ np.array(readout.given)
        return matrix_KK, shift_NK

    def answer(self, video: ScoreDistribution, given: Given) -> ScoreDistribution:
        """Distributions (N, K) of the execution, from those (N, K) that the video gives."""
        matrix_KK, shift_NK = self.linear(given)
        mean_NK = video.score @ matrix_KK.T + shift_NK
        error_K = np.array([1.0 if one is None else one.error for one in self.targets])
        logistic = of_logistic(torch.from_numpy(mean_NK), torch.from_numpy(error_K))
        own_K11 = np.array([one is not None for one in self.targets])[:, None]
        levels, points = (
            np.where(own_K11, *same_knots([mine.numpy(), others]))
            for mine, others in (
                (logistic.levels_BKU, video.levels),
                (logistic.units_BKU, video.points),
            )
        )
        return ScoreDistribution(levels, points, video.edges)
