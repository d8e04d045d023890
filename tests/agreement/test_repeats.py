"""The same judge twice, by hand and with planted drift."""

from __future__ import annotations

import numpy as np
import pytest

from cofinal.agreement.reliability import reliability
from cofinal.agreement.repeats import repeats

NAN = np.nan


def test_first_and_last_marks_by_hand() -> None:
    judge_a = [[5, 6, NAN, 4, 8], [NAN, 7, 3, NAN, 9], [6, 7, 2, NAN, 8]]
    judge_b = [[1, 1, 1, 1, 1], [NAN] * 5, [NAN] * 5]
    marks_ONJ = np.stack([np.array(judge_a), np.array(judge_b)], axis=-1)
    (a,) = repeats(("a", "b"), marks_ONJ)
    pairs = np.array([[5, 6], [6, 7], [3, 2], [8, 8]], float)
    changes = pairs[:, 1] - pairs[:, 0]
    assert (a.judge, a.performances, a.drift) == ("a", 4, pytest.approx(changes.mean()))
    assert a.standard_error == pytest.approx(((changes**2).mean() / 2) ** 0.5)
    assert a.smallest_change == pytest.approx(1.96 * ((changes**2).mean()) ** 0.5)
    expected = reliability(pairs)
    assert (a.icc, a.icc_interval) == (expected.icc_one, expected.icc_one_interval)
    assert a.standard_error == pytest.approx(expected.standard_error)


def test_planted_drift_and_error_are_found() -> None:
    rng = np.random.default_rng(0)
    own_N = rng.normal(20, 2, 4000)
    first, second = (own_N + rng.normal(0, 0.5, 4000) for _ in range(2))
    (row,) = repeats(("a",), np.stack([first, second + 0.3])[..., None])
    assert row.drift == pytest.approx(0.3, abs=0.03)
    assert row.standard_error == pytest.approx((0.25 + 0.3**2 / 2) ** 0.5, abs=0.02)
    assert row.icc == pytest.approx(4 / (4 + 0.25 + 0.3**2 / 2), abs=0.01)


@pytest.mark.parametrize("marks", [[[2.0], [2.5]], [[2.0, 2.0], [2.0, 2.0]]])
def test_one_performance_or_equal_marks_have_no_icc(marks: list[list[float]]) -> None:
    (row,) = repeats(("a",), np.array(marks)[..., None])
    assert row.icc is None and row.icc_interval is None
    assert row.drift == pytest.approx(marks[1][0] - marks[0][0])
