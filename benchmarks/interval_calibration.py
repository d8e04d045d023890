"""Do prediction intervals hold on new events? The table of docs/intervals.md.

    python benchmarks/interval_calibration.py --data FOLDER_OF_FISV

Ridge regression, trained and calibrated on three quarters of the Fis-V training performances, gives
intervals for the last quarter; random quarters, and quarters of whole events.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from cofinal.benchmark.tables import library_versions
from cofinal.config import CalibrationSettings, DataSource, Preset
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.evaluation.calibration import plan_calibration, run_calibration
from cofinal.evaluation.coverage import coverage
from cofinal.files.atomic import write_json
from cofinal.methods.ridge import RidgeSettings
from cofinal.models.inference import predict_distributions
from cofinal.training.loop import train

HERE = Path(__file__).parent
RIDGE = Preset("ridge", RidgeSettings())
WAYS = tuple((mode, group) for group in (None, "event") for mode in ("part", "folds"))


@dataclass
class Arguments:
    """Measure coverage by how performances were held out and how intervals were calibrated."""

    data: Path
    """Folder of Fis-V."""
    out: Path = HERE / "interval_calibration.json"
    """The result."""
    splits: int = 20
    """Random splits of each kind."""
    confidence: float = 0.9
    """What the intervals promise."""


def coverage_and_width(
    dataset: Dataset, judged: Dataset, settings: CalibrationSettings, split: int, confidence: float
) -> list[tuple[float, float]]:
    """For each target the coverage and the mean width on held-out performances."""
    plan = plan_calibration(dataset, settings, split)
    with tempfile.TemporaryDirectory() as folder:
        model = train(plan.training, RIDGE, None, show_progress=False)
        calibration = run_calibration(plan, model, RIDGE, folder, False)
    assert calibration is not None
    intervals = calibration.intervals(predict_distributions(model, judged.clips), confidence)
    return [(record.coverage, record.mean_width) for record in coverage(intervals, judged.scores)]


def main() -> None:
    """Measures every combination and writes the result."""
    arguments = tyro.cli(Arguments)
    dataset = load_dataset(DataSource("fisv", arguments.data))
    # Ridge sees the average alone, so a performance can be one clip.
    averages = tuple(clips.astype(np.float32).mean(0, keepdims=True) for clips in dataset.clips)
    dataset = replace(dataset, clips=averages)
    found: dict[str, Any] = defaultdict(list)
    for held_out, splitter in (("performances", ShuffleSplit), ("events", GroupShuffleSplit)):
        parts = splitter(arguments.splits, test_size=0.25, random_state=0)
        events = dataset.groups["event"]
        groups = events if held_out == "events" else None
        for split, (kept, judged) in enumerate(parts.split(events, groups=groups)):
            for mode, group in WAYS:
                settings = CalibrationSettings(mode, calibration_group=group)
                row = coverage_and_width(
                    dataset.subset(kept), dataset.subset(judged), settings, split,
                    arguments.confidence,
                )  # fmt: skip
                found[f"{held_out} held out, {mode}{', by event' if group else ''}"].append(row)
    summary = {
        name: {
            target: {
                "coverage": float(np.mean([row[k][0] for row in rows])),
                "coverage_spread_over_splits": float(np.std([row[k][0] for row in rows])),
                "width": float(np.mean([row[k][1] for row in rows])),
            }
            for k, target in enumerate(dataset.targets)
        }
        for name, rows in found.items()
    }
    settings_used = {"splits": arguments.splits, "confidence": arguments.confidence}
    write_json(arguments.out, {**settings_used, "found": summary, "versions": library_versions()})
    print(summary)


if __name__ == "__main__":
    main()
