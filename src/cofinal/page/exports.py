"""What people did as the files that the command line takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cofinal.files.atomic import write_text
from cofinal.files.tables import csv_text
from cofinal.page.groups import groups
from cofinal.page.marks import all_marks, trail
from cofinal.page.store import Store
from cofinal.page.targets import targets

# Where everything is written that the page makes of marks, beside the films.
OUT = "cofinal"


def judges_csv(store: Store) -> str:
    """Every present mark: id, judge, target, mark, occasion."""
    rows = [(m.film, m.judge, m.target, f"{m.mark:.10g}", m.occasion) for m in all_marks(store)]
    return csv_text(("id", "judge", "target", "mark", "occasion"), rows)


def labels_csv(store: Store) -> str:
    """A score per film and target, the mean of its raters, and the group where there are any.

    A rater who marked a film twice counts once, with the mean. A film that nobody marked for one of
    the targets is left out.
    """
    names = [target.name for target in targets(store)]
    scores, known = mean_scores(store), groups(store)
    rows = [
        [
            film,
            *(f"{given[name]:.10g}" for name in names),
            *([known.get(film, "")] if known else []),
        ]
        for film, given in scores.items()
        if set(names) <= set(given)
    ]
    return csv_text(("id", *names, *(["group"] if known else [])), rows)


def mean_scores(store: Store) -> dict[str, dict[str, float]]:
    """Film -> target -> mean over raters of each rater's mean."""
    given: dict[tuple[str, str], dict[str, list[float]]] = {}
    for one in all_marks(store):
        given.setdefault((one.film, one.target), {}).setdefault(one.judge, []).append(one.mark)
    found: dict[str, dict[str, float]] = {}
    for (film, target), by_judge in given.items():
        means = [sum(marks) / len(marks) for marks in by_judge.values()]
        found.setdefault(film, {})[target] = sum(means) / len(means)
    return found


def trail_csv(store: Store) -> str:
    """Who changed which mark when, oldest first."""
    columns = ("at", "judge", "film", "occasion", "target", "before", "mark")
    return csv_text(columns, ([row[name] for name in columns] for row in trail(store)))


@dataclass(frozen=True)
class Table:
    """One kind of file."""

    what: str
    """What is in it, in a sentence."""
    text: Callable[[Store], str]
    mime: str = "text/csv"


TABLES = {
    "labels.csv": Table("One score a film, the mean of its raters: to train on.", labels_csv),
    "judges.csv": Table("Every rater's mark, for `cofinal agreement`.", judges_csv),
    "trail.csv": Table("Every change of a mark: who, when, from what to what.", trail_csv),
}


def export(store: Store, folder: Path) -> list[Path]:
    """Writes all tables, each whole; gives their files."""
    return [write(store, folder, name) for name in TABLES]


def write(store: Store, folder: Path, name: str) -> Path:
    """Writes one of `TABLES`; gives its file."""
    write_text(folder / name, TABLES[name].text(store))
    return folder / name
