"""The marks of each judge: from the score sheets of a published data set, or one's own CSV.

Letters: N performances, K targets, J judges, O occasions on which a judge marked.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.config import DataSource
from cofinal.data.cards import card_names, load_card
from cofinal.errors import CofinalError
from cofinal.files.reading import read_json
from cofinal.files.tables import csv_records, csv_rows, finite, finite_cell, member, parse_number
from cofinal.records import natural_key
from cofinal.settings import quoted

COLUMNS = ("id", "judge", "target", "mark")
# Optional: which time a judge marked the performance, where some did so more than once.
OCCASION = "occasion"
# What judges in columns mark, where no column `target` tells.
ONLY_TARGET = "score"
# What a judge of a score sheet gives: the components' sum, and the sum of grades of execution.
COMPONENTS, EXECUTION = "PCS", "GOE"
# The five components of skating by the first letter of their name, whose wording changed over the
# years: skating skills, transitions, performance, composition (choreography), interpretation.
COMPONENT_CODES = {"S": "SS", "T": "TR", "P": "PE", "C": "CO", "I": "IN"}

# One mark: performance, judge, target, occasion, points; NaN where the judge gave none.
Mark = tuple[str, str, str, str, float]


@dataclass(frozen=True)
class JudgeMarks:
    """What each judge alone gave each performance."""

    ids: tuple[str, ...]
    """N performances that have a mark."""
    marks: dict[str, np.ndarray]
    """Target -> (N, J) points, NaN where a judge gave none; a judge's first mark where there are
    several. In score sheets a column is a seat of the panel, in which different people sit at
    different events."""
    judges: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Target -> names of the J judges or seats."""
    again: dict[str, np.ndarray] = field(default_factory=dict)
    """Target -> (O - 1, N, J) points on later occasions, NaN where there was none."""

    def of(self, ids: Sequence[str]) -> JudgeMarks | None:
        """The marks of some performances alone; None if there are none."""
        wanted = set(ids)
        kept = np.array([identifier in wanted for identifier in self.ids], dtype=bool)
        if not kept.any():
            return None
        return replace(
            self,
            ids=tuple(compress(self.ids, kept)),
            marks={target: marks_NJ[kept] for target, marks_NJ in self.marks.items()},
            again={target: marks_ONJ[:, kept] for target, marks_ONJ in self.again.items()},
        )


def judge_file(source: DataSource) -> Path | None:
    """Where the judges' marks lie: the path given, else what the data set's card names.

    None if the data has none.
    """
    if source.judges is not None or source.is_csv or source.data is None:
        return source.judges
    name = load_card(source.dataset).judge_file
    return source.data / name if name and (source.data / name).is_file() else None


def judge_marks(
    path: str | Path, known_ids: Collection[str] | None = None, components: bool = False
) -> JudgeMarks:
    """Reads the marks of judges.

    Args:
        path: a CSV with the columns id, judge, target, mark and optionally occasion, or with id, a
            column for each judge, and optionally target and occasion; a JSON of score sheets; or a
            data set's folder in which such sheets lie.
        known_ids: the performances there are, where every mark must belong to one of them.
        components: of score sheets, each component's mark (0 to 10) instead of the judges' sums.

    Raises:
        CofinalError: unreadable or faulty file, no marks, a mark given twice, an unknown id.
    """
    path = Path(path)
    if path.is_dir():
        path = _sheets_in(path)
    is_json = path.suffix.lower() == ".json"
    if components and not is_json:
        raise CofinalError(f"{path} has no components; only score sheets (.json) tell them apart")
    rows = _read_sheets(path, components) if is_json else _read_csv(path)
    marks: dict[tuple[str, str, str], dict[str, float]] = {}
    for where, (identifier, judge, target, occasion, points) in rows:
        if known_ids is not None and identifier not in known_ids:
            raise CofinalError(
                f"{where}: id {identifier!r} has no label; correct it or remove its marks"
            )
        given = marks.setdefault((identifier, judge, target), {})
        if occasion in given:
            raise CofinalError(
                f"{where}: judge {judge} has marked {target} of {identifier} before; keep one mark"
                f", or number the times in a column '{OCCASION}'"
            )
        given[occasion] = points
    if not any(math.isfinite(points) for given in marks.values() for points in given.values()):
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
        k: seated(judged.marks[target])[kept]
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


def seated(marks_NJ: np.ndarray) -> np.ndarray:
    """The same marks with no more columns than the fullest panel has judges."""
    unmarked_NJ = ~np.isfinite(marks_NJ)
    largest = int((~unmarked_NJ).sum(1).max())
    if largest == marks_NJ.shape[1]:
        return marks_NJ
    order_NJ = unmarked_NJ.argsort(1, kind="stable")[:, :largest]
    return np.take_along_axis(marks_NJ, order_NJ, 1)


