"""`cofinal evaluate`: honest numbers for a method on a data set."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import tyro

from cofinal.cli.settings import with_preset_fields
from cofinal.config import DataSource, Preset, ProtocolSettings
from cofinal.progress import track


@dataclass(frozen=True)
class Evaluate:
    """Measure a method: train on a part, judge the rest, over folds or on the official split."""

    source: tyro.conf.OmitArgPrefixes[DataSource]
    """Where the performances come from."""
    evaluation: tyro.conf.OmitArgPrefixes[ProtocolSettings] = field(
        default=ProtocolSettings(), kw_only=True
    )
    """The protocol."""
    out: Path | None = field(default=None, kw_only=True)
    """Folder for result, predictions and finished folds; a killed evaluation continues there."""
    preset: str | None = field(default=None, kw_only=True)
    """Name of a preset or path of a TOML file; the data set's own preset if left out."""
    method: str | None = field(default=None, kw_only=True)
    """Method, if it is not the preset's."""
    json: bool = field(default=False, kw_only=True)
    """Print the result as JSON."""

    preset_method: ClassVar[str]
    model: ClassVar[Any]
    training: ClassVar[Any]

    @classmethod
    def with_settings(cls, flags: Sequence[str]) -> type:
        """This command with the settings of the preset that the flags mean."""
        return with_preset_fields(cls, flags)

    def run(self) -> int:
        """Evaluates and prints the table."""
        from cofinal.data.dataset import load_dataset
        from cofinal.evaluation.evaluate import evaluate

        dataset = load_dataset(self.source)
        preset = Preset(self.preset_method, self.model, self.training)
        with track("evaluating", 1.0) as advance:
            result = evaluate(
                dataset,
                preset,
                self.evaluation,
                self.out,
                lambda name, done, total: advance(done / total, name),
            )
        if self.json:
            print(json.dumps(result.to_json(), indent=2))
            return 0
        print(f"{result.method}, protocol {self.evaluation.protocol}")
        print(result.table())
        if self.out:
            print(f"Written to {self.out}: result.json, table.txt, predictions.csv")
        return 0
