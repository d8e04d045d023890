"""Reliability against a published example, least squares, simulated truth and real judges."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from simulated_marks import SHROUT_FLEISS, simulated

from cofinal.agreement.reliability import (
    complete_reliability,
    judges_needed,
    of_panel,
    reliability,
)
from cofinal.data.judges import judge_marks
from cofinal.errors import CofinalError
from shared_files import data_folder


def test_the_example_of_shrout_and_fleiss() -> None:
    found = reliability(SHROUT_FLEISS)
    assert (found.performances, found.judges) == (6, 4)
    # Their table 4 has .29 and .62; more digits by pingouin 0.7.0 (ICC(A,1), ICC(A,k)), which
    # rounds intervals to two.
    assert found.icc_one == pytest.approx(0.2897637795, abs=1e-9)
    assert found.icc_panel == pytest.approx(0.6200505476, abs=1e-9)
    assert found.icc_one_interval == pytest.approx((0.02, 0.76), abs=0.005)
    assert found.icc_panel_interval == pytest.approx((0.07, 0.93), abs=0.005)


def explained(marks: np.ndarray, *codes: np.ndarray) -> float:
    """Sum of squares that a least-squares fit of one constant per code leaves."""
    columns = [(code[:, None] == np.unique(code)).astype(float) for code in codes]
    design = np.concatenate(columns, axis=1)
    fitted = design @ np.linalg.lstsq(design, marks, rcond=None)[0]
    return float(((marks - fitted) ** 2).sum())


@pytest.mark.parametrize("groups", [[0] * 9, [0, 0, 0, 1, 1, 1, 1, 2, 2]])
def test_variances_are_those_of_least_squares_fits(groups: list[int]) -> None:
    marks_NJ = simulated(9, 4, seed=2)
    group_N = np.array(groups)
    performance, judge = (index.ravel() for index in np.indices(marks_NJ.shape))
    marks, group = marks_NJ.ravel(), group_N[performance]
    judge = group * 100 + judge  # each group has judges of its own
    both = explained(marks, performance, judge)
    count = len(set(groups))
    rest = both / ((9 - count) * 3)
    of_performance = (explained(marks, judge) - both) / (9 - count)
    of_judge = (explained(marks, performance) - both) / (count * 3)
    own, between = (of_performance - rest) / 4, (of_judge - rest) / (9 / count)
    found = reliability(marks_NJ, group_N)
    assert found.icc_one == pytest.approx(own / (own + between + rest))
    assert found.icc_panel == pytest.approx(own / (own + (between + rest) / 4))
    assert found.standard_error**2 == pytest.approx(between + rest)
    assert found.standard_error**2 == pytest.approx(marks_NJ.var(1, ddof=1).mean())
    assert found.smallest_change == pytest.approx(1.96 * 2**0.5 * found.standard_error)


def test_simulated_judges_have_the_reliability_they_were_given() -> None:
    found = reliability(simulated(2000, 200, seed=0))
    assert found.icc_one == pytest.approx(4 / 5.25, abs=0.02)
    assert found.icc_panel == pytest.approx(4 / (4 + 1.25 / 200), abs=0.002)
    assert found.standard_error == pytest.approx(1.25**0.5, abs=0.03)


@pytest.mark.parametrize("groups", [1, 4])
def test_nine_in_ten_and_a_half_intervals_hold_the_truth(groups: int) -> None:
    truth, held = 4 / 5.25, 0
    for seed in range(200):
        parts = [simulated(40 // groups, 5, 1000 * seed + g) + 50 * g for g in range(groups)]
        found = reliability(np.concatenate(parts), np.repeat(range(groups), 40 // groups))
        assert found.icc_one_interval is not None
        held += found.icc_one_interval[0] < truth < found.icc_one_interval[1]
    assert 0.90 < held / 200 < 0.99


def test_levels_of_groups_and_performances_alone_in_theirs_count_for_nothing() -> None:
    marks_NJ, group_N = simulated(30, 4, seed=3), np.repeat([0, 1, 2], 10)
    found = reliability(marks_NJ, group_N)
    moved = reliability(marks_NJ + 9.0 * group_N[:, None], group_N)
    assert moved.icc_one == pytest.approx(found.icc_one)
    lonely = np.concatenate([marks_NJ, [[0.0, 5.0, 0.0, 9.0]]])
    assert reliability(lonely, np.append(group_N, 7)) == found


def test_perfect_judges_and_judges_apart_by_a_constant() -> None:
    line = np.arange(6.0)[:, None] * 1.1
    perfect = reliability(np.tile(line, (1, 3)))
    assert (perfect.icc_one, perfect.icc_one_interval) == (pytest.approx(1), (1, 1))
    assert perfect.smallest_change == pytest.approx(0)
    apart = reliability(line + np.array([0.0, 1.0, 2.0]))
    assert apart.icc_one == pytest.approx(4.235 / 5.235)  # variances of performance and judge
    nothing = reliability(np.tile([1.0, 2.0], (4, 1)))
    assert (nothing.icc_one, nothing.icc_one_interval) == (0, None)


@pytest.mark.parametrize("one", [0.05, 0.3, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("wanted", [0.5, 0.8, 0.9, 0.99])
def test_judges_needed_are_the_fewest_that_reach_it(one: float, wanted: float) -> None:
    needed = judges_needed(one, wanted)
    assert needed == next(
        k for k in range(1, 10**5) if k * one / (1 + (k - 1) * one) >= wanted - 1e-12
    )


def test_no_number_of_useless_judges_is_enough() -> None:
    assert judges_needed(0.0, 0.8) is None
    assert judges_needed(1.0, 0.99) == 1
    assert of_panel(-0.5, 9) == -1
    with pytest.raises(CofinalError, match="reliability 1 is wanted; expected a number between"):
        judges_needed(0.5, 1.0)


@pytest.mark.parametrize(
    ("marks", "sentence"),
    [
        (
            np.ones((5, 1)),
            "5 performances with the marks of 1 judges; reliability needs at least 2",
        ),
        (np.ones((1, 5)), "1 performances with the marks of 5 judges"),
        (np.full((5, 3), 7.5), "all marks are 7.5, .* marks that never differ say nothing"),
    ],
)
def test_what_tells_nothing_gets_a_sentence(marks: np.ndarray, sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        reliability(marks)
    assert complete_reliability(marks) is None


def test_performances_with_a_gap_take_no_part() -> None:
    marks_NJ = simulated(12, 3, seed=4)
    marks_NJ[[2, 7], [0, 1]] = np.nan
    whole = np.delete(marks_NJ, [2, 7], axis=0)
    assert complete_reliability(marks_NJ) == reliability(whole)


def test_the_divers_judges_of_mtl_aqa() -> None:
    folder = data_folder() / "mtl-aqa"
    judged = judge_marks(folder / "judges.csv")
    found = reliability(judged.marks["execution"])
    assert (found.performances, found.judges) == (1412, 7)
    # pingouin 0.7.0: ICC(A,1) .930769, ICC(A,k) .989486, intervals .93 to .94, .99 to .99.
    assert found.icc_one == pytest.approx(0.930769, abs=1e-6)
    assert found.icc_panel == pytest.approx(0.989486, abs=1e-6)
    assert found.icc_one_interval == pytest.approx((0.93, 0.94), abs=0.005)
    assert found.standard_error == pytest.approx(0.38, abs=0.005)
    assert found.smallest_change == pytest.approx(1.05, abs=0.005)
    with (folder / "labels.csv").open() as stream:
        events = {row["id"]: row["event"] for row in csv.DictReader(stream)}
    inside = reliability(judged.marks["execution"], np.array([events[i] for i in judged.ids]))
    assert inside.icc_one == pytest.approx(0.9186, abs=5e-4)
    assert inside.standard_error == pytest.approx(found.standard_error)