def _gather(marks: dict[tuple[str, str, str], dict[str, float]]) -> JudgeMarks:
    """Arrays of single marks; performances in the order of the file, judges by name."""
    ids = tuple(dict.fromkeys(identifier for identifier, _, _ in marks))
    row = {identifier: i for i, identifier in enumerate(ids)}
    first, names, again = {}, {}, {}
    for target in dict.fromkeys(target for _, _, target in marks):
        own = {(i, judge): given for (i, judge, t), given in marks.items() if t == target}
        judges = tuple(sorted({judge for _, judge in own}, key=natural_key))
        column = {judge: j for j, judge in enumerate(judges)}
        points_ONJ = np.full((max(map(len, own.values())), len(ids), len(judges)), np.nan)
        for (identifier, judge), given in own.items():
            for o, occasion in enumerate(sorted(given, key=natural_key)):
                points_ONJ[o, row[identifier], column[judge]] = given[occasion]
        first[target], names[target] = points_ONJ[0], judges
        if len(points_ONJ) > 1:
            again[target] = points_ONJ[1:]
    return JudgeMarks(ids, first, names, again)


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
    """Marks with their places; an empty one means that the judge gave none."""
    rows = csv_rows(path)
    header = {name.strip() for name in rows[0][1]} if rows else set()
    return (
        _read_wide(path) if "id" in header and not header & {"judge", "mark"} else _read_long(path)
    )


def _read_wide(path: Path) -> Iterator[tuple[str, Mark]]:
    """A line for each performance and target, with a column for each judge."""
    for where, cells in csv_records(path, ("id",)):
        judges = [name for name in cells if name not in (*COLUMNS, OCCASION)]
        if not all(judges) or not judges:
            fault = "a column without a name" if judges else "no column of a judge"
            raise CofinalError(
                f"{path} has {fault}; expected the columns {', '.join(COLUMNS)}, or id and one "
                "for each judge"
            )
        identifier, target = cells["id"], cells.get("target", ONLY_TARGET)
        if not (identifier and target):
            raise CofinalError(f"{where}: id or target is empty; fill in both")
        for judge in judges:
            text = cells[judge]
            if text and parse_number(text) is None:
                raise CofinalError(
                    f"{where}: {judge} is {quoted(text)}; expected the columns "
                    f"{', '.join(COLUMNS)}, or id and a column of marks for each judge"
                )
            mark = finite_cell(text, f"mark of {judge}", where) if text else math.nan
            yield where, (identifier, judge, target, cells.get(OCCASION, ""), mark)


def _read_long(path: Path) -> Iterator[tuple[str, Mark]]:
    """One mark a line."""
    for where, cells in csv_records(path, COLUMNS):
        identifier, judge, target, text = (cells[name] for name in COLUMNS)
        if not (identifier and judge and target):
            raise CofinalError(f"{where}: id, judge or target is empty; fill in all three")
        mark = finite_cell(text, "mark", where) if text else math.nan
        yield where, (identifier, judge, target, cells.get(OCCASION, ""), mark)


def _read_sheets(path: Path, components: bool) -> Iterator[tuple[str, Mark]]:
    """Each judge's marks of the components, or else what they and the elements sum up to."""
    sheets = read_json(path, "score sheets by performance")
    if not isinstance(sheets, dict):
        raise CofinalError(f"{path} holds {type(sheets).__name__}; expected score sheets by id")
    for identifier, entry in sheets.items():
        where = f"{path}, id {identifier!r}"
        sheet = member(entry, "sheet", (dict, type(None)), where)
        if sheet is None:
            continue
        read = _single if components else _summed
        for target, marks in read(sheet, where):
            for judge, points in enumerate(marks, 1):
                yield where, (identifier, str(judge), target, "", float(points))


def _single(sheet: Any, where: str) -> Iterator[tuple[str, list[float]]]:
    """The judges' marks of each component, by its code."""
    for row in member(sheet, "components", (list,), where):
        name = member(row, "name", (str,), where)
        code = COMPONENT_CODES.get(name[:1])
        if code is None:
            raise CofinalError(
                f"{where}: component {name!r} is unknown; expected skating skills, transitions, "
                "performance, composition or interpretation"
            )
        yield code, [_mark(mark, where) for mark in member(row, "judges", (list,), where)]


def _summed(sheet: Any, where: str) -> Iterator[tuple[str, np.ndarray]]:
    """Each judge's total of the components, with their factors, and of the grades of execution."""
    for target, part in ((COMPONENTS, "components"), (EXECUTION, "elements")):
        yield target, _totals(member(sheet, part, (list,), where), target == COMPONENTS, where)


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
