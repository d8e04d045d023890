"""Kills runs at random moments, two at once in one folder: nothing may be lost, nothing mixed.

    python benchmarks/kills.py --rounds 50 --out benchmarks/kills

In each round two processes are given the same command and folder at once, and each is killed when
it has used a random share of the processor time that the command takes. What lies in the folder
must then be whole, and the same command, given once more, must end as if nothing had happened:
with the very files of a run that was left alone. Processes are forked from this one, which trains
nothing itself.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import resource
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch
import tyro
from safetensors import safe_open

import cofinal.audit.explanations.result
import cofinal.benchmark.run
import cofinal.extraction.many
import cofinal.workflows  # noqa: F401 - imported once, before processes are forked
from cofinal.cli.main import main
from cofinal.data.features import read_values
from cofinal.files.reading import read_json
from cofinal.generated.encoding import write_film
from cofinal.generated.rendering import FilmSettings
from cofinal.generated.synthetic import generate, write_dataset

SMALL = "--training.epochs 4 --training.members 1"
COMMANDS = {
    "train": f"train --method usdl {SMALL} {{data}}",
    "evaluate": f"evaluate --method usdl --folds 3 {SMALL} {{data}}",
    "benchmark": "benchmark --methods mean ridge ridge-segments --seeds 2 {data}",
    "extract": "extract {films} --backbone motion --input-px 64",
}
# What a run tells of itself alone: how long it took, and what was typed.
OWN = ("seconds", "command")
# Files that say what is going on, or the same as another file in words.
PASSING = (".lock", ".jsonl", "checkpoint.pt", ".md")


@dataclass
class Arguments:
    """Kill runs and see what is left."""

    rounds: int = 50
    """Rounds of each command; two runs are killed in each."""
    commands: tuple[str, ...] = tuple(COMMANDS)
    """Which ones."""
    seed: int = 0
    out: Path | None = None
    """Where to write the result, without an ending; nowhere if left out."""


@dataclass
class Found:
    """What happened to one command."""

    command: str
    rounds: int
    killed: int = 0
    """Runs that were killed before their end."""
    refused: int = 0
    """Runs that were told that another works in the folder."""
    ended: int = 0
    """Runs that came to their end before their moment."""
    kept: int = 0
    """Rounds whose last run found work of a killed one and went on from there."""
    damaged: int = 0
    """Rounds after which a file was not whole."""
    different: int = 0
    """Rounds whose last run failed, or left other files than a run that was left alone."""


def forked(job: Callable[[], int]) -> int:
    """Runs a job in a process of its own and returns its number."""
    number = os.fork()
    if number:
        return number
    status = 70
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            status = job()
    finally:
        os._exit(status)


def run(words: Sequence[str], seconds: float = 0.0) -> int:
    """Starts a command, killed after so much processor time, if any; returns its process."""

    def job() -> int:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends a process as hard as a kill does
        signal.setitimer(signal.ITIMER_PROF, seconds)
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            status = main(list(words))
        return 75 if "is in use by" in said.getvalue() else status

    return forked(job)


def ended(number: int) -> tuple[int, float]:
    """How a process ended, and the processor time that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _, status = os.waitpid(number, 0)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return os.waitstatus_to_exitcode(status), used


def results(folder: Path) -> dict[str, Any]:
    """What a run left, without what it tells of itself alone."""
    names = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*.*")}
    return {
        name: content_of(path)
        for name, path in names.items()
        if path.is_file() and not name.endswith(PASSING)
    }


def content_of(path: Path) -> Any:
    """What a file holds, as values that can be compared."""
    if path.suffix == ".json":
        return without_own(json.loads(path.read_text()))
    if path.suffix == ".safetensors":
        with safe_open(path, framework="numpy") as file:
            about = {k: without_own(json.loads(v)) for k, v in (file.metadata() or {}).items()}
            return about, {name: file.get_tensor(name).tobytes() for name in sorted(file.keys())}
    return path.read_bytes()


