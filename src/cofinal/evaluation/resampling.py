"""Bootstrap samples of whole groups, and what is read of them: intervals and p-values.

Performances of one event share judges, camera and level; those of one skater, the skater. They are
no independent draws, so whole groups are drawn, with replacement, and all their performances with
them. A sample is told by how often each performance is in it, its weight.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993 (percentile intervals);
Davison and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8 (whole groups).

Letters: N performances, G groups, S bootstrap samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from cofinal.config import ProtocolSettings
from cofinal.data.dataset import Dataset

# So many, because a p-value cannot be smaller than 2 / (SAMPLES + 1).
SAMPLES = 20_000
# Fewer groups are too few to draw from.
FEWEST_GROUPS = 10
PERFORMANCE = "performance"
# Columns that say who competed together, or who performed; the first that has enough groups counts.
GROUP_COLUMNS = (
    *("event", "competition"),
    *("skater", "athlete", "gymnast", "diver", "performer", "subject", "participant", "patient"),
)
# Weights at a time, which fit a processor's cache, and counts that are kept for the next measure.
CHUNK, KEPT = 50_000, 16_000_000

Interval = tuple[float, float]
# From weights (s, N) of some samples to a measure of each (s,) or (s, M).
Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Units:
    """What is drawn from a data set: groups of a column by their names, or single performances."""

    column: str | None = None
    names: tuple[str, ...] = ()
    """N group names; "" is a performance without one, which then stands alone."""

    @classmethod
    def of(cls, dataset: Dataset, protocol: ProtocolSettings) -> Units:
        """The protocol's own groups, else events, else whoever performed, else performances."""
        if protocol.group is not None:
            return cls(protocol.group, dataset.groups[protocol.group])
        by_name = {column.casefold(): column for column in dataset.groups}
        columns = [by_name[name] for name in GROUP_COLUMNS if name in by_name]
        several = [cls(column, dataset.groups[column]) for column in columns]
        enough = [units for units in several if len(set(units.names)) >= FEWEST_GROUPS]
        return next(iter([*enough, *several]), cls())

    def among(self, positions: np.ndarray) -> Resampling:
        """How samples of the performances at these positions are drawn."""
        if self.column is None:
            return alone(len(positions))
        return Resampling.of_groups([self.names[i] for i in positions], self.column)


@dataclass(frozen=True, eq=False)
class Resampling:
    """How bootstrap samples of N performances are drawn."""

    group_N: np.ndarray
    """The group of each, from 0 on."""
    groups: int
    """G, the number of things to draw, and drawn."""
    unit: str = PERFORMANCE
    """What is drawn whole: a group column's name, or "performance"."""
    too_few: str | None = None
    """The column that has fewer than FEWEST_GROUPS groups, so that performances are drawn."""
    samples: int = SAMPLES
    seed: int = 0

    @classmethod
    def of_groups(cls, names: Sequence[Any] | np.ndarray, column: str) -> Resampling:
        """Whole groups of a column, or performances where it has too few groups."""
        # A performance without a name is a group of its own.
        whole = [str(name) or i for i, name in enumerate(names)]
        code = {name: i for i, name in enumerate(dict.fromkeys(whole))}
        if len(code) < FEWEST_GROUPS:
            return cls(np.arange(len(whole)), len(whole), too_few=column)
        unit = column if len(code) < len(whole) else PERFORMANCE
        return cls(np.array([code[name] for name in whole]), len(code), unit)

    def only(self, member_N: np.ndarray) -> Resampling:
        """The same samples of some of the performances."""
        return replace(self, group_N=self.group_N[member_N])

    @property
    def least_p(self) -> float:
        """The smallest p-value that so many samples can give."""
        return 2 / (self.samples + 1)

    def sentence(self) -> str:
        """What is drawn, for people."""
        if self.too_few is not None:
            return f"single performances ({self.too_few} has fewer than {FEWEST_GROUPS} groups)"
        if self.unit == PERFORMANCE:
            return "single performances"
        return f"whole groups: {self.unit} ({self.groups})"

    def weights(self) -> Iterator[np.ndarray]:
        """How often each performance is in each sample: (s, N), some samples at a time."""
        rows = max(1, CHUNK // max(len(self.group_N), 1))
        for drawn_SG in draws(self.groups, self.samples, self.seed):
            for start in range(0, len(drawn_SG), rows):
                yield drawn_SG[start : start + rows].astype(np.float64)[:, self.group_N]

    def sums(self, value_NM: np.ndarray) -> np.ndarray:
        """Sums over the performances of each sample: (S, M), not divided by their number."""
        of_groups_GM = np.zeros((self.groups, value_NM.shape[1]))
        np.add.at(of_groups_GM, self.group_N, value_NM)
        return np.concatenate(
            [drawn_SG @ of_groups_GM for drawn_SG in draws(self.groups, self.samples, self.seed)]
        )

    def measure(self, statistic: Statistic) -> np.ndarray:
        """A statistic of all samples (S, ...); not a number where it is undefined."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.concatenate([statistic(weight_SN) for weight_SN in self.weights()])


def alone(performances: int, samples: int = SAMPLES, seed: int = 0) -> Resampling:
    """Samples of single performances."""
    return Resampling(np.arange(performances), performances, samples=samples, seed=seed)


def draws(groups: int, samples: int, seed: int) -> Iterator[np.ndarray]:
    """How often each group is drawn in each sample: (s, G), some samples at a time."""
    if groups * samples <= KEPT:
        yield _kept_draws(groups, samples, seed)
        return
    rng, rows = np.random.default_rng(seed), max(1, KEPT // groups)
    for start in range(0, samples, rows):
        yield _draw(rng, groups, min(rows, samples - start))


@lru_cache(maxsize=4)
def _kept_draws(groups: int, samples: int, seed: int) -> np.ndarray:
    drawn_SG = _draw(np.random.default_rng(seed), groups, samples)
    drawn_SG.setflags(write=False)  # others will read it
    return drawn_SG


def _draw(rng: np.random.Generator, groups: int, samples: int) -> np.ndarray:
    index_SG = rng.integers(groups, size=(samples, groups))
    index_SG += np.arange(samples)[:, None] * groups
    counts = np.bincount(index_SG.ravel(), minlength=samples * groups)
    return counts.reshape(samples, groups).astype(np.uint16)


def percentile_interval(value_S: np.ndarray, level: float = 0.95) -> Interval | None:
    """Bootstrap percentile interval of a measure of S samples; undefined ones take no part."""
    value_S = value_S[np.isfinite(value_S)]
    if not len(value_S):
        return None
    tail = (1 - level) / 2
    low, high = np.quantile(value_S, [tail, 1 - tail])
    return float(low), float(high)


def sign_p_value(difference_S: np.ndarray) -> float:
    """Two-sided bootstrap p-value of "no difference"; never 0, since S samples cannot show that."""
    difference_S = difference_S[np.isfinite(difference_S)]
    beyond = min((difference_S <= 0).sum(), (difference_S >= 0).sum())
    return float(min(1.0, 2 * (beyond + 1) / (len(difference_S) + 1)))
