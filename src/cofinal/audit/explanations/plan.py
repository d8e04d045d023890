"""Which folds and seeds a benchmark of explanations takes, and running those that are missing.

Letters: n explained performances, P their clips, W ways, K targets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from cofinal.audit.explanations.cells import explain_fold, finished
from cofinal.benchmark.plan import Entry, plan_jobs
from cofinal.config import BenchmarkSettings, ExplanationSettings
from cofinal.data.dataset import Dataset
from cofinal.engines import side_by_side
from cofinal.errors import CofinalError
from cofinal.evaluation.cells import Job, SharedData
from cofinal.explain.ways import read_way

# Told how many cells are done, and how many there are in all.
Report = Callable[[int, int], None]


def plan_folds(
    dataset: Dataset, entries: Sequence[Entry], settings: BenchmarkSettings
) -> dict[str, list[Job]]:
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
        label: [job.only((seed,)) for job in several for seed in job.seeds]
        for (_, label), several in jobs.items()
    }


def held_out_parts(jobs: Mapping[str, Sequence[Job]]) -> list[np.ndarray]:
    """Positions that are held out together, the same for all methods and seeds."""
    several = next(iter(jobs.values()))
    return [job.fold.held_out for job in several if job.seeds == several[0].seeds]


def run_folds(
    dataset: Dataset,
    jobs: dict[str, list[Job]],
    settings: ExplanationSettings,
    folder: Path,
    workers: int = 1,
    report: Report | None = None,
) -> None:
    """Trains and explains what is missing; a killed run continues.

    Raises:
        CofinalError: an unknown way to explain, or performances too short for one.
    """
    for name in settings.evidence:
        read_way(name)
    everything = [job for several in jobs.values() for job in several]
    missing = [job for job in everything if finished(job, settings, folder) is None]
    done, total = len(everything) - len(missing), len(everything)
    if report:
        report(done, total)
    if not missing:
        return
    shared = SharedData.of(dataset)
    threads = 1 if workers > 1 else 0
    calls = [(shared, job, settings, folder, threads) for job in missing]
    for _ in side_by_side(explain_fold, calls, workers):
        done += 1
        if report:
            report(done, total)
