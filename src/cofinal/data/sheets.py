"""The elements of each performance, in the order they were performed, from score sheets.

Three files are read: `sheets.json` of `cofinal data routines` (times are known), Fis-V's
`score_sheets.json` (only the order is known), and one's own CSV with the columns id, element and
optionally family, base_value, execution, start, end; its lines of one id are in order.

Families of figure skating follow from an element's code, as the ISU writes it:

    spin         it has "Sp" (FCSp4, LSp3, CCoSp3p4), unless it is a sequence
    steps        it has "Sq" or "St": step, choreographic and spiral sequences (StSq3, SlSt2, SpSq4)
    combination  jumps joined by "+" (3Lz+3T); not "+COMBO", of which one jump was skated
    jump         any other code of jumps (2A, 3Lo<<, 3F!, 3T+COMBO)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cofinal.config import DataSource
from cofinal.data.cards import load_card
from cofinal.errors import CofinalError
from cofinal.files.reading import read_json
from cofinal.files.tables import csv_records, finite, finite_cell, member
from cofinal.times import read_clock

SHEETS = "sheets.json"
REQUIRED = ("id", "element")
TIMES = ("start", "end")
NUMBERS = ("base_value", "execution", *TIMES)
# Files give times in milliseconds; an element may start that much before the one ahead of it.
ROUNDING_SECONDS = 0.002
# Revolutions, take-off, and what judges mark: edge, rotation, attention, invalid, second half.
JUMP = re.compile(r"[0-4]?(T|S|Lo|F|Lz|A|Eu|W)[e!<*xqV]*")


@dataclass(frozen=True)
class Fault:
    """A fault inside an element."""

    name: str
    start_seconds: float
    end_seconds: float
    deduction: float
    """Points, 0 or more."""


@dataclass(frozen=True)
class Element:
    """One element of a performance, as its sheet tells it."""

    name: str
    """As the rule book calls it, for example "split leap" or "3Lz+3T"."""
    family: str | None = None
    """Kind of movement, for example "leap" or "combination"; None if not known."""
    base_value: float | None = None
    """Points it is worth."""
    execution: float | None = None
    """Points its execution added or cost."""
    start_seconds: float | None = None
    """When it starts in the video, where known."""
    end_seconds: float | None = None
    """When it ends; known if and only if the start is."""
    faults: tuple[Fault, ...] = ()


def read_sheets(path: str | Path) -> dict[str, tuple[Element, ...]]:
    """Reads the elements of each performance, in the order they were performed.

    Args:
        path: `sheets.json`, `score_sheets.json`, or one's own file ending in .csv.

    Raises:
        CofinalError: an unreadable or faulty file; an element that ends before it starts or starts
            before the one ahead of it; a performance without elements.
    """
    path = Path(path)
    read = _read_csv if path.suffix.lower() == ".csv" else _read_json
    sheets: dict[str, list[Element]] = {}
    for where, identifier, element in read(path):
        _check_times(element, sheets.setdefault(identifier, []), where)
        sheets[identifier].append(element)
    if not sheets:
        raise CofinalError(f"{path} holds no element; expected one or more a performance")
    return {identifier: tuple(elements) for identifier, elements in sheets.items()}


def sheet_file(source: DataSource) -> Path | None:
    """Where the sheets lie: the path given, else what the card names or `sheets.json` of a CSV."""
    if source.sheet is not None:
        return source.sheet
    if source.is_csv:
        path = Path(source.dataset).parent / SHEETS
    else:
        path = (source.data or Path()) / (load_card(source.dataset).judge_file or SHEETS)
    return path if path.is_file() else None


def skating_family(code: str) -> str | None:
    """Family of a figure skating element, by its code; None for a code of no known form."""
    if re.search("Sq|St", code):
        return "steps"
    if "Sp" in code:
        return "spin"
    jumps = [part for part in code.split("+") if JUMP.fullmatch(part)]
    return None if not jumps else "jump" if len(jumps) == 1 else "combination"


def _check_times(element: Element, before: list[Element], where: str) -> None:
    start, end = element.start_seconds, element.end_seconds
    if (start is None) != (end is None):
        raise CofinalError(
            f"{where}: {element.name!r} has a start or an end alone; give both or neither"
        )
    parts: tuple[Element | Fault, ...] = (element, *element.faults)
    for part in parts:
        first, last = part.start_seconds, part.end_seconds
        if first is not None and last is not None and not 0 <= first < last:
            raise CofinalError(
                f"{where}: {part.name!r} lasts from {first:g} to {last:g} seconds; "
                "expected a start of 0 or more and a later end"
            )
    known = [one.start_seconds for one in before if one.start_seconds is not None]
    if start is not None and known and start < max(known) - ROUNDING_SECONDS:
        raise CofinalError(
            f"{where}: {element.name!r} starts at {start:g} seconds, before the element ahead of "
            f"it ({max(known):g}); list elements in the order they were performed"
        )


def _read_csv(path: Path) -> Iterator[tuple[str, str, Element]]:
    """One element a line, with its place and id; empty cells are not known."""
    for where, cells in csv_records(path, REQUIRED):
        identifier, name = cells["id"], cells["element"]
        if not (identifier and name):
            raise CofinalError(f"{where}: id or element is empty; fill in both")
        texts = {column: cells.get(column, "") for column in NUMBERS}
        base_value, execution, start, end = (
            _cell(text, column, where) if text else None for column, text in texts.items()
        )
        family = cells.get("family") or None
        yield where, identifier, Element(name, family, base_value, execution, start, end)


def _cell(text: str, column: str, where: str) -> float:
    """A number, or a time as minutes and seconds."""
    if ":" not in text or column not in TIMES:
        return finite_cell(text, column, where)
    seconds = read_clock(text)
    if seconds is None:
        raise CofinalError(
            f"{where}: {column} {text!r} is no time; expected seconds, or minutes and seconds "
            "such as 1:05.2"
        )
    return seconds


def _read_json(path: Path) -> Iterator[tuple[str, str, Element]]:
    """The elements of JSON sheets, each with its place and id."""
    sheets = read_json(path, "sheets of elements by performance, or a file ending in .csv")
    if not isinstance(sheets, dict):
        raise CofinalError(f"{path} holds {type(sheets).__name__}; expected sheets by id")
    for identifier, entry in sheets.items():
        where = f"{path}, id {identifier!r}"
        elements = member(entry, "elements", (list,), where)
        if not elements:
            raise CofinalError(f"{where} has no elements; list them, or remove the id")
        for number, element in enumerate(elements, 1):
            where_now = f"{where}, element {number}"
            skated = isinstance(element, dict) and "element_name" in element
            read = _skated if skated else _performed
            yield where_now, identifier, read(element, where_now)


def _skated(value: Any, where: str) -> Element:
    """An element of Fis-V's sheets."""
    name = _name(value, "element_name", where)
    base, execution = (_number(value, column, where) for column in ("base_value", "goe"))
    return Element(name, skating_family(name), base, execution)


def _performed(value: Any, where: str) -> Element:
    """An element of the sheets of generated routines."""
    name, family = _name(value, "element", where), value.get("family")
    told = member(value, "faults", (list,), where) if "faults" in value else ()
    faults = tuple(_fault(one, where) for one in told)
    return Element(
        name,
        None if family is None else _name(value, "family", where),
        _number(value, "base_value", where),
        0.0 - sum(fault.deduction for fault in faults),
        _number(value, "start", where),
        _number(value, "end", where),
        faults,
    )


def _fault(value: Any, where: str) -> Fault:
    numbers = [
        finite(member(value, column, (int, float), where), column, where)
        for column in ("start", "end", "deduction")
    ]
    if numbers[-1] < 0:
        raise CofinalError(f"{where}: deduction {numbers[-1]:g}; expected 0 or more")
    return Fault(_name(value, "fault", where), *numbers)


def _name(value: Any, column: str, where: str) -> str:
    name: str = member(value, column, (str,), where).strip()
    if not name:
        raise CofinalError(f"{where}: {column!r} is empty; fill it in")
    return name


def _number(value: Any, column: str, where: str) -> float | None:
    """A number that may be null or absent."""
    given = value.get(column)
    return None if given is None else finite(given, column, where)
