"""Strangers' JSON and CSV, value by value: what is missing or of another kind gets a sentence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cofinal.data.labels import comma_advice, csv_rows, number
from cofinal.errors import CofinalError

WORDS = {dict: "an object", list: "a list", str: "text", type(None): "null"}


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
    found, shown = math.nan, value
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            found = float(value)
        except OverflowError:
            shown = "of hundreds of digits"
    if not math.isfinite(found):
        raise CofinalError(f"{where}: {what} {shown!r}; expected a finite number")
    return found


def finite_cell(text: str, what: str, where: str) -> float:
    """A number as a cell of a CSV holds it.

    Raises:
        CofinalError: no number, NaN, or infinite.
    """
    found = number(text)
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
            f"{path}: the first line is {', '.join(header)!r}; "
            f"expected the columns {', '.join(required)}, each once{comma_advice(header)}"
        )
    for line, row in rows[1:]:
        where, cells = f"{path}:{line}", [cell.strip() for cell in row]
        if not any(cells):
            continue
        if len(cells) != len(header):
            raise CofinalError(f"{where}: {len(cells)} cells instead of {len(header)}")
        yield where, dict(zip(header, cells, strict=True))
