"""The marks of each judge: from the score sheets of a published data set, or one's own CSV.

Letters: N performances, K targets, J judges.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.config import DataSource
from cofinal.data.cards import card_names, load_card
from cofinal.errors import CofinalError
from cofinal.files.atomic import read_json
from cofinal.files.tables import csv_records, finite, finite_cell, member
from cofinal.records import natural_key

COLUMNS = ("id", "judge", "target", "mark")
# What a judge of a score sheet gives: the components' sum, and the sum of grades of execution.
COMPONENTS, EXECUTION = "PCS", "GOE"

# One mark: performance, judge, target, points; NaN where the judge gave none.
Mark = tuple[str, str, str, float]


@dataclass(frozen=True)
class JudgeMarks:
    """What each judge alone gave each performance."""

    ids: tuple[str, ...]
    """N performances that have a mark."""
    marks: dict[str, np.ndarray]
    """Target -> (N, J) points, NaN where a judge gave none. In score sheets a column is a seat
    of the panel, in which different people sit at different events."""


def judge_file(source: DataSource) -> Path | None:
    """Where the judges' marks lie: the path given, else what the data set's card names.

    None if the data has none.
    """
    if source.judges is not None or source.is_csv or source.data is None:
        return source.judges
    name = load_card(source.dataset).judge_file
    return source.data / name if name and (source.data / name).is_file() else None


def judge_marks(path: str | Path, known_ids: Collection[str] | None = None) -> JudgeMarks:
    """Reads the marks of judges.

    Args:
        path: a CSV with the columns id, judge, target, mark; a JSON of score sheets; or a data
            set's folder in which such sheets lie.
        known_ids: the performances there are, where every mark must belong to one of them.

    Raises:
        CofinalError: unreadable or faulty file, no marks, a mark given twice, an unknown id.
    """
    path = Path(path)
    if path.is_dir():
        path = _sheets_in(path)
    rows = _read_sheets(path) if path.suffix.lower() == ".json" else _read_csv(path)
    marks: dict[tuple[str, str, str], float] = {}
    for where, (identifier, judge, target, points) in rows:
        if known_ids is not None and identifier not in known_ids:
            raise CofinalError(
                f"{where}: id {identifier!r} has no label; correct it or remove its marks"
            )
        if (identifier, judge, target) in marks:
            raise CofinalError(
                f"{where}: judge {judge} has marked {target} of {identifier} before; keep one mark"
            )
        marks[identifier, judge, target] = points
    if not any(math.isfinite(points) for points in marks.values()):
        raise CofinalError(f"{path} holds no mark of a judge; expected one or more a performance")
    return _gather(marks)


def panel_marks(
    judged: JudgeMarks, ids: Sequence[str], targets: Sequence[str]
) -> np.ndarray | None:
    """Marks by seat of the panel: (N, K, J), NaN where there is none; None if there is no mark.

    Where more judges are named than ever marked one performance, panels change, and a performance's
    judges take its seats in the order of their names.

    Args:
        judged: each judge's marks; other performances and targets in it are left out.
        ids: N performances.
        targets: K targets.
    """
    row = {identifier: i for i, identifier in enumerate(judged.ids)}
    known = [i for i, identifier in enumerate(ids) if identifier in row]
    kept = [row[ids[i]] for i in known]
    seats = {
        k: _seated(judged.marks[target])[kept]
        for k, target in enumerate(targets)
        if target in judged.marks
    }
    if not any(np.isfinite(marks).any() for marks in seats.values()):
        return None
    widest = max(marks.shape[1] for marks in seats.values())
    panel_NKJ = np.full((len(ids), len(targets), widest), np.nan)
    for k, marks in seats.items():
        panel_NKJ[known, k, : marks.shape[1]] = marks
    return panel_NKJ


def _seated(marks_NJ: np.ndarray) -> np.ndarray:
    """The same marks with no more columns than the fullest panel has judges."""
    unmarked_NJ = ~np.isfinite(marks_NJ)
    largest = int((~unmarked_NJ).sum(1).max())
    if largest == marks_NJ.shape[1]:
        return marks_NJ
    order_NJ = unmarked_NJ.argsort(1, kind="stable")[:, :largest]
    return np.take_along_axis(marks_NJ, order_NJ, 1)


def _gather(marks: dict[tuple[str, str, str], float]) -> JudgeMarks:
    """Arrays of single marks; performances in the order of the file, judges by name."""
    ids = tuple(dict.fromkeys(identifier for identifier, _, _ in marks))
    row = {identifier: i for i, identifier in enumerate(ids)}
    arrays = {}
    for target in dict.fromkeys(target for _, _, target in marks):
        judges = sorted({j for _, j, t in marks if t == target}, key=natural_key)
        arrays[target] = np.full((len(ids), len(judges)), np.nan)
        column = {judge: j for j, judge in enumerate(judges)}
        for (identifier, judge, name), points in marks.items():
            if name == target:
                arrays[target][row[identifier], column[judge]] = points
    return JudgeMarks(ids, arrays)


def _sheets_in(folder: Path) -> Path:
    """The score sheets in a data set's folder."""
    names = [file for name in card_names() if (file := load_card(name).judge_file)]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise CofinalError(
        f"{folder} has no {' or '.join(names)}; name a CSV with the columns {', '.join(COLUMNS)}"
    )


def _read_csv(path: Path) -> Iterator[tuple[str, Mark]]:
    """One mark a line, with its place; an empty mark means that the judge gave none."""
    for where, cells in csv_records(path, COLUMNS):
        identifier, judge, target, text = (cells[name] for name in COLUMNS)
        if not (identifier and judge and target):
            raise CofinalError(f"{where}: id, judge or target is empty; fill in all three")
        mark = finite_cell(text, "mark", where) if text else math.nan
        yield where, (identifier, judge, target, mark)


def _read_sheets(path: Path) -> Iterator[tuple[str, Mark]]:
    """Each judge's total of the components, with their factors, and of the grades of execution."""
    sheets = read_json(path, "score sheets by performance")
    if not isinstance(sheets, dict):
        raise CofinalError(f"{path} holds {type(sheets).__name__}; expected score sheets by id")
    for identifier, entry in sheets.items():
        where = f"{path}, id {identifier!r}"
        sheet = member(entry, "sheet", (dict, type(None)), where)
        if sheet is None:
            continue
        for target, part in ((COMPONENTS, "components"), (EXECUTION, "elements")):
            rows = member(sheet, part, (list,), where)
            for judge, points in enumerate(_totals(rows, target == COMPONENTS, where), 1):
                yield where, (identifier, str(judge), target, points)


def _totals(rows: list[Any], weighted: bool, where: str) -> np.ndarray:
    """Sum over rows of each judge's marks, times the rows' factors if weighted: (J,)."""
    totals: np.ndarray | None = None
    for row in rows:
        given = member(row, "judges", (list,), where)
        factor = _mark(member(row, "factor", (int, float), where), where) if weighted else 1.0
        marks = factor * np.array([_mark(mark, where) for mark in given])
        if totals is not None and len(marks) != len(totals):
            raise CofinalError(
                f"{where}: {len(marks)} judges in one row and {len(totals)} in another; "
                "expected as many, null where a judge gave no mark"
            )
        totals = marks if totals is None else totals + marks
    return np.empty(0) if totals is None else totals


def _mark(value: object, where: str) -> float:
    """A mark as JSON holds it; NaN for null."""
    return math.nan if value in ("", None) else finite(value, "mark", where)
