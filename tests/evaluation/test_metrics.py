"""Measures against SciPy, closed forms and brute force; undefined ones are None."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cofinal.errors import CofinalError
from cofinal.evaluation.metrics import (
    fisher_mean,
    mae,
    r_l2,
    srcc,
    srcc_rows,
    within_group_srcc,
)

# Few different values, so that ties abound.
tied_pairs = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=30)


@given(tied_pairs)
def test_srcc_agrees_with_scipy_ties_included(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, dtype=float).T
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        assert srcc(a, b) is None
    else:
        assert srcc(a, b) == pytest.approx(scipy.stats.spearmanr(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_srcc_without_ties_is_the_textbook_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.permutation(40), rng.permutation(40)
    expected = 1 - 6 * ((a - b) ** 2).sum() / (40 * (40**2 - 1))
    assert srcc(a.astype(float), b.astype(float)) == pytest.approx(expected, abs=1e-12)


def test_srcc_sees_order_alone() -> None:
    score = np.array([3.0, 1.0, 4.0, 1.5, 9.0])
    assert srcc(np.exp(score), score) == 1.0
    assert srcc(-(score**3), score) == -1.0


@pytest.mark.parametrize(
    ("predicted", "score"),
    [
        ([], []),
        ([1.0], [1.0]),
        ([1.0, 2.0], [1.0, 2.0]),
        ([2.0, 2.0, 2.0], [1.0, 2.0, 3.0]),
        ([1.0, 2.0, 3.0], [2.0, 2.0, 2.0]),
        ([1.0, 2.0, math.nan], [1.0, 2.0, 3.0]),
    ],
)
def test_srcc_is_undefined_for_few_constant_or_missing_values(
    predicted: list[float], score: list[float]
) -> None:
    assert srcc(predicted, score) is None


def test_srcc_of_rows_is_that_of_each_row() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 6, (2, 20, 9)).astype(float)
    a[3] = 1.0
    expected = [srcc(x, y) for x, y in zip(a, b, strict=True)]
    rows = [None if math.isnan(value) else value for value in srcc_rows(a, b)]
    assert rows == expected
    assert rows[3] is None


def test_r_l2_is_its_definition() -> None:
    # Errors 1, 0, -2 over a range of 4: 100 * (1/16 + 0 + 4/16) / 3.
    assert r_l2([3.0, 4.0, 4.0], [2.0, 4.0, 6.0]) == pytest.approx(100 * 5 / 48)


def test_r_l2_of_the_mean_is_the_variance_over_the_range() -> None:
    score = np.random.default_rng(0).normal(size=50)
    expected = 100 * score.var() / np.ptp(score) ** 2
    assert r_l2(np.full(50, score.mean()), score) == pytest.approx(expected)


@given(st.floats(0.1, 100), st.floats(-100, 100))
def test_r_l2_does_not_depend_on_the_unit_of_scores(scale: float, shift: float) -> None:
    predicted, score = np.array([1.0, 2.5, 2.0]), np.array([1.0, 2.0, 4.0])
    moved = r_l2(scale * predicted + shift, scale * score + shift)
    assert moved == pytest.approx(r_l2(predicted, score), rel=1e-6)


def test_r_l2_is_undefined_without_a_range() -> None:
    assert r_l2([1.0, 2.0], [3.0, 3.0]) is None
    assert r_l2([], []) is None


def test_mae_is_the_mean_distance_in_points() -> None:
    assert mae([1.0, 5.0], [2.0, 2.0]) == 2.0
    assert mae([], []) is None


def test_fisher_mean_is_the_closed_form() -> None:
    z = [0.5 * math.log((1 + r) / (1 - r)) for r in (0.2, 0.9)]
    expected = (math.exp(z[0] + z[1]) - 1) / (math.exp(z[0] + z[1]) + 1)
    assert fisher_mean([0.2, 0.9]) == pytest.approx(expected)


@given(st.lists(st.floats(-0.99, 0.99), min_size=1, max_size=6))
def test_fisher_mean_lies_between_the_extremes(values: list[float]) -> None:
    mean = fisher_mean(values)
    assert mean is not None
    assert min(values) - 1e-9 <= mean <= max(values) + 1e-9


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([0.5, None], None), ([1.0, 0.2], 1.0), ([-1.0, 0.2], -1.0), ([1.0, -1.0], None)],
)
def test_fisher_mean_at_its_limits(values: list[float | None], expected: float | None) -> None:
    assert fisher_mean(values) == expected


def test_within_group_srcc_weights_groups_by_size() -> None:
    up, down = np.arange(6.0), -np.arange(12.0)
    predicted = np.concatenate([np.arange(6.0), np.arange(12.0)])
    groups = ["a"] * 6 + ["b"] * 12
    value = within_group_srcc(predicted, np.concatenate([up, down]), groups)
    assert value == pytest.approx((6 * 1 + 12 * -1) / 18)


def test_within_group_srcc_agrees_with_scipy_group_by_group() -> None:
    rng = np.random.default_rng(1)
    groups = np.array(["a", "b", "c"])[rng.integers(0, 3, 60)]
    a, b = rng.integers(0, 9, (2, 60)).astype(float)
    expected = sum(
        scipy.stats.spearmanr(a[groups == g], b[groups == g]).statistic * (groups == g).sum() / 60
        for g in "abc"
    )
    assert within_group_srcc(a, b, list(groups)) == pytest.approx(expected)


def test_within_group_srcc_is_blind_to_differences_between_groups() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(2, 40))
    offset = np.repeat([0.0, 100.0], 20)
    groups = ["x"] * 20 + ["y"] * 20
    assert within_group_srcc(a + offset, b + offset, groups) == pytest.approx(
        within_group_srcc(a, b, groups)
    )


def test_small_unnamed_and_constant_groups_take_no_part_within() -> None:
    line = np.arange(6.0)
    predicted = np.concatenate([line, -np.arange(5.0), -line, np.zeros(6)])
    score = np.concatenate([line, np.arange(5.0), line, line])
    groups = ["good"] * 6 + ["small"] * 5 + [""] * 6 + ["constant"] * 6
    assert within_group_srcc(predicted, score, groups) == pytest.approx(1.0)
    assert within_group_srcc(predicted[6:], score[6:], groups[6:]) is None


@pytest.mark.parametrize("measure", [srcc, r_l2, mae])
def test_unequal_lengths_get_a_sentence(measure: Callable[..., float | None]) -> None:
    with pytest.raises(CofinalError, match=r"shape \(3,\) and scores \(2,\); expected the same"):
        measure([1, 2, 3], [1, 2])


def test_a_group_is_needed_for_each_score() -> None:
    with pytest.raises(CofinalError, match="1 groups for 3 scores; expected one for each"):
        within_group_srcc([1, 2, 3], [1, 2, 3], ["a"])
