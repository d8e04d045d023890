"""Which folds and seeds a benchmark of explanations takes, and running those that are missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cofinal.audit.explanations.evidence import EvidenceJob, FoldEvidence
from cofinal.benchmark.plan import Entry, plan_jobs
from cofinal.config import BenchmarkSettings, ExplanationSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.predictions import FoldJob
from cofinal.evaluation.runner import OnProgress, count_finished, read_finished, run_jobs
from cofinal.evaluation.store import Store
from cofinal.explain.ways import read_way


def plan_folds(
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
    jobs = plan_jobs(dataset, entries, replace(settings, protocols=names, repeats=1))
    return {
        label: [job.only((key,)) for job in several for key in job.keys]
        for (_, label), several in jobs.items()
    }


def held_out_parts(jobs: Mapping[str, Sequence[FoldJob]]) -> list[np.ndarray]:
    """Positions that are held out together, the same for all methods and seeds."""
    several = next(iter(jobs.values()))
    return [job.fold.held_out for job in several if job.seeds == several[0].seeds]


def run_folds(
    dataset: Dataset,
    jobs: Mapping[str, Sequence[FoldJob]],
    settings: ExplanationSettings,
    folder: Path,
    workers: int = 1,
    on_progress: OnProgress | None = None,
) -> None:
    """Trains and explains what is missing; a killed run continues.

    Raises:
        CofinalError: an unknown way to explain, or performances too short for one.
    """
    for name in settings.evidence:
        read_way(name)
    wanted = [EvidenceJob(job, settings, folder) for several in jobs.values() for job in several]
    store = Store(folder)
    there, total = count_finished(dataset, wanted, store)
    if on_progress:
        on_progress(there, total)
    for done, _ in enumerate(run_jobs(dataset, wanted, store, workers), 1):
        if on_progress:
            on_progress(max(there, done), total)


def finished(
    job: FoldJob, settings: ExplanationSettings, folder: Path, dataset: Dataset
) -> FoldEvidence:
    """What `run_folds` found on a fold, with one seed."""
    wanted = EvidenceJob(job, settings, folder)
    found = read_finished(Store(folder), wanted, wanted.keys[0], dataset)
    assert found is not None, "every fold was just explained"
    return found
