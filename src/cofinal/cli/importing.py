"""`cofinal import`: the authors' checkpoints as model folders."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from cofinal.settings import Between


@dataclass(frozen=True)
class Import:
    """Turn a checkpoint of the CoFInAl or GDLT authors' programs into a model folder."""

    file: tyro.conf.Positional[Path]
    """The authors' .pkl file."""
    out: Path = field(kw_only=True)
    """Model folder to write."""
    weights: Literal[0, 1, 2, 3] | None = field(default=None, kw_only=True)
    """Coarse weights it was trained with (released: Ball, Hoop 2; Clubs, Ribbon, TES, PCS 3)."""
    target: str = field(default="score", kw_only=True)
    """Name of the predicted score, for example PCS."""
    score_unit: Annotated[float, Between(0, 1e6, "low")] = field(default=25.0, kw_only=True)
    """Points that the unit score 1 stands for."""

    def run(self) -> int:
        """Imports and says what it was."""
        from cofinal.files.lock import alone_in
        from cofinal.modelfolder.checkpoints import import_checkpoint

        how = (self.weights, self.target, self.score_unit)
        with alone_in(self.out):
            info = import_checkpoint(self.file, self.out, *how)
        print(f"{info.preset.method} with {info.task.channels} channels written to {self.out}")
        return 0
