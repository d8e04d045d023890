"""The human row against brute force on made-up marks, and against Fis-V's known numbers."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import scipy.stats

from cofinal.agreement.human import human_row, human_rows, mean_of_others
from cofinal.data.judges import JudgeMarks, judge_marks
from cofinal.errors import CofinalError
from shared_files import data_folder


def made_up(performances: int, judges: int, gaps: float, seed: int) -> np.ndarray:
    """Marks (N, J) of judges who agree more or less, some of them absent."""
    rng = np.random.default_rng(seed)
    marks = rng.normal(20, 4, (performances, 1)) + rng.normal(0, 2, (performances, judges))
    marks = marks.round(0)  # ties
    marks[rng.uniform(size=marks.shape) < gaps] = np.nan
    return marks


def brute_force(marks: np.ndarray) -> list[tuple[list[float], list[float], list[int]]]:
    """Per judge the own marks, the means of the others, and the positions; loops alone."""
    found = []
    for j in range(marks.shape[1]):
        own, others, where = [], [], []
        for i, row in enumerate(marks):
            rest = [mark for k, mark in enumerate(row) if k != j and not np.isnan(mark)]
            if not np.isnan(row[j]) and rest:
                own.append(row[j])
                others.append(sum(rest) / len(rest))
                where.append(i)
        found.append((own, others, where))
    return found


@pytest.mark.parametrize(("judges", "gaps"), [(2, 0.0), (9, 0.0), (5, 0.3)])
def test_every_measure_is_the_mean_over_judges_by_brute_force(judges: int, gaps: float) -> None:
    marks = made_up(40, judges, gaps, seed=judges)
    groups = [f"E{i % 3}" for i in range(40)]
    row = human_row("PCS", marks, groups)
    pairs = brute_force(marks)
    expected = [scipy.stats.spearmanr(a, b).statistic for a, b, _ in pairs]
    assert row.srcc == pytest.approx(np.mean(expected))
    errors = [np.mean([abs(x - y) for x, y in zip(a, b, strict=True)]) for a, b, _ in pairs]
    assert row.mae == pytest.approx(np.mean(errors))
    squares = [
        100 * np.mean([(x - y) ** 2 for x, y in zip(a, b, strict=True)]) / (max(b) - min(b)) ** 2
        for a, b, _ in pairs
    ]
    assert row.r_l2 == pytest.approx(np.mean(squares))
    within = []
    for a, b, where in pairs:
        values, sizes = [], []
        for group in sorted(set(groups)):
            member = [n for n, i in enumerate(where) if groups[i] == group]
            x, y = ([side[n] for n in member] for side in (a, b))
            values.append(scipy.stats.spearmanr(x, y).statistic)
            sizes.append(len(member))
        within.append(np.average(values, weights=sizes))
    assert row.within_srcc == pytest.approx(np.mean(within))
    assert (row.performances, row.judges) == (len({i for _, _, w in pairs for i in w}), judges)


@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_the_interval_resamples_performances_with_all_their_judges(gaps: float) -> None:
    marks = made_up(25, 4, gaps, seed=1)
    row = human_row("x", marks)
    index = np.random.default_rng(0).integers(25, size=(2000, 25))
    values = []
    for sample in index[:300]:
        pairs = brute_force(marks[sample])
        values.append(np.mean([scipy.stats.spearmanr(a, b).statistic for a, b, _ in pairs]))
    assert row.srcc_interval is not None and row.srcc is not None
    low, high = np.quantile(values, [0.025, 0.975])
    assert row.srcc_interval == pytest.approx((low, high), abs=0.03)
    assert row.srcc_interval[0] < row.srcc < row.srcc_interval[1]


def test_the_mean_of_others_leaves_the_judge_out() -> None:
    marks = np.array([[1.0, 2.0, 6.0], [4.0, np.nan, 8.0], [5.0, np.nan, np.nan]])
    nan = np.nan
    expected = [[4.0, 3.5, 1.5], [8.0, nan, 4.0], [nan, nan, nan]]
    np.testing.assert_array_equal(mean_of_others(marks), expected)


def test_judges_who_agree_are_perfect_and_undefined_measures_are_none() -> None:
    line = np.arange(8.0)
    row = human_row("x", np.stack([line, line, line], axis=1))
    assert (row.srcc, row.mae, row.r_l2) == (1.0, 0.0, 0.0)
    assert row.within_srcc is None
    constant = human_row("x", np.ones((8, 3)), ["a"] * 8)
    assert (constant.srcc, constant.srcc_interval, constant.r_l2) == (None, None, None)
    assert (constant.within_srcc, constant.mae) == (None, 0.0)


def test_a_judge_of_one_performance_counts_where_a_measure_is_defined() -> None:
    marks = np.full((6, 3), np.nan)
    marks[:, :2] = np.arange(6.0)[:, None]
    marks[0, 2] = 9.0
    row = human_row("x", marks)
    assert row.judges == 3
    assert row.srcc == pytest.approx(
        np.mean([scipy.stats.spearmanr(a, b).statistic for a, b, _ in brute_force(marks)[:2]])
    )
    # Judge 3 is 9 off; each other judge is 4.5 off once in six performances.
    assert row.mae == pytest.approx((4.5 / 6 + 4.5 / 6 + 9) / 3)


@pytest.mark.parametrize("marks", [np.ones((5, 1)), np.array([[1.0, np.nan], [np.nan, 2.0]])])
def test_fewer_than_two_judges_get_a_sentence(marks: np.ndarray) -> None:
    with pytest.raises(CofinalError, match=r"two judges for PCS; .* give at least 2 judges' marks"):
        human_row("PCS", marks)


def test_every_id_needs_a_group() -> None:
    judged = JudgeMarks(("a", "b"), {"x": np.ones((2, 2))})
    with pytest.raises(CofinalError, match="id 'b' has marks but no group"):
        human_rows(judged, {"a": "E1"})


def test_fisv_gives_the_known_numbers() -> None:
    folder = data_folder() / "fis-v"
    with (folder / "performances.csv").open() as stream:
        events = {row["id"]: row["event"] for row in csv.DictReader(stream)}
    components, execution = human_rows(judge_marks(folder), events)
    assert (components.target, execution.target) == ("PCS", "GOE")
    assert (components.performances, components.judges) == (380, 9)
    assert components.srcc == pytest.approx(0.937, abs=0.0005)
    assert components.within_srcc == pytest.approx(0.858, abs=0.0005)
    assert components.r_l2 == pytest.approx(0.50, abs=0.005)
    assert components.mae == pytest.approx(1.36, abs=0.005)
    assert execution.srcc == pytest.approx(0.896, abs=0.0005)
    assert execution.within_srcc == pytest.approx(0.851, abs=0.0005)
