"""What a benchmark has to train: methods, protocols and seeds as jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cofinal.config import BenchmarkSettings, Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.cells import Job, cell_identity
from cofinal.evaluation.evaluate import category_parts
from cofinal.evaluation.folds import Fold, group_values, make_folds
from cofinal.evaluation.nested import Choice
from cofinal.models import build_model
from cofinal.models.interface import Task
from cofinal.training.stack import trains_faster_alone


@dataclass(frozen=True)
class Entry:
    """A row of the benchmark: a method with its settings."""

    label: str
    preset: Preset
    choice: Choice | None = None
    """Candidates of a nested choice of settings."""


def plan_protocols(
    dataset: Dataset, settings: BenchmarkSettings
) -> dict[str, tuple[ProtocolSettings, list[tuple[str, Fold]]]]:
    """Name -> protocol with the folds of all repeats and parts, as positions in `dataset`.

    Raises:
        CofinalError: a protocol that is unknown or does not fit the data.
    """
    plan = {}
    for name in settings.protocols or usable_protocols(dataset):
        protocol = read_protocol(name, settings)
        folds = [
            (part, replace(fold, train=index[fold.train], held_out=index[fold.held_out]))
            for part, index in category_parts(dataset, settings.per_category).items()
            for repeat in range(1 if official(protocol) else settings.repeats)
            for fold in make_folds(dataset.subset(index), protocol, repeat)
        ]
        plan[name] = (protocol, folds)
    return plan


def official(protocol: ProtocolSettings) -> bool:
    """Whether a protocol uses the official split."""
    return protocol.protocol in ("final", "best-on-test")


def read_protocol(name: str, settings: BenchmarkSettings) -> ProtocolSettings:
    """The protocol that a name such as "group:event" means."""
    kind, _, group = name.partition(":")
    known = ("kfold", "group", "final", "best-on-test")
    if kind not in known or (kind == "group") != bool(group):
        raise CofinalError(
            f"protocol {name!r} is unknown; choose from kfold, group:COLUMN, final, best-on-test"
        )
    return ProtocolSettings(
        kind,  # type: ignore[arg-type]
        folds=settings.folds,
        group=group or None,
        per_category=settings.per_category,
        within=settings.within,
    )


def usable_protocols(dataset: Dataset) -> tuple[str, ...]:
    """Random folds, folds by every group column that keeps something together, official split."""
    names = ["kfold"]
    for column in dataset.groups:
        try:
            group_values(dataset, column, "--group")
        except CofinalError:
            continue
        if len(set(dataset.groups[column])) > 1:
            names.append(f"group:{column}")
    if {"train", "test"} <= set(dataset.splits):
        names.append("final")
    return tuple(names)


def plan_jobs(
    dataset: Dataset, entries: Sequence[Entry], settings: BenchmarkSettings
) -> dict[tuple[str, str], list[Job]]:
    """(protocol name, label) -> the trainings it takes."""
    jobs: dict[tuple[str, str], list[Job]] = {}
    for name, (protocol, folds) in plan_protocols(dataset, settings).items():
        for entry in entries:
            groups = seed_groups(
                entry.preset, settings.seeds, Task(dataset.channels, dataset.targets)
            )
            jobs[name, entry.label] = [
                _job(dataset, entry, protocol, part, fold, seeds)
                for part, fold in folds
                for seeds in groups
            ]
    return jobs


def _job(
    dataset: Dataset,
    entry: Entry,
    protocol: ProtocolSettings,
    part: str,
    fold: Fold,
    seeds: tuple[int, ...],
) -> Job:
    def identity(seed: int) -> str:
        training = replace(entry.preset.training, seed=seed)
        preset = replace(entry.preset, training=training)
        return cell_identity(dataset, preset, protocol.protocol, fold, entry.choice)

    identities = tuple(identity(seed) for seed in seeds)
    preset = replace(entry.preset, training=replace(entry.preset.training, seed=seeds[0]))
    return Job(entry.label, preset, protocol, part, fold, seeds, identities, entry.choice)


def seed_groups(preset: Preset, seeds: int, task: Task) -> list[tuple[int, ...]]:
    """Seeds that are trained at once: all, each alone, or the only one of a closed-form method."""
    model = build_model(preset, task)
    if not model.trains_by_gradient:
        return [(0,)]
    if trains_faster_alone(model):
        return [(seed,) for seed in range(seeds)]
    return [tuple(range(seeds))]


def is_trained(preset: Preset) -> bool:
    """Whether a method has parameters that are trained by gradients; the others are baselines."""
    return build_model(preset, Task(8, ("score",))).trains_by_gradient
