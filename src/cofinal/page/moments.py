"""What happened in a film: moments and elements with names and notes, as raters saw them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cofinal.errors import CofinalError
from cofinal.files.tables import finite
from cofinal.page.raters import Rater
from cofinal.page.store import Store, now
from cofinal.page.targets import check_name, printable
from cofinal.settings import quoted

LONGEST_NOTE = 1000
# A film lasts no longer; what is beyond was not seen in one.
LATEST_SECONDS = 12 * 3600.0
# Name, note, start, end.
Told = tuple[str, str, float, float | None]
CURRENT = """
SELECT number, raters.name AS judge, film, moments.name AS name, note, start, "end"
FROM moments JOIN raters ON raters.id = moments.rater
WHERE moments.id IN (SELECT MAX(id) FROM moments GROUP BY number) AND NOT removed
ORDER BY film, start, number
"""


@dataclass(frozen=True)
class Moment:
    """A moment of a film, or an element that lasts."""

    number: int
    """By which it is changed."""
    judge: str
    film: str
    name: str
    note: str
    start: float
    """Seconds of the film."""
    end: float | None
    """None for a moment; later than the start for an element."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return asdict(self)


def change_moment(store: Store, rater: Rater, film: str, sent: dict[str, Any]) -> None:
    """Adds what was sent, or with a number changes or removes what the rater marked before.

    Raises:
        CofinalError: a name, note or time that cannot be, or a number of somebody else's.
    """
    number = sent.get("number")
    if number is not None and number not in [one.number for one in moments_of(store, rater, film)]:
        raise CofinalError(f"moment {quoted(number)} is not there; reload the page")
    name, note = sent.get("name", ""), sent.get("note", "")
    if not isinstance(name, str) or not isinstance(note, str):
        raise CofinalError("a moment's name and note are texts; reload the page")
    start = finite(sent.get("start"), "time", "moment")
    end = None if sent.get("end") is None else finite(sent["end"], "time", "moment")
    told = checked(name, note, start, end)
    add(store, rater, film, told, number, bool(sent.get("removed")))


def checked(name: str, note: str, start: float, end: float | None) -> Told:
    """Name, note, start and end, times to the millisecond.

    Raises:
        CofinalError: a name, note or time that cannot be.
    """
    check_name(name, "moment")
    if len(note) > LONGEST_NOTE or not printable(note):
        raise CofinalError(f"note {quoted(note)}; expected at most {LONGEST_NOTE} signs in a line")
    start, end = round(start, 3), None if end is None else round(end, 3)
    for time in (start, end):
        if time is not None and not 0 <= time <= LATEST_SECONDS:
            raise CofinalError(f"time {time:g} s; expected 0 or more, and no later than 12 hours")
    if end is not None and end <= start:
        raise CofinalError(f"{name} lasts from {start:g} to {end:g} s; expected a later end")
    return name, note, start, end


def add(
    store: Store,
    rater: Rater,
    film: str,
    told: Told,
    number: int | None = None,
    removed: bool = False,
) -> None:
    """Adds a line of name, note, start and end, which was checked; without a number a new one."""
    with store.writing() as db:
        row = db.execute(
            'INSERT INTO moments (number, rater, film, name, note, start, "end", removed, at) '
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (number, rater.id, film, *told, removed, now()),
        )
        if number is None:
            db.execute("UPDATE moments SET number = id WHERE id = ?", (row.lastrowid,))


def all_moments(store: Store) -> list[Moment]:
    """What everyone marked, by film and time."""
    with store.reading() as db:
        return [Moment(**dict(row)) for row in db.execute(CURRENT)]


def moments_of(store: Store, rater: Rater, film: str) -> list[Moment]:
    """What one rater marked in one film."""
    return [one for one in all_moments(store) if one.judge == rater.name and one.film == film]
