"""Slips against a brute force over strings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cofinal.audit.labels.slips import possible_slips, transposed, usual_decimals


def exchanged(text: str) -> set[str]:
    """Every text with two neighbouring digits exchanged, the point staying where it is."""
    digits, point = text.replace(".", ""), text.find(".")
    found = set()
    for i in range(len(digits) - 1):
        new = digits[:i] + digits[i + 1] + digits[i] + digits[i + 2 :]
        found.add(new if point < 0 else new[:point] + "." + new[point:])
    return found - {text}


@given(st.integers(0, 99_999), st.integers(0, 3))
def test_transposed_digits_are_all_exchanges_of_neighbours(number: int, decimals: int) -> None:
    score = round(number / 10**decimals, decimals)
    expected = sorted(map(float, exchanged(f"{score:.{decimals}f}")))
    assert sorted(transposed(score, decimals)) == expected


def test_a_label_is_written_with_its_usual_decimals() -> None:
    assert list(transposed(32.2, 2)) == [23.2, 32.02]
    assert list(transposed(-1.5, 1)) == [-5.1]
    assert list(transposed(2.861, 2)) == [8.261, 2.681, 2.816]
    assert list(transposed(7.0, 0)) == []


@pytest.mark.parametrize(
    ("scores", "decimals"),
    [
        ([1.0, 2.0, 30.0], 0),
        ([1.5, 2.25, 3.0], 2),
        ([1.25] * 99 + [1.234567], 2),
        ([1e-7, 2e-7], 7),
        ([1e20, 5.0], 0),
    ],
)
def test_usual_decimals_leave_the_odd_label_out(scores: list[float], decimals: int) -> None:
    assert usual_decimals(scores) == decimals


def test_every_slip_of_a_label_is_found_once_and_named() -> None:
    found = {
        (str(slip), slip.corrected) for slip in possible_slips((12.0, 5.5), ("a", "b"), (0, 1))
    }
    assert found == {
        ("a and b swapped", (5.5, 12.0)),
        ("a digits transposed", (21.0, 5.5)),
        ("a point moved", (120.0, 5.5)),
        ("a point moved", (1.2, 5.5)),
        ("b point moved", (12.0, 55.0)),
        ("b point moved", (12.0, 0.55)),
    }


def test_three_targets_have_three_swaps_and_equal_ones_none() -> None:
    def swaps(*scores: float) -> list[tuple[float, ...]]:
        slips = possible_slips(scores, "abc", (0, 0, 0))
        return [slip.corrected for slip in slips if slip.kind == "swap"]

    assert swaps(1, 2, 3) == [(2, 1, 3), (3, 2, 1), (1, 3, 2)]
    assert swaps(1, 1, 3) == [(3, 1, 1), (1, 3, 1)]


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_no_slip_is_the_label_itself(a: float, b: float) -> None:
    assert all(s.corrected != (a, b) for s in possible_slips((a, b), ("a", "b"), (2, 2)))
