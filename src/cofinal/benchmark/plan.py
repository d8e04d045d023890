"""What a benchmark has to train: methods, protocols and seeds as jobs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cofinal.config import BenchmarkSettings, Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.folds import group_values, plan_folds
from cofinal.evaluation.nested import Choice
from cofinal.evaluation.predictions import FoldJob
from cofinal.models import build_model
from cofinal.models.interface import Task
from cofinal.training.loop import task_of
from cofinal.training.stack import trains_faster_alone


@dataclass(frozen=True)
class Entry:
    """A row of the benchmark: a method with its settings."""

    label: str
    preset: Preset
    choice: Choice | None = None
    """Candidates of a nested choice of settings."""
    video_only: bool = False
    """Whether it is told nothing of what is given."""


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
        repeats=settings.repeats if kind in ("kfold", "group") else 1,
        group=group or None,
        per_category=settings.per_category,
        within=settings.within,
        include_test=settings.include_test and kind in ("kfold", "group"),
    )


def unusable_groups(dataset: Dataset, settings: BenchmarkSettings) -> dict[str, str]:
    """Group columns that cannot be folded, each with the reason."""
    found = {}
    for column in dataset.groups:
        protocol = replace(read_protocol(f"group:{column}", settings), repeats=1)
        try:
            plan_folds(dataset, protocol)
        except CofinalError as error:
            found[column] = str(error)
    return found


def usable_protocols(dataset: Dataset, settings: BenchmarkSettings) -> tuple[str, ...]:
    """Random folds, folds by every group column that can be folded; asked for, the test split."""
    left_out = unusable_groups(dataset, settings)
    names = ["kfold", *(f"group:{name}" for name in dataset.groups if name not in left_out)]
    if settings.include_test and {"train", "test"} <= set(dataset.splits):
        names.append("final")
    return tuple(names)


def plan_benchmark(
    dataset: Dataset, entries: Sequence[Entry], settings: BenchmarkSettings
) -> dict[tuple[str, str], list[FoldJob]]:
    """(protocol name, label) -> the trainings it takes.

    Raises:
        CofinalError: a protocol that is unknown or does not fit the data.
    """
    if settings.within:
        group_values(dataset, settings.within, "--within")
    jobs: dict[tuple[str, str], list[FoldJob]] = {}
    for name in settings.protocols or usable_protocols(dataset, settings):
        protocol = read_protocol(name, settings)
        folds = plan_folds(dataset, protocol)
        for entry in entries:
            what = (dataset, entry.label, entry.preset, protocol)
            groups = seed_groups(entry.preset, settings.seeds, task_of(dataset))
            jobs[name, entry.label] = [
                FoldJob.of(*what, part, fold, seeds, entry.choice, entry.video_only)
                for _, part, fold in folds
                for seeds in groups
            ]
    return jobs


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
