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


def srcc_rows(predicted: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Spearman's correlation of each row of two (R, N) arrays: (R,), NaN where undefined."""
    if predicted.shape[1] < FEWEST_ITEMS:
        return np.full(len(predicted), np.nan)
    middle = (predicted.shape[1] + 1) / 2
    a, b = (rankdata(x, axis=1) - middle for x in (predicted, score))
    scale = np.sqrt((a * a).sum(1) * (b * b).sum(1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(scale > 0, (a * b).sum(1) / scale, np.nan)


def mean_srcc(predicted_RN: np.ndarray, score_N: np.ndarray) -> float:
    """SRCC averaged over repeats and seeds; not a number where one is undefined."""
    return float(srcc_rows(predicted_RN, np.broadcast_to(score_N, predicted_RN.shape)).mean())


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
