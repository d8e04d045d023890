"""Reliability of marks from a two-way analysis of variance, and what follows from it.

A mark is taken apart into performance, judge and rest, all random: the judges stand for others who
might have sat there (model 2 of Shrout and Fleiss 1979). Absolute agreement: a judge who is always
half a point above the others counts as error.

Letters: N performances, J judges, G groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import f as f_distribution

from cofinal.errors import CofinalError

Interval = tuple[float, float]
# Two marks that differ by less than this many standard errors of a difference may be equal.
CONFIDENT = 1.96
# Where one judge's marks agree so well, what is left is rounding.
PERFECT = 1 - 1e-12


@dataclass(frozen=True)
class Reliability:
    """How reliable one judge's mark is, and the mean of the panel."""

    performances: int
    """Performances with the marks of all judges, in groups of at least two."""
    judges: int
    icc_one: float
    """ICC(2,1): the share of a mark's variance that is the performance's; at most 1."""
    icc_one_interval: Interval | None
    """95 % interval, by the F distribution; None where judges differ by constants alone."""
    icc_panel: float
    """ICC(2,k): the same for the mean of all judges."""
    icc_panel_interval: Interval | None
    standard_error: float
    """Of one judge's mark, in points: judges and rest together."""
    smallest_change: float
    """Points by which two marks must differ at 95 % to mean different performances."""


def reliability(marks_NJ: np.ndarray, groups_N: np.ndarray | None = None) -> Reliability:
    """Analyses the marks of judges who all marked all performances.

    Source: McGraw and Wong 1996, ICC(A,1) and ICC(A,k). With groups each group has judges and
    a level of its own, and the mean squares are those inside the groups.

    Args:
        marks_NJ: points, none missing.
        groups_N: the group of each performance, for example its event.

    Raises:
        CofinalError: fewer than two judges, no group of two performances, or marks that never
            differ.
    """
    groups_N = np.zeros(len(marks_NJ), int) if groups_N is None else np.asarray(groups_N)
    _, group_N, size_G = np.unique(groups_N, return_inverse=True, return_counts=True)
    in_company = size_G[group_N] > 1
    marks_NJ, group_N = marks_NJ[in_company], group_N[in_company]
    performances, judges = marks_NJ.shape
    if judges < 2 or performances < 2:
        raise CofinalError(
            f"{len(in_company)} performances with the marks of {judges} judges; reliability needs "
            "at least 2 of both, in one group if there are groups"
        )
    if all(np.ptp(marks_NJ[group_N == group]) == 0 for group in np.unique(group_N)):
        raise CofinalError(
            f"all marks are {marks_NJ[0, 0]:g}, or equal inside groups; marks that never differ "
            "say nothing about agreement, so leave this target out"
        )
    squares = _mean_squares(marks_NJ, group_N)
    # A performance's own variance, and that of its marks around it.
    own = (squares.performance - squares.rest) / judges
    error = squares.rest + (squares.judge - squares.rest) / squares.group_size
    one = own / (own + error)
    interval = _interval(squares, judges, one)
    return Reliability(
        performances,
        judges,
        one,
        interval,
        of_panel(one, judges),
        interval and (of_panel(interval[0], judges), of_panel(interval[1], judges)),
        math.sqrt(error),
        CONFIDENT * math.sqrt(2 * error),
    )


def complete_reliability(
    marks_NJ: np.ndarray, groups_N: np.ndarray | None = None
) -> Reliability | None:
    """The same for the performances that all judges marked; None where they are too few.

    Args:
        marks_NJ: points, NaN where a judge gave none.
        groups_N: the group of each performance.
    """
    whole_N = np.isfinite(marks_NJ).all(1)
    try:
        return reliability(marks_NJ[whole_N], None if groups_N is None else groups_N[whole_N])
    except CofinalError:
        return None


def of_panel(one: float, judges: int) -> float:
    """Spearman-Brown: reliability of the mean of so many judges, from that of one.

    Estimates below 0 mean that there is none, however far below; they are kept at -1 or more.
    """
    whole = 1 + (judges - 1) * one
    return max(judges * one / whole, -1.0) if whole > 0 else -1.0


def judges_needed(one: float, wanted: float) -> int | None:
    """Judges whose mean has the reliability wanted; None if no number of them would do."""
    if not 0 < wanted < 1:
        raise CofinalError(
            f"reliability {wanted:g} is wanted; expected a number between 0 and 1, such as 0.9"
        )
    if one <= 0:
        return None
    if one >= PERFECT:
        return 1
    return max(1, math.ceil(wanted * (1 - one) / (one * (1 - wanted)) - 1e-9))


@dataclass(frozen=True)
class _MeanSquares:
    """Mean squares inside groups, each with its degrees of freedom."""

    performance: float
    judge: float
    rest: float
    performance_freedom: int
    judge_freedom: int
    rest_freedom: int
    group_size: float
    """Mean number of performances in a group."""


def _mean_squares(marks_NJ: np.ndarray, group_N: np.ndarray) -> _MeanSquares:
    by_performance = by_judge = rest = 0.0
    judges, groups = marks_NJ.shape[1], np.unique(group_N)
    for group in groups:
        own_NJ = marks_NJ[group_N == group]
        rows, columns, mean = own_NJ.mean(1, keepdims=True), own_NJ.mean(0), own_NJ.mean()
        by_performance += judges * float(((rows - mean) ** 2).sum())
        by_judge += len(own_NJ) * float(((columns - mean) ** 2).sum())
        rest += float(((own_NJ - rows - columns + mean) ** 2).sum())
    performance_freedom = len(marks_NJ) - len(groups)
    judge_freedom = len(groups) * (judges - 1)
    rest_freedom = performance_freedom * (judges - 1)
    return _MeanSquares(
        by_performance / performance_freedom,
        by_judge / judge_freedom,
        rest / rest_freedom,
        performance_freedom,
        judge_freedom,
        rest_freedom,
        len(marks_NJ) / len(groups),
    )


def _interval(squares: _MeanSquares, judges: int, one: float) -> Interval | None:
    """95 % interval of ICC(2,1).

    The performances' mean square is compared with the sum of the others that it equals if `one` is
    true; that sum's degrees of freedom are Satterthwaite's.
    """
    if one >= PERFECT:
        return 1.0, 1.0
    size = squares.group_size
    of_judge = judges * one / (size * (1 - one)) * squares.judge
    of_rest = (1 + judges * one * (size - 1) / (size * (1 - one))) * squares.rest
    if of_judge + of_rest <= 0:
        return None
    freedom = (of_judge + of_rest) ** 2 / (
        of_judge**2 / squares.judge_freedom + of_rest**2 / squares.rest_freedom
    )
    low_f = f_distribution.ppf(0.975, squares.performance_freedom, freedom)
    high_f = f_distribution.ppf(0.975, freedom, squares.performance_freedom)
    others = judges * squares.judge + (judges * size - judges - size) * squares.rest
    above = size * (squares.performance - low_f * squares.rest)
    low = above / (low_f * others + size * squares.performance)
    above = size * (high_f * squares.performance - squares.rest)
    high = above / (others + high_f * size * squares.performance)
    return float(low), float(high)
