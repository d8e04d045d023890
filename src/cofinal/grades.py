"""Scores as grade plus place in the grade: the arithmetic of coarse-to-fine scoring.

Every function is pure and takes NumPy arrays or torch tensors alike, so that training, scoring and
reports share one definition.

Letters: G grades, K targets; `edges` holds G + 1 increasing numbers, grade g being the half-open
interval [edges[g], edges[g + 1]) of the score scale, the last one closed.
Paper: CoFInAl section 3 (grade parsing, fine-grained scoring).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cofinal.errors import CofinalError

# How far beyond the lowest and highest training score the outer grades reach, as a share of the
# range: a performance better than any seen in training must stay expressible.
OUTER_MARGIN = 0.1
# Grades of a method that has no such setting.
GRADES = 4


def grade_edges(
    scores: np.ndarray, grades: int, spacing: str = "equal-count", margin: float = OUTER_MARGIN
) -> np.ndarray:
    """Edges of `grades` grades for one target, from training scores.

    Args:
        scores: (N,) training scores in points.
        grades: G, at least 1.
        spacing: "equal-width" (every grade as wide), or "equal-count" (every grade as often met).
        margin: how far the outer grades reach beyond the training scores, as a share of the range.

    Returns:
        (G + 1,) strictly increasing edges in points: float64, but numbers that float32 has, since
        a model keeps them so.

    Raises:
        CofinalError: constant scores, or too few distinct scores for so many equal-count grades.
    """
    scores = as_kept(scores)
    low, high = float(scores.min()), float(scores.max())
    if not low < high:
        raise CofinalError(
            f"all {len(scores)} training scores are {low:g}; "
            "grades need at least two different scores"
        )
    outer_low, outer_high = low - margin * (high - low), high + margin * (high - low)
    if spacing == "equal-width":
        return as_kept(np.linspace(outer_low, outer_high, grades + 1))
    if spacing != "equal-count":
        raise CofinalError(
            f"grade spacing {spacing!r} is unknown; use 'equal-width' or 'equal-count'"
        )
    distinct = np.unique(scores)
    if len(distinct) < grades:
        raise CofinalError(
            f"{len(distinct)} different scores cannot fill {grades} equal-count grades; "
            "ask for fewer grades or for 'equal-width' ones"
        )
    inner = np.quantile(scores, np.arange(1, grades) / grades)
    edges = as_kept(np.array([outer_low, *inner, outer_high]))
    counts = np.bincount(grade_of(scores, edges), minlength=grades)
    if not counts.all() or len(distinct) == grades:
        edges[1:-1] = _cuts_between(scores, grades)
    return edges


def as_kept(points: Any) -> np.ndarray:
    """Scores or edges, as float64, rounded to what float32 has: the precision of all grades.

    A label that is itself an edge must not change its grade by the one being rounded and the other
    not; so edges are numbers of float32 from the start, and scores are rounded to be compared.
    """
    return np.asarray(points).astype(np.float32).astype(np.float64)


def _cuts_between(scores: np.ndarray, grades: int) -> np.ndarray:
    """Inner edges (grades - 1,) halfway between neighbouring scores, for scores with many ties.

    With as many grades as different scores, each score is a grade of its own.

    Every grade is met, and about as often as ties allow: each cut takes, of what the grades below
    left, the share of one grade, as nearly as whole scores can, and leaves a score for every other.
    """
    distinct, counts = np.unique(scores, return_counts=True)
    below = np.cumsum(counts)[:-1]
    cuts: list[int] = []
    for grade in range(1, grades):
        first = cuts[-1] + 1 if cuts else 0
        allowed = below[first : len(below) - (grades - 1 - grade)]
        taken = below[cuts[-1]] if cuts else 0
        wanted = taken + (len(scores) - taken) / (grades - grade + 1)
        cuts.append(first + int(np.abs(allowed - wanted).argmin()))
    lower, upper = distinct[cuts], distinct[np.add(cuts, 1)]
    middle = as_kept((lower + upper) / 2)
    return np.where(middle > lower, middle, upper)


def usual_edges(scores: np.ndarray, grades: int = GRADES) -> np.ndarray:
    """Edges (grades + 1,) of equally often met grades; fewer different scores leave some empty.

    Raises:
        CofinalError: constant scores.
    """
    scores = as_kept(scores)
    if len(np.unique(scores)) >= grades:
        return grade_edges(scores, grades)
    low, *_, high = grade_edges(scores, 1)
    return as_kept([low, *np.quantile(scores, np.arange(1, grades) / grades), high])


def own_grades(scores_NK: np.ndarray) -> int | None:
    """2 where the labels (N, K) of every target have two values, such as wrong and right.

    Such labels are grades already; None for all others, whose grades a method's settings tell.
    """
    counts = [len(np.unique(column)) for column in np.asarray(scores_NK).T]
    return 2 if counts and set(counts) == {2} else None


def to_unit_score(score: Any, edges: Any) -> Any:
    """Maps scores in points to [0, 1] over the span of all grades (..., K) with edges (K, G+1)."""
    return (score - edges[..., 0]) / (edges[..., -1] - edges[..., 0])


def to_score(unit_score: Any, edges: Any) -> Any:
    """Maps unit scores (..., K) back to points; the inverse of `to_unit_score`."""
    return edges[..., 0] + unit_score * (edges[..., -1] - edges[..., 0])


def unit_edges(edges: Any) -> Any:
    """Edges (..., G+1) in points as edges in [0, 1]."""
    return (edges - edges[..., :1]) / (edges[..., -1:] - edges[..., :1])


def grade_of(score: Any, edges: Any) -> Any:
    """The grade, 0..G-1, of each score (..., K); scores beyond the ends go to the outer ones.

    Both are compared as float32, whatever they come as; see `as_kept`.
    """
    if isinstance(score, np.ndarray | float):
        score, edges = np.float32(score), np.float32(edges)
    else:
        score, edges = score.float(), edges.float()
    return (score[..., None] >= edges[..., 1:-1]).sum(-1)


def place_in_grades(score: Any, edges: Any) -> Any:
    """Where each score (..., K) lies relative to every grade: (..., K, G).

    0 is the grade's lower edge and 1 its upper; scores below a grade give 0 and above it 1.
    """
    low, width = edges[..., :-1], edges[..., 1:] - edges[..., :-1]
    return ((score[..., None] - low) / width).clip(0.0, 1.0)


def expected_score(probabilities: Any, place: Any, edges: Any) -> Any:
    """Lower edge plus width times place, in expectation over the grades.

    Args:
        probabilities: (..., K, G) grade probabilities, summing to one.
        place: (..., K, G) place in [0, 1] if the performance has that grade.
        edges: (K, G+1) edges, in points or in [0, 1].

    Returns:
        (..., K) scores on the scale of `edges`. Paper: CoFInAl section 3, final score.
    """
    low, width = edges[..., :-1], edges[..., 1:] - edges[..., :-1]
    return (probabilities * (low + width * place)).sum(-1)
