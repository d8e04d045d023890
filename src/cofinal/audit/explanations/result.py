"""Explaining a method's folds, and everything that is measured of it, put together.

Letters: R seeds, N explained performances, W ways, K targets, T clips, P clips of all performances,
O orders, S steps, E elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from types import MappingProxyType

import numpy as np

from cofinal.audit.explanations.faults import FaultFinding, find_faults
from cofinal.audit.explanations.jobs import EvidenceJob, FoldEvidence, WorthJob
from cofinal.audit.explanations.measures import (
    DeletionInsertion,
    MarkCorrelation,
    RankCorrelation,
    between_seeds,
    deletion_insertion,
    mark_correlation,
    rank_correlation,
)
from cofinal.audit.explanations.truth import Truth
from cofinal.benchmark.plan import Entry, plan_benchmark
from cofinal.config import BenchmarkSettings, ExplanationSettings
from cofinal.data.dataset import Dataset
from cofinal.data.sheets import Element
from cofinal.errors import CofinalError
from cofinal.evaluation.evaluate import other_versions
from cofinal.evaluation.predictions import FoldJob
from cofinal.evaluation.resampling import Resampling, Units
from cofinal.evaluation.runner import OnProgress, count_finished, read_finished, run_jobs
from cofinal.evaluation.store import Store
from cofinal.explain.elements import stretch_sums
from cofinal.explain.ways import read_way
from cofinal.progress import track
from cofinal.times import Stretch

MARKS = ("execution", "base_value")
LEFT_OUT = "element left out"
# Placement -> mark -> how evidence goes with it.
MarkCorrelations = dict[str, dict[str, MarkCorrelation | None]]


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


def worth_on(
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


@dataclass(frozen=True)
class WayResult:
    """One way to explain the scores of one target."""

    way: str
    target: str
    curves: DeletionInsertion
    randomised: RankCorrelation | None
    """With the evidence of a model with random weights."""
    shuffled: RankCorrelation | None
    """With the evidence of a model trained on dealt-out labels; None if there was none."""
    seeds: RankCorrelation | None
    """Between models of different seeds; None for a single one."""
    faults: FaultFinding | None
    """None where no times of faults are known."""
    elements: MarkCorrelations


@dataclass(frozen=True)
class MethodExplanations:
    """All ways to explain one method's scores."""

    label: str
    seeds: int
    performances: int
    """Explained ones."""
    ways: list[WayResult]
    between: dict[str, dict[tuple[str, str], RankCorrelation | None]]
    """Target -> pair of ways -> agreement."""
    left_out: dict[str, MarkCorrelations]
    """Target -> how the worth of an element, left out, goes with its marks; all performances."""
    missing: list[str] = field(default_factory=list)
    """Ways that this method does not have."""
    seconds: float = 0.0
    """Time of all folds and seeds."""
    other_versions: dict[str, int] = field(default_factory=dict)
    """Versions of the code, not today's, -> on how many folds they explained."""
    resampled: str = ""
    """What the bootstrap draws, for people: whole groups, or single performances."""


@dataclass(frozen=True)
class PooledEvidence:
    """Evidence of one method on held-out performances, folds and seeds put together."""

    positions: np.ndarray
    lengths: tuple[int, ...]
    by_seed: list[list[FoldEvidence]] = field(repr=False)
    """For each seed its folds."""
    units: Units = field(repr=False)
    """What the bootstrap draws."""

    @classmethod
    def of(
        cls, dataset: Dataset, jobs: Sequence[FoldJob], settings: ExplanationSettings, folder: Path
    ) -> PooledEvidence:
        """Reads what was found for a method."""
        seeds = list(dict.fromkeys(job.seeds[0] for job in jobs))
        found: list[list[FoldEvidence]] = [[] for _ in seeds]
        for job in jobs:
            found[seeds.index(job.seeds[0])].append(evidence_on(job, settings, folder, dataset))
        positions = np.concatenate([fold.positions for fold in found[0]])
        lengths = tuple(len(dataset.clips[i]) for i in positions)
        return cls(positions, lengths, found, Units.of(dataset, jobs[0].protocol))

    @cached_property
    def drawn(self) -> Resampling:
        """How the bootstrap draws the explained performances."""
        return self.units.among(self.positions)

    def evidence(self, kind: str, w: int, k: int) -> list[np.ndarray]:
        """For each performance (R, T) evidence of a way for a target."""
        rows_RP = np.stack(
            [np.concatenate([getattr(f, kind)[w, k] for f in folds]) for folds in self.by_seed]
        )
        return np.split(rows_RP, np.cumsum(self.lengths)[:-1], axis=1)

    @cached_property
    def lost(self) -> np.ndarray:
        """Points lost by evidence (R, N, W, K, O, S)."""
        return np.stack([np.concatenate([f.lost for f in folds]) for folds in self.by_seed])

    @cached_property
    def lost_random(self) -> np.ndarray:
        """Points lost by chance (R, N, Q, K, S)."""
        return np.stack([np.concatenate([f.lost_random for f in folds]) for folds in self.by_seed])


