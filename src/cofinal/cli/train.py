"""`cofinal train`: data in, a run folder with a model out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import tyro

from cofinal.cli.settings import with_preset_fields
from cofinal.config import DataSource, Preset


@dataclass(frozen=True)
class Train:
    """Train a model. Every setting of the preset is a flag of its own.

    A run that was killed continues when the same command is given again.
    """

    source: tyro.conf.OmitArgPrefixes[DataSource]
    """Where the performances come from."""
    out: Path = field(default=Path("runs/latest"), kw_only=True)
    """Run folder; the trained model is its subfolder `model`."""
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
        """Trains, and measures on the test split where there is one."""
        from cofinal.fitting import train_model

        preset = Preset(self.preset_method, self.model, self.training)
        outcome = train_model(self.source, preset, self.out)
        if self.json:
            result = outcome.result.to_json() if outcome.result else None
            print(json.dumps({"model": str(outcome.model_folder), "result": result}, indent=2))
            return 0
        if outcome.result:
            print("Held-out test split, final model (no choice was made on it):")
            print(outcome.result.table())
        else:
            print("No test split: measure with `cofinal evaluate`.")
        print(f"Model: {outcome.model_folder}")
        return 0
