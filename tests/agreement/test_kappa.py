"""Quadratic weighted kappa against scikit-learn."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from simulated_marks import simulated, with_gaps
from sklearn.metrics import cohen_kappa_score

from cofinal.agreement.kappa import grades_of_marks, kappa_with, mean_kappa, quadratic_kappa


def test_kappa_is_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(5, size=60)
    second = (first + rng.integers(-1, 2, size=60)).clip(0, 4)
    expected = cohen_kappa_score(first, second, weights="quadratic")
    assert quadratic_kappa(first, second) == pytest.approx(expected)
    assert quadratic_kappa(first, 4 - first) == pytest.approx(
        cohen_kappa_score(first, 4 - first, weights="quadratic")
    )


def test_pairs_count_where_both_judges_gave_a_mark() -> None:
    edges = np.array([0.0, 18.0, 20.0, 22.0, 40.0])
    grades_NJ = grades_of_marks(with_gaps(simulated(50, 4, seed=1), 0.3, seed=1), edges)
    assert np.nanmin(grades_NJ) == 0 and np.nanmax(grades_NJ) == 3
    expected = []
    for a, b in combinations(range(4), 2):
        pairs = [(x, y) for x, y in grades_NJ[:, [a, b]] if not (np.isnan(x) or np.isnan(y))]
        expected.append(cohen_kappa_score(*zip(*pairs, strict=True), weights="quadratic"))
    assert mean_kappa(grades_NJ) == pytest.approx(np.mean(expected))
    with_last = [expected[i] for i in (2, 4, 5)]
    assert kappa_with(grades_NJ[:, 3], grades_NJ[:, :3]) == pytest.approx(np.mean(with_last))


def test_one_and_the_same_grade_has_no_kappa() -> None:
    assert quadratic_kappa(np.ones(5), np.ones(5)) is None
    assert quadratic_kappa(np.ones(5), np.zeros(5)) == 0
    assert mean_kappa(np.ones((5, 3))) is None
    assert mean_kappa(np.array([[1.0, np.nan], [np.nan, 2.0]])) is None
