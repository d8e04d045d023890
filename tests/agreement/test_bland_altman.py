"""Bias and spread of each judge, by loops and SciPy's t test."""

from __future__ import annotations

import math
import statistics

import numpy as np
import pytest
import scipy.stats
from simulated_marks import simulated, with_gaps

from cofinal.agreement.bland_altman import Difference, difference, differences


def test_every_judge_by_hand() -> None:
    marks_NJ = with_gaps(simulated(40, 4, seed=1), 0.2, seed=2)
    found = differences(("a", "b", "c", "d"), marks_NJ)
    assert [row.judge for row in found] == ["a", "b", "c", "d"]
    for j, row in enumerate(found):
        gaps = []
        for marks in marks_NJ.tolist():
            others = [m for k, m in enumerate(marks) if k != j and not math.isnan(m)]
            if others and not math.isnan(marks[j]):
                gaps.append(marks[j] - statistics.mean(others))
        spread = statistics.stdev(gaps)
        assert (row.performances, row.bias) == (len(gaps), pytest.approx(statistics.mean(gaps)))
        interval = scipy.stats.ttest_1samp(gaps, 0).confidence_interval(0.95)
        assert row.bias_interval == pytest.approx(tuple(interval))
        assert row.spread == pytest.approx(spread)
        assert row.limits == pytest.approx((row.bias - 1.96 * spread, row.bias + 1.96 * spread))


def test_a_planted_bias_is_found_and_its_interval_holds_it() -> None:
    marks_NJ = simulated(400, 5, seed=3, deviations=(2.0, 0.0, 1.0))
    marks_NJ[:, 2] += 0.5
    found = {row.judge: row for row in differences(tuple("abcde"), marks_NJ)}
    interval = found["c"].bias_interval
    assert interval is not None and interval[0] < 0.5 < interval[1]
    assert found["a"].bias == pytest.approx(-0.5 / 4, abs=0.1)
    # Chance of one judge and of the mean of four others.
    assert found["c"].spread == pytest.approx((1 + 1 / 4) ** 0.5, abs=0.1)


def test_one_performance_has_a_bias_alone_and_none_has_nothing() -> None:
    nan = np.nan
    one = difference("a", np.array([3.0, nan, 1.0]), np.array([2.5, 2.0, nan]))
    assert one == Difference("a", 1, 0.5, None, None, None)
    assert difference("a", np.array([nan]), np.array([1.0])) is None
    (b, c) = differences(("a", "b", "c"), np.array([[nan, 1.0, 2.0]]))
    assert (b.judge, b.bias, c.judge, c.bias) == ("b", -1.0, "c", 1.0)
