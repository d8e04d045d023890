"""`make fuzz`: every reader with spoilt inputs, by a fixed seed; a table in benchmarks/fuzz.md."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import command_lines
import films
import skeleton_readers
import tensor_readers
import text_readers
from subjects import Subject
from watch import Verdict, place_of, watch


@dataclass
class Tally:
    """What became of the inputs of one reader."""

    tried: int = 0
    accepted: int = 0
    refused: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Place -> how often."""
    examples: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Place -> number of an input, and what it told."""
    seconds: float = 0.0


def fuzz(subject: Subject, count: int, seed: int, first: int = 0) -> Tally:
    """Tries a reader with so many inputs; the same seed and number give the same input."""
    tally = Tally()
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        for number in range(first, first + count):
            folder = Path(place).resolve() / "input"
            verdict = attempt(subject, number, seed, folder)
            tally.tried += 1
            tally.accepted += verdict.outcome == "accepted"
            tally.refused += verdict.outcome == "refused"
            if verdict.outcome == "fault":
                tally.faults[verdict.place] += 1
                tally.examples.setdefault(verdict.place, (number, verdict.told))
    tally.seconds = time.monotonic() - started
    return tally


def attempt(subject: Subject, number: int, seed: int, folder: Path) -> Verdict:
    """One input, written into a fresh folder, read, and checked for its meaning."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    rng = random.Random(zlib.crc32(f"{subject.name} {seed} {number}".encode()))
    subject.write(rng, folder)
    verdict, answer = watch(subject.read, folder)
    check = subject.check
    if verdict.outcome == "accepted" and check is not None:
        try:
            check(folder, answer)
        except Exception as error:
            told = f"means something else: {type(error).__name__} {error}"
            return Verdict("fault", told[:300], f"meaning: {place_of(error)}")
    return verdict


def all_subjects() -> list[Subject]:
    """Every reader."""
    world = tensor_readers.World()
    return [
        *text_readers.subjects(),
        *skeleton_readers.subjects(),
        *tensor_readers.subjects(world),
        *films.subjects(),
        *command_lines.subjects(world),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries every reader, prints a table, and says where faults are."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--inputs", type=int, default=25_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    chosen = parser.parse_args(arguments)
    found = [s for s in all_subjects() if chosen.only in s.name]
    total = sum(subject.weight for subject in found)
    faulty = False
    for subject in found:
        tally = fuzz(subject, max(1, chosen.inputs * subject.weight // total), chosen.seed)
        print(
            f"{subject.name:42} {tally.tried:6} tried {tally.accepted:6} accepted "
            f"{tally.refused:6} refused {sum(tally.faults.values()):5} faults "
            f"{1000 * tally.seconds / tally.tried:6.1f} ms",
            flush=True,
        )
        for place, count in tally.faults.most_common():
            faulty = True
            number, told = tally.examples[place]
            print(f"    {count} x {place}\n        input {number}: {told[:200]}")
    return int(faulty)


if __name__ == "__main__":
    sys.exit(main())
