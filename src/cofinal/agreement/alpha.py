"""Krippendorff's alpha: agreement of any number of judges, any of whom may have left gaps.

1 is perfect agreement, 0 what marks dealt out by chance would give. Source: Krippendorff, Content
Analysis (2004), chapter 11.

Letters: N performances, J judges, S bootstrap samples, M marks of performances that have several.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from cofinal.evaluation.metrics import bootstrap_index, percentile_interval

SAMPLES = 1000
Level = Literal["interval", "ordinal"]


def krippendorff(
    marks_NJ: np.ndarray, level: Level = "interval", samples: int = SAMPLES, seed: int = 0
) -> tuple[float | None, tuple[float, float] | None]:
    """Alpha and its 95 % bootstrap interval over performances.

    Args:
        marks_NJ: points, NaN where a judge gave none; performances with one mark take no part.
        level: "interval" counts squared differences of marks; "ordinal" counts how many marks lie
            between two, so that only the order of marks matters.
        samples: bootstrap samples.
        seed: seed of the resampling.

    Returns:
        Alpha and interval; None where no two marks can be compared or all are equal.
    """
    marks_NJ = marks_NJ[np.isfinite(marks_NJ).sum(1) > 1]
    if not len(marks_NJ):
        return None, None
    index_SN = bootstrap_index(len(marks_NJ), samples, seed)
    drawn_SN = np.stack([np.bincount(index, minlength=len(marks_NJ)) for index in index_SN])
    (alpha,) = _alphas(marks_NJ, level, np.ones((1, len(marks_NJ))))
    if np.isnan(alpha):
        return None, None
    return float(alpha), percentile_interval(_alphas(marks_NJ, level, drawn_SN))


def _alphas(marks_NJ: np.ndarray, level: Level, drawn_SN: np.ndarray) -> np.ndarray:
    """Alpha (S,) where each performance is there so often; NaN where undefined.

    For squared differences the observed and the expected disagreement are sums of squares inside
    performances and over all, which takes M steps instead of M squared. Krippendorff's ordinal
    difference, the marks between two values with half of both, is that of their middle ranks.
    """
    known_NJ = np.isfinite(marks_NJ)
    performance_M = np.nonzero(known_NJ)[0]
    count_N = known_NJ.sum(1)
    values, code_M = np.unique(marks_NJ[known_NJ], return_inverse=True)
    alphas = np.full(len(drawn_SN), np.nan)
    for s, drawn_N in enumerate(drawn_SN):
        weight_M = drawn_N[performance_M]
        scale = values
        if level == "ordinal":
            often = np.bincount(code_M, weight_M)
            scale = np.cumsum(often) - often / 2
        point_M = scale[code_M]
        point_M = point_M - np.average(point_M, weights=weight_M)
        mean_N = np.bincount(performance_M, point_M) / count_N
        inside_N = np.bincount(performance_M, (point_M - mean_N[performance_M]) ** 2)
        observed = (drawn_N * count_N / (count_N - 1) * inside_N).sum()
        expected = (weight_M * point_M**2).sum()
        marks = weight_M.sum()
        if expected > 0:
            alphas[s] = 1 - (marks - 1) / marks * observed / expected
    return alphas
