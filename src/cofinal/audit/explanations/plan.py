"""Which folds and seeds a benchmark of explanations takes, and running those that are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cofinal.audit.explanations.evidence import EvidenceJob, FoldEvidence
from cofinal.audit.explanations.worth import WorthJob
from cofinal.benchmark.plan import Entry, plan_benchmark
from cofinal.config import BenchmarkSettings, ExplanationSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.predictions import FoldJob
from cofinal.evaluation.runner import OnProgress, count_finished, read_finished, run_jobs
from cofinal.evaluation.store import Store
from cofinal.explain.ways import read_way
from cofinal.times import Stretch


def plan_explained(
    dataset: Dataset, entries: Sequence[Entry], settings: BenchmarkSettings
) -> dict[str, list[FoldJob]]:
    """Label -> the folds and seeds of a method, one job each.

    Raises:
        CofinalError: more than one protocol, one that does not fit, or nested settings.
    """
    names = settings.protocols or ("kfold",)
    if len(names) > 1 or names[0] == "best-on-test":
        raise CofinalError(
            f"protocols are {', '.join(names)}; explanations are judged under one of kfold, "
            "group:COLUMN and final"
        )
    if settings.nested:
        raise CofinalError("explanations are judged with a preset's settings; leave out --nested")
    jobs = plan_benchmark(dataset, entries, replace(settings, protocols=names, repeats=1))
    return {
        label: [job.only((key,)) for job in several for key in job.keys]
        for (_, label), several in jobs.items()
    }


def held_out_parts(jobs: Mapping[str, Sequence[FoldJob]]) -> list[np.ndarray]:
    """Positions that are held out together, the same for all methods and seeds."""
    several = next(iter(jobs.values()))
    return [job.fold.held_out for job in several if job.seeds == several[0].seeds]


def explain_folds(
    dataset: Dataset,
    jobs: Mapping[str, Sequence[FoldJob]],
    settings: ExplanationSettings,
    folder: Path,
    workers: int = 1,
    on_progress: OnProgress | None = None,
    placements: Mapping[str, Mapping[int, Sequence[Stretch]]] = MappingProxyType({}),
) -> None:
    """Trains and explains what is missing; a killed run continues.

    Args:
        dataset: all performances.
        jobs: label -> folds and seeds, one job each.
        settings: ways to explain, and how many performances.
        folder: where everything is kept; held by the caller.
        workers: processes at a time.
        on_progress: told how many folds are explained.
        placements: name -> position in the data set -> the elements' stretches, which are left out
            one by one.

    Raises:
        CofinalError: an unknown way to explain, or performances too short for one.
    """
    for name in settings.evidence:
        read_way(name)
    every = [job for several in jobs.values() for job in several]
    explained = [EvidenceJob(job, settings, folder) for job in every]
    left_out = [
        WorthJob.of(dataset, job, name, stretches, folder)
        for name, stretches in placements.items()
        for job in every
    ]
    store = Store(folder)
    there = count_finished(dataset, explained, store) + count_finished(dataset, left_out, store)
    total = len(explained) + len(left_out)
    if on_progress:
        on_progress(there, total)
    # Leaving out takes the models that explaining has trained.
    evidence = run_jobs(dataset, explained, store, workers)
    worth = run_jobs(dataset, left_out, store, workers)
    for done, _ in enumerate(chain(evidence, worth), 1):
        if on_progress:
            on_progress(max(there, done), total)


def evidence_on(
    job: FoldJob, settings: ExplanationSettings, folder: Path, dataset: Dataset
) -> FoldEvidence:
    """What `explain_folds` found on a fold, with one seed."""
    wanted = EvidenceJob(job, settings, folder)
    found = read_finished(Store(folder), wanted, wanted.keys[0], dataset)
    assert found is not None, "every fold was just explained"
    return found
