"""Is the grade right, and are its probabilities? Measured on performances not trained on.

Letters: n performances (those of several trainings count each time), G grades, S bootstrap samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofinal.evaluation.bootstrap import mean_interval

# Bins of the calibration error.
BINS = 10
# Least probability inside a logarithm.
TINY = 1e-12

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Grading:
    """How the grades of one target did; intervals are 95 % bootstrap intervals."""

    target: str
    performances: int
    right: float
    """Share whose printed grade, the one that holds the score, is the true one."""
    right_interval: Interval
    within_one: float
    """Share whose printed grade is off by one or less."""
    within_one_interval: Interval
    ranked_probability_score: float
    """Sum over the G - 1 inner edges of (probability below - is below)^2, mean; 0 is best."""
    ranked_probability_score_interval: Interval
    log_loss: float
    """Mean of -log of the probability of the true grade, natural logarithm."""
    calibration_error: float
    """Expected difference of the most probable grade's probability and how often it is right."""

    @classmethod
    def of(
        cls, target: str, chance_nG: np.ndarray, printed_n: np.ndarray, true_n: np.ndarray
    ) -> Grading:
        """Measures grades.

        Args:
            target: name.
            chance_nG: probabilities, summing to one.
            printed_n: the grade that holds the score, from 0.
            true_n: the grade that holds the judges' score, from 0.
        """
        right_n, near_n = printed_n == true_n, np.abs(printed_n - true_n) <= 1
        score_n = ranked_probability_scores(chance_nG, true_n)
        own_n = chance_nG[np.arange(len(true_n)), true_n]
        return cls(
            target=target,
            performances=len(true_n),
            right=float(right_n.mean()),
            right_interval=mean_interval(right_n.astype(float)),
            within_one=float(near_n.mean()),
            within_one_interval=mean_interval(near_n.astype(float)),
            ranked_probability_score=float(score_n.mean()),
            ranked_probability_score_interval=mean_interval(score_n),
            log_loss=float(-np.log(own_n.clip(TINY)).mean()),
            calibration_error=calibration_error(chance_nG, true_n),
        )


def ranked_probability_scores(chance_nG: np.ndarray, true_n: np.ndarray) -> np.ndarray:
    """Epstein's score (n,): a miss by two grades costs more than one by one."""
    below_nE = chance_nG.cumsum(1)[:, :-1]
    truth_nE = true_n[:, None] <= np.arange(chance_nG.shape[1] - 1)
    scores_n: np.ndarray = np.square(below_nE - truth_nE).sum(1)
    return scores_n


def calibration_error(chance_nG: np.ndarray, true_n: np.ndarray) -> float:
    """Expected calibration error of the most probable grade, in ten bins of equal width.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.
    """
    sure_n, right_n = chance_nG.max(1), chance_nG.argmax(1) == true_n
    bin_n = np.minimum((sure_n * BINS).astype(int), BINS - 1)
    gaps = [
        abs(float(sure_n[bin_n == b].mean() - right_n[bin_n == b].mean())) * (bin_n == b).mean()
        for b in np.unique(bin_n)
    ]
    return float(sum(gaps))
