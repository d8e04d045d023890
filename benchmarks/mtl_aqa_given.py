"""How much of MTL-AQA's scores is known before a dive: the given-only row, without any video.

Run as: python benchmarks/mtl_aqa_given.py --data DATA/mtl-aqa
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from cofinal.benchmark.given_rows import with_given
from cofinal.benchmark.run import run_benchmark
from cofinal.benchmark.tables import BenchmarkResult
from cofinal.config import BenchmarkSettings
from cofinal.data.dataset import Dataset
from cofinal.files.tables import csv_records
from cofinal.training.runs import data_fingerprint

OUT = Path(__file__).with_name("mtl_aqa_given")
RULES = ("multiply", "covariate")


def read_dives(folder: Path, rule: str) -> Dataset:
    """Scores, difficulty, competitions and split of 1,412 dives; one empty clip stands for each."""
    rows = [cells for _, cells in csv_records(folder / "labels.csv", ("id", "score"))]
    dataset = Dataset.from_arrays(
        [np.zeros((1, 1), dtype=np.float32)] * len(rows),
        [float(row["score"]) for row in rows],
        ids=[row["id"] for row in rows],
        groups={"event": [row["event"] for row in rows]},
        splits=[row["split"] for row in rows],
        given={f"difficulty:{rule}": [float(row["difficulty"]) for row in rows]},
    )
    return dataset


def main() -> None:
    """Measures the row with both rules and writes a table of each beside this file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    settings = BenchmarkSettings(protocols=("kfold", "group:event", "final"))
    for rule in RULES:
        started, dataset = time.monotonic(), read_dives(folder, rule)
        with tempfile.TemporaryDirectory() as store:
            protocols = run_benchmark(dataset, with_given([]), settings, Path(store))
        found = BenchmarkResult(
            command=f"python {' '.join(sys.argv)}".replace(str(folder), "DATA/mtl-aqa"),
            settings=settings,
            data=data_fingerprint(dataset) | {"name": "mtl-aqa"},
            protocols=protocols,
            seconds=time.monotonic() - started,
            workers=1,
        )
        found.save(OUT.with_name(f"{OUT.name}_{rule}"))


if __name__ == "__main__":
    main()
