"""How far a method is off on performances that it has not seen: the width of its answers.

Methods that predict a score alone say nothing of how sure it is. A part of the training
performances is kept aside for once, and the method is then trained on all of them.
"""

from __future__ import annotations

import numpy as np

from cofinal.data.dataset import Dataset

# Share of the training performances, or of their groups, that is kept aside.
SHARE = 0.2
# Groups that performances of one score have in common, the one that matters most first.
GROUPS = ("event", "skater", "athlete", "group")
# Fewer performances, or groups, cannot spare a part.
FEWEST = 5


def group_column(dataset: Dataset) -> str | None:
    """The column whose groups matter most to scores; None without one of enough groups."""
    known = (name for name in GROUPS if len(set(dataset.groups.get(name, ()))) >= FEWEST)
    return next(known, None)


def kept_aside(dataset: Dataset) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions to train on and to keep aside, which share no group; None for too few.

    The choice is the same for all seeds of a training.
    """
    names = dataset.groups.get(group_column(dataset) or "") or tuple(map(str, range(len(dataset))))
    different = np.unique(np.array(names))
    if len(different) < FEWEST:
        return None
    count = max(round(SHARE * len(different)), 1)
    chosen = np.random.default_rng(0).permutation(different)[:count]
    aside = np.isin(np.array(names), chosen)
    return np.flatnonzero(~aside), np.flatnonzero(aside)
