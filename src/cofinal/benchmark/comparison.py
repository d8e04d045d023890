"""Is the difference real? Paired bootstrap over performances, and Holm's correction.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; Holm, "A simple
sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.

Letters: R repeats and seeds, N performances, S bootstrap samples, M methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cofinal.evaluation.metrics import bootstrap_index, srcc_rows


@dataclass(frozen=True)
class Comparison:
    """One method against the best baseline, on the same performances."""

    label: str
    baseline: str
    difference: float
    """SRCC of the method minus SRCC of the baseline, each averaged over repeats and seeds."""
    interval: tuple[float, float]
    """95 % bootstrap interval of the difference."""
    p_value: float
    """Two-sided; how easily resampling turns the sign of the difference."""
    p_holm: float
    """The same, corrected for the number of methods compared."""


def bootstrap_srcc(
    predicted_RN: np.ndarray, score_N: np.ndarray, index_SN: np.ndarray
) -> np.ndarray:
    """SRCC on each bootstrap sample, averaged over repeats: (S,)."""
    return np.mean([srcc_rows(row[index_SN], score_N[index_SN]) for row in predicted_RN], axis=0)


def compare(
    predicted: Mapping[str, np.ndarray],
    score_N: np.ndarray,
    baseline: str,
    samples: int = 2000,
    seed: int = 0,
) -> list[Comparison]:
    """Compares every method with a baseline; all see the same bootstrap samples.

    Args:
        predicted: label -> (R, N) points.
        score_N: points given.
        baseline: a label of `predicted`.
        samples: bootstrap samples.
        seed: seed of the resampling.

    Returns:
        One comparison for each other method whose SRCC is defined, in their order.
    """
    index_SN = bootstrap_index(len(score_N), samples, seed)
    whole_1N = np.arange(len(score_N))[None]
    reference_S = bootstrap_srcc(predicted[baseline], score_N, index_SN)
    reference = bootstrap_srcc(predicted[baseline], score_N, whole_1N)[0]
    found = []
    for label, values_RN in predicted.items():
        value = bootstrap_srcc(values_RN, score_N, whole_1N)[0]
        if label == baseline or not np.isfinite(value):
            continue
        difference_S = bootstrap_srcc(values_RN, score_N, index_SN) - reference_S
        difference_S = difference_S[np.isfinite(difference_S)]
        low, high = np.quantile(difference_S, [0.025, 0.975])
        p = sign_p_value(difference_S)
        difference = float(value - reference)
        found.append(Comparison(label, baseline, difference, (float(low), float(high)), p, p))
    corrected = holm([entry.p_value for entry in found])
    return [replace(entry, p_holm=p) for entry, p in zip(found, corrected, strict=True)]


def sign_p_value(difference_S: np.ndarray) -> float:
    """Two-sided bootstrap p-value of "no difference"; never 0, since S samples cannot show that."""
    beyond = min((difference_S <= 0).sum(), (difference_S >= 0).sum())
    return float(min(1.0, 2 * (beyond + 1) / (len(difference_S) + 1)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction: the i-th smallest of M is multiplied by M - i + 1, and never falls."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    raised = np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(raised, 1.0)
    return [float(value) for value in corrected]
