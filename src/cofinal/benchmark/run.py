"""Many methods under many protocols: which ranks best, by how much, and is it real?

Letters: R repeats and seeds, N performances, K targets, G grades.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.benchmark.comparison import Comparison, compare
from cofinal.benchmark.plan import Entry, is_trained, official, plan_jobs
from cofinal.config import BenchmarkSettings, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.engines import side_by_side
from cofinal.errors import CofinalError
from cofinal.evaluation.cells import (
    CellResult,
    Job,
    SharedData,
    finished_cell,
    run_job,
    save_cells,
)
from cofinal.evaluation.coverage import FoldCoverage, Predicted, fold_coverage
from cofinal.evaluation.evaluate import summarise
from cofinal.evaluation.metrics import srcc
from cofinal.evaluation.result import EvaluationResult
from cofinal.grades import grade_of

# Told how many cells are done, and how many there are in all.
Report = Callable[[int, int], None]


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
    """Settings that nested cross-validation chose -> in how many cells."""
    grade_chances: list[tuple[np.ndarray, np.ndarray]] = field(repr=False)
    """For each target predicted probabilities (n, G) and true grades (n,); empty without grades."""
    grade_edges: np.ndarray | None = field(repr=False)
    """(K, G + 1) points, the mean over cells."""
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
    report: Report | None = None,
) -> list[ProtocolResult]:
    """Trains what is missing, then measures and compares everything.

    Args:
        dataset: all performances.
        entries: the methods; labels differ.
        settings: protocols, folds, repeats, seeds.
        folder: where finished cells are kept, so that a killed benchmark continues, and another
            method adds only its own cells.
        workers: processes at a time.
        engine: "local" or "ray".
        report: told of progress in cells.

    Raises:
        CofinalError: a method or protocol that is unknown or does not fit the data.
    """
    if workers < 1:
        raise CofinalError(f"workers is {workers}; expected 1 or more")
    jobs = plan_jobs(dataset, entries, settings)
    everything = [job for several in jobs.values() for job in several]
    total = sum(len(job.seeds) for job in everything)
    missing = [
        job.only(seeds)
        for job in everything
        if (seeds := [s for s in job.seeds if finished_cell(job, folder, s) is None])
    ]
    done = total - sum(len(job.seeds) for job in missing)
    if report:
        report(done, total)
    if missing:
        shared = SharedData.of(dataset)
        # With several workers, more threads than processors would wait for each other.
        threads = 1 if workers > 1 else 0
        # A cluster's workers may not see this disk, so cells come back and are written here.
        place = folder if engine == "local" else None
        calls = [(shared, job, threads, place) for job in missing]
        for job, cells in side_by_side(run_job, calls, workers, engine):
            save_cells(job, cells, folder)
            done += len(cells)
            if report:
                report(done, total)
    names = list(dict.fromkeys(name for name, _ in jobs))
    found = {name: protocol_result(name, dataset, entries, jobs, folder) for name in names}
    return [
        replace(result, coverage=protocol_coverage(result, found, dataset, settings.confidence))
        for result in found.values()
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
                dataset.scores,
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
    jobs: Mapping[tuple[str, str], list[Job]],
    folder: Path,
) -> ProtocolResult:
    """Reads the finished cells of a protocol, measures and compares."""
    methods = {
        entry.label: method_result(entry, dataset, jobs[name, entry.label], folder)
        for entry in entries
    }
    closed_form = [entry.label for entry in entries if not is_trained(entry.preset)]
    baseline, comparisons = {}, {}
    for k, target in enumerate(dataset.targets):
        found = {
            label: method.result.predictions[:, :, k]
            for label, method in methods.items()
            if np.isfinite(method.result.predictions[:, :, k]).any()
        }
        judged = np.isfinite(next(iter(found.values()))[0])
        found = {label: values[:, judged] for label, values in found.items()}
        scores = dataset.scores[judged, k]
        best = best_label({label: found[label] for label in closed_form}, scores)
        if best and name != "best-on-test":
            baseline[target] = best
            comparisons[target] = compare(found, scores, best)
    protocol = jobs[name, entries[0].label][0].protocol
    return ProtocolResult(name, protocol, methods, baseline, comparisons)


def best_label(predicted: Mapping[str, np.ndarray], scores: np.ndarray) -> str | None:
    """The label with the highest SRCC, or None where no SRCC is defined."""
    ranks = {label: srcc(values[0], scores) for label, values in predicted.items()}
    defined = {label: value for label, value in ranks.items() if value is not None}
    return max(defined, key=lambda label: defined[label]) if defined else None


def method_result(
    entry: Entry, dataset: Dataset, jobs: Sequence[Job], folder: Path
) -> MethodResult:
    """Puts the cells of a method under a protocol together and measures them."""
    position = {identifier: i for i, identifier in enumerate(dataset.ids)}
    seeds = sorted({seed for job in jobs for seed in job.seeds})
    repeats = sorted({job.repeat for job in jobs})
    predictions = np.full((len(repeats) * len(seeds), *dataset.scores.shape), np.nan)
    cells: list[CellResult] = []
    firsts: list[tuple[np.ndarray, CellResult]] = []
    for job in jobs:
        for seed in job.seeds:
            cell = finished_cell(job, folder, seed)
            assert cell is not None, "every cell was just trained"
            row = repeats.index(job.repeat) * len(seeds) + seeds.index(seed)
            predictions[row, job.fold.held_out] = cell.predictions
            cells.append(cell)
            if row == 0:
                firsts.append((job.fold.held_out, cell))
    seconds = round(sum(cell.seconds for cell in cells), 1)
    edges = [cell.grade_edges for cell in cells if cell.grade_edges is not None]
    chosen = [chosen_text(cell.chosen) for cell in cells] if entry.choice else []
    return MethodResult(
        label=entry.label,
        result=summarise(
            dataset, predictions, entry.preset, jobs[0].protocol, {"seconds": seconds}
        ),
        seeds=len(seeds),
        trainings=len(cells),
        seconds=seconds,
        chosen={text: chosen.count(text) for text in dict.fromkeys(chosen)},
        grade_chances=grade_chances(dataset, cells, position),
        grade_edges=np.mean(edges, axis=0) if edges else None,
        predicted=with_grades(firsts, predictions[0]),
    )


def chosen_text(changes: Mapping[str, Any]) -> str:
    """A nested choice as text; no change is the preset's own settings."""
    return ", ".join(f"{name} {value}" for name, value in changes.items()) or "as in the preset"


