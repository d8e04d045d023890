"""`cofinal evaluate`: honest numbers for a method on a data set."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from cofinal.cli.settings import MethodCommand, tell_taken
from cofinal.config import ProtocolSettings
from cofinal.progress import track_trainings


@dataclass(frozen=True)
class Evaluate(MethodCommand):
    """Measure a method: train on a part, judge the rest, over folds or on the official split."""

    evaluation: tyro.conf.OmitArgPrefixes[ProtocolSettings] = field(
        default=ProtocolSettings(), kw_only=True
    )
    """The protocol."""
    out: Path | None = field(default=None, kw_only=True)
    """Folder for result, predictions and finished folds; a killed evaluation continues there."""

    def run(self) -> int:
        """Evaluates and prints the table."""
        from cofinal.data.dataset import load_dataset
        from cofinal.evaluation.evaluate import evaluate
        from cofinal.models import learns_from_judges

        self.source.refuse_unused_sheet()
        preset = self.chosen_preset()
        dataset = load_dataset(self.source, learns_from_judges(preset))
        tell_taken(self.source)
        with track_trainings("evaluating") as on_progress:
            result = evaluate(dataset, preset, self.evaluation, self.out, on_progress)
        if self.json:
            print(json.dumps(result.to_json(), indent=2))
            return 0
        print(f"{result.method}, protocol {self.evaluation.protocol}")
        print(result.table())
        if self.out and (self.out / "result.json").exists():
            print(f"Written to {self.out}: result.json, table.txt, predictions.csv")
        return 0
