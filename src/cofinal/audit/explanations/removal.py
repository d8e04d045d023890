"""What deletion and insertion curves say, in points, against orders drawn by chance.

Letters: R seeds, N performances, O = 3 orders (highest, lowest, strongest first), S steps,
Q orders drawn by chance.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from cofinal.evaluation.metrics import bootstrap_index, error_interval, percentile_interval

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Removal:
    """How far a score moves as clips go. Areas are means over the steps, in points."""

    deletion: float
    """Points lost when the clips with the most points go first, more than when chance chooses."""
    deletion_interval: Interval
    insertion: float
    """Points gained when only the clips with the most points are kept, more than by chance."""
    insertion_interval: Interval
    share_of_spread: float
    """Deletion and insertion together, as a share of twice the scores' standard deviation."""
    better_than_chance: float
    """Share of performances whose deletion area is above that of chance."""
    chance: float
    """Points lost when chance chooses."""
    moved: float
    """How far the score moves, up or down, when the clips of the strongest evidence go first, as a
    multiple of chance: the only area that is fair to evidence without a sign."""
    moved_interval: Interval
    highest_S: np.ndarray = field(repr=False)
    """Points lost after each step, highest evidence first."""
    lowest_S: np.ndarray = field(repr=False)
    """The same, lowest first."""
    chance_S: np.ndarray = field(repr=False)
    """The same, by chance."""


def removal(lost_RNOS: np.ndarray, lost_random_RNQS: np.ndarray, spread: float) -> Removal:
    """Measures curves.

    Args:
        lost_RNOS: points lost by evidence.
        lost_random_RNQS: points lost by chance.
        spread: standard deviation of the scores, points.
    """
    by_chance_N = lost_random_RNQS.mean((0, 2, 3))
    high_N, low_N = (lost_RNOS[:, :, order].mean((0, 2)) for order in (0, 1))
    # Keeping the best is deleting the worst: what the score gains is what it does not lose.
    deletion_N, insertion_N = high_N - by_chance_N, by_chance_N - low_N
    moved_N = np.abs(lost_RNOS[:, :, 2]).mean((0, 2))
    moved_chance_N = np.abs(lost_random_RNQS).mean((0, 2, 3))
    index = bootstrap_index(len(moved_N), 2000)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = moved_N[index].mean(1) / moved_chance_N[index].mean(1)
        moved = float(np.nan_to_num(moved_N.mean() / moved_chance_N.mean()))
    return Removal(
        deletion=float(deletion_N.mean()),
        deletion_interval=error_interval(deletion_N),
        insertion=float(insertion_N.mean()),
        insertion_interval=error_interval(insertion_N),
        share_of_spread=float((deletion_N + insertion_N).mean() / (2 * spread)) if spread else 0.0,
        better_than_chance=float((deletion_N > 0).mean()),
        chance=float(by_chance_N.mean()),
        moved=moved,
        moved_interval=percentile_interval(ratios),
        highest_S=lost_RNOS[:, :, 0].mean((0, 1)),
        lowest_S=lost_RNOS[:, :, 1].mean((0, 1)),
        chance_S=lost_random_RNQS.mean((0, 1, 2)),
    )
