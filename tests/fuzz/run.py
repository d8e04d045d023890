"""`make fuzz`: every reader with spoilt inputs, by a fixed seed; a table in benchmarks/fuzz.md."""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import command_lines
import films
import given_readers
import skeleton_readers
import tensor_readers
import text_readers
from subjects import Subject
from tallies import Tally, write_table
from watch import Verdict, place_of, watch

INPUTS = 25_000


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
        *given_readers.subjects(),
        *skeleton_readers.subjects(),
        *tensor_readers.subjects(world),
        *films.subjects(),
        *command_lines.subjects(world),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Tries every reader; tells faults at once, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help="in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="readers whose names hold this; no table then")
    chosen = parser.parse_args(arguments)
    subjects = [s for s in all_subjects() if chosen.only in s.name]
    total = sum(subject.weight for subject in subjects)
    tallies = {}
    for subject in subjects:
        count = max(1, chosen.inputs * subject.weight // total)
        tally = tallies[subject.name] = fuzz(subject, count, chosen.seed)
        print(f"{subject.name}: {tally.line()}", flush=True)
        for place, times in tally.faults.most_common():
            number, told = tally.examples[place]
            print(f"    {times} x {place}\n        input {number}: {told[:200]}", flush=True)
    if not chosen.only:
        write_table(tallies, chosen.seed)
    return int(any(tally.faults for tally in tallies.values()))


if __name__ == "__main__":
    sys.exit(main())
