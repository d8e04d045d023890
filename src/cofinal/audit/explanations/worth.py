"""Leaving out whole elements: what each is worth, for every held-out performance of a fold.

A few sequences a performance instead of one a clip, so all performances can be looked at.

Letters: n performances, K targets, E elements.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofinal.audit.explanations.models import fold_model
from cofinal.data.dataset import Dataset
from cofinal.evaluation.predictions import FoldJob
from cofinal.evaluation.runner import run_jobs
from cofinal.evaluation.store import Finished, Key, Store, identity_of
from cofinal.explain.elements import stretch_points
from cofinal.files.tensors import check_layout
from cofinal.times import Stretch


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldWorth(Finished):
    """What the elements of a fold's held-out performances are worth, for one seed."""

    positions: np.ndarray
    """(n,) positions in the data set."""
    counts: np.ndarray
    """(n,) elements of each."""
    points: np.ndarray
    """(K, E) points lost without each element of all performances, one after the other."""

    def by_position(self) -> dict[int, np.ndarray]:
        """Position -> points (K, E) of its elements."""
        rows = zip(self.positions, self.counts, np.cumsum(self.counts), strict=True)
        return {int(i): self.points[:, end - count : end] for i, count, end in rows}


@dataclass(frozen=True)
class WorthJob:
    """The elements of the held-out performances of one fold, left out one by one."""

    fold: FoldJob
    """With one seed."""
    placement: str
    """How the elements were placed, for the file's name."""
    stretches: dict[int, list[Stretch]]
    """Position in the data set -> its elements' clips, for those that do not fill a performance."""
    folder: Path
    """The benchmark's; models are kept there."""

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        fold: FoldJob,
        placement: str,
        stretches: Mapping[int, Sequence[Stretch]],
        folder: Path,
    ) -> WorthJob:
        """The job for a fold's held-out performances among `stretches`."""
        wanted = {
            int(i): [(int(start), int(length)) for start, length in stretches[int(i)]]
            for i in fold.fold.held_out
            if int(i) in stretches and max(n for _, n in stretches[int(i)]) < len(dataset.clips[i])
        }
        return cls(fold, placement, wanted, folder)

    @property
    def keys(self) -> tuple[Key]:
        """The only piece of work."""
        [trained] = self.fold.keys
        names = (*trained.names[:-1], f"elements {self.placement} {trained.names[-1]}")
        return (Key(names, identity_of([trained.identity, list(self.stretches.items())])),)

    @property
    def kind(self) -> type[FoldWorth]:
        """What it gives."""
        return FoldWorth

    def only(self, keys: Sequence[Key]) -> WorthJob:
        """The same job, which has one piece."""
        return self

    def run(self, dataset: Dataset, unfinished: Path | None) -> list[FoldWorth]:
        """Leaves out every element; the model is trained if it is not there."""
        started = time.monotonic()
        model = fold_model(dataset, self.fold, "trained", self.folder, unfinished)
        points = [stretch_points(model, dataset.clips[i], s) for i, s in self.stretches.items()]
        found = FoldWorth(
            positions=np.array(list(self.stretches), dtype=np.int64),
            counts=np.array([len(s) for s in self.stretches.values()], dtype=np.int64),
            points=np.concatenate([np.empty((len(dataset.targets), 0)), *points], axis=1),
            seconds=round(time.monotonic() - started, 2),
        )
        return [found]

    def check(self, dataset: Dataset, found: FoldWorth) -> None:
        """Raises ValueError for a worth that cannot be of these elements."""
        counts = [len(stretches) for stretches in self.stretches.values()]
        if list(found.positions) != list(self.stretches) or list(found.counts) != counts:
            raise ValueError("it is of other performances or elements")
        sizes = {"K": len(dataset.targets), "E": sum(counts)}
        check_layout({"points": found.points}, {"points": ("KE", "f")}, sizes)


def left_out(
    dataset: Dataset,
    job: FoldJob,
    folder: Path,
    name: str,
    stretches: Mapping[int, Sequence[Stretch]],
) -> dict[int, np.ndarray]:
    """Position -> points (K, E) of a fold's held-out performances; kept in the store.

    Args:
        dataset: all performances.
        job: the fold, with one seed.
        folder: the benchmark's folder.
        name: of the placement, for the file.
        stretches: position in the data set -> its elements' stretches.
    """
    wanted = WorthJob.of(dataset, job, name, stretches, folder)
    [(_, found)] = run_jobs(dataset, [wanted], Store(folder))
    return found.by_position()
