"""What people did as the files that the command line takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cofinal.files.atomic import write_text
from cofinal.files.tables import csv_text
from cofinal.page.comparisons import comparisons_csv, preference_csv
from cofinal.page.films import Films
from cofinal.page.groups import groups
from cofinal.page.marks import all_marks, trail
from cofinal.page.moment_files import boris, eaf, moments_csv, seen, sheets_json
from cofinal.page.raters import raters, tasks
from cofinal.page.store import Store
from cofinal.page.targets import targets

# Where everything is written that the page makes of marks, beside the films.
OUT = "cofinal"


def judges_csv(store: Store, films: Films) -> str:
    """Every present mark: id, judge, target, mark, occasion."""
    rows = [(m.film, m.judge, m.target, f"{m.mark:.10g}", m.occasion) for m in all_marks(store)]
    return csv_text(("id", "judge", "target", "mark", "occasion"), rows)


def labels_csv(store: Store, films: Films) -> str:
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


def mean_scores(store: Store, without: str | None = None) -> dict[str, dict[str, float]]:
    """Film -> target -> mean over raters of each rater's mean; one may be left out."""
    given: dict[tuple[str, str], dict[str, list[float]]] = {}
    for one in all_marks(store):
        if one.judge == without:
            continue
        given.setdefault((one.film, one.target), {}).setdefault(one.judge, []).append(one.mark)
    found: dict[str, dict[str, float]] = {}
    for (film, target), by_judge in given.items():
        means = [sum(marks) / len(marks) for marks in by_judge.values()]
        found.setdefault(film, {})[target] = sum(means) / len(means)
    return found


def trail_csv(store: Store, films: Films) -> str:
    """Who changed which mark when, oldest first."""
    columns = ("at", "judge", "film", "occasion", "target", "before", "mark")
    return csv_text(columns, ([row[name] for name in columns] for row in trail(store)))


def orders_csv(store: Store, films: Films) -> str:
    """In which order each rater sees the films, and the seed that it follows from."""
    rows = [
        (one.name, one.seed, task.position, task.film, task.occasion)
        for one in raters(store)
        for task in tasks(store, one, list(films.paths()))
    ]
    return csv_text(("judge", "seed", "position", "film", "occasion"), rows)


@dataclass(frozen=True)
class Table:
    """One kind of file."""

    what: str
    """What is in it, in a sentence."""
    text: Callable[[Store, Films], str]
    mime: str = "text/csv"


TABLES = {
    "labels.csv": Table("One score a film, the mean of its raters: to train on.", labels_csv),
    "judges.csv": Table("Every rater's mark, for cofinal agreement.", judges_csv),
    "trail.csv": Table("Every change of a mark: who, when, from what to what.", trail_csv),
    "orders.csv": Table("In which order each rater sees the films, with its seed.", orders_csv),
    "sheets.json": Table(
        "Elements in order with their times, for --sheet: of each film those of the rater who "
        "marked most.",
        sheets_json,
        "application/json",
    ),
    "comparisons.csv": Table("What raters said of pairs.", comparisons_csv),
    "preference.csv": Table(
        "One score a film by the comparisons (Bradley-Terry): to train on.", preference_csv
    ),
    "moments.csv": Table("Everyone's moments and elements.", moments_csv),
    "boris.csv": Table("The same as tabular events of BORIS.", boris),
}


def export(store: Store, films: Films) -> list[Path]:
    """Writes all tables, and ELAN's files of films that have moments; gives their paths."""
    written = [write(store, films, name) for name in TABLES]
    for film in sorted({one.film for one in seen(store)} & set(films.paths())):
        path = films.folder / OUT / "elan" / f"{film}.eaf"
        write_text(path, eaf(store, films, film))
        written.append(path)
    return written


def write(store: Store, films: Films, name: str) -> Path:
    """Writes one of `TABLES`; gives its path."""
    path = films.folder / OUT / name
    write_text(path, TABLES[name].text(store, films))
    return path
