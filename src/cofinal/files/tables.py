"""Tables as text: strangers' CSV and JSON, value by value, and our own.

What is missing or of another kind gets a sentence.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.files.reading import read_text
from cofinal.settings import quoted

WORDS = {dict: "an object", list: "a list", str: "text", type(None): "null"}

NUMBER = re.compile(
    r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE
)


def parse_number(text: str) -> float | None:
    """The number in a cell, or None.

    Python reads "2014_1" and digits of every script as numbers; here they are names.
    """
    return float(text) if NUMBER.fullmatch(text.strip()) else None


def csv_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Rows of a CSV with the line they begin on, since a quoted cell may span several lines."""
    reader = csv.reader(io.StringIO(read_text(path)), strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            rows.append((line, row))
            line = reader.line_num + 1
    except csv.Error as error:
        raise CofinalError(f"{path}:{line} cannot be read as CSV: {error}") from error
    return rows


def comma_advice(header: list[str]) -> str:
    """What to do about a header that other marks than commas separate."""
    separated = len(header) == 1 and any(mark in header[0] for mark in ";\t")
    return "; save it with commas between columns and points in numbers" if separated else ""


def member(value: object, name: str, kinds: tuple[type, ...], where: str) -> Any:
    """A member of a JSON object, of one of the kinds expected.

    Raises:
        CofinalError: `value` is no object, or has no such member, or one of another kind.
    """
    if not isinstance(value, dict) or name not in value or not isinstance(value[name], kinds):
        expected = " or ".join(dict.fromkeys(WORDS.get(kind, "a number") for kind in kinds))
        raise CofinalError(f"{where}: {name!r} is missing or of another kind; expected {expected}")
    return value[name]


def finite(value: object, what: str, where: str) -> float:
    """A number as JSON holds it.

    Raises:
        CofinalError: no number, a truth value, NaN, or infinite.
    """
    found = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        with suppress(OverflowError):  # a whole number of hundreds of digits
            found = float(value)
    if not math.isfinite(found):
        raise CofinalError(f"{where}: {what} {quoted(value)}; expected a finite number")
    return found


def finite_cell(text: str, what: str, where: str) -> float:
    """A number as a cell of a CSV holds it.

    Raises:
        CofinalError: no number, NaN, or infinite.
    """
    found = parse_number(text)
    return finite(text if found is None or not math.isfinite(found) else found, what, where)


def csv_records(path: Path, required: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Filled lines of a CSV: their place as FILE:LINE, and column -> stripped cell.

    Raises:
        CofinalError: a required column is missing, a column occurs twice, a line has more or fewer
            cells than the header.
    """
    rows = csv_rows(path)
    header = [name.strip() for name in rows[0][1]] if rows else []
    if any(header.count(name) != 1 for name in required) or len(set(header)) != len(header):
        raise CofinalError(
            f"{path}: the first line is {quoted(', '.join(header))}; "
            f"expected the columns {', '.join(required)}, each once{comma_advice(header)}"
        )
    for line, row in rows[1:]:
        where, cells = f"{path}:{line}", [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise CofinalError(f"{where}: {len(cells)} cells instead of {len(header)}")
        yield where, dict(zip(header, cells, strict=True))


def by_id(records: Iterable[tuple[str, dict[str, str]]]) -> dict[str, tuple[str, dict[str, str]]]:
    """Lines of a CSV by their id, each with its place.

    Raises:
        CofinalError: an id twice.
    """
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for where, cells in records:
        if cells["id"] in found:
            raise CofinalError(
                f"{where}: id {quoted(cells['id'])} occurs before; keep one line for each"
            )
        found[cells["id"]] = where, cells
    return found


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A header and rows as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table, with an empty one behind it."""
    lines = ["| " + " | ".join(row) + " |" for row in (columns, *rows)]
    return [lines[0], "|" + " --- |" * len(columns), *lines[1:], ""]


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of equally many texts as a plain table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(t.ljust(w) for t, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)