def measure_methods(
    dataset: Dataset,
    jobs: Mapping[str, Sequence[FoldJob]],
    settings: ExplanationSettings,
    folder: Path,
    truth: Truth,
) -> list[MethodExplanations]:
    """Measures every method of a benchmark, with progress; see `measure_method`."""
    found = []
    with track("measuring", len(jobs)) as advance:
        for label, several in jobs.items():
            found.append(measure_method(label, dataset, several, settings, folder, truth))
            advance(len(found), label)
    return found


def measure_method(
    label: str,
    dataset: Dataset,
    jobs: Sequence[FoldJob],
    settings: ExplanationSettings,
    folder: Path,
    truth: Truth,
) -> MethodExplanations:
    """Measures everything of one method.

    Args:
        label: the method's name.
        dataset: all performances.
        jobs: its folds and seeds, whose evidence is in the store.
        settings: ways, steps.
        folder: the benchmark's folder.
        truth: what is known of the performances.
    """
    explained = PooledEvidence.of(dataset, jobs, settings, folder)
    names = settings.evidence
    there = [w for w in range(len(names)) if np.isfinite(explained.lost[:, :, w]).all()]
    ways = [
        measure_way(explained, dataset, names[w], w, k, truth)
        for k in range(len(dataset.targets))
        for w in there
    ]
    between = {
        target: {
            (names[a], names[b]): rank_correlation(
                explained.evidence("trained", a, k),
                explained.evidence("trained", b, k),
                explained.drawn,
            )
            for a in there
            for b in there
            if a < b
        }
        for k, target in enumerate(dataset.targets)
    }
    worth = _worth(dataset, jobs, folder, truth, explained.units)
    return MethodExplanations(
        label,
        len(explained.by_seed),
        len(explained.positions),
        ways,
        between,
        worth,
        [names[w] for w in range(len(names)) if w not in there],
        sum(fold.seconds for folds in explained.by_seed for fold in folds),
        other_versions([fold for folds in explained.by_seed for fold in folds]),
        explained.drawn.sentence(),
    )


def measure_way(
    explained: PooledEvidence,
    dataset: Dataset,
    name: str,
    w: int,
    k: int,
    truth: Truth,
) -> WayResult:
    """Measures one way to explain one target."""
    trained, drawn = explained.evidence("trained", w, k), explained.drawn
    shuffled = explained.evidence("shuffled", w, k)
    evidence = dict(zip(map(int, explained.positions), trained, strict=True))
    sign = -1.0 if read_way(name).signed else 1.0
    looked_for = [i for i in evidence if i in truth.marks]
    faults = None
    if looked_for:
        # Faults cost points; attention has no sign, so much attention must do.
        scores = [sign * evidence[i] for i in looked_for]
        marks = [truth.marks[i] for i in looked_for]
        faults = find_faults(scores, marks, explained.units.among(np.array(looked_for)))
    sums = {
        place: {i: stretch_sums(evidence[i], stretches[i]) for i in evidence if i in stretches}
        for place, stretches in truth.placements.items()
    }
    return WayResult(
        way=name,
        target=dataset.targets[k],
        curves=deletion_insertion(
            explained.lost[:, :, w, k],
            explained.lost_random[:, :, :, k],
            float(dataset.scores[:, k].std()),
            drawn,
        ),
        randomised=rank_correlation(trained, explained.evidence("randomised", w, k), drawn),
        shuffled=rank_correlation(trained, shuffled, drawn)
        if np.isfinite(shuffled[0]).all()
        else None,
        seeds=between_seeds(trained, drawn),
        faults=faults,
        elements={
            place: mark_correlations(found, truth.sheets, explained.units)
            for place, found in sums.items()
        },
    )


def mark_correlations(
    found: Mapping[int, np.ndarray], sheets: Mapping[int, Sequence[Element]], units: Units
) -> dict[str, MarkCorrelation | None]:
    """How evidence (R, E) of elements goes with each of their marks."""
    drawn, rows = units.among(np.array(list(found), dtype=int)), list(found.values())
    marks = {mark: [_marks(sheets[i], mark) for i in found] for mark in MARKS}
    return {mark: mark_correlation(rows, marks[mark], bootstrap=drawn) for mark in MARKS}


def _marks(elements: Sequence[Element], mark: str) -> np.ndarray:
    values = [getattr(element, mark) for element in elements]
    return np.array([np.nan if value is None else value for value in values])


def _worth(
    dataset: Dataset,
    jobs: Sequence[FoldJob],
    folder: Path,
    truth: Truth,
    units: Units,
) -> dict[str, MarkCorrelations]:
    """Target -> placement -> mark -> how the worth of elements left out goes with it."""
    found: dict[str, MarkCorrelations] = {target: {} for target in dataset.targets}
    for place, stretches in truth.placements.items():
        rows: dict[int, list[np.ndarray]] = {}
        for job in jobs:
            for i, points_KE in worth_on(dataset, job, folder, place, stretches).items():
                rows.setdefault(i, []).append(points_KE)
        for k, target in enumerate(dataset.targets):
            each = {i: np.stack(points)[:, k] for i, points in rows.items()}
            found[target][place] = mark_correlations(each, truth.sheets, units)
    return found
