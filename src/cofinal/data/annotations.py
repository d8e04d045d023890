"""What people saw happen in films, as tables: one's own, and those of BORIS.

BORIS writes two kinds of tables. In *tabular events* an element is two lines, START and STOP, and a
moment one, POINT; in *aggregated events* it is one line with start and stop. Both are read by their
columns' names, wherever these stand, with commas or tabs between.

Source: Friard and Gamba, "BORIS: a free, versatile open-source event-logging software for
video/audio coding and live observations", Methods in Ecology and Evolution 2016; columns as its
user guide lists them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from cofinal.errors import CofinalError
from cofinal.files.tables import csv_records, csv_text, finite_cell, read_text
from cofinal.settings import quoted

COLUMNS = ("film", "judge", "name", "start", "end", "note")
# What BORIS calls a moment, and the two lines of an element.
POINT, START, STOP = "POINT", "START", "STOP"
EVENTS = (
    "Observation id", "Source", "Subject", "Behavior", "Behavioral category", "Behavior type",
    "Time", "Media file name", "Comment",
)  # fmt: skip


@dataclass(frozen=True)
class Annotation:
    """A moment of a film, or an element that lasts, as somebody saw it."""

    film: str
    """Name of the film, without its file's ending."""
    judge: str
    """Who saw it; empty where a file does not say."""
    name: str
    start: float
    """Seconds of the film."""
    end: float | None = None
    """None for a moment."""
    note: str = ""

    def check(self, where: str) -> None:
        """Refuses times that cannot be.

        Raises:
            CofinalError: a start below zero, or an end that is not later.
        """
        if self.start < 0 or (self.end is not None and self.end <= self.start):
            end = "" if self.end is None else f" to {self.end:g}"
            raise CofinalError(
                f"{where}: {quoted(self.name)} lasts from {self.start:g}{end} s; expected a start "
                "of 0 or more and a later end"
            )


def annotations_csv(found: Iterable[Annotation]) -> str:
    """One's own table."""
    rows = (
        (one.film, one.judge, one.name, f"{one.start:.3f}", _time(one.end), one.note)
        for one in found
    )
    return csv_text(COLUMNS, rows)


def boris_csv(found: Iterable[Annotation], files: Mapping[str, str]) -> str:
    """BORIS's tabular events; the subject is who saw it.

    Args:
        found: what was seen.
        files: film -> name of its file.
    """
    rows = []
    for one in found:
        media = files.get(one.film, one.film)
        lines = [(POINT, one.start)] if one.end is None else [(START, one.start), (STOP, one.end)]
        for kind, time in lines:
            note = one.note if kind != STOP else ""
            row = (one.film, f"player #1:{media}", one.judge, one.name, "", kind)
            rows.append((*row, f"{time:.3f}", media, note))
    return csv_text(EVENTS, rows)


def read_annotations(path: Path) -> list[Annotation]:
    """Reads one's own table or one of BORIS's.

    Raises:
        CofinalError: an unreadable or faulty file, or columns of neither.
    """
    header, rows = _table(path)
    if set(COLUMNS[:4]) <= set(header):
        found = [_own(where, cells) for where, cells in csv_records(path, COLUMNS)]
    elif {"Behavior", "Start (s)", "Stop (s)"} <= set(header):
        found = [_aggregated(where, cells) for where, cells in rows]
    elif {"Behavior", "Time"} <= set(header) and {"Behavior type", "Status"} & set(header):
        found = list(_events(rows))
    else:
        raise CofinalError(
            f"{path}: no line has the columns {', '.join(COLUMNS)}, nor those of BORIS (Behavior, "
            "Behavior type, Time; or Behavior, Start (s), Stop (s)); export it again"
        )
    return found


def _own(where: str, cells: Mapping[str, str]) -> Annotation:
    start = finite_cell(cells["start"], "start", where)
    end = finite_cell(cells["end"], "end", where) if cells["end"] else None
    found = Annotation(cells["film"], cells["judge"], cells["name"], start, end, cells["note"])
    if not (found.film and found.name):
        raise CofinalError(f"{where}: film or name is empty; fill in both")
    found.check(where)
    return found


def _table(path: Path) -> tuple[list[str], list[tuple[str, dict[str, str]]]]:
    """Columns and lines of a table below whatever stands above it."""
    text = read_text(path)
    mark = "\t" if text.count("\t") > text.count(",") else ","
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=mark, strict=True))
    except csv.Error as error:
        raise CofinalError(f"{path} cannot be read as a table: {error}") from error
    lines = [[cell.strip() for cell in line] for line in lines]
    for number, header in enumerate(lines):
        if "Behavior" in header or set(COLUMNS[:4]) <= set(header):
            rows = [
                (f"{path}:{place}", dict(zip(header, line, strict=False)))
                for place, line in enumerate(lines[number + 1 :], number + 2)
                if any(line)
            ]
            return header, rows
    return [], []


def _aggregated(where: str, cells: Mapping[str, str]) -> Annotation:
    start = finite_cell(cells.get("Start (s)", ""), "Start (s)", where)
    stop = cells.get("Stop (s)", "")
    end = finite_cell(stop, "Stop (s)", where) if stop else None
    point = cells.get("Behavior type", "").upper() == POINT or end == start
    note = cells.get("Comment start") or cells.get("Comment") or ""
    found = _seen(where, cells, start, None if point else end, note)
    found.check(where)
    return found


def _events(rows: Iterable[tuple[str, dict[str, str]]]) -> Iterator[Annotation]:
    """Pairs of START and STOP of one film, subject and behaviour; points alone."""
    begun: dict[tuple[str, str, str], tuple[str, Annotation]] = {}
    for where, cells in rows:
        kind = (cells.get("Behavior type") or cells.get("Status", "")).upper()
        time = finite_cell(cells.get("Time", ""), "Time", where)
        one = _seen(where, cells, time, None, cells.get("Comment", ""))
        key = (one.film, one.judge, one.name)
        if kind == POINT:
            one.check(where)
            yield one
        elif kind == START and key not in begun:
            begun[key] = where, one
        elif kind == STOP and key in begun:
            _, first = begun.pop(key)
            whole = Annotation(*key, first.start, time, first.note or one.note)
            whole.check(where)
            yield whole
        else:
            raise CofinalError(
                f"{where}: {quoted(one.name)} is {quoted(kind)} here; expected POINT, or START and "
                "STOP in turn"
            )
    for where, one in begun.values():
        raise CofinalError(f"{where}: {quoted(one.name)} has a START and no STOP; add it")


def _seen(
    where: str, cells: Mapping[str, str], start: float, end: float | None, note: str
) -> Annotation:
    """A line of BORIS; the film is the media file, else the observation."""
    media = cells.get("Media file name") or cells.get("Media file path") or ""
    # Paths of any system; only the file's own name counts.
    film = PureWindowsPath(media).stem if media else cells.get("Observation id", "")
    name = cells.get("Behavior", "")
    if not (film and name):
        raise CofinalError(f"{where}: media file or behaviour is empty; export the table again")
    subject = cells.get("Subject", "")
    judge = "" if subject == "No focal subject" else subject
    return Annotation(film, judge, name, start, end, note)


def _time(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.3f}"
