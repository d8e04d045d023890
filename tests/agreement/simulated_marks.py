"""Simulated judges: performances, judges and chance of known variance."""

from __future__ import annotations

import numpy as np

# Shrout and Fleiss 1979, table 2: six performances, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def simulated(
    performances: int,
    judges: int,
    seed: int,
    deviations: tuple[float, float, float] = (2.0, 0.5, 1.0),
) -> np.ndarray:
    """Marks (N, J) with the standard deviations of performance, judge and chance."""
    rng = np.random.default_rng(seed)
    own, judge, chance = deviations
    return (
        20
        + rng.normal(0, own, (performances, 1))
        + rng.normal(0, judge, (1, judges))
        + rng.normal(0, chance, (performances, judges))
    )


def with_gaps(marks_NJ: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The same marks, a share of them taken out by chance."""
    gone = np.random.default_rng(seed).uniform(size=marks_NJ.shape) < share
    return np.where(gone, np.nan, marks_NJ)
