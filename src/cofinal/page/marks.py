"""What raters gave; every change is a line of its own, the last one counts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from cofinal.errors import CofinalError
from cofinal.page.raters import Rater, Task
from cofinal.page.store import Store, now
from cofinal.page.targets import Target
from cofinal.settings import quoted

# The last line of each rater, film, occasion and target, unless it took the mark back.
CURRENT = """
SELECT raters.name AS judge, film, occasion, target, mark, marks.at AS at
FROM marks JOIN raters ON raters.id = marks.rater
WHERE marks.id IN (
  SELECT MAX(id) FROM marks WHERE :rater IS NULL OR rater = :rater
  GROUP BY rater, film, occasion, target
) AND mark IS NOT NULL
ORDER BY raters.id, marks.id
"""


@dataclass(frozen=True)
class Mark:
    """One rater's present mark of one film."""

    judge: str
    film: str
    occasion: int
    target: str
    mark: float
    at: str
    """When it was given, UTC."""


def give_mark(store: Store, rater: Rater, task: Task, target: Target, mark: float | None) -> str:
    """Adds a mark; the same one again changes nothing, so that a lost answer may be asked again.

    Args:
        store: the file.
        rater: who gives it.
        task: for which film, which time.
        target: of what.
        mark: points; None takes the mark back.

    Returns:
        when it was saved.

    Raises:
        CofinalError: points that the scale does not have.
    """
    if mark is not None:
        target.check(mark)
    key = (rater.id, task.film, task.occasion, target.name)
    with store.writing() as db:
        last = db.execute(
            "SELECT mark, at FROM marks WHERE rater = ? AND film = ? AND occasion = ? "
            "AND target = ? ORDER BY id DESC LIMIT 1",
            key,
        ).fetchone()
        if (None if last is None else last["mark"]) == mark:
            return now() if last is None else str(last["at"])
        at = now()
        db.execute(
            "INSERT INTO marks (rater, film, occasion, target, mark, at) VALUES (?, ?, ?, ?, ?, ?)",
            (*key, mark, at),
        )
    return at


def all_marks(store: Store, rater: Rater | None = None) -> list[Mark]:
    """Present marks, everyone's or one rater's."""
    with store.reading() as db:
        rows = db.execute(CURRENT, {"rater": None if rater is None else rater.id})
        return [Mark(**dict(row)) for row in rows]


def last_mark(store: Store) -> int:
    """Number of the last change; 0 before the first."""
    with store.reading() as db:
        return int(db.execute("SELECT COALESCE(MAX(id), 0) FROM marks").fetchone()[0])


def marks_of(store: Store, rater: Rater) -> dict[tuple[str, int], dict[str, float]]:
    """One rater's present marks: (film, occasion) -> target -> points."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for one in all_marks(store, rater):
        found.setdefault((one.film, one.occasion), {})[one.target] = one.mark
    return found


def trail(store: Store) -> Iterator[sqlite3.Row]:
    """Every change of a mark, oldest first: when, judge, film, occasion, target, before, mark."""
    with store.reading() as db:
        yield from db.execute(
            "SELECT marks.at AS at, raters.name AS judge, film, occasion, target, "
            "LAG(mark) OVER (PARTITION BY rater, film, occasion, target ORDER BY marks.id) "
            "AS before, mark FROM marks JOIN raters ON raters.id = marks.rater ORDER BY marks.id"
        )


def target_named(known: list[Target], name: object) -> Target:
    """One of the targets.

    Raises:
        CofinalError: there is none of that name.
    """
    found = next((target for target in known if target.name == name), None)
    if found is None:
        names = ", ".join(target.name for target in known)
        raise CofinalError(f"target {quoted(name)} is unknown; expected one of {names}")
    return found