def without_own(value: Any) -> Any:
    """JSON without what a run tells of itself alone."""
    if isinstance(value, dict):
        kept = {k: v for k, v in value.items() if not any(own in k for own in OWN)}
        return {k: without_own(v) for k, v in kept.items()}
    return [without_own(v) for v in value] if isinstance(value, list) else value


def whole(folder: Path) -> bool:
    """Whether everything in a folder can be read to its end."""
    try:
        for path in folder.rglob("*.json"):
            read_json(path, "JSON")
        for path in folder.rglob("*.npy"):
            read_values(path)
        for path in folder.rglob("*.safetensors"):
            with safe_open(path, framework="numpy") as file:
                for name in file.keys():  # noqa: SIM118 - no dictionary
                    file.get_tensor(name)
        for path in folder.rglob("checkpoint.pt"):
            torch.load(path, weights_only=True)
    except Exception as error:
        print(f"not whole: {error}", file=sys.stderr)
        return False
    return True


def try_command(command: str, place: Path, rounds: int, draws: np.random.Generator) -> Found:
    """Kills a command in so many rounds."""
    data = f"--dataset {place / 'labels.csv'} --features {place / 'features'}"
    words = COMMANDS[command].format(data=data, films=place / "films").split()
    alone = place / f"{command}-alone"
    status, seconds = ended(run([*words, "--out", str(alone)]))
    assert status == 0, f"{command} failed by itself"
    wanted, found = results(alone), Found(command, rounds)
    for number in range(rounds):
        folder = place / f"{command}-{number}"
        out = [*words, "--out", str(folder)]
        for process in [run(out, float(t)) for t in draws.uniform(0.002, seconds, 2)]:
            status, _ = ended(process)
            found.killed += status == -signal.SIGPROF
            found.refused += status == 75
            found.ended += status == 0
        found.damaged += not whole(folder)
        found.kept += any(
            path.is_file() for path in folder.rglob("*.*") if ".lock" not in str(path)
        )
        status, _ = ended(run(out))
        left = results(folder)
        if status or left != wanted:
            found.different += 1
            others = [name for name in wanted | left if wanted.get(name) != left.get(name)]
            print(f"{folder}: status {status}, different: {others}", file=sys.stderr)
    return found


def write_material(place: Path) -> int:
    """Generated performances and films."""
    write_dataset(place, generate(32, channels=8, clips=(12, 18), seed=3))
    (place / "films").mkdir()
    draws = np.random.default_rng(0)
    for number in range(4):
        frames = draws.integers(0, 255, (1, 48, 64, 3), dtype=np.uint8).repeat(70, 0)
        for t, frame in enumerate(frames):
            frame[10:20, t % 50 : t % 50 + 10] = 255
        write_film(place / "films" / f"{number}.mp4", frames, FilmSettings(64, 48), "kills")
    return 0


def table(results: Sequence[Found]) -> str:
    """The result for people."""
    head = "| command | rounds | runs killed | refused | ended | went on | damaged | different |"
    lines = [
        f"| `{f.command}` | {f.rounds} | {f.killed} | {f.refused} | {f.ended} | {f.kept} | "
        f"{f.damaged} | {f.different} |"
        for f in results
    ]
    return "\n".join([head, "|" + " --- |" * 8, *lines]) + "\n"


def measure(arguments: Arguments) -> list[Found]:
    """Kills every command."""
    torch.set_num_threads(1)
    draws = np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        assert ended(forked(lambda: write_material(place)))[0] == 0
        return [try_command(c, place, arguments.rounds, draws) for c in arguments.commands]


if __name__ == "__main__":
    arguments = tyro.cli(Arguments, description=__doc__)
    measured = measure(arguments)
    if arguments.out:
        text = json.dumps([asdict(found) for found in measured], indent=2)
        arguments.out.with_suffix(".json").write_text(text + "\n")
    print(table(measured))
    sys.exit(any(found.damaged or found.different for found in measured))
