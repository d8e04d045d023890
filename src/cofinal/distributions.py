"""One record of what a model says of a score, from which everything printed is read.

Score, grade, place in the grade, probabilities of grades and quantiles are properties of one
distribution, so they cannot contradict each other. The distribution is kept as its quantile
function, piecewise linear between knots: several are pooled by averaging these functions, under
which means pool linearly (Ratcliff, "Group reaction time distributions", Psychological Bulletin
1979: Vincent averaging).

Letters: G grades, U knots; `...` any leading axes, for example (N, K) performances and targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from cofinal.errors import CofinalError
from cofinal.grades import grade_of

THIRDS = ("lower third", "middle third", "upper third")


@dataclass(frozen=True, eq=False)
class ScoreDistribution:
    """How probable each score is, in points, of one performance and target or of many at once."""

    levels: np.ndarray
    """(..., U) increasing from 0 to 1."""
    points: np.ndarray
    """(..., U) increasing: the score that each level's share of the probability does not exceed."""
    edges: np.ndarray
    """(..., G + 1) edges of the grades in points. The outer grades are open: their outer edges are
    where the training scores end, with a margin, and no bound."""

    def __post_init__(self) -> None:
        if self.levels.shape != self.points.shape or self.levels.shape[-1] < 2:
            raise CofinalError(
                f"levels have shape {self.levels.shape} and points {self.points.shape}; expected "
                "the same, with two knots or more"
            )

    def __getitem__(self, index: Any) -> ScoreDistribution:
        """The distributions at a place of the leading axes, for example `distribution[n, k]`."""
        return ScoreDistribution(self.levels[index], self.points[index], self.all_edges()[index])

    @classmethod
    def stack(cls, each: Sequence[ScoreDistribution]) -> ScoreDistribution:
        """Distributions of the same leading axes and grades as one, along a new first axis."""
        return cls.join([one[np.newaxis] for one in each])

    @classmethod
    def join(cls, each: Sequence[ScoreDistribution]) -> ScoreDistribution:
        """Distributions that differ in the first axis alone as one, one after the other.

        Some may have fewer knots: their last one, at level 1, is then repeated.
        """
        return cls(
            np.concatenate(same_knots([one.levels for one in each])),
            np.concatenate(same_knots([one.points for one in each])),
            np.concatenate([one.all_edges() for one in each]),
        )

    def all_edges(self) -> np.ndarray:
        """Edges of the grades of every distribution: (..., G + 1), with all leading axes."""
        return np.broadcast_to(self.edges, (*self.levels.shape[:-1], self.edges.shape[-1]))

    def moved(self, factor: Any, term: Any) -> ScoreDistribution:
        """Distributions of factor x score + term, both (...), the factor above 0.

        Grades move along, so grade, place and all probabilities stay as they are.
        """
        factor, term = (np.asarray(value)[..., None] for value in (factor, term))
        return ScoreDistribution(
            self.levels, self.points * factor + term, self.edges * factor + term
        )

    @property
    def grades(self) -> int:
        """G, the number of grades; 0 where their edges are not known."""
        return self.edges.shape[-1] - 1 if np.isfinite(self.edges).all() else 0

    @cached_property
    def score(self) -> np.ndarray:
        """The printed score (...): the distribution's mean, in points."""
        middle = (self.points[..., 1:] + self.points[..., :-1]) / 2
        mean: np.ndarray = (np.diff(self.levels, axis=-1) * middle).sum(-1)
        return mean

    @property
    def grade(self) -> np.ndarray:
        """The grade (...) that holds the printed score, counted from 1, the lowest, to G."""
        grade: np.ndarray = grade_of(self.score, self.edges) + 1
        return grade

    @property
    def place(self) -> np.ndarray:
        """Where in its grade the printed score lies (...): score = low + width * place.

        From 0 to 1 in inner grades. Outer grades are open: below 0 and above 1 the score is beyond
        all training scores and their margin.
        """
        low, high = self.grade_ends()
        place: np.ndarray = (self.score - low) / (high - low)
        return place

    def grade_ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper edge (...) of the grade that holds the printed score."""
        edges = self.all_edges()
        ends = (
            np.take_along_axis(edges, (self.grade - 1 + step)[..., None], -1)[..., 0]
            for step in (0, 1)
        )
        low, high = ends
        return low, high

    @cached_property
    def grade_probabilities(self) -> np.ndarray:
        """Probability of each grade (..., G), lowest first, summing to one."""
        below = self.below(self.edges[..., 1:-1])
        ends = np.zeros((*below.shape[:-1], 1))
        probabilities: np.ndarray = np.diff(np.concatenate([ends, below, ends + 1], -1), axis=-1)
        return probabilities

    @property
    def at_least(self) -> np.ndarray:
        """Probability (...) of the printed grade or a higher one."""
        return self._among(lambda number, grade: number >= grade)

    @property
    def at_most(self) -> np.ndarray:
        """Probability (...) of the printed grade or a lower one."""
        return self._among(lambda number, grade: number <= grade)

    def _among(self, counts: Any) -> np.ndarray:
        number = np.arange(1, self.grade_probabilities.shape[-1] + 1)
        chosen = counts(number, self.grade[..., None])
        total: np.ndarray = (self.grade_probabilities * chosen).sum(-1)
        return total

    def below(self, points: Any) -> np.ndarray:
        """Probability (..., M) of a score below each of M points (..., M)."""
        return interpolate(np.asarray(points, dtype=np.float64), self.points, self.levels)

    def quantile(self, levels: Any) -> np.ndarray:
        """Points (..., M) that a score does not exceed with probability `levels` (..., M)."""
        return interpolate(np.asarray(levels, dtype=np.float64), self.levels, self.points)

    def interval(self, reach: Any) -> np.ndarray:
        """Points (..., 2) at the levels 1/2 - reach and 1/2 + reach, reach (...) from 0 on.

        Beyond 1/2 the ends leave the knots: see `reach`.
        """
        reach = np.broadcast_to(np.asarray(reach, dtype=np.float64), self.score.shape)
        inside = np.minimum(reach, 0.5)
        ends = self.quantile(np.stack([0.5 - inside, 0.5 + inside], -1))
        beyond = (reach - inside) * self._whole_width()
        return ends + np.stack([-beyond, beyond], -1)

    def reach(self, points: Any) -> np.ndarray:
        """How far from the median (...) points (...) lie, as a share of the probability: 0 to 1/2.

        Beyond the outer knots, which hold all probability, it goes on in units of the whole width,
        so that of two scores that nobody expected the farther one reaches farther. What
        distributional conformal prediction ranks (Chernozhukov et al., PNAS 2021).
        """
        points = np.asarray(points, dtype=np.float64)
        inside = np.abs(self.below(points[..., None])[..., 0] - 0.5)
        over = np.maximum(points - self.points[..., -1], self.points[..., 0] - points)
        reach: np.ndarray = inside + over.clip(0) / self._whole_width()
        return reach

    def _whole_width(self) -> np.ndarray:
        """Points (...) between the outer knots; 1 where all probability lies in one point."""
        width = self.points[..., -1] - self.points[..., 0]
        return np.where(width > 0, width, 1.0)

    def mean_inside(self) -> np.ndarray:
        """Mean place (..., G) inside each grade, given that the score lies there: 0 to 1.

        Where a grade has no probability it is 1/2, which ranks nothing.
        """
        low, high = self.edges[..., :-1], self.edges[..., 1:]
        shape = np.broadcast_shapes(low.shape, (*self.score.shape, low.shape[-1]))
        below, above = (self.below(np.broadcast_to(end, shape)) for end in (low, high))
        inside = self._integral(above) - self._integral(below)
        chance = above - below
        mean = np.divide(inside, chance, out=np.zeros(shape), where=chance > 0)
        place = (mean - low) / (high - low)
        return np.where(chance > 0, place.clip(0, 1), 0.5)

    def _integral(self, levels: np.ndarray) -> np.ndarray:
        """Integral (..., M) of the quantile function from 0 to each level (..., M)."""
        step = np.diff(self.levels, axis=-1)
        pieces = step * (self.points[..., 1:] + self.points[..., :-1]) / 2
        start = np.zeros((*pieces.shape[:-1], 1))
        at_knots = np.concatenate([start, pieces.cumsum(-1)], -1)
        knot = _position(levels, self.levels)
        from_knot = levels - np.take_along_axis(self.levels, knot, -1)
        height = (np.take_along_axis(self.points, knot, -1) + self.quantile(levels)) / 2
        whole: np.ndarray = np.take_along_axis(at_knots, knot, -1) + from_knot * height
        return whole


def same_knots(several: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Knots (..., U) with as many as the longest has; the last of a shorter one is repeated."""
    most = max(values.shape[-1] for values in several)
    return [
        np.pad(values, [(0, 0)] * (values.ndim - 1) + [(0, most - values.shape[-1])], mode="edge")
        for values in several
    ]


