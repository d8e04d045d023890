"""The field's measures. A measure that is undefined is None, never 0 or 1.

Letters: N performances.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import rankdata

from cofinal.errors import CofinalError

# Fewer items have no meaningful rank correlation.
FEWEST_ITEMS = 3
# Smallest group (event) that takes part in the within-group correlation.
FEWEST_IN_GROUP = 6

Numbers = Sequence[float] | np.ndarray


def _as_float(values: Numbers) -> np.ndarray:
    return np.asarray(values, dtype=np.float64)


def _pair(predicted: Numbers, score: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """Both as float64 arrays (N,); other shapes get a sentence."""
    a, b = _as_float(predicted), _as_float(score)
    if a.shape != b.shape or a.ndim != 1:
        raise CofinalError(
            f"predictions have shape {a.shape} and scores {b.shape}; expected the same (N,)"
        )
    return a, b


def srcc(predicted: Numbers, score: Numbers) -> float | None:
    """Spearman's rank correlation, ties by average ranks; in [-1, 1].

    None for fewer than 3 items and for constant predictions or scores.
    """
    a, b = _pair(predicted, score)
    value = float(srcc_rows(a[None], b[None])[0])
    return None if math.isnan(value) else value


def srcc_rows(
    predicted: np.ndarray, score: np.ndarray, known: np.ndarray | None = None
) -> np.ndarray:
    """Spearman's correlation of each row of two (R, N) arrays: (R,), NaN where undefined.

    `known` (R, N) is True at the pairs that count; None counts all.
    """
    if predicted.shape[1] < FEWEST_ITEMS:
        return np.full(len(predicted), np.nan)
    known = np.ones(predicted.shape, dtype=bool) if known is None else known
    count = known.sum(1, keepdims=True)
    # Pairs that do not count rank behind all others, so they leave the others' ranks alone.
    ranked = (rankdata(np.where(known, x, np.inf), axis=1) for x in (predicted, score))
    a, b = (np.where(known, ranks - (count + 1) / 2, 0.0) for ranks in ranked)
    scale = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        defined = (scale > 0) & (count[:, 0] >= FEWEST_ITEMS)
        return np.where(defined, (a * b).sum(1) / scale, np.nan)


def r_l2(predicted: Numbers, score: Numbers) -> float | None:
    """R-l2 x 100: 100 mean(((prediction - score) / (highest - lowest score))^2).

    None if all scores are equal or there are none.
    """
    predicted, score = _pair(predicted, score)
    if len(score) == 0 or np.ptp(score) == 0:
        return None
    return float(100 * np.mean(((predicted - score) / np.ptp(score)) ** 2))


def mae(predicted: Numbers, score: Numbers) -> float | None:
    """Mean absolute error in points; None if there is nothing to compare."""
    predicted, score = _pair(predicted, score)
    return float(np.abs(predicted - score).mean()) if len(score) else None


def fisher_mean(correlations: Sequence[float | None]) -> float | None:
    """Average of correlations through Fisher's z; None if any is undefined.

    A perfect correlation has infinite z, so the average with one is 1 (or -1); opposite perfect
    correlations have no average.
    """
    if not correlations or any(value is None for value in correlations):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = float(np.tanh(np.mean(np.arctanh(np.array(correlations, dtype=np.float64)))))
    return None if math.isnan(mean) else mean


def within_group_srcc(
    predicted: Numbers,
    score: Numbers,
    groups: Sequence[str],
) -> float | None:
    """SRCC inside each group of at least 6, averaged with group sizes as weights.

    Judging is ranking the performances of one competition. Groups whose correlation is undefined
    take no part; None if none is left.
    """
    (predicted, score), names = _pair(predicted, score), np.asarray(groups)
    if names.shape != score.shape:
        raise CofinalError(f"{names.size} groups for {score.size} scores; expected one for each")
    values, sizes = [], []
    for name in np.unique(names[names != ""]):
        member = names == name
        value = srcc(predicted[member], score[member])
        if member.sum() >= FEWEST_IN_GROUP and value is not None:
            values.append(value)
            sizes.append(int(member.sum()))
    return float(np.average(values, weights=sizes)) if values else None


Measure = Callable[[np.ndarray, np.ndarray], float | None]


def bootstrap_index(performances: int, samples: int, seed: int = 0) -> np.ndarray:
    """Positions (S, N) of the performances in each bootstrap sample."""
    return np.random.default_rng(seed).integers(performances, size=(samples, performances))


def percentile_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float] | None:
    """Bootstrap percentile interval of (S,) values; undefined ones take no part."""
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def srcc_interval(
    predicted: np.ndarray,
    score: np.ndarray,
    level: float = 0.95,
    samples: int = 2000,
    seed: int = 0,
    known: np.ndarray | None = None,
) -> tuple[float, float] | None:
    """Bootstrap percentile interval of SRCC over performances.

    Args:
        predicted: (N,), or (R, N) for repeats of which the mean SRCC is the statistic.
        score: (N,), or (R, N) if each repeat has scores of its own.
        level: share of bootstrap samples inside.
        samples: bootstrap samples.
        seed: seed of the resampling.
        known: (R, N), True at the pairs that count; None counts all.

    Returns:
        Lower and upper end, or None where SRCC itself is undefined.
    """
    repeats = np.atleast_2d(_as_float(predicted))
    scores = np.broadcast_to(_as_float(score), repeats.shape)
    known = np.ones(repeats.shape, dtype=bool) if known is None else known
    if np.isnan(srcc_rows(repeats, scores, known)).any():
        return None
    index = bootstrap_index(scores.shape[1], samples, seed)
    rows = zip(repeats, scores, known, strict=True)
    values = np.mean([srcc_rows(a[index], b[index], there[index]) for a, b, there in rows], axis=0)
    # Tiny samples may draw one performance only, whose correlation is undefined.
    return percentile_interval(values, level)


def error_interval(
    error: np.ndarray, level: float = 0.95, samples: int = 2000, seed: int = 0
) -> tuple[float, float] | None:
    """Bootstrap percentile interval of a mean over performances, such as MAE and R-l2.

    Args:
        error: (N,), or (R, N) for repeats, of which the mean is taken: what each performance adds.
        level: share of bootstrap samples inside.
        samples: bootstrap samples.
        seed: seed of the resampling.
    """
    each = np.atleast_2d(_as_float(error)).mean(0)
    if not len(each):
        return None
    return percentile_interval(each[bootstrap_index(len(each), samples, seed)].mean(1), level)


def within_group_interval(
    predicted: np.ndarray,
    score: np.ndarray,
    groups: Sequence[str],
    level: float = 0.95,
    samples: int = 1000,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Bootstrap percentile interval of `within_group_srcc`; each group keeps its size.

    Args:
        predicted: (N,), or (R, N) for repeats of which the mean is the statistic.
        score: (N,).
        groups: N group names.
        level: share of bootstrap samples inside.
        samples: bootstrap samples.
        seed: seed of the resampling.
    """
    repeats, score, names = np.atleast_2d(_as_float(predicted)), _as_float(score), np.array(groups)
    total, weight = np.zeros((len(repeats), samples)), np.zeros((len(repeats), samples))
    for number, name in enumerate(np.unique(names[names != ""])):
        member = np.flatnonzero(names == name)
        if len(member) < FEWEST_IN_GROUP:
            continue
        index = member[bootstrap_index(len(member), samples, seed + number)]
        for r, row in enumerate(repeats):
            values = srcc_rows(row[index], score[index])
            defined = np.isfinite(values)
            total[r] += np.where(defined, values, 0.0) * len(member)
            weight[r] += defined * len(member)
    with np.errstate(invalid="ignore"):
        return percentile_interval((total / weight).mean(0), level)
