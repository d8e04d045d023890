"""Evaluating a method under a protocol, one training per fold; continues after a kill.

Letters: R repeats, N performances, K targets.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.config import Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.evaluation.folds import group_values, note_on_test_split, plan_folds
from cofinal.evaluation.grading import Told, read_folds
from cofinal.evaluation.predictions import FoldJob
from cofinal.evaluation.resampling import Units
from cofinal.evaluation.result import EvaluationResult, execution_measures, measure
from cofinal.evaluation.runner import run_jobs
from cofinal.evaluation.store import Finished, Store
from cofinal.files.atomic import keep
from cofinal.training.runs import begin, code_version, data_fingerprint

# Told what is done: name of the fold, trainings done, trainings in all.
OnProgress = Callable[[str, int, int], None]
# Told the held-out performances of a finished fold and their predictions (N, K).
AfterFold = Callable[[Dataset, np.ndarray], None]


def evaluate(
    dataset: Dataset,
    preset: Preset,
    protocol: ProtocolSettings,
    folder: str | Path | None = None,
    on_progress: OnProgress | None = None,
    after_fold: AfterFold | None = None,
) -> EvaluationResult:
    """Trains on each fold's training part and measures the predictions for its held-out part.

    Args:
        dataset: all performances.
        preset: the method; repeat r adds r to its seed.
        protocol: the folds.
        folder: where finished folds are kept, so that a killed evaluation continues, and where
            the result is written; None keeps nothing.
        on_progress: called after each training, for progress.
        after_fold: called before `on_progress` with what the training predicts; whoever has seen
            enough raises.

    Raises:
        CofinalError: the protocol does not fit the data, see `make_folds`; or `folder` holds
            another run, or one that is going on.
    """
    store = Store(folder)
    jobs = plan_evaluation(dataset, preset, protocol)
    with store.alone():
        if store.folder:
            begin(store.folder, {"command": "evaluate", "preset": preset.to_json()})
        result = run_evaluation(dataset, preset, protocol, jobs, store, on_progress, after_fold)
        if store.folder:
            keep(partial(result.save, store.folder, dataset))
    return result


def plan_evaluation(
    dataset: Dataset, preset: Preset, protocol: ProtocolSettings
) -> list[tuple[int, FoldJob]]:
    """Repeat and training, one for each fold."""
    if protocol.within:
        group_values(dataset, protocol.within, "--within")
    seed = preset.training.seed
    return [
        (r, FoldJob.of(dataset, preset.method, preset, protocol, part, fold, [seed + r]))
        for r, part, fold in plan_folds(dataset, protocol)
    ]


def run_evaluation(
    dataset: Dataset,
    preset: Preset,
    protocol: ProtocolSettings,
    jobs: Sequence[tuple[int, FoldJob]],
    store: Store,
    on_progress: OnProgress | None = None,
    after_fold: AfterFold | None = None,
) -> EvaluationResult:
    """Runs what `plan_evaluation` planned and measures it; see `evaluate`."""
    started = time.monotonic()
    predictions = np.full((protocol.repeats, *dataset.scores.shape), np.nan)
    made: list[Finished] = []
    parts: list[tuple[int, np.ndarray, ScoreDistribution]] = []
    answers = run_jobs(dataset, [job for _, job in jobs], store)
    for (repeat, job), (_, found) in zip(jobs, answers, strict=True):
        predictions[repeat, job.fold.held_out] = found.predictions
        made.append(found)
        if found.has_grades:
            total = dataset.total(found.distribution, job.fold.held_out)
            parts.append((repeat, job.fold.held_out, total))
        if after_fold:
            after_fold(dataset.subset(job.fold.held_out), found.predictions)
        if on_progress:
            on_progress(f"{job.part} {job.fold.name}", len(made), len(jobs))
    settings = {"seconds": round(time.monotonic() - started, 1)}
    told = read_folds(parts, dataset.of_totals().scores)
    return summarise(dataset, predictions, preset, protocol, settings, made, told)


def summarise(
    dataset: Dataset,
    predictions: np.ndarray,
    preset: Preset,
    protocol: ProtocolSettings,
    settings: dict[str, Any],
    made: Sequence[Finished] = (),
    told: Told | None = None,
) -> EvaluationResult:
    """Measures predictions (R, N, K) and adds everything needed to repeat them.

    Args:
        dataset: the performances; those without a prediction hold NaN.
        predictions: points for performances that were not trained on; of the execution, as the
            scores of `dataset`, where something given multiplies it or is added.
        preset: the method that predicted.
        protocol: how training and held-out part were chosen.
        settings: further entries of the result, for example what the model was trained on.
        made: what the predictions were put together from; other versions of the code may have
            made some of it.
        told: what `read_folds` read of the answers, of the total; None where a method says no more
            than a score.
    """
    # Nobody asked for events: those that are missing or single then take no part, silently.
    within = protocol.within or ("event" if "event" in dataset.groups else None)
    units, data = Units.of(dataset, protocol), data_fingerprint(dataset)
    execution = execution_measures(dataset, predictions, within, units)
    if dataset.given:
        predictions, dataset = dataset.given.totals(predictions), dataset.of_totals()
    measures, average = measure(dataset, predictions, within, units, told)
    return EvaluationResult(
        method=preset.method,
        protocol=asdict(protocol),
        optimistic=protocol.protocol == "best-on-test",
        within=within,
        measures=measures,
        average_srcc=average,
        ids=dataset.ids,
        scores=dataset.scores,
        predictions=predictions,
        execution=execution,
        settings={
            "preset": preset.to_json(),
            "data": data,
            "code": code_version(),
            "other_versions": other_versions(made),
            "test_split": note_on_test_split(dataset, protocol),
            **settings,
        },
    )


def other_versions(made: Sequence[Finished]) -> dict[str, int]:
    """Versions of the code, as text, -> how many trainings they made; without today's."""
    today = code_version()
    others = [found.code for found in made if found.code != today]
    return dict(Counter(", ".join(f"{name} {v}" for name, v in code.items()) for code in others))
