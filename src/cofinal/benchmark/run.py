"""Many methods under many protocols: which ranks best, by how much, and is it real?

Letters: R repeats and seeds, N performances, K targets, G grades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.benchmark.comparison import Comparison, best_label, compare
from cofinal.benchmark.given_rows import add_execution
from cofinal.benchmark.plan import Entry, is_trained, plan_benchmark
from cofinal.config import BenchmarkSettings, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.evaluation.coverage import FoldCoverage, Predicted, fold_coverage
from cofinal.evaluation.evaluate import summarise
from cofinal.evaluation.folds import official
from cofinal.evaluation.grading import read_folds
from cofinal.evaluation.predictions import FoldJob, FoldPredictions
from cofinal.evaluation.resampling import Units
from cofinal.evaluation.result import EvaluationResult
from cofinal.evaluation.runner import OnProgress, count_finished, run_jobs
from cofinal.evaluation.store import Key, Store
from cofinal.grades import grade_of


@dataclass(frozen=True)
class MethodResult:
    """One method under one protocol."""

    label: str
    result: EvaluationResult
    seeds: int
    """Trainings on each fold."""
    trainings: int
    """All of them: folds, repeats, categories and seeds."""
    seconds: float
    """Time of all its trainings and predictions, on one worker."""
    chosen: dict[str, int]
    """Settings that nested cross-validation chose -> in how many trainings."""
    grade_chances: list[tuple[np.ndarray, np.ndarray]] = field(repr=False)
    """For each target predicted probabilities (n, G) and true grades (n,); empty without grades."""
    grade_edges: np.ndarray | None = field(repr=False)
    """(K, G + 1) points, the mean over trainings."""
    predicted: Predicted = field(repr=False)
    """Those of the first repeat and seed."""


@dataclass(frozen=True)
class ProtocolResult:
    """All methods under one protocol."""

    name: str
    protocol: ProtocolSettings
    methods: dict[str, MethodResult]
    baseline: dict[str, str]
    """Target -> the best of the methods that learn without gradients."""
    comparisons: dict[str, list[Comparison]]
    """Target -> each method against the best baseline."""
    coverage: dict[str, list[FoldCoverage]] = field(default_factory=dict)
    """Label -> how its prediction intervals did."""


def run_benchmark(
    dataset: Dataset,
    entries: Sequence[Entry],
    settings: BenchmarkSettings,
    folder: Path,
    workers: int = 1,
    engine: str = "local",
    on_progress: OnProgress | None = None,
) -> list[ProtocolResult]:
    """Trains what is missing, then measures and compares everything.

    Args:
        dataset: all performances.
        entries: the methods; labels differ.
        settings: protocols, folds, repeats, seeds.
        folder: where finished trainings are kept, so that a killed benchmark continues, and
            another method adds only its own.
        workers: processes at a time.
        engine: "local" or "ray".
        on_progress: told how many trainings are done.

    Raises:
        CofinalError: a method or protocol that is unknown or does not fit the data, or a folder in
            which another run is going on.
    """
    jobs = plan_benchmark(dataset, entries, settings)
    everything = [job for several in jobs.values() for job in several]
    store = Store(folder)
    found: dict[Key, FoldPredictions] = {}
    with store.alone():
        there = count_finished(dataset, everything, store)
        total = sum(len(job.keys) for job in everything)
        if on_progress:
            on_progress(there, total)
        for key, answer in run_jobs(dataset, everything, store, workers, engine):
            found[key] = answer
            if on_progress:
                on_progress(max(there, len(found)), total)
    names = list(dict.fromkeys(name for name, _ in jobs))
    results = {name: protocol_result(name, dataset, entries, jobs, found) for name in names}
    return [
        replace(result, coverage=protocol_coverage(result, results, dataset, settings.confidence))
        for result in results.values()
    ]


def protocol_coverage(
    judged: ProtocolResult,
    results: Mapping[str, ProtocolResult],
    dataset: Dataset,
    confidence: float,
) -> dict[str, list[FoldCoverage]]:
    """Coverage of each method, calibrated on folds of the same kind and on random folds.

    The second is what one gets who calibrates on random performances and then meets a new event.
    """
    sources = [judged.name, *(["kfold"] if "kfold" in results and judged.name != "kfold" else [])]
    return {
        label: [
            row
            for name in sources
            if len(results[name].methods[label].predicted.folds) > 1
            for row in fold_coverage(
                method.predicted,
                results[name].methods[label].predicted,
                name,
                dataset.of_totals().scores,
                dataset.targets,
                confidence,
            )
        ]
        for label, method in judged.methods.items()
        if not official(judged.protocol)
    }


def protocol_result(
    name: str,
    dataset: Dataset,
    entries: Sequence[Entry],
    jobs: Mapping[tuple[str, str], list[FoldJob]],
    found: Mapping[Key, FoldPredictions],
) -> ProtocolResult:
    """Puts the finished trainings of a protocol together, measures and compares."""
    methods = {
        entry.label: method_result(entry, dataset, jobs[name, entry.label], found)
        for entry in entries
    }
    protocol = jobs[name, entries[0].label][0].protocol
    closed_form = [entry.label for entry in entries if not is_trained(entry.preset)]
    units = Units.of(dataset, protocol)
    baseline, comparisons = {}, {}
    for k, target in enumerate(dataset.targets):
        points = {label: one.result.predictions[:, :, k] for label, one in methods.items()}
        judged_N = np.isfinite(points[entries[0].label][0])
        points = {label: values[:, judged_N] for label, values in points.items()}
        scores = dataset.of_totals().scores[judged_N, k]
        best = best_label(points, scores, closed_form)
        if best and name != "best-on-test":
            baseline[target] = best
            drawn = units.among(np.flatnonzero(judged_N))
            comparisons[target] = compare(points, scores, best, drawn, closed_form)
    return ProtocolResult(name, protocol, methods, baseline, comparisons)


def method_result(
    entry: Entry,
    dataset: Dataset,
    jobs: Sequence[FoldJob],
    found: Mapping[Key, FoldPredictions],
) -> MethodResult:
    """Puts the trainings of a method under a protocol together and measures them."""
    everything, dataset = dataset, dataset.of_totals() if entry.video_only else dataset
    position = {identifier: i for i, identifier in enumerate(dataset.ids)}
    seeds = sorted({seed for job in jobs for seed in job.seeds})
    repeats = sorted({job.fold.repeat for job in jobs})
    predictions = np.full((len(repeats) * len(seeds), *dataset.scores.shape), np.nan)
    made: list[FoldPredictions] = []
    parts: list[tuple[int, np.ndarray, ScoreDistribution]] = []
    for job in jobs:
        for seed, key in zip(job.seeds, job.keys, strict=True):
            row = repeats.index(job.fold.repeat) * len(seeds) + seeds.index(seed)
            predictions[row, job.fold.held_out] = found[key].predictions
            made.append(found[key])
            if found[key].has_grades:
                total = dataset.total(found[key].distribution, job.fold.held_out)
                parts.append((row, job.fold.held_out, total))
    seconds = round(sum(one.seconds for one in made), 1)
    edges = [one.grade_edges for one in made if one.grade_edges is not None]
    chosen = [chosen_text(one.chosen) for one in made] if entry.choice else []
    what = (dataset, predictions, entry.preset, jobs[0].protocol, {"seconds": seconds}, made)
    result = summarise(*what, read_folds(parts, dataset.of_totals().scores))
    if entry.video_only:
        units = Units.of(everything, jobs[0].protocol)
        result = add_execution(result, everything, predictions, units)
    return MethodResult(
        label=entry.label,
        result=result,
        seeds=len(seeds),
        trainings=len(made),
        seconds=seconds,
        chosen={text: chosen.count(text) for text in dict.fromkeys(chosen)},
        grade_chances=grade_chances(dataset, made, position),
        grade_edges=np.mean(edges, axis=0) if edges else None,
        predicted=Predicted(
            tuple(positions for row, positions, _ in parts if row == 0),
            tuple(distribution for row, _, distribution in parts if row == 0),
        ),
    )


def chosen_text(changes: Mapping[str, Any]) -> str:
    """A nested choice as text; no change is the preset's own settings."""
    return ", ".join(f"{name} {value}" for name, value in changes.items()) or "as in the preset"


def grade_chances(
    dataset: Dataset, made: Sequence[FoldPredictions], position: Mapping[str, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each target the probabilities (n, G) of all trainings and the true grades (n,) from 0."""
    graded = [one for one in made if one.has_grades]
    if not graded:
        return []
    chances = np.concatenate([one.distribution.grade_probabilities for one in graded])
    true = np.concatenate([true_grades(dataset, one, position) for one in graded])
    return [(chances[:, k], true[:, k]) for k in range(len(dataset.targets))]


def true_grades(dataset: Dataset, one: FoldPredictions, position: Mapping[str, int]) -> np.ndarray:
    """Grades (n, K), from 0, that hold the judges' scores, by the edges of the training part."""
    scores_nK = dataset.scores[[position[identifier] for identifier in one.ids]]
    return grade_of(scores_nK, one.grade_edges)
