"""What is marked of each film: the targets with their scales."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.files.tables import csv_records, finite_cell
from cofinal.page.store import Store
from cofinal.settings import quoted

COLUMNS = ("target", "lowest", "highest", "step")
LONGEST_NAME = 80
MOST = 20
# Marks lie on the scale's steps but for what decimals cannot hold.
ROUNDING = 1e-6


@dataclass(frozen=True)
class Target:
    """One number that raters give a film."""

    name: str
    lowest: float
    """Points of the worst performance."""
    highest: float
    step: float
    """Smallest difference between two marks."""

    def __post_init__(self) -> None:
        check_name(self.name, "target")
        numbers = (self.lowest, self.highest, self.step)
        if not all(map(math.isfinite, numbers)) or not 0 < self.step <= self.highest - self.lowest:
            raise CofinalError(
                f"target {quoted(self.name)} goes from {self.lowest:g} to {self.highest:g} in "
                f"steps of {self.step:g}; expected a higher end above the lower one, and a step "
                "that fits between them"
            )

    def check(self, mark: float) -> None:
        """Refuses a mark that the scale does not have.

        Raises:
            CofinalError: as said.
        """
        steps = (mark - self.lowest) / self.step
        if not self.lowest <= mark <= self.highest or abs(steps - round(steps)) > ROUNDING:
            raise CofinalError(
                f"{self.name}: {mark:g} is not on the scale; expected {self.lowest:g} to "
                f"{self.highest:g} in steps of {self.step:g}"
            )


def check_name(name: str, what: str) -> None:
    """Refuses names that would be unreadable in a table or a file.

    Raises:
        CofinalError: as said.
    """
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not printable(name):
        raise CofinalError(
            f"{what} {quoted(name)}; expected 1 to {LONGEST_NAME} letters, digits and signs, "
            "without spaces around them"
        )


def printable(text: str) -> bool:
    """Whether a text has nothing in it that files or screens would trip over."""
    return text.isprintable()


def read_targets(path: Path) -> list[Target]:
    """Targets of a CSV with the columns target, lowest, highest, step.

    Raises:
        CofinalError: an unreadable or faulty file.
    """
    found = []
    for where, cells in csv_records(path, COLUMNS):
        numbers = [finite_cell(cells[name], name, where) for name in COLUMNS[1:]]
        found.append(Target(cells["target"], *numbers))
    return found


def targets(store: Store) -> list[Target]:
    """The targets in their order."""
    with store.reading() as db:
        rows = db.execute("SELECT name, lowest, highest, step FROM targets ORDER BY position")
        return [Target(**dict(row)) for row in rows]


def set_targets(store: Store, wanted: Sequence[Target]) -> None:
    """Replaces the targets; marks of those that are gone stay in the file.

    Raises:
        CofinalError: none, too many, or two of one name.
    """
    names = [one.name for one in wanted]
    if not 1 <= len(names) <= MOST or len(set(names)) < len(names):
        raise CofinalError(
            f"targets {', '.join(names) or 'none'}; expected 1 to {MOST} of different names"
        )
    with store.writing() as db:
        db.execute("DELETE FROM targets")
        rows = [
            (one.name, place, one.lowest, one.highest, one.step) for place, one in enumerate(wanted)
        ]
        db.executemany("INSERT INTO targets VALUES (?, ?, ?, ?, ?)", rows)
