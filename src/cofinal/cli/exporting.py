"""`cofinal export`: a model as one file that runs without this package."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import tyro


@dataclass(frozen=True)
class Export:
    """Write a model as one file that runs without this package, in ONNX or in torch's own format.

    It takes clips (videos, clips, channels) and a mask, any number of videos and clips, and gives
    scores in points, the masses of the cells and the clips' votes, where the method has these.
    """

    model: tyro.conf.Positional[Path]
    """Model folder."""
    performances: tyro.conf.Positional[tuple[Path, ...]] = ()
    """Files of clip features (.npy) on which the file's scores are checked too."""
    format: Literal["onnx", "torch"] = field(default="onnx", kw_only=True)
    """"onnx", which the extra `export` writes; or "torch", for torch.export.load."""
    out: Path | None = field(default=None, kw_only=True)
    """The file; model.onnx or model.pt2 if left out."""

    def run(self) -> int:
        """Exports, and tells how exact the file is."""
        from cofinal.export.files import SUFFIX, export_model
        from cofinal.scorer import Scorer

        scorer = Scorer.load(self.model)
        out = self.out or Path(f"model{SUFFIX[self.format]}")
        known = [scorer.checked(path).values for path in self.performances]
        largest = export_model(scorer.model, scorer.info, out, self.format, known)
        print(f"{out}: scores differ by at most {largest:.1e} points from the model's")
        return 0
