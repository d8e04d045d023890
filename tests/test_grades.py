"""Grade arithmetic: edges, units, places, expectation; the same for NumPy and torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.grades import (
    GRADES,
    expected_score,
    grade_edges,
    grade_of,
    own_grades,
    place_in_grades,
    to_score,
    to_unit_score,
    unit_edges,
    usual_edges,
)

SCORES = hnp.arrays(
    np.float64, st.integers(12, 60), elements=st.floats(0, 100, width=32), unique=True
)


@settings(deadline=None, max_examples=50)
@given(SCORES, st.integers(1, 6), st.sampled_from(["equal-count", "equal-width"]))
def test_grade_plus_place_gives_every_score_back(
    scores: np.ndarray, grades: int, spacing: str
) -> None:
    edges = grade_edges(scores, grades, spacing)
    assert (np.diff(edges) > 0).all() and edges[0] < scores.min() and edges[-1] > scores.max()
    grade = grade_of(scores, edges)
    place = place_in_grades(scores, edges)
    certain = np.eye(grades)[grade]
    np.testing.assert_allclose(expected_score(certain, place, edges), scores, rtol=1e-6, atol=1e-6)
    assert (edges[grade] <= scores).all() and (scores <= edges[grade + 1]).all()


@settings(deadline=None, max_examples=30)
@given(SCORES, st.integers(2, 6))
def test_equal_count_grades_are_equally_often_met(scores: np.ndarray, grades: int) -> None:
    counts = np.bincount(grade_of(scores, grade_edges(scores, grades)), minlength=grades)
    assert counts.max() - counts.min() <= 2


@settings(deadline=None, max_examples=100)
@given(st.lists(st.integers(0, 6), min_size=8, max_size=40), st.integers(1, 5))
def test_ties_leave_no_grade_empty(tied: list[int], grades: int) -> None:
    """As when half of the labels are tied at the lowest score."""
    scores = np.array(tied, dtype=np.float64)
    different = len(set(tied))
    if different < 2:
        return
    if different < grades:
        with pytest.raises(CofinalError, match=f"{different} different scores cannot fill"):
            grade_edges(scores, grades)
        return
    edges = grade_edges(scores, grades)
    assert (np.diff(edges) > 0).all()
    assert np.bincount(grade_of(scores, edges), minlength=grades).all()


def test_ties_leave_no_usual_grade_empty_while_scores_can_fill_them() -> None:
    scores = np.array([1.0] * 12 + [2, 3, 4, 5, 6, 7])
    assert np.bincount(grade_of(scores, usual_edges(scores))).all()
    few = usual_edges(np.array([1.0] * 6 + [2.0] * 3 + [3.0] * 3))
    assert len(few) == GRADES + 1 and (np.diff(few) >= 0).all()


def test_as_many_grades_as_scores_lie_around_one_score_each() -> None:
    np.testing.assert_allclose(grade_edges(np.array([0.0, 1, 1, 1]), 2), [-0.1, 0.5, 1.1])
    np.testing.assert_allclose(
        grade_edges(np.array([0.0, 0, 1, 5, 5, 5, 5]), 3), [-0.5, 0.5, 3, 5.5]
    )


def test_labels_of_two_values_are_two_grades_and_others_are_not() -> None:
    assert own_grades(np.array([[1.0, 7], [2, 5], [1, 5]])) == 2
    assert own_grades(np.array([[1.0, 7], [2, 5], [1, 6]])) is None
    assert own_grades(np.array([[1.0], [1.0]])) is None
    assert own_grades(np.empty((0, 0))) is None


def test_ties_at_the_lowest_score_are_one_grade() -> None:
    scores = np.array([1.0] * 12 + [2, 3, 4, 5, 6, 7])
    edges = grade_edges(scores, 3)
    np.testing.assert_allclose(edges, [0.4, 1.5, 4.5, 7.6])


def test_equal_width_grades_are_equally_wide_and_reach_beyond_training() -> None:
    edges = grade_edges(np.array([10.0, 20.0]), 4, "equal-width", margin=0.1)
    np.testing.assert_allclose(edges, [9, 12, 15, 18, 21])


def test_unit_scores_and_edges_are_inverse_maps() -> None:
    edges = np.array([[0.0, 5.0, 20.0], [10.0, 11.0, 30.0]])
    scores = np.array([[5.0, 20.0], [20.0, 10.0]])
    unit = to_unit_score(scores, edges)
    np.testing.assert_allclose(unit, [[0.25, 0.5], [1.0, 0.0]])
    np.testing.assert_allclose(to_score(unit, edges), scores)
    np.testing.assert_allclose(unit_edges(edges), [[0, 0.25, 1], [0, 0.05, 1]])


def test_numpy_and_torch_agree() -> None:
    edges = np.array([[0.0, 5.0, 20.0], [10.0, 11.0, 30.0]])
    scores = np.array([[4.0, 12.0], [25.0, 0.0]])
    for function in (grade_of, place_in_grades, to_unit_score):
        mine = function(scores, edges)
        theirs = function(torch.from_numpy(scores), torch.from_numpy(edges))
        np.testing.assert_allclose(mine, theirs.numpy())


def test_scores_without_a_range_and_too_many_grades_get_a_sentence() -> None:
    with pytest.raises(CofinalError, match="all 3 training scores are 4"):
        grade_edges(np.full(3, 4.0), 2)
    with pytest.raises(CofinalError, match="2 different scores cannot fill 4"):
        grade_edges(np.array([1.0, 1.0, 1.0, 2.0]), 4)
    with pytest.raises(CofinalError, match="'equal-with' is unknown"):
        grade_edges(np.array([1.0, 2.0]), 2, "equal-with")


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.integers(0, 5000), min_size=8, max_size=60, unique=False),
    st.integers(1, 6),
    st.sampled_from([3, 7, 100, 997]),
)
def test_a_label_has_one_grade_in_every_precision(
    whole: list[int], grades: int, parts: int
) -> None:
    """Scores with digits that neither float64 nor float32 has, many of them edges themselves."""
    scores = np.array(whole) / parts
    if len(np.unique(scores)) < max(grades, 2):
        return
    edges = grade_edges(scores, grades)
    kept = torch.from_numpy(edges).float()  # as in a model
    assert (kept.double().numpy() == edges).all() and (kept.diff() > 0).all()
    expected = grade_of(scores, edges)
    for score in (torch.from_numpy(scores), torch.from_numpy(scores).float()):
        for edge in (kept, torch.from_numpy(edges), kept.double()):
            np.testing.assert_array_equal(grade_of(score, edge).numpy(), expected)
    np.testing.assert_array_equal(grade_of(scores, kept.numpy()), expected)
    assert (np.diff(expected[np.argsort(scores)]) >= 0).all()
    assert np.bincount(expected, minlength=grades).all()
    # Every label once more as a sharp prediction: what is printed is the true grade.
    points = np.stack([scores, scores], -1)
    levels = np.broadcast_to([0.0, 1.0], points.shape)
    printed = ScoreDistribution(levels, points, kept.double().numpy()).grade - 1
    np.testing.assert_array_equal(printed, expected)
