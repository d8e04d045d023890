"""Prediction intervals: made from held-out predictions, and measured on others.

Letters: N performances, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from cofinal.errors import CofinalError
from cofinal.evaluation.intervals import Calibration

Numbers = np.ndarray | Sequence[Sequence[float]]


def calibrate(
    predicted_NK: Numbers, scores_NK: Numbers, grades_NK: np.ndarray | None = None
) -> Calibration:
    """Keeps what intervals are made of.

    Args:
        predicted_NK: points predicted for performances that took no part in training.
        scores_NK: points given by the judges.
        grades_NK: predicted grades, 0 the lowest, for intervals per grade.

    Raises:
        CofinalError: shapes that differ, or values that are not finite.
    """
    return Calibration(
        np.asarray(predicted_NK, dtype=np.float64),
        np.asarray(scores_NK, dtype=np.float64),
        None if grades_NK is None else np.asarray(grades_NK),
    )


@dataclass(frozen=True)
class Coverage:
    """How intervals of one target did on performances with scores."""

    target: int
    """Index of the target, from 0."""
    performances: int
    coverage: float
    """Share of performances whose interval holds their score, ends included."""
    coverage_interval: tuple[float, float]
    """95 % Clopper-Pearson interval of the coverage."""
    mean_width: float
    """Points."""


def coverage(intervals_NK2: np.ndarray, scores_NK: Numbers) -> tuple[Coverage, ...]:
    """Coverage and width of intervals, a record per target.

    Args:
        intervals_NK2: lower and upper ends in points.
        scores_NK: points given by the judges.

    Raises:
        CofinalError: shapes that do not fit each other, or nothing to measure.
    """
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
                target=k,
                performances=len(inside_N),
                coverage=float(inside_N.mean()),
                coverage_interval=(float(ends.low), float(ends.high)),
                mean_width=float((high_N - low_N).mean()),
            )
        )
    return tuple(records)
