"""Bootstrap intervals against SciPy, brute force, and simulated data whose truth is known."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cofinal.errors import CofinalError
from cofinal.evaluation.bootstrap import (
    mean_interval,
    ratio_interval,
    srcc_difference,
    srcc_interval,
    srcc_samples,
    within_group_interval,
)
from cofinal.evaluation.metrics import srcc_rows, within_group_srcc
from cofinal.evaluation.resampling import Resampling, alone


def bivariate(rng: np.random.Generator, count: int, rho: float) -> tuple[np.ndarray, np.ndarray]:
    """A sample of two normal variables of Pearson correlation rho."""
    first, noise = rng.normal(size=(2, count))
    return first, rho * first + math.sqrt(1 - rho**2) * noise


def spearman(rho: float) -> float:
    """Spearman's correlation of normal variables of Pearson correlation rho."""
    return 6 / math.pi * math.asin(rho / 2)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 2)), min_size=4))
def test_srcc_of_a_sample_is_scipys_of_its_performances_ties_and_parts_included(
    rows: list[tuple[int, int, int]],
) -> None:
    a, b, part = np.array(rows, dtype=float).T
    _, part = np.unique(part, return_inverse=True)
    drawn = alone(len(a), samples=3)
    found_S = srcc_samples(a[None], b, drawn, part)[:, 0]
    for weight_N, found in zip(np.concatenate(list(drawn.weights())), found_S, strict=True):
        again = np.repeat(np.arange(len(a)), weight_N.astype(int))
        values, sizes = [], []
        for p in range(3):
            x, y = a[again][part[again] == p], b[again][part[again] == p]
            if len(x) > 1 and np.ptp(x) > 0 and np.ptp(y) > 0:
                values.append(scipy.stats.spearmanr(x, y).statistic)
                sizes.append(len(x))
        if sizes:
            assert found == pytest.approx(np.average(values, weights=sizes), abs=1e-12)
        else:
            assert math.isnan(found)


def test_the_interval_agrees_with_scipys_percentile_bootstrap() -> None:
    a, b = bivariate(np.random.default_rng(3), 80, 0.6)
    ours = srcc_interval(a, b, level=0.9)
    scipys = scipy.stats.bootstrap(
        (a, b),
        lambda x, y, axis: srcc_rows(x, np.broadcast_to(y, x.shape)),
        paired=True,
        vectorized=True,
        confidence_level=0.9,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert ours == pytest.approx((scipys.low, scipys.high), abs=0.015)


def test_the_interval_is_the_quantiles_over_all_resamples_of_a_tiny_sample() -> None:
    a, b = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 3.0, 2.0, 4.0])
    every = np.array(list(itertools.product(range(4), repeat=4)))
    values = srcc_rows(a[every], b[every])
    values = values[np.isfinite(values)]
    expected = np.quantile(values, [0.25, 0.75])
    assert srcc_interval(a, b, level=0.5) == pytest.approx(tuple(expected), abs=1e-6)


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(300):
        interval = srcc_interval(*bivariate(rng, 60, 0.6), alone(60, 300, trial))
        assert interval is not None
        covered += interval[0] <= spearman(0.6) <= interval[1]
    # 300 trials at 95 % have standard deviation .0126; percentile intervals are slightly narrow.
    assert 0.89 <= covered / 300 <= 0.98


def test_whole_groups_cover_the_truth_where_single_performances_do_not() -> None:
    """Thirty events of ten: most of what a score is, is the level of its event."""
    rng, group = np.random.default_rng(6), np.repeat(np.arange(30), 10)
    covered = {"groups": 0, "alone": 0}
    trials = 150
    for trial in range(trials):
        level, own = bivariate(rng, 30, 0.5), bivariate(rng, 300, 0.5)
        a, b = (math.sqrt(0.6) * level[i][group] + math.sqrt(0.4) * own[i] for i in (0, 1))
        ways = {
            "groups": replace(Resampling.of_groups(group, "event"), samples=400, seed=trial),
            "alone": alone(300, 400, trial),
        }
        for name, drawn in ways.items():
            interval = srcc_interval(a, b, drawn)
            assert interval is not None
            covered[name] += interval[0] <= spearman(0.5) <= interval[1]
    assert 0.88 <= covered["groups"] / trials <= 0.98
    assert covered["alone"] / trials < 0.8


def test_the_interval_of_repeats_is_that_of_their_mean() -> None:
    a, b = bivariate(np.random.default_rng(6), 50, 0.5)
    other = bivariate(np.random.default_rng(7), 50, 0.5)[0]
    drawn = alone(50, 500)
    means = [srcc_samples(row[None], b, drawn)[:, 0] for row in (a, other)]
    expected = np.quantile(np.mean(means, axis=0), [0.025, 0.975])
    assert srcc_interval(np.stack([a, other]), b, drawn) == pytest.approx(tuple(expected))


