"""`cofinal tune`: a preset's settings chosen by folds."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from cofinal.cli.settings import MethodCommand, tell_taken
from cofinal.config import ProtocolSettings, load_space
from cofinal.progress import track
from cofinal.settings import Between, Seed

if TYPE_CHECKING:
    from cofinal.benchmark.trials import TuningResult


@dataclass(frozen=True)
class Tune(MethodCommand):
    """Choose a preset's settings by folds. Performances of the split "test" take no part.

    The first trial is the preset itself. A search that was killed continues when the same command
    is given again; with more trials, a finished one goes on. Needs the extra "tune".
    """

    evaluation: tyro.conf.OmitArgPrefixes[ProtocolSettings] = field(
        default=ProtocolSettings(), kw_only=True
    )
    """The protocol: "kfold" or "group"."""
    trials: Annotated[int, Between(1, 100_000)] = field(default=30, kw_only=True)
    """Number of trials in all. The more, the more the best one flatters."""
    space: Path | None = field(default=None, kw_only=True)
    """TOML file with what is searched, for example "model.grades" = [2, 4] and
    "training.learning_rate" = { low = 3e-4, high = 3e-3, log = true }; the method's own space if
    left out."""
    objective: Literal["srcc", "r_l2"] = field(default="srcc", kw_only=True)
    """What the best trial is best in."""
    seed: Seed = field(default=0, kw_only=True)
    """Seed of the suggestions."""
    out: Path = field(default=Path("runs/tune"), kw_only=True)
    """Folder for study, finished folds, result.json and best.toml."""

    def run(self) -> int:
        """Searches and prints the best trials."""
        from cofinal.benchmark.optuna_study import import_optuna
        from cofinal.benchmark.tuning import tune
        from cofinal.data.dataset import load_dataset
        from cofinal.models import learns_from_judges

        self.source.refuse_unused_sheet()
        import_optuna()  # its absence is told before data are read
        preset = self.chosen_preset()
        space = load_space(self.space, preset) if self.space else None
        dataset = load_dataset(self.source, learns_from_judges(preset))
        tell_taken(self.source)
        with track("tuning", 1.0) as advance:
            result = tune(
                dataset,
                preset,
                self.evaluation,
                space,
                self.trials,
                self.out,
                self.seed,
                self.objective,
                advance,
            )
        print(json.dumps(result.to_json(), indent=2) if self.json else self.report(result))
        return 0

    def report(self, result: TuningResult) -> str:
        """What was found, in words."""
        outcomes = Counter(trial.outcome for trial in result.trials)
        counts = ", ".join(f"{count} {outcome}" for outcome, count in outcomes.items())
        lines = [
            f"{result.preset.method}, protocol {self.evaluation.protocol}, "
            f"{len(result.trials)} trials: {counts}",
            result.table(),
            result.caution(),
        ]
        if result.importance:
            shares = (f"{name} {share:.2f}" for name, share in result.importance.items())
            lines.append(f"Importance of settings (PED-ANOVA): {', '.join(shares)}")
        lines.append(f"Written to {self.out}: best.toml (for --preset), result.json")
        return "\n".join(lines)
