"""Do ways to explain agree: with each other, between seeds, with models that know nothing?

Letters: R seeds, W ways, X rows, T clips, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from cofinal.evaluation.metrics import error_interval, srcc_rows


@dataclass(frozen=True)
class Agreement:
    """Spearman's rank correlation of two explanations over the clips of a performance."""

    mean: float
    interval: tuple[float, float] | None
    """95 % bootstrap interval of the mean over performances."""
    size: float
    """Mean of the correlation's size, sign left out."""


def agreement(
    first_NXT: Sequence[np.ndarray], second_NXT: Sequence[np.ndarray]
) -> Agreement | None:
    """Correlation of explanations, mean over rows and performances.

    Args:
        first_NXT: for each performance (X, T).
        second_NXT: for each performance (X, T), what each row is compared with.

    Returns:
        None where no performance has a defined correlation.
    """
    rows = [srcc_rows(a, b) for a, b in zip(first_NXT, second_NXT, strict=True)]
    known = [row_X[np.isfinite(row_X)] for row_X in rows]
    known = [row_X for row_X in known if len(row_X)]
    if not known:
        return None
    each_N = np.array([row_X.mean() for row_X in known])
    size = float(np.mean([np.abs(row_X).mean() for row_X in known]))
    return Agreement(float(each_N.mean()), error_interval(each_N), size)


def between_seeds(evidence_NRT: Sequence[np.ndarray]) -> Agreement | None:
    """Agreement of explanations of models of different seeds; None for a single seed."""
    seeds = len(evidence_NRT[0])
    pairs = np.array(list(combinations(range(seeds), 2)), dtype=int)
    if not len(pairs):
        return None
    return agreement(
        [one_RT[pairs[:, 0]] for one_RT in evidence_NRT],
        [one_RT[pairs[:, 1]] for one_RT in evidence_NRT],
    )