def place_words(place: float, grade: int, grades: int) -> str:
    """A place in its grade for people: a third, or beyond what training has seen."""
    if grade == 1 and place < 0:
        return "below all training scores"
    if grade == grades and place > 1:
        return "above all training scores"
    return THIRDS[min(int(place * 3), 2)]


def interpolate(at: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values (..., M) at `at` (..., M) of functions through knots (..., U), constant beyond them.

    As `numpy.interp`, for many functions at once.
    """
    at = np.broadcast_to(at, np.broadcast_shapes(at.shape, (*x.shape[:-1], at.shape[-1])))
    at = at.clip(x[..., :1], x[..., -1:])
    left = _position(at, x)
    x0, x1 = (np.take_along_axis(x, left + step, -1) for step in (0, 1))
    y0, y1 = (np.take_along_axis(y, left + step, -1) for step in (0, 1))
    share = np.divide(at - x0, x1 - x0, out=np.zeros(at.shape), where=x1 > x0)
    values: np.ndarray = y0 + share * (y1 - y0)
    return values


def _position(at: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The knot (..., M) of (..., U), not the last one, from which on each of (..., M) lies."""
    found = np.empty(at.shape, dtype=int)
    for row in np.ndindex(x.shape[:-1]):
        found[row] = np.searchsorted(x[row], at[row], side="right") - 1
    return found.clip(0, x.shape[-1] - 2)
