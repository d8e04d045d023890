"""Everything that is measured of the explanations of one method, put together from its folds.

Letters: R seeds, N explained performances, W ways, K targets, T clips, P clips of all performances,
O orders, S steps, E elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from cofinal.audit.explanations.evidence import FoldEvidence
from cofinal.audit.explanations.faults import FaultFinding, find_faults
from cofinal.audit.explanations.measures import (
    Agreement,
    DeletionInsertion,
    MarkCorrelation,
    agreement,
    between_seeds,
    deletion_insertion,
    mark_correlation,
)
from cofinal.audit.explanations.plan import evidence_on
from cofinal.audit.explanations.truth import Truth
from cofinal.audit.explanations.worth import left_out
from cofinal.config import ExplanationSettings
from cofinal.data.dataset import Dataset
from cofinal.data.sheets import Element
from cofinal.evaluation.evaluate import other_versions
from cofinal.evaluation.predictions import FoldJob
from cofinal.explain.elements import stretch_sums
from cofinal.explain.ways import read_way
from cofinal.progress import track

MARKS = ("execution", "base_value")
LEFT_OUT = "element left out"
# Placement -> mark -> how evidence goes with it.
MarkCorrelations = dict[str, dict[str, MarkCorrelation | None]]


@dataclass(frozen=True)
class WayResult:
    """One way to explain the scores of one target."""

    way: str
    target: str
    curves: DeletionInsertion
    randomised: Agreement | None
    """With the evidence of a model with random weights."""
    shuffled: Agreement | None
    """With the evidence of a model trained on dealt-out labels; None if there was none."""
    seeds: Agreement | None
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
    between: dict[str, dict[tuple[str, str], Agreement | None]]
    """Target -> pair of ways -> agreement."""
    left_out: dict[str, MarkCorrelations]
    """Target -> how the worth of an element, left out, goes with its marks; all performances."""
    missing: list[str] = field(default_factory=list)
    """Ways that this method does not have."""
    seconds: float = 0.0
    """Time of all folds and seeds."""
    other_versions: dict[str, int] = field(default_factory=dict)
    """Versions of the code, not today's, -> on how many folds they explained."""


@dataclass(frozen=True)
class PooledEvidence:
    """Evidence of one method on held-out performances, folds and seeds put together."""

    positions: np.ndarray
    lengths: tuple[int, ...]
    by_seed: list[list[FoldEvidence]] = field(repr=False)
    """For each seed its folds."""

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
        return cls(positions, tuple(len(dataset.clips[i]) for i in positions), found)

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
            (names[a], names[b]): agreement(
                explained.evidence("trained", a, k), explained.evidence("trained", b, k)
            )
            for a in there
            for b in there
            if a < b
        }
        for k, target in enumerate(dataset.targets)
    }
    worth = _worth(dataset, jobs, folder, truth)
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
    trained = explained.evidence("trained", w, k)
    shuffled = explained.evidence("shuffled", w, k)
    evidence = dict(zip(map(int, explained.positions), trained, strict=True))
    sign = -1.0 if read_way(name).signed else 1.0
    looked_for = [i for i in evidence if i in truth.marks]
    faults = None
    if looked_for:
        # Faults cost points; attention has no sign, so much attention must do.
        scores = [sign * evidence[i] for i in looked_for]
        faults = find_faults(scores, [truth.marks[i] for i in looked_for])
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
        ),
        randomised=agreement(trained, explained.evidence("randomised", w, k)),
        shuffled=agreement(trained, shuffled) if np.isfinite(shuffled[0]).all() else None,
        seeds=between_seeds(trained),
        faults=faults,
        elements={place: mark_correlations(found, truth.sheets) for place, found in sums.items()},
    )


def mark_correlations(
    found: Mapping[int, np.ndarray], sheets: Mapping[int, Sequence[Element]]
) -> dict[str, MarkCorrelation | None]:
    """How evidence (R, E) of elements goes with each of their marks."""
    return {
        mark: mark_correlation(list(found.values()), [_marks(sheets[i], mark) for i in found])
        for mark in MARKS
    }


def _marks(elements: Sequence[Element], mark: str) -> np.ndarray:
    values = [getattr(element, mark) for element in elements]
    return np.array([np.nan if value is None else value for value in values])


def _worth(
    dataset: Dataset,
    jobs: Sequence[FoldJob],
    folder: Path,
    truth: Truth,
) -> dict[str, MarkCorrelations]:
    """Target -> placement -> mark -> how the worth of elements left out goes with it."""
    found: dict[str, MarkCorrelations] = {target: {} for target in dataset.targets}
    for place, stretches in truth.placements.items():
        rows: dict[int, list[np.ndarray]] = {}
        for job in jobs:
            for i, points_KE in left_out(dataset, job, folder, place, stretches).items():
                rows.setdefault(i, []).append(points_KE)
        for k, target in enumerate(dataset.targets):
            each = {i: np.stack(points)[:, k] for i, points in rows.items()}
            found[target][place] = mark_correlations(each, truth.sheets)
    return found
