"""The cells of a benchmark: one method on one fold with one seed, trained or read from disk.

Letters: N performances, n held-out performances, P clips of all performances, C channels,
K targets, G grades.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import torch

from cofinal.config import Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.evaluation.evaluate import best_epoch
from cofinal.evaluation.folds import Fold
from cofinal.evaluation.nested import Choice, choose
from cofinal.files.atomic import read_json, write_json
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_distributions
from cofinal.training.loop import train_seeds
from cofinal.training.runs import code_version, marks_fingerprint


@dataclass(frozen=True)
class SharedData:
    """A data set whose clips are one array, so that processes share it instead of copying it."""

    labels: Dataset
    """Everything but the clips."""
    clips_PC: np.ndarray
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> SharedData:
        """Packs a data set."""
        lengths = tuple(len(values) for values in dataset.clips)
        return cls(replace(dataset, clips=()), np.concatenate(dataset.clips), lengths)

    def dataset(self) -> Dataset:
        """The data set again; its clips are views."""
        # Ray hands out arrays that cannot be written to, which torch does not take.
        clips_PC = self.clips_PC if self.clips_PC.flags.writeable else self.clips_PC.copy()
        return replace(self.labels, clips=tuple(np.split(clips_PC, np.cumsum(self.lengths)[:-1])))


@dataclass(frozen=True)
class Job:
    """Cells that are trained at once: a method on one fold, with one or more seeds."""

    label: str
    """The method's name in the table."""
    preset: Preset
    protocol: ProtocolSettings
    part: str
    """Category, or "all"."""
    fold: Fold
    """Positions in the whole data set."""
    seeds: tuple[int, ...]
    identities: tuple[str, ...]
    """For each seed the hash of everything that its numbers follow from, but for the code."""
    choice: Choice | None = None
    """Settings to choose from inside each training part; None for the preset's own."""

    @property
    def repeat(self) -> str:
        """Name of the partition that the fold belongs to."""
        return self.fold.name.split("-")[0]

    def cell_file(self, folder: Path, seed: int) -> Path:
        """Where the cell of a seed is kept."""
        place = folder / "cells" / quote(self.label, safe=" ") / protocol_slug(self.protocol)
        return place / f"{quote(self.part, safe=' ')}-{self.fold.name}-seed{seed}.json"

    def unfinished_folder(self, folder: Path) -> Path:
        """Where the training lies until its cells are written."""
        return folder / "unfinished" / self.identities[0][:16]

    def only(self, seeds: Sequence[int]) -> Job:
        """The same job for some of its seeds."""
        kept = [i for i, seed in enumerate(self.seeds) if seed in seeds]
        identities = tuple(self.identities[i] for i in kept)
        return replace(self, seeds=tuple(self.seeds[i] for i in kept), identities=identities)


def cell_identity(
    dataset: Dataset, preset: Preset, protocol: str, fold: Fold, choice: Choice | None
) -> str:
    """Hash of everything that a cell's numbers follow from, but for versions of the code."""
    parts: dict[str, Any] = {
        "preset": preset.to_json(),
        "choice": asdict(choice) if choice else None,
        "protocol": protocol,
        "data": dataset.sha256,
        "targets": dataset.targets,
        "train": [dataset.ids[i] for i in fold.train],
        "held_out": [dataset.ids[i] for i in fold.held_out],
    }
    parts |= marks_fingerprint(dataset, preset)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def protocol_slug(protocol: ProtocolSettings) -> str:
    """A protocol as text, for example "group:event"."""
    return f"group:{protocol.group}" if protocol.protocol == "group" else protocol.protocol


@dataclass(frozen=True)
class CellResult:
    """What one cell found."""

    identity: str
    ids: tuple[str, ...]
    """The n held-out performances."""
    predictions: np.ndarray
    """(n, K) points."""
    grade_probabilities: np.ndarray | None
    """(n, K, G), where the method has grades."""
    grade_edges: np.ndarray | None
    """(K, G + 1) points."""
    seconds: float
    """Time of training and prediction, shared equally among the seeds trained at once."""
    chosen: dict[str, Any]
    """Settings that nested cross-validation chose."""

    def save(self, path: Path) -> None:
        """Writes the cell."""
        write_json(path, {**_plain(asdict(self)), "code": code_version()})

    @classmethod
    def load(cls, path: Path) -> CellResult:
        """Reads a cell."""
        saved = read_json(path, "a cell of a benchmark")
        del saved["code"]
        for name in ("predictions", "grade_probabilities", "grade_edges"):
            saved[name] = None if saved[name] is None else np.array(saved[name])
        return cls(**saved | {"ids": tuple(saved["ids"])})


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in values.items()}


def finished_cell(job: Job, folder: Path, seed: int) -> CellResult | None:
    """The cell of a seed, if it is on disk and still means the same."""
    path = job.cell_file(folder, seed)
    if not path.exists():
        return None
    cell = CellResult.load(path)
    return cell if cell.identity == job.identities[job.seeds.index(seed)] else None


def run_job(
    shared: SharedData, job: Job, threads: int, folder: Path | None
) -> tuple[Job, list[CellResult]]:
    """Trains the cells of a job, in a worker process that need not see the benchmark's folder.

    Args:
        shared: all performances.
        job: what to train.
        threads: of this process; 0 leaves them as they are.
        folder: where the training is kept until it is done, for a kill; None keeps nothing.
    """
    if threads:
        torch.set_num_threads(threads)
    started = time.monotonic()
    dataset = shared.dataset()
    preset = job.preset
    chosen: dict[str, Any] = {}
    if job.choice:
        preset, chosen = choose(dataset.subset(job.fold.train), preset, job.choice, job.protocol)
    answers = _answers(dataset, job, preset, folder)
    seconds = round((time.monotonic() - started) / len(job.seeds), 2)
    ids = tuple(dataset.ids[i] for i in job.fold.held_out)
    return job, [
        CellResult(identity, ids, *answer, seconds, chosen)
        for identity, answer in zip(job.identities, answers, strict=True)
    ]


def save_cells(job: Job, cells: Sequence[CellResult], folder: Path) -> None:
    """Writes the cells of a finished job; what was kept for a kill is no longer needed."""
    for seed, cell in zip(job.seeds, cells, strict=True):
        cell.save(job.cell_file(folder, seed))
    shutil.rmtree(job.unfinished_folder(folder), ignore_errors=True)


Answer = tuple[np.ndarray, np.ndarray | None, np.ndarray | None]


def _answers(dataset: Dataset, job: Job, preset: Preset, folder: Path | None) -> list[Answer]:
    """Predictions, grade probabilities and edges for each seed."""
    training, held_out = dataset.subset(job.fold.train), dataset.subset(job.fold.held_out)
    if job.protocol.protocol == "best-on-test":
        presets = [replace(preset, training=replace(preset.training, seed=s)) for s in job.seeds]
        return [(best_epoch(training, held_out, each), None, None) for each in presets]
    place = job.unfinished_folder(folder) if folder else None
    models = train_seeds(training, preset, job.seeds, place, show_progress=False)
    return [_answer(model, held_out.clips) for model in models]


def _answer(model: Ensemble, clips: Sequence[np.ndarray]) -> Answer:
    each = predict_distributions(model, clips)
    predictions = np.stack([one.score for one in each])
    if not each[0].grades:
        return predictions, None, None
    return predictions, np.stack([one.grade_probabilities for one in each]), each[0].edges
