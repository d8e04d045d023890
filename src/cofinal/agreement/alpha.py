"""Krippendorff's alpha: agreement of any number of judges, any of whom may have left gaps.

1 is perfect agreement, 0 what marks dealt out by chance would give. Source: Krippendorff, Content
Analysis (2004), chapter 11.

Letters: N performances, J judges, S bootstrap samples, M marks of performances that have several,
V different marks.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from cofinal.evaluation.resampling import Resampling, alone, percentile_interval

# Enough for an interval; a sample takes as many steps as there are marks.
SAMPLES = 2000
# Largest number of cells of a table of marks in several samples.
TABLE = 500_000
Level = Literal["interval", "ordinal"]


def krippendorff(
    marks_NJ: np.ndarray, level: Level = "interval", drawn: Resampling | None = None
) -> tuple[float | None, tuple[float, float] | None]:
    """Alpha and its 95 % bootstrap interval.

    Args:
        marks_NJ: points, NaN where a judge gave none; performances with one mark take no part.
        level: "interval" counts squared differences of marks; "ordinal" counts how many marks lie
            between two, so that only the order of marks matters.
        drawn: how bootstrap samples of the N performances are drawn, at most SAMPLES of them;
            single ones by default.

    Returns:
        Alpha and interval; None where no two marks can be compared or all are equal.
    """
    drawn = drawn or alone(len(marks_NJ))
    drawn = replace(drawn, samples=min(drawn.samples, SAMPLES))
    several_N = np.isfinite(marks_NJ).sum(1) > 1
    marks_NJ = marks_NJ[several_N]
    if not len(marks_NJ):
        return None, None
    (alpha,) = _alphas(marks_NJ, level, np.ones((1, len(marks_NJ))))
    if np.isnan(alpha):
        return None, None
    alpha_S = drawn.only(several_N).measure(lambda weight_SN: _alphas(marks_NJ, level, weight_SN))
    return float(alpha), percentile_interval(alpha_S)


def _alphas(marks_NJ: np.ndarray, level: Level, drawn_SN: np.ndarray) -> np.ndarray:
    """Alpha (S,) where each performance is there so often; NaN where undefined.

    For squared differences the observed and the expected disagreement are sums of squares inside
    performances and over all, which takes M steps instead of M squared. Krippendorff's ordinal
    difference, the marks between two values with half of both, is that of their middle ranks.
    """
    known_NJ = np.isfinite(marks_NJ)
    performance_M = np.nonzero(known_NJ)[0]
    count_N = known_NJ.sum(1)
    first_N = np.cumsum(count_N) - count_N
    values, code_M = np.unique(marks_NJ[known_NJ], return_inverse=True)
    by_value_M = np.argsort(code_M, kind="stable")
    first_V = np.searchsorted(code_M[by_value_M], np.arange(len(values)))
    alphas = []
    # So many samples at a time that a table of all their marks stays small.
    for part_SN in np.array_split(drawn_SN, -(-len(drawn_SN) * len(code_M) // TABLE)):
        weight_SM = part_SN[:, performance_M].astype(float)
        point_SM = np.broadcast_to(values[code_M], weight_SM.shape)
        if level == "ordinal":
            often_SV = np.add.reduceat(weight_SM[:, by_value_M], first_V, axis=1)
            point_SM = (np.cumsum(often_SV, 1) - often_SV / 2)[:, code_M]
        marks_S1 = weight_SM.sum(1, keepdims=True)
        point_SM = point_SM - (weight_SM * point_SM).sum(1, keepdims=True) / marks_S1
        mean_SN = np.add.reduceat(point_SM, first_N, axis=1) / count_N
        inside_SM = (point_SM - mean_SN[:, performance_M]) ** 2
        observed_S = (weight_SM * inside_SM * (count_N / (count_N - 1))[performance_M]).sum(1)
        expected_S = (weight_SM * point_SM**2).sum(1)
        with np.errstate(invalid="ignore", divide="ignore"):
            alpha_S = 1 - (marks_S1[:, 0] - 1) / marks_S1[:, 0] * observed_S / expected_S
        alphas.append(np.where(expected_S > 0, alpha_S, np.nan))
    return np.concatenate(alphas)
