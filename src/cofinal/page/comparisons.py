"""Two films side by side: what raters said, and what it makes of the films."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cofinal.agreement.bradley_terry import Comparison, Worths, worths
from cofinal.errors import CofinalError
from cofinal.files.tables import csv_text
from cofinal.page.films import Films
from cofinal.page.groups import groups
from cofinal.page.raters import Rater
from cofinal.page.store import Store, now
from cofinal.settings import quoted

WON = {"left": 1.0, "equal": 0.5, "right": 0.0}
# What the scores of comparisons are called where marks have their targets.
TARGET = "preference"
# A rater's last word on a pair counts.
CURRENT = """
SELECT raters.name AS judge, "left", "right", better, left_seconds, right_seconds,
  comparisons.at AS at
FROM comparisons JOIN raters ON raters.id = comparisons.rater
WHERE comparisons.id IN (
  SELECT MAX(id) FROM comparisons GROUP BY rater, MIN("left", "right"), MAX("left", "right")
) ORDER BY comparisons.id
"""


@dataclass(frozen=True)
class Ranked:
    """One film as comparisons rank it."""

    film: str
    points: float
    """Percentage of the other films that it would be judged better than, one by one."""
    low: float
    """95 % interval of the points."""
    high: float
    comparisons: int


def compare(
    store: Store, rater: Rater, pair: tuple[str, str], better: object, moment: tuple[float, float]
) -> None:
    """Adds what a rater said.

    Args:
        store: the file of marks.
        rater: who said it.
        pair: the film on the left, and that on the right.
        better: "left", "right" or "equal".
        moment: seconds of either film that were laid beside each other.

    Raises:
        CofinalError: another word, or one film twice.
    """
    if better not in list(WON) or pair[0] == pair[1]:
        raise CofinalError(
            f"{quoted(better)}; expected left, right or equal of two different films"
        )
    with store.writing() as db:
        db.execute(
            'INSERT INTO comparisons (rater, "left", "right", better, left_seconds, '
            "right_seconds, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (rater.id, *pair, better, *moment, now()),
        )


def all_comparisons(store: Store) -> list[sqlite3.Row]:
    """Everyone's last word on every pair."""
    with store.reading() as db:
        return list(db.execute(CURRENT))


def ranking(store: Store, films: Sequence[str]) -> list[Ranked]:
    """The films that were compared, the best first; empty before the first comparison."""
    told = all_comparisons(store)
    compared = {row[side] for row in told for side in ("left", "right")}
    kept = [film for film in films if film in compared]
    found = _worths(told, kept)
    rows = zip(kept, found.points, found.intervals, found.count_N, strict=True)
    ranked = [
        Ranked(film, float(points), float(ends[0]), float(ends[1]), int(count))
        for film, points, ends, count in rows
    ]
    return sorted(ranked, key=lambda one: -one.points)


def next_pair(store: Store, rater: Rater, films: Sequence[str]) -> tuple[str, str] | None:
    """The pair that would tell most, of those that the rater has not compared; None after all."""
    told = all_comparisons(store)
    place = {film: i for i, film in enumerate(films)}
    own = [row for row in told if row["judge"] == rater.name]
    done = {
        frozenset((place[row["left"]], place[row["right"]]))
        for row in own
        if row["left"] in place and row["right"] in place
    }
    found = _worths(told, films).next_pair(done, rater.seed + len(own))
    return None if found is None else (films[found[0]], films[found[1]])


def _worths(told: Sequence[sqlite3.Row], films: Sequence[str]) -> Worths:
    place = {film: i for i, film in enumerate(films)}
    games: list[Comparison] = [
        (place[row["left"]], place[row["right"]], WON[row["better"]])
        for row in told
        if row["left"] in place and row["right"] in place
    ]
    return worths(len(films), games)


def comparisons_csv(store: Store, films: Films) -> str:
    """Everyone's last word on every pair."""
    columns = ("judge", "left", "right", "better", "left_seconds", "right_seconds", "at")
    return csv_text(columns, ([row[name] for name in columns] for row in all_comparisons(store)))


def preference_csv(store: Store, films: Films) -> str:
    """Labels as those of marks: id, points of the comparisons, and groups where there are any."""
    known = groups(store)
    return csv_text(
        ("id", TARGET, *(["group"] if known else [])),
        _label_rows(ranking(store, list(films.paths())), known),
    )


def _label_rows(ranked: Sequence[Ranked], known: dict[str, str]) -> Iterator[list[str]]:
    for one in ranked:
        yield [one.film, f"{one.points:.2f}", *([known.get(one.film, "")] if known else [])]
