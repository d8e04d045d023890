"""Bootstrap intervals of the field's measures, and of the difference of two methods.

A measure of a sample is that of its performances, each as often as it was drawn. Ranks of a
sample need no sorting of their own: performances stand in one order, and the rank of each is the
running sum of weights.

Letters: R repeats (partitions, seeds, judges), N performances, P parts (groups, grades), S
bootstrap samples.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cofinal.errors import CofinalError
from cofinal.evaluation.metrics import FEWEST_IN_GROUP, mean_srcc
from cofinal.evaluation.resampling import (
    Interval,
    Resampling,
    alone,
    percentile_interval,
    sign_p_value,
)


def srcc_samples(
    predicted_RN: np.ndarray,
    score_N: np.ndarray,
    drawn: Resampling,
    part_N: np.ndarray | None = None,
) -> np.ndarray:
    """SRCC of every row on every sample: (S, R), NaN where it is undefined.

    Args:
        predicted_RN: points predicted.
        score_N: points given.
        drawn: how the samples are drawn.
        part_N: part of each performance, from 0 on; SRCC is then taken inside parts and averaged
            by their size in the sample.
    """
    part_N = np.zeros(len(score_N), dtype=int) if part_N is None else part_N
    # Performances in one order, part by part, so that sums over parts are sums of neighbours.
    order_N = np.argsort(part_N, kind="stable")
    part_N = part_N[order_N]
    given = RunningRanks(score_N[order_N], part_N)
    rows = [RunningRanks(row_N[order_N], part_N) for row_N in predicted_RN]

    def correlations(weight_SN: np.ndarray) -> np.ndarray:
        weight_SN = weight_SN[:, order_N]
        score_SN = given.centred(weight_SN)
        weighted_SN = score_SN * weight_SN
        spread_SP = given.sums(weighted_SN, score_SN)
        size_SP = given.sums(weight_SN)
        found = []
        for row in rows:
            rank_SN = row.centred(weight_SN)
            scale_SP = np.sqrt(row.sums(rank_SN, rank_SN, weight_SN) * spread_SP)
            value_SP = row.sums(weighted_SN, rank_SN) / scale_SP
            counts_SP = np.where(scale_SP > 0, size_SP, 0)
            found.append((np.nan_to_num(value_SP) * counts_SP).sum(1) / counts_SP.sum(1))
        return np.stack(found, axis=1)

    return drawn.measure(correlations)


class RunningRanks:
    """Ranks of values (N,) inside their parts, in samples where each value is there so often.

    Args:
        value_N: what is ranked; equal values have the mean of their ranks.
        part_N: part of each, from 0 to P - 1, never falling.
    """

    def __init__(self, value_N: np.ndarray, part_N: np.ndarray) -> None:
        self.part_N = part_N
        self.start_P = np.flatnonzero(np.diff(part_N, prepend=-1))
        self.end_P = np.append(self.start_P[1:], len(part_N)) - 1
        self.order_N = np.lexsort((value_N, part_N))
        self.place_N = np.argsort(self.order_N)
        sorted_N = value_N[self.order_N]
        new_N = (np.diff(sorted_N, prepend=np.nan) != 0) | (np.diff(part_N, prepend=-1) != 0)
        self.tied = not new_N.all()
        first, run_N = np.flatnonzero(new_N), np.cumsum(new_N) - 1
        last = np.append(first[1:], len(value_N)) - 1
        self.first_N, self.last_N = first[run_N], last[run_N]

    def centred(self, weight_SN: np.ndarray) -> np.ndarray:
        """Twice each rank (S, N), less twice the mean of its part's: whole numbers, so exact."""
        below_SN = weight_SN[:, self.order_N]
        upto_SN = below_SN.cumsum(1)
        np.subtract(upto_SN, below_SN, out=below_SN)
        middle_SP = below_SN[:, self.start_P] + upto_SN[:, self.end_P]
        if self.tied:
            below_SN, upto_SN = below_SN[:, self.first_N], upto_SN[:, self.last_N]
        upto_SN += below_SN
        upto_SN -= middle_SP if len(self.start_P) == 1 else middle_SP[:, self.part_N]
        return upto_SN[:, self.place_N]

    def sums(self, *factors_SN: np.ndarray) -> np.ndarray:
        """Sums over each part of the product of arrays (S, N): (S, P)."""
        if len(self.start_P) == 1:  # no array of products is made
            return np.einsum(",".join(["sn"] * len(factors_SN)) + "->s", *factors_SN)[:, None]
        product_SN = math.prod(factors_SN[1:], start=factors_SN[0])
        sums_SP: np.ndarray = np.add.reduceat(product_SN, self.start_P, axis=1)
        return sums_SP


def srcc_interval(
    predicted: np.ndarray,
    score_N: np.ndarray,
    drawn: Resampling | None = None,
    level: float = 0.95,
) -> Interval | None:
    """Bootstrap percentile interval of SRCC.

    Args:
        predicted: (N,), or (R, N) for repeats of which the mean SRCC is the statistic.
        score_N: points given.
        drawn: how samples are drawn; single performances by default.
        level: share of bootstrap samples inside.

    Returns:
        Lower and upper end, or None where SRCC itself is undefined.
    """
    rows_RN = np.atleast_2d(np.asarray(predicted, dtype=np.float64))
    if np.isnan(mean_srcc(rows_RN, score_N)):
        return None
    drawn = drawn or alone(len(score_N))
    return percentile_interval(srcc_samples(rows_RN, score_N, drawn).mean(1), level)


