"""Makes the model that comes with the package, measures it by event folds, and checks it.

    python benchmarks/make_fisv_model.py --data FOLDER_OF_FISV

A killed run goes on where it was. The model is written to src/cofinal/shipped/fisv: large tensors
as float16, intervals calibrated by event folds, no index of the training performances. It is
refused if rounding moves a score of any performance by more than 0.005 points, if it is larger than
8 MB, or if ids or scores of the training performances stand in its files.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

from cofinal.config import CalibrationSettings, DataSource, ProtocolSettings, load_preset
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.evaluation.calibration import plan_calibration
from cofinal.evaluation.evaluate import evaluate
from cofinal.files.atomic import json_text
from cofinal.files.lock import alone_in
from cofinal.modelfolder.folder import CONFIG, load_model, save_model
from cofinal.modelfolder.naming import SHIPPED
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.progress import track
from cofinal.workflows import train_calibrated

MOST_POINTS, MOST_BYTES = 0.005, 8_000_000
GROUP = "event"


@dataclass
class Arguments:
    """Make the Fis-V model that comes with the package."""

    data: Path
    """Folder of Fis-V."""
    preset: str = "fisv"
    """Preset, by name or path."""
    work: Path = Path("runs/shipped-fisv")
    """Where finished folds and the training are kept."""
    out: Path = SHIPPED / "fisv"
    """The model folder."""


def check_model(model: Ensemble, dataset: Dataset, folder: Path) -> str:
    """Compares what was written with what was trained.

    Raises:
        SystemExit: it may not be shipped; the folder is removed.
    """
    written, _ = load_model(folder)
    expected, found = (predict_scores(one, dataset.clips) for one in (model, written))
    moved = float(np.abs(expected - found).max())
    size = sum(path.stat().st_size for path in folder.iterdir())
    config = (folder / CONFIG).read_text(encoding="utf-8")
    # Ids of Fis-V are bare numbers, so it is their list, and scores, that are looked for.
    told = any(json_text(list(part)) in config for part in (dataset.ids, dataset.scores[:, 0]))
    names = sorted(path.name for path in folder.iterdir())
    expected_names = ["calibration.json", "card.md", "config.json", "model.safetensors"]
    if moved > MOST_POINTS or size > MOST_BYTES or told or names != expected_names:
        shutil.rmtree(folder)
        raise SystemExit(
            f"not shipped: rounding moves scores by {moved:.4f} points (at most {MOST_POINTS}), "
            f"{size:,} bytes (at most {MOST_BYTES:,}), files {names}"
        )
    return f"rounding moves scores by at most {moved:.4f} points; {size:,} bytes"


def main(arguments: Arguments) -> None:
    """Measures, trains, writes and checks."""
    dataset = load_dataset(DataSource("fisv", arguments.data), judges=False)
    preset = load_preset(arguments.preset)
    protocol = ProtocolSettings(protocol="group", group=GROUP)
    with track("event folds", 1.0) as advance:
        result = evaluate(
            dataset,
            preset,
            protocol,
            arguments.work / "folds",
            lambda name, done, total: advance(done / total, name),
        )
    print(result.table())
    calibration = CalibrationSettings("folds", calibration_group=GROUP)
    plan = plan_calibration(dataset, calibration, preset.training.seed)
    with alone_in(arguments.work / "run"):
        model, info = train_calibrated(plan, preset, arguments.work / "run", True)
    info = replace(info, measured=result.to_json())
    save_model(model, info, arguments.out, half=True)
    print(f"{arguments.out}: {check_model(model, dataset, arguments.out)}")


if __name__ == "__main__":
    main(tyro.cli(Arguments))