def grade_chances(
    dataset: Dataset, cells: Sequence[CellResult], position: Mapping[str, int]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each target the probabilities (n, G) of all cells and the true grades (n,) from 0."""
    with_grades = [cell for cell in cells if cell.grade_probabilities is not None]
    if not with_grades:
        return []
    found = []
    for k in range(len(dataset.targets)):
        chances, grades = [], []
        for cell in with_grades:
            assert cell.grade_probabilities is not None and cell.grade_edges is not None
            scores = dataset.scores[[position[identifier] for identifier in cell.ids], k]
            chances.append(cell.grade_probabilities[:, k])
            grades.append(grade_of(scores, cell.grade_edges[k]))
        found.append((np.concatenate(chances), np.concatenate(grades)))
    return found


def with_grades(cells: Sequence[tuple[np.ndarray, CellResult]], points_NK: np.ndarray) -> Predicted:
    """Predictions of one repeat and seed with their folds and most probable grades.

    Args:
        cells: positions of the held-out performances, and what was found for them.
        points_NK: the same predictions, put together.
    """
    folds = tuple(held_out for held_out, _ in cells)
    grades_NK = np.zeros(points_NK.shape, dtype=int)
    for held_out, cell in cells:
        if cell.grade_probabilities is None:
            return Predicted(folds, points_NK, None)
        grades_NK[held_out] = cell.grade_probabilities.argmax(-1)
    return Predicted(folds, points_NK, grades_NK)
