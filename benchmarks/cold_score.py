"""How long `cofinal score` of one feature file takes in a fresh process, beside torch alone.

    python benchmarks/cold_score.py
    python benchmarks/cold_score.py --before OTHER_SOURCE_FOLDER

Each round starts `import torch` and `cofinal score` one after the other, so that both meet the same
machine; the answer is the best of the rounds. The model is calibrated and scores with an interval.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import tyro

import cofinal
from cofinal.benchmark.tables import library_versions
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import markdown_table
from cofinal.generated.synthetic import generate, write_dataset

HERE = Path(__file__).parent
COLUMNS = ("fresh process", "seconds", "beside torch", "processor seconds", "beside torch")
SOURCE = Path(cofinal.__file__).parents[1]


@dataclass
class Arguments:
    """Measure a cold score."""

    before: Path | None = None
    """Folder of another version's source, measured in the same rounds."""
    rounds: int = 5
    """Times that each is started."""
    out: Path = HERE / "cold_score"
    """The result: OUT.json and OUT.md."""


def seconds(arguments: list[str], source: Path) -> tuple[float, float]:
    """Wall and processor time of a fresh process."""
    environment = os.environ | {"PYTHONPATH": str(source)}
    used, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL
    )
    wall, now = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime


def trained(data: Path, out: Path, source: Path) -> Path:
    """The folder of a model that a version trained on data of its own writing."""
    where = f"--dataset {data / 'labels.csv'} --data {data / 'features'} --out {out}"
    flags = "--preset generated --training.epochs 1 --training.members 4"
    calibration = "--calibration part --calibration-share 0.4"
    command = f"-m cofinal.cli.main train {where} {flags} {calibration}"
    seconds(command.split(), source)
    return out / "model"


def main() -> None:
    """Measures and writes the table."""
    arguments = tyro.cli(Arguments)
    sources = {"after": SOURCE} | ({"before": arguments.before} if arguments.before else {})
    with tempfile.TemporaryDirectory() as name:
        data = Path(name)
        # As wide as the features of Fis-V, and as long.
        write_dataset(data, generate(32, channels=1024, clips=(120, 130), seed=3))
        features = min((data / "features").glob("*.npy"))
        ways = {"`import torch` alone": (["-c", "import torch"], SOURCE)}
        for label, source in sources.items():
            model = trained(data, data / label, source)
            command = ["-m", "cofinal.cli.main", "score", str(model), str(features)]
            ways[f"`cofinal score`, {label}"] = (command, source)
        found = {way: [] for way in ways}  # type: dict[str, list[tuple[float, float]]]
        for _ in range(arguments.rounds):
            for way, call in ways.items():
                found[way].append(seconds(*call))
    best = {way: tuple(map(min, zip(*times, strict=True))) for way, times in found.items()}
    torch_wall, torch_cpu = best["`import torch` alone"]
    rows = [
        [way, *(f"{x:.2f}" for x in (wall, wall / torch_wall, cpu, cpu / torch_cpu))]
        for way, (wall, cpu) in best.items()
    ]
    lines = [
        "# A cold score",
        "",
        f"One feature file of about 125 clips x 1024, four members, an interval; best of "
        f"{arguments.rounds}, torch {torch.__version__}, {os.cpu_count()} processors, load "
        f"{os.getloadavg()[0]:.0f}.",
        "",
        *markdown_table(COLUMNS, rows),
    ]
    write_text(arguments.out.with_suffix(".md"), "\n".join(lines))
    write_json(arguments.out.with_suffix(".json"), {"found": found, "versions": library_versions()})
    print("\n".join(lines))


if __name__ == "__main__":
    main()
