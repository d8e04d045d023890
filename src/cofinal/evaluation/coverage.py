"""Do prediction intervals hold what they promise? Measured on performances with scores.

Letters: N performances, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.evaluation.intervals import Calibration, Numbers, least_performances


@dataclass(frozen=True)
class Coverage:
    """How intervals of one target did on performances with scores."""

    target: str | int
    """Name of the target, or its index from 0 where targets have no names."""
    performances: int
    coverage: float
    """Share of performances whose interval holds their score, ends included."""
    coverage_interval: tuple[float, float]
    """95 % Clopper-Pearson interval of the coverage, as if performances were independent."""
    mean_width: float
    """Points."""


def coverage(
    intervals_NK2: np.ndarray, scores_NK: Numbers, targets: Sequence[str] = ()
) -> tuple[Coverage, ...]:
    """Coverage and width of intervals, a record per target.

    Args:
        intervals_NK2: lower and upper ends in points.
        scores_NK: points given by the judges.
        targets: K names for the records.

    Raises:
        CofinalError: shapes that do not fit each other, or nothing to measure.
    """
    from scipy.stats import binomtest  # model folders hold these records, and scoring reads them

    intervals_NK2 = np.asarray(intervals_NK2, dtype=np.float64)
    scores_NK = np.asarray(scores_NK, dtype=np.float64)
    if scores_NK.ndim != 2 or intervals_NK2.shape != (*scores_NK.shape, 2) or not scores_NK.size:
        raise CofinalError(
            f"intervals have shape {intervals_NK2.shape} and scores {scores_NK.shape}; "
            "expected (performances, targets, 2) and (performances, targets)"
        )
    if not (np.isfinite(intervals_NK2).all() and np.isfinite(scores_NK).all()):
        raise CofinalError(
            "intervals or scores hold a value that is not finite; "
            "measure only performances that have both"
        )
    records = []
    for k in range(scores_NK.shape[1]):
        low_N, high_N = intervals_NK2[:, k].T
        inside_N = (low_N <= scores_NK[:, k]) & (scores_NK[:, k] <= high_N)
        ends = binomtest(int(inside_N.sum()), len(inside_N)).proportion_ci(0.95, "exact")
        records.append(
            Coverage(
                target=targets[k] if targets else k,
                performances=len(inside_N),
                coverage=float(inside_N.mean()),
                coverage_interval=(float(ends.low), float(ends.high)),
                mean_width=float((high_N - low_N).mean()),
            )
        )
    return tuple(records)


@dataclass(frozen=True)
class Predicted:
    """Out-of-fold predictions of one method under one protocol, with one seed."""

    folds: tuple[np.ndarray, ...]
    """Positions of each fold's held-out performances."""
    distributions: tuple[ScoreDistribution, ...]
    """(n, K) for each fold."""

    def reaches(self, scores_NK: np.ndarray) -> np.ndarray:
        """How far from the median of its distribution each score lies; NaN in no fold."""
        reach_NK = np.full(scores_NK.shape, np.nan)
        for fold, distribution in zip(self.folds, self.distributions, strict=True):
            reach_NK[fold] = distribution.reach(scores_NK[fold])
        return reach_NK


@dataclass(frozen=True)
class FoldCoverage(Coverage):
    """How intervals of one target did that were calibrated on other folds."""

    calibrated_on: str
    """Protocol whose reaches made the intervals."""


def fold_coverage(
    judged: Predicted,
    calibration: Predicted,
    calibrated_on: str,
    scores_NK: np.ndarray,
    targets: Sequence[str],
    confidence: float,
) -> list[FoldCoverage]:
    """Coverage and width, a record a target.

    Args:
        judged: predictions that get intervals.
        calibration: predictions whose reaches make them; the same, or those of another protocol.
            Performances of the fold at hand never take part.
        calibrated_on: name of that protocol, for the result.
        scores_NK: points given.
        targets: names of the targets.
        confidence: what the intervals promise.

    Returns:
        Nothing where folds leave too few performances for the confidence.
    """
    intervals_NK2 = fold_intervals(judged, calibration, scores_NK, confidence)
    known_N = np.isfinite(intervals_NK2).all((1, 2))
    if not known_N.any():
        return []
    return [
        FoldCoverage(**asdict(record), calibrated_on=calibrated_on)
        for record in coverage(intervals_NK2[known_N], scores_NK[known_N], targets)
    ]


def fold_intervals(
    judged: Predicted, calibration: Predicted, scores_NK: np.ndarray, confidence: float
) -> np.ndarray:
    """Intervals (N, K, 2) in points, each fold's from the reaches outside it; NaN where none.

    Those were found by models that had not seen the performances. Source: Vovk,
    "Cross-conformal predictors", 2015. Differs: each fold keeps its own model, so the promise is
    that of split conformal, up to the models' sizes.
    """
    answer = np.full((*scores_NK.shape, 2), np.nan)
    reach_NK = calibration.reaches(scores_NK)
    known_N = np.isfinite(reach_NK).all(1)
    for fold, distribution in zip(judged.folds, judged.distributions, strict=True):
        outside_N = known_N.copy()
        outside_N[fold] = False
        if outside_N.sum() >= least_performances(confidence):
            outside = Calibration(tuple(np.sort(reach_NK[outside_N].T)))
            answer[fold] = outside.intervals(distribution, confidence)
    return answer
