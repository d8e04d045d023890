"""Quadratic weighted kappa (Cohen 1968) of the grades that judges' marks amount to.

Letters: N performances, J judges, G grades.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import numpy as np

from cofinal.grades import grade_of


def grades_of_marks(marks: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """The grade, 0 to G - 1, of each mark; NaN where there is no mark.

    Args:
        marks: points, of any shape.
        edges: (G + 1,) edges of the grades in points.
    """
    return np.where(np.isfinite(marks), grade_of(marks, edges), np.nan)


def quadratic_kappa(first_N: np.ndarray, second_N: np.ndarray) -> float | None:
    """Agreement of two gradings beyond chance, in [-1, 1]; None if both are one and the same grade.

    With squared weights the table of grades is not needed: chance disagreement is that of all
    pairs of performances, which follows from means and variances.
    """
    observed = float(((first_N - second_N) ** 2).mean())
    chance = float(first_N.var() + second_N.var() + (first_N.mean() - second_N.mean()) ** 2)
    return 1 - observed / chance if chance > 0 else None


def mean_kappa(grades_NJ: np.ndarray) -> float | None:
    """Mean kappa over the pairs of judges (Light 1971), NaN where a judge gave no grade."""
    return _mean_over(grades_NJ, combinations(range(grades_NJ.shape[1]), 2))


def kappa_with(grade_N: np.ndarray, grades_NJ: np.ndarray) -> float | None:
    """Mean kappa of one more grading with each judge's."""
    columns = np.column_stack([grades_NJ, grade_N])
    last = grades_NJ.shape[1]
    return _mean_over(columns, ((j, last) for j in range(last)))


def _mean_over(grades_NJ: np.ndarray, pairs: Iterable[tuple[int, int]]) -> float | None:
    """Mean over the pairs that have performances in common and a kappa."""
    values = []
    for a, b in pairs:
        both = np.isfinite(grades_NJ[:, [a, b]]).all(1)
        value = quadratic_kappa(grades_NJ[both, a], grades_NJ[both, b]) if both.any() else None
        if value is not None:
            values.append(value)
    return float(np.mean(values)) if values else None
