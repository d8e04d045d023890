"""Who marks: each by a personal link, in an order of their own, some films twice unawares."""

from __future__ import annotations

import random
import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from cofinal.errors import CofinalError
from cofinal.page.store import Store, now
from cofinal.page.targets import check_name
from cofinal.settings import quoted

TOKEN_BYTES = 24
MOST = 1000


@dataclass(frozen=True)
class Rater:
    """One person who marks."""

    id: int
    name: str
    token: str
    """What the personal link ends in."""
    seed: int
    """Of the order in which this rater sees the films."""
    repeat_share: float
    """Share of the films that come twice."""


@dataclass(frozen=True)
class Task:
    """One film at its place in a rater's order."""

    position: int
    """From 1."""
    film: str
    occasion: int
    """1, or 2 where the film comes again."""


def add_rater(store: Store, name: str, repeat_share: float, films: Sequence[str]) -> Rater:
    """Adds a rater, with a link, a seed and an order.

    Raises:
        CofinalError: a name that is taken or unreadable, or a share outside 0 to 1.
    """
    check_name(name, "rater")
    if not 0 <= repeat_share <= 1:
        raise CofinalError(f"share of repeats is {repeat_share:g}; expected 0 to 1")
    token, seed = secrets.token_urlsafe(TOKEN_BYTES), secrets.randbelow(2**31)
    try:
        with store.writing() as db:
            row = db.execute(
                "INSERT INTO raters (name, token, seed, repeat_share, at) VALUES (?, ?, ?, ?, ?)",
                (name, token, seed, repeat_share, now()),
            )
            rater = Rater(int(row.lastrowid or 0), name, token, seed, repeat_share)
            _add_tasks(db, rater, films)
    except sqlite3.IntegrityError as error:
        raise CofinalError(f"rater {quoted(name)} is there already; choose another name") from error
    return rater


def raters(store: Store) -> list[Rater]:
    """Everyone, in the order in which they were added."""
    with store.reading() as db:
        rows = db.execute("SELECT id, name, token, seed, repeat_share FROM raters ORDER BY id")
        return [Rater(**dict(row)) for row in rows]


def rater_of(store: Store, token: str) -> Rater | None:
    """Whose link it is; None if nobody's."""
    found = None
    for rater in raters(store):  # all are compared, so that time tells nothing
        if secrets.compare_digest(rater.token.encode(), token.encode()):
            found = rater
    return found


def tasks(store: Store, rater: Rater, films: Sequence[str]) -> list[Task]:
    """A rater's films in order; films that are new in the folder come last."""
    with store.reading() as db:
        known = _tasks(db, rater)
    if {task.film for task in known}.issuperset(films):
        return known
    with store.writing() as db:
        _add_tasks(db, rater, films)
        return _tasks(db, rater)


def _tasks(db: sqlite3.Connection, rater: Rater) -> list[Task]:
    rows = db.execute(
        "SELECT position, film, occasion FROM tasks WHERE rater = ? ORDER BY position", (rater.id,)
    )
    return [Task(**dict(row)) for row in rows]


def _add_tasks(db: sqlite3.Connection, rater: Rater, films: Sequence[str]) -> None:
    known = _tasks(db, rater)
    seen = {task.film for task in known}
    new = [film for film in films if film not in seen]
    order = order_of(new, rater.repeat_share, rater.seed + len(known))
    rows = [
        (rater.id, len(known) + place, film, occasion)
        for place, (film, occasion) in enumerate(order, 1)
    ]
    db.executemany("INSERT INTO tasks VALUES (?, ?, ?, ?)", rows)


def order_of(films: Sequence[str], repeat_share: float, seed: int) -> list[tuple[str, int]]:
    """Films with their occasions, in an order that follows from the seed.

    Films that come again are those seen early, so that others lie between: a third of all, where
    there are so many.
    """
    rng = random.Random(seed)
    first = sorted(films)
    rng.shuffle(first)
    count = round(repeat_share * len(first))
    early = first[: max(count, len(first) // 2)]
    order = [(film, 1) for film in first]
    for film in rng.sample(early, count):
        soonest = order.index((film, 1)) + 1 + max(1, len(first) // 3)
        order.insert(rng.randint(min(soonest, len(order)), len(order)), (film, 2))
    return order