def test_the_interval_repeats_with_its_seed_and_narrows_with_its_level() -> None:
    a, b = bivariate(np.random.default_rng(8), 40, 0.5)
    wide, same, narrow = (srcc_interval(a, b, alone(40, 300), level) for level in (0.95, 0.95, 0.5))
    assert wide == same
    assert wide is not None and narrow is not None
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_the_interval_is_undefined_where_srcc_is() -> None:
    assert srcc_interval(np.zeros(5), np.arange(5.0)) is None
    assert srcc_interval(np.arange(2.0), np.arange(2.0)) is None
    assert srcc_interval(np.stack([np.arange(5.0), np.zeros(5)]), np.arange(5.0)) is None


def test_inside_groups_that_are_drawn_whole_a_sample_weighs_each_groups_own_srcc() -> None:
    rng = np.random.default_rng(9)
    group = np.repeat(np.arange(12), np.arange(6, 18))
    a, b = rng.integers(0, 9, (2, len(group))).astype(float)
    drawn = replace(Resampling.of_groups(group, "event"), samples=300)
    each = [within_group_srcc(a[group == g], b[group == g], ["x"] * (6 + g)) for g in range(12)]
    weight_SG = np.concatenate(list(drawn.weights()))[:, [list(group).index(g) for g in range(12)]]
    size_SG = weight_SG * np.arange(6, 18)
    expected = (size_SG * np.array(each, dtype=float)).sum(1) / size_SG.sum(1)
    found = within_group_interval(a, b, [str(g) for g in group], drawn)
    assert found == pytest.approx(tuple(np.quantile(expected, [0.025, 0.975])))


def test_small_and_unnamed_groups_take_no_part_inside_groups() -> None:
    line = np.tile(np.arange(6.0), 3)
    groups = ["a"] * 6 + [""] * 6 + ["b"] * 5 + ["c"]
    assert within_group_interval(line, line, groups) == pytest.approx((1, 1))
    assert within_group_interval(line, line, [""] * 18) is None


def test_intervals_of_means_are_scipys() -> None:
    error = np.random.default_rng(10).exponential(size=(3, 70))
    ours = mean_interval(error)
    scipys = scipy.stats.bootstrap(
        (error.mean(0),), np.mean, method="percentile", rng=np.random.default_rng(1)
    ).confidence_interval
    assert ours == pytest.approx((scipys.low, scipys.high), abs=0.02)
    assert mean_interval(np.empty(0)) is None


def test_intervals_of_ratios_divide_sums() -> None:
    rng = np.random.default_rng(11)
    value, other = rng.uniform(1, 2, size=(2, 40))
    drawn = alone(40, 200)
    weight_SN = np.concatenate(list(drawn.weights()))
    expected = np.quantile((weight_SN @ value) / (weight_SN @ other), [0.025, 0.975])
    assert ratio_interval(value, other, drawn) == pytest.approx(tuple(expected))


def test_a_difference_of_predictions_is_that_of_their_srcc_with_interval_and_p() -> None:
    rng = np.random.default_rng(12)
    score = rng.normal(size=200)
    good, poor = (score + s * rng.normal(size=(3, 200)) for s in (0.3, 2.0))
    events = rng.integers(20, size=200)
    found = srcc_difference(good, poor[0], score, events, "event")
    expected = np.mean([scipy.stats.spearmanr(row, score).statistic for row in good])
    expected -= scipy.stats.spearmanr(poor[0], score).statistic
    assert found.value == pytest.approx(expected)
    assert found.interval[0] < found.value < found.interval[1]
    assert found.p_value == found.least_p == pytest.approx(1e-4, rel=0.01)
    assert found.resampled == "whole groups: event (20)"
    same = srcc_difference(good, good, score)
    assert (same.value, same.interval, same.p_value) == (0, (0, 0), 1)
    assert same.resampled == "single performances"


@pytest.mark.parametrize(
    ("first", "groups", "sentence"),
    [
        (np.zeros(9), None, r"shape \(1, 9\) and scores \(8,\)"),
        (np.zeros(8), None, "SRCC is undefined for fewer than three"),
        (np.arange(8.0), ["a"] * 7, "7 groups for 8 scores; expected one for each"),
    ],
)
def test_a_difference_that_makes_no_sense_gets_a_sentence(
    first: np.ndarray, groups: list[str] | None, sentence: str
) -> None:
    with pytest.raises(CofinalError, match=sentence):
        srcc_difference(first, np.arange(8.0), np.arange(8.0), groups)
