"""`cofinal train`: data in, a run folder with a model out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import tyro

from cofinal.cli.settings import MethodCommand, tell_taken
from cofinal.config import CalibrationSettings


@dataclass(frozen=True)
class Train(MethodCommand):
    """Train a model. Every setting of the preset is a flag of its own.

    A run that was killed continues when the same command is given again.
    """

    out: Path = field(default=Path("runs/latest"), kw_only=True)
    """Run folder; the trained model is its subfolder `model`."""
    neighbours: bool = field(default=True, kw_only=True)
    """Leave out ids, scores and short vectors of the training performances, which the model folder
    otherwise holds so that explanations can name those most alike."""
    intervals: tyro.conf.OmitArgPrefixes[CalibrationSettings] = field(
        default=CalibrationSettings(), kw_only=True
    )
    """Prediction intervals."""

    def run(self) -> int:
        """Trains, and measures on the test split where there is one."""
        from cofinal.modelfolder.card import coverage_lines
        from cofinal.workflows import train_and_test

        preset = self.chosen_preset()
        tell_taken(self.source)
        outcome = train_and_test(
            self.source,
            preset,
            self.out,
            calibration=self.intervals,
            neighbours=self.neighbours,
        )
        if self.json:
            result = outcome.result.to_json() if outcome.result else None
            print(json.dumps({"model": str(outcome.model_folder), "result": result}, indent=2))
            return 0
        if outcome.result:
            print("Held-out test split, final model (no choice was made on it):")
            print("\n".join([outcome.result.table(), *coverage_lines(outcome.coverage)]))
        else:
            print("No test split: measure with `cofinal evaluate`.")
        print(f"Model: {outcome.model_folder}")
        return 0
