"""Jobs in, what they found out: from the store, or made now, in this process or many."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import numpy as np
import torch

from cofinal.data.clips import MappedClips
from cofinal.data.dataset import Dataset
from cofinal.engines import side_by_side
from cofinal.errors import CofinalError
from cofinal.evaluation.store import F, Key, Store

# Told how many trainings are done, and how many there are in all.
OnProgress = Callable[[int, int], None]


class Job(Protocol[F]):
    """Pieces of work that are done at once, such as the seeds of a method on one fold."""

    @property
    def keys(self) -> tuple[Key, ...]:
        """The pieces."""

    @property
    def kind(self) -> type[F]:
        """The record that each gives."""

    def only(self, keys: Sequence[Key]) -> Self:
        """The same job for some of its pieces."""

    def run(self, dataset: Dataset, unfinished: Path | None) -> Sequence[F]:
        """Does the work, a record for each key; `unfinished` is kept for a kill, where given."""

    def check(self, dataset: Dataset, found: F, /) -> None:
        """Raises ValueError for a record that cannot be of this job."""


@dataclass(frozen=True)
class SharedData:
    """A data set whose clips are one array, so that processes share it instead of copying it.

    Letters: P clips of all performances, C channels.
    """

    labels: Dataset
    """Everything but the clips; with them where they lie on disk, since each process maps them."""
    clips_PC: np.ndarray | None
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> SharedData:
        """Packs a data set."""
        if isinstance(dataset.clips, MappedClips):
            return cls(dataset, None, ())
        lengths = tuple(len(values) for values in dataset.clips)
        return cls(replace(dataset, clips=()), np.concatenate(dataset.clips), lengths)

    def dataset(self) -> Dataset:
        """The data set again; its clips are views."""
        if self.clips_PC is None:
            return self.labels
        # Ray hands out arrays that cannot be written to, which torch does not take.
        clips_PC = self.clips_PC if self.clips_PC.flags.writeable else self.clips_PC.copy()
        return replace(self.labels, clips=tuple(np.split(clips_PC, np.cumsum(self.lengths)[:-1])))


def read_finished(store: Store, job: Job[F], key: Key, dataset: Dataset) -> F | None:
    """What a job found for one of its keys, if that is in the store."""
    return store.read(key, job.kind, functools.partial(job.check, dataset))


def run_jobs(
    dataset: Dataset,
    jobs: Sequence[Job[F]],
    store: Store,
    workers: int = 1,
    engine: str = "local",
) -> Iterator[tuple[Key, F]]:
    """Yields what every job found for each of its keys; what is missing is made and kept.

    Args:
        dataset: all performances.
        jobs: what is wanted; one process does it in this order, several in any.
        store: where finished work is kept; its folder is held by the caller.
        workers: processes at a time.
        engine: "local" or "ray".

    Raises:
        CofinalError: no worker, a stored file that does not fit, or what a job raises.
    """
    if workers < 1:
        raise CofinalError(f"workers is {workers}; expected 1 or more")
    here = workers == 1 and engine == "local"
    missing = []
    for job in jobs:
        lacking = []
        for key in job.keys:
            found = read_finished(store, job, key, dataset)
            if found is None:
                lacking.append(key)
            else:
                yield key, found
        if lacking and here:
            rest = job.only(lacking)
            yield from _keep(store, rest, rest.run(dataset, store.unfinished(lacking)))
        elif lacking:
            missing.append(job.only(lacking))
    if missing:
        yield from _spread(dataset, missing, store, workers, engine)


def count_finished(dataset: Dataset, jobs: Sequence[Job[F]], store: Store) -> int:
    """How many pieces of work are in the store.

    Raises:
        CofinalError: a stored file that does not fit; now, not after hours of training.
    """
    found = [read_finished(store, job, key, dataset) for job in jobs for key in job.keys]
    return sum(one is not None for one in found)


def _spread(
    dataset: Dataset, jobs: Sequence[Job[F]], store: Store, workers: int, engine: str
) -> Iterator[tuple[Key, F]]:
    shared = SharedData.of(dataset)
    # With several workers, more threads than processors would wait for each other.
    threads = 1 if workers > 1 else 0
    # A cluster's workers may not see this disk, so records come back and are written here.
    local = engine == "local"
    calls = [(shared, job, threads, store.unfinished(job.keys) if local else None) for job in jobs]
    for job, found in side_by_side(_run, calls, workers, engine):
        yield from _keep(store, job, found)


def _run(
    shared: SharedData, job: Job[F], threads: int, unfinished: Path | None
) -> tuple[Job[F], Sequence[F]]:
    if threads:
        torch.set_num_threads(threads)
    return job, job.run(shared.dataset(), unfinished)


def _keep(store: Store, job: Job[F], found: Sequence[F]) -> Iterator[tuple[Key, F]]:
    for key, one in zip(job.keys, found, strict=True):
        store.write(key, one)
    store.clear(job.keys)
    yield from zip(job.keys, found, strict=True)
