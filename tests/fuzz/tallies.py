"""What became of the inputs of each reader, counted, and the table of it."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import markdown_table
from cofinal.version import __version__

TABLE = Path(__file__).resolve().parents[2] / "benchmarks" / "fuzz.md"
INTRODUCTION = """# Spoilt files, and what the readers make of them

`make fuzz` gives every reader sound files of which bytes, words, lines, values or arrays were
changed, by a fixed seed, and the command line sound commands with changed words. Two outcomes are
allowed: a right answer (*accepted*; where there is another way to the answer, both are compared),
or one sentence that says what is wrong (*refused*). Anything else is a fault: another exception, a
warning, ten seconds, a gigabyte, a file outside the folder, half a file, a program, a connection,
several lines, or more than 80 characters of a stranger's text. `make test` tries a few of each.

*Faults found* are different ones, by exception and line, that these inputs and other seeds showed
since {since}. They are counted by reader, so that one fault of code which several share
counts in each. That commit itself was tried with about 5,700 inputs, not with every reader; the
others turned up while mending, a few by reading. The last column has those that are left.
"""
# The state of the code that was tried first.
SINCE = "commit ce3e70d"


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

    @property
    def left(self) -> str:
        """How many different faults there are."""
        return str(len(self.faults))

    def line(self) -> str:
        """All of it in words."""
        return (
            f"{self.tried} tried, {self.accepted} accepted, {self.refused} refused, "
            f"{sum(self.faults.values())} faults, {1000 * self.seconds / self.tried:.1f} ms each"
        )


def write_table(tallies: Mapping[str, Tally], seed: int) -> None:
    """Writes benchmarks/fuzz.md, and fuzz.json, by which faults found before stay told."""
    record = TABLE.with_suffix(".json")
    found = json.loads(record.read_text(encoding="utf-8"))["found"] if record.exists() else {}
    for name, tally in tallies.items():
        found[name] = sorted({*found.get(name, ()), *tally.faults})
    rows = [
        [name, f"{t.tried:,}", f"{t.accepted:,}", f"{t.refused:,}", str(len(found[name])), t.left]
        for name, t in tallies.items()
    ]
    rows.append(["all", *(_sum(column) for column in list(zip(*rows, strict=True))[1:])])
    minutes = sum(tally.seconds for tally in tallies.values()) / 60
    told = f"cofinal {__version__}, seed {seed}, Python {platform.python_version()}"
    head = ["reader", "tried", "accepted", "refused", "faults found", "faults left"]
    table = markdown_table(head, rows)
    lines = [INTRODUCTION.format(since=SINCE), f"{told}, {minutes:.0f} minutes.", "", *table]
    write_text(TABLE, "\n".join(lines).rstrip() + "\n")
    counts = {n: [t.tried, t.accepted, t.refused] for n, t in tallies.items()}
    write_json(record, {"seed": seed, "counts": counts, "found": found})


def _sum(cells: Sequence[str]) -> str:
    return f"{sum(int(cell.replace(',', '')) for cell in cells):,}"
