"""Do prediction intervals hold what they promise? Measured on folds, calibrated on other folds.

Every fold's intervals come from the errors that were made on the performances of the other folds,
by models that had not seen those either. Source: Vovk, "Cross-conformal predictors", 2015; here
each fold keeps its own model, so the promise is that of split conformal, up to the models' sizes.

Letters: N performances, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from cofinal.evaluation.coverage import coverage
from cofinal.evaluation.intervals import Calibration, least_performances


@dataclass(frozen=True)
class Predicted:
    """Out-of-fold predictions of one method under one protocol, with one seed."""

    folds: tuple[np.ndarray, ...]
    """Positions of each fold's held-out performances."""
    points_NK: np.ndarray
    """NaN for performances in no fold."""
    grades_NK: np.ndarray | None
    """Most probable grade, 0 the lowest; None where the method has no grades."""


@dataclass(frozen=True)
class CoverageRow:
    """How the intervals of one target did."""

    target: str
    calibrated_on: str
    """Protocol whose errors made the intervals."""
    per_grade: bool
    performances: int
    coverage: float
    """Share of scores inside their interval."""
    coverage_interval: tuple[float, float]
    """95 % Clopper-Pearson interval, as if performances were independent."""
    mean_width: float
    """Points."""


def can_measure_coverage() -> bool:
    """Whether MAPIE (extra `intervals`) is there."""
    return find_spec("mapie") is not None


def coverage_rows(
    judged: Predicted,
    calibration: Predicted,
    calibrated_on: str,
    scores_NK: np.ndarray,
    targets: Sequence[str],
    confidence: float,
) -> list[CoverageRow]:
    """Coverage and width per target, over all performances alike and per predicted grade.

    Args:
        judged: predictions that get intervals.
        calibration: predictions whose errors make them; the same, or those of another protocol.
            Performances of the fold at hand never take part.
        calibrated_on: name of that protocol, for the result.
        scores_NK: points given.
        targets: names of the targets.
        confidence: what the intervals promise.

    Returns:
        Nothing where folds leave too few performances for the confidence.
    """
    rows = []
    for per_grade in (False, True):
        if per_grade and (judged.grades_NK is None or calibration.grades_NK is None):
            continue
        intervals_NK2 = fold_intervals(judged, calibration, scores_NK, confidence, per_grade)
        known_N = np.isfinite(intervals_NK2).all((1, 2))
        if not known_N.any():
            return []
        for record in coverage(intervals_NK2[known_N], scores_NK[known_N]):
            rows.append(
                CoverageRow(
                    targets[record.target],
                    calibrated_on,
                    per_grade,
                    record.performances,
                    record.coverage,
                    record.coverage_interval,
                    record.mean_width,
                )
            )
    return rows


def fold_intervals(
    judged: Predicted,
    calibration: Predicted,
    scores_NK: np.ndarray,
    confidence: float,
    per_grade: bool,
) -> np.ndarray:
    """Intervals (N, K, 2) in points, each fold's from the errors outside it; NaN where none."""
    answer = np.full((*scores_NK.shape, 2), np.nan)
    known_N = np.isfinite(calibration.points_NK).all(1)
    for fold in judged.folds:
        outside_N = known_N.copy()
        outside_N[fold] = False
        if outside_N.sum() < least_performances(confidence):
            continue
        grades_nK = grades_BK = None
        if per_grade and judged.grades_NK is not None and calibration.grades_NK is not None:
            grades_nK, grades_BK = calibration.grades_NK[outside_N], judged.grades_NK[fold]
        errors = Calibration(calibration.points_NK[outside_N], scores_NK[outside_N], grades_nK)
        answer[fold] = errors.intervals(judged.points_NK[fold], confidence, grades_BK)
    return answer
