"""Do two versions of this program predict the same? For changes that should change no number.

    python benchmarks/same_numbers.py --data FOLDER_OF_FISV --out before.npz
    (change the code)
    python benchmarks/same_numbers.py --data FOLDER_OF_FISV --out after.npz --against before.npz

Predicts all Fis-V training performances out of fold (folds without a shared event) with `ridge`,
`usdl` and one member of `cofinal`; tells the largest difference in points, and SRCC of both.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from cofinal import (
    DataSource,
    ProtocolSettings,
    evaluate,
    load_dataset,
    load_preset,
    override,
    srcc,
)
from cofinal.config import method_preset

LARGEST_DIFFERENCE = 1e-6


@dataclass
class Arguments:
    """Predict out of fold, and compare with another version's predictions."""

    data: Path
    """Folder of the Fis-V label files and features."""
    out: Path
    """File (.npz) that the predictions are written to."""
    against: Path | None = None
    """File that another version has written."""


def main(arguments: Arguments) -> int:
    """Returns 1 where a difference is larger than allowed."""
    dataset = load_dataset(DataSource("fisv", arguments.data))
    fisv = load_preset("fisv")
    found = {"scores": dataset.scores}
    for method in ("ridge", "usdl", "cofinal"):
        preset = override(method_preset(method, fisv), {"training.members": 1})
        result = evaluate(dataset, preset, ProtocolSettings("group", group="event"))
        found[method] = result.predictions[0]
        print(f"{method} predicted", flush=True)
    np.savez(arguments.out, **found)
    if arguments.against is None:
        return 0
    worst = 0.0
    with np.load(arguments.against, allow_pickle=False) as before:
        for method in before.files:
            difference = float(np.abs(before[method] - found[method]).max())
            worst = max(worst, difference)
            ranks = [
                " ".join(f"{srcc(p, s):.4f}" for p, s in zip(v.T, dataset.scores.T, strict=True))
                for v in (before[method], found[method])
            ]
            print(f"{method}: largest difference {difference:.2e}; SRCC {ranks[0]}, now {ranks[1]}")
    return int(worst > LARGEST_DIFFERENCE)


if __name__ == "__main__":
    sys.exit(main(tyro.cli(Arguments)))
