"""`cofinal benchmark`: many methods, honest folds, differences with their uncertainty."""

from __future__ import annotations

import json
import shlex
import sys
import time
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import tyro

from cofinal.cli.settings import default_preset, tell_taken
from cofinal.config import (
    BenchmarkSettings,
    DataSource,
    ExplanationSettings,
    Preset,
    grid,
    load_preset,
    method_preset,
    preset_names,
)
from cofinal.errors import CofinalError
from cofinal.files.atomic import keep
from cofinal.methods import method_names, settings_class, use_method
from cofinal.settings import Workers


@dataclass(frozen=True)
class Benchmark:
    """Measure and compare many methods on one data set.

    Finished trainings are kept in the run folder: a killed benchmark continues, and another method
    or protocol adds only its own.
    """

    source: tyro.conf.OmitArgPrefixes[DataSource]
    """Where the performances come from."""
    settings: tyro.conf.OmitArgPrefixes[BenchmarkSettings] = field(
        default_factory=BenchmarkSettings
    )
    """What is compared, and how."""
    explaining: tyro.conf.OmitArgPrefixes[ExplanationSettings] = field(
        default_factory=ExplanationSettings
    )
    """How explanations are judged."""
    explanations: bool = field(default=False, kw_only=True)
    """Judge the methods' explanations instead of their scores; without --methods those of the
    data set's preset."""
    preset: str | None = field(default=None, kw_only=True)
    """Preset, by name or path, that tells how methods without one of their own are trained; the
    data set's own if left out."""
    out: Path = field(default=Path("runs/benchmark"), kw_only=True)
    """Run folder; the result is `benchmark.json` and `benchmark.md` in it."""
    workers: Workers = field(default=1, kw_only=True)
    """Trainings at a time, each in a process of its own."""
    engine: Literal["local", "ray"] = field(default="local", kw_only=True)
    """"local" processes, or "ray": a Ray cluster, embedded or remote."""
    figures: bool = field(default=False, kw_only=True)
    """Draw figures beside the tables; needs the extra `report`."""
    json: bool = field(default=False, kw_only=True)
    """Print the result as JSON."""

    def run(self) -> int:
        """Trains what is missing and writes the tables."""
        from cofinal.files.lock import alone_in

        if not self.explanations:
            refuse_unused(self.explaining)
            self.source.refuse_unused_sheet()
        with alone_in(self.out):
            return self.explain() if self.explanations else self.compare()

    def compare(self) -> int:
        """Compares methods, and writes `benchmark.json`, `.md` and figures."""
        from cofinal.benchmark.figures import draw_figures
        from cofinal.benchmark.given_rows import with_given
        from cofinal.benchmark.plan import unusable_groups
        from cofinal.benchmark.run import run_benchmark
        from cofinal.benchmark.tables import BenchmarkResult
        from cofinal.data.dataset import load_dataset
        from cofinal.progress import track
        from cofinal.training.runs import data_fingerprint

        started = time.monotonic()
        dataset = load_dataset(self.source)
        tell_taken(self.source)
        entries, human = self.entries(), self.human(dataset)
        if dataset.given:
            entries = with_given(entries)
        left_out = {} if self.settings.protocols else unusable_groups(dataset, self.settings)
        for column, reason in left_out.items():
            print(f"left out group:{column}: {reason}", file=sys.stderr)
        with track("benchmark", 1) as advance:
            protocols = run_benchmark(
                dataset,
                entries,
                self.settings,
                self.out,
                self.workers,
                self.engine,
                lambda done, total: advance(done / total, f"{done} of {total} trainings"),
            )
        found = BenchmarkResult(
            command=shlex.join(["cofinal", *sys.argv[1:]]),
            settings=self.settings,
            data=data_fingerprint(dataset),
            protocols=protocols,
            seconds=time.monotonic() - started,
            workers=self.workers,
            human=human,
            published=self.published(),
        )
        keep(lambda: found.save(self.out / "benchmark"))
        if self.figures:
            draw_figures(protocols, self.out / "figures", human)
        print(json.dumps(found.to_json(), indent=2) if self.json else found.markdown())
        return 0

    def explain(self) -> int:
        """Judges explanations, and writes `explanations.json`, `.md` and `.png`."""
        from cofinal.audit.explanations import result, tables
        from cofinal.audit.explanations.truth import read_truth
        from cofinal.data.dataset import load_dataset
        from cofinal.data.sheets import sheet_file
        from cofinal.models import learns_from_judges
        from cofinal.progress import track
        from cofinal.training.runs import data_fingerprint

        started = time.monotonic()
        if self.engine != "local":
            raise CofinalError(
                f"--engine is {self.engine!r}; explanations are judged here: use --workers"
            )
        if self.source.given:
            raise CofinalError("explanations are judged of videos alone; leave out --given")
        entries = self.entries()
        dataset = load_dataset(self.source, any(learns_from_judges(e.preset) for e in entries))
        tell_taken(self.source)
        jobs = result.plan_explained(dataset, entries, self.settings)
        truth = read_truth(dataset, sheet_file(self.source), result.held_out_parts(jobs))
        what = (dataset, jobs, self.explaining, self.out)
        with track("explanations", 1) as advance:
            result.explain_folds(
                *what,
                self.workers,
                lambda done, total: advance(done / total, f"{done} of {total} folds"),
                truth.placements,
            )
        methods = result.measure_methods(*what, truth)
        found = tables.ExplanationResult(
            shlex.join(["cofinal", *sys.argv[1:]]),
            self.settings,
            self.explaining,
            data_fingerprint(dataset),
            methods,
            truth,
            time.monotonic() - started,
        )
        keep(lambda: found.save(self.out / "explanations"))
        if self.figures:
            tables.draw_explanations(methods, truth, self.out / "explanations.png")
        print(json.dumps(found.to_json(), indent=2) if self.json else found.markdown())
        return 0

    def choice(self, preset: Preset) -> Any:
        """The settings that --nested chooses from; None for methods that have none."""
        from cofinal.evaluation.nested import Choice

        space = settings_class(preset.method).search
        if not self.settings.nested or not space:
            return None
        # The preset's own settings are always among the candidates.
        others = grid(space, self.settings.candidates - 1) if self.settings.candidates > 1 else []
        return Choice(({}, *others))

    def human(self, dataset: Any) -> list[Any]:
        """What one judge achieves, where the judges' marks are at hand."""
        from cofinal.agreement.human import human_rows

        judged = dataset.judged and dataset.judged.of(dataset.ids)
        if judged is None:
            return []
        column = self.settings.within or "event"
        groups = dataset.groups.get(column)
        named = dict(zip(dataset.ids, groups, strict=True)) if groups else None
        return human_rows(judged, named, column)

    def published(self) -> tuple[Any, ...]:
        """Numbers from papers on this data set."""
        from cofinal.data.cards import load_card

        if self.source.is_csv or self.source.given:  # papers predict from video alone
            return ()
        return load_card(self.source.dataset).published

    def entries(self) -> list[Any]:
        """The methods that are meant, with their presets."""
        from cofinal.benchmark.plan import Entry

        base = load_preset(self.preset or default_preset(self.source.dataset))
        known = method_names()
        found = []
        for name in self.settings.methods or ((base.method,) if self.explanations else known):
            is_preset = name.endswith(".toml") or (name not in known and name in preset_names())
            preset = load_preset(name) if is_preset else method_preset(use_method(name), base)
            label = Path(name).stem if is_preset else preset.method.rpartition(":")[2]
            found.append(Entry(label, preset, self.choice(preset)))
        labels = [entry.label for entry in found]
        for label in labels:
            if labels.count(label) > 1:
                raise CofinalError(f"method {label!r} is named twice; rename one of the presets")
        return found


def refuse_unused(explaining: ExplanationSettings) -> None:
    """Refuses flags that mean nothing without --explanations."""
    usual = ExplanationSettings()
    for entry in fields(explaining):
        value = getattr(explaining, entry.name)
        if value != getattr(usual, entry.name):
            flag = entry.name.replace("_", "-")
            raise CofinalError(f"--{flag} judges explanations; add --explanations, or leave it out")
