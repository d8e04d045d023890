"""Eight seeds trained at once against eight trained one after the other, in one run.

    python benchmarks/seeds_at_once.py --data FOLDER_OF_FISV

Both train the same models on the same performances; each gets the same number of epochs, and the
time of an epoch is the smallest of two, after one to warm up.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import tyro

from cofinal.benchmark.tables import library_versions
from cofinal.config import DataSource, Preset, TrainingSettings, load_preset, method_preset
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.files.atomic import write_json
from cofinal.training import loop

HERE = Path(__file__).parent
SEEDS = tuple(range(8))
EPOCHS = 3


@dataclass
class Arguments:
    """Measure what training seeds at once brings."""

    data: Path
    """Folder of Fis-V."""
    out: Path = HERE / "seeds_at_once.json"
    """The result."""


def seconds_per_epoch(dataset: Dataset, preset: Preset, seeds: tuple[int, ...]) -> float:
    """The smallest time of an epoch of one stack, without the first."""
    times: list[float] = []
    original = loop.train_epoch

    def timed(*arguments: Any) -> Any:
        started = time.perf_counter()
        losses = original(*arguments)
        times.append(time.perf_counter() - started)
        return losses

    loop.train_epoch = timed
    try:
        loop.train_seeds(dataset, preset, seeds, show_progress=False)
    finally:
        loop.train_epoch = original
    return min(times[1:])


def preparation_seconds(dataset: Dataset, preset: Preset) -> float:
    """Time of everything learned without gradients, which a stack does once."""
    started = time.perf_counter()
    loop.prepare_members(dataset, preset, (0,))
    return time.perf_counter() - started


def main() -> None:
    """Measures one method of each kind and writes the result."""
    arguments = tyro.cli(Arguments)
    dataset = load_dataset(DataSource("fisv", arguments.data))
    found: dict[str, Any] = {"threads": torch.get_num_threads(), "processors": os.cpu_count()}
    for method in ("cofinal", "gdlt"):
        base = method_preset(method, load_preset("fisv"))
        training: TrainingSettings = replace(base.training, members=1, epochs=EPOCHS)
        preset = replace(base, training=training)
        prepared = preparation_seconds(dataset, preset)
        alone = seconds_per_epoch(dataset, preset, (0,)) * len(SEEDS)
        at_once = seconds_per_epoch(dataset, preset, SEEDS)
        epochs = base.training.epochs
        found[method] = {
            "epochs": epochs,
            "preparation_seconds": prepared,
            "epoch_seconds_eight_one_after_the_other": alone,
            "epoch_seconds_eight_at_once": at_once,
            "speed_up_of_an_epoch": alone / at_once,
            "speed_up_of_a_training": (len(SEEDS) * prepared + epochs * alone)
            / (prepared + epochs * at_once),
        }
        print(method, json.dumps(found[method], indent=1), flush=True)
    write_json(arguments.out, {**found, "versions": library_versions()})


if __name__ == "__main__":
    main()