def within_group_interval(
    predicted: np.ndarray,
    score_N: np.ndarray,
    groups: Sequence[str],
    drawn: Resampling | None = None,
    level: float = 0.95,
) -> Interval | None:
    """Bootstrap percentile interval of `within_group_srcc`; as `srcc_interval`."""
    rows_RN = np.atleast_2d(np.asarray(predicted, dtype=np.float64))
    samples_SR = within_group_samples(rows_RN, score_N, groups, drawn or alone(len(score_N)))
    return None if samples_SR is None else percentile_interval(samples_SR.mean(1), level)


def within_group_samples(
    predicted_RN: np.ndarray, score_N: np.ndarray, groups: Sequence[str], drawn: Resampling
) -> np.ndarray | None:
    """`within_group_srcc` of every row on every sample: (S, R); None without a group to count."""
    names_N = np.asarray(groups)
    _, part_N, size_P = np.unique(names_N, return_inverse=True, return_counts=True)
    member_N = (names_N != "") & (size_P[part_N] >= FEWEST_IN_GROUP)
    if not member_N.any():
        return None
    _, part_N = np.unique(part_N[member_N], return_inverse=True)
    what = (predicted_RN[:, member_N], score_N[member_N], drawn.only(member_N), part_N)
    return srcc_samples(*what)


def mean_interval(
    value: np.ndarray, drawn: Resampling | None = None, level: float = 0.95
) -> Interval | None:
    """Bootstrap percentile interval of a mean over performances, such as MAE and R-l2.

    Args:
        value: (N,), or (R, N) for repeats, of which the mean is taken: what each performance adds.
        drawn: how samples are drawn; single performances by default.
        level: share of bootstrap samples inside.
    """
    each_N = np.atleast_2d(np.asarray(value, dtype=np.float64)).mean(0)
    return ratio_interval(each_N, np.ones(len(each_N)), drawn, level)


def ratio_interval(
    value_N: np.ndarray,
    other_N: np.ndarray,
    drawn: Resampling | None = None,
    level: float = 0.95,
) -> Interval | None:
    """Bootstrap percentile interval of a sum over performances divided by another."""
    if not len(value_N):
        return None
    drawn = drawn or alone(len(value_N))
    sums_S2 = drawn.sums(np.stack([value_N, other_N], axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return percentile_interval(sums_S2[:, 0] / sums_S2[:, 1], level)


def interval_and_p(difference_S: np.ndarray) -> tuple[Interval, float]:
    """95 % interval and two-sided p of a difference of two SRCC that are defined."""
    interval = percentile_interval(difference_S)
    assert interval is not None, "the whole sample's SRCC is defined"
    return interval, sign_p_value(difference_S)


@dataclass(frozen=True)
class Difference:
    """SRCC of one set of predictions minus that of another, for the same performances."""

    value: float
    """Each averaged over its repeats."""
    interval: Interval
    """95 % bootstrap interval."""
    p_value: float
    """Two-sided; how easily resampling turns the sign of the difference."""
    least_p: float
    """The smallest p-value that so many samples can give."""
    resampled: str
    """What was drawn, for people."""


def srcc_difference(
    first: np.ndarray,
    second: np.ndarray,
    scores: np.ndarray,
    groups: Sequence[str] | np.ndarray | None = None,
    column: str = "group",
) -> Difference:
    """Compares two sets of out-of-fold predictions by a paired bootstrap over whole groups.

    Args:
        first: (N,) points, or (R, N) for repeats and seeds, whose SRCC are averaged.
        second: the same of what `first` is compared with; R may differ.
        scores: (N,) points given.
        groups: N names, for example of events; None to draw single performances.
        column: what the groups are, for messages.

    Raises:
        CofinalError: shapes that do not fit each other, or an SRCC that is undefined.
    """
    rows = [np.atleast_2d(np.asarray(one, dtype=np.float64)) for one in (first, second)]
    score_N = np.asarray(scores, dtype=np.float64)
    for one in rows:
        if score_N.ndim != 1 or one.shape[1:] != score_N.shape:
            raise CofinalError(
                f"predictions have shape {one.shape} and scores {score_N.shape}; expected "
                "(repeats, N) or (N,), and (N,)"
            )
    drawn = alone(len(score_N)) if groups is None else Resampling.of_groups(groups, column)
    if len(drawn.group_N) != len(score_N):
        raise CofinalError(
            f"{len(drawn.group_N)} groups for {len(score_N)} scores; expected one for each"
        )
    whole = [mean_srcc(one, score_N) for one in rows]
    if not np.isfinite(whole).all():
        raise CofinalError(
            "SRCC is undefined for fewer than three performances, and where all predictions or "
            "scores are equal; leave these out of the comparison"
        )
    split = len(rows[0])
    samples_SR = srcc_samples(np.concatenate(rows), score_N, drawn)
    interval, p = interval_and_p(samples_SR[:, :split].mean(1) - samples_SR[:, split:].mean(1))
    return Difference(whole[0] - whole[1], interval, p, drawn.least_p, drawn.sentence())
