"""What each column of one's own CSV is: the id, a target, a group, or nothing that is used.

A column is a target if it is named one, else by what it is called and holds; numbers that may as
well be years, ranks or start numbers are no scores unless nothing else can be.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cofinal.data.cards import card_names, load_card
from cofinal.errors import CofinalError
from cofinal.files.tables import comma_advice, parse_number

# Columns with a fixed meaning, in capitals or not.
RESERVED = ("id", "split", "category")
# What a column of scores is called, beside the targets of published data sets.
CALLED_SCORE = {"score", "scores", "mark", "marks", "points"}
# What pandas calls the columns of a file that have no name.
NAMELESS = re.compile(r"(Unnamed: \d+)?")


@dataclass(frozen=True)
class Columns:
    """What the columns of a label file were taken for."""

    header: tuple[str, ...]
    """Name of each column, fixed ones in small letters; empty where it has none."""
    targets: tuple[str, ...]
    groups: tuple[str, ...]
    numeric: tuple[str, ...]
    """Groups that hold numbers."""
    given: tuple[str, ...] = ()
    """What is known beforehand."""

    @property
    def nameless(self) -> list[int]:
        """Columns without a name, counted from 1; they are left out."""
        return [k for k, name in enumerate(self.header, 1) if not name]


# The filled cells of a column, with the line of each.
Cells = Sequence[tuple[int, str]]


def read_columns(
    path: Path,
    header: Sequence[str],
    rows: Sequence[tuple[int, list[str]]],
    targets: Sequence[str],
    given: Collection[str] = (),
) -> Columns:
    """Decides what each column is.

    Args:
        path: the file, for messages.
        header: the cells of the first line.
        rows: the lines below with their numbers, each with as many cells as the first line.
        targets: the targets asked for; none to find them.
        given: names of what is known beforehand; those that are columns are no scores.

    Raises:
        CofinalError: no `id`, a name twice, a target that is no column, scores with decimal
            commas, or columns of which it cannot be told which are scores.
    """
    names = _names(path, header)
    free = [name for name in names if name and name not in RESERVED]
    for name in targets:
        if name not in free:
            raise CofinalError(
                f"{path} has no column {name!r} for a target; it has {', '.join(free)}"
            )
        if name in given:
            raise CofinalError(
                f"{name!r} is named as a target and as given; it cannot be known beforehand and "
                "be predicted, so leave out one"
            )
    known = tuple(name for name in free if name in given)
    free = [name for name in free if name not in given]
    cells = {
        name: [(line, row[k]) for line, row in rows if row[k]]
        for k, name in enumerate(names)
        if name in free
    }
    for name in targets or free:
        _refuse_commas(path, name, cells[name])
    numeric = [name for name in free if _mostly_numbers(cells[name])]
    chosen = tuple(targets) or _found_targets(path, cells, numeric)
    groups = tuple(name for name in free if name not in chosen)
    return Columns(names, chosen, groups, tuple(name for name in groups if name in numeric), known)


def _names(path: Path, header: Sequence[str]) -> tuple[str, ...]:
    """Names of the columns, fixed ones in small letters, empty for those without a name."""
    names = [name.strip() for name in header]
    names = ["" if NAMELESS.fullmatch(name) else name for name in names]
    names = [name.casefold() if name.casefold() in RESERVED else name for name in names]
    named = [name for name in names if name]
    if "id" not in named or len(set(named)) < len(named):
        nameless = [k for k, name in enumerate(names, 1) if not name] if any(names) else []
        hint = f"; column {nameless[0]} has no name: call it 'id' if it is that" if nameless else ""
        raise CofinalError(
            f"{path}: the first line is {', '.join(header)!r}; expected different column names, "
            f"one of them 'id'{comma_advice(list(header)) or hint}"
        )
    return tuple(names)


def _refuse_commas(path: Path, name: str, cells: Cells) -> None:
    """Refuses a column most of whose cells are numbers but for a comma."""
    commas = [
        (line, text)
        for line, text in cells
        if parse_number(text) is None and parse_number(text.replace(",", ".")) is not None
    ]
    if len(commas) > len(cells) / 2:
        line, text = commas[0]
        raise CofinalError(
            f"{path}:{line}: {name} is {text!r}; expected a point instead of the comma, so save "
            "numbers with decimal points"
        )


def _mostly_numbers(cells: Cells) -> bool:
    return sum(parse_number(text) is not None for _, text in cells) > len(cells) / 2


def _found_targets(
    path: Path, cells: Mapping[str, Cells], numeric: Sequence[str]
) -> tuple[str, ...]:
    """The targets, where none are named."""
    called = [name for name in cells if cells[name] and _is_called_score(name)]
    broken = [name for name in numeric if not _all_whole(cells[name])]
    found = tuple(name for name in cells if name in called or name in broken)
    if found:
        return found
    if len(numeric) > 1:
        raise CofinalError(
            f"{path}: {', '.join(numeric)} hold whole numbers, and none is called 'score'; "
            "name the scores with --targets"
        )
    if not numeric:
        raise CofinalError(f"{path} has no column of numbers; expected one per target")
    return tuple(numeric)


def _all_whole(cells: Cells) -> bool:
    """Whether all numbers of a column are whole, as years, ranks and start numbers are."""
    values = [parse_number(text) for _, text in cells]
    return all(v is None or not math.isfinite(v) or v.is_integer() for v in values)


def _is_called_score(name: str) -> bool:
    """Whether a column is called like a published target, or something score, such as total_score.

    >>> [_is_called_score(name) for name in ("Final score", "pcs", "mark_2", "athlete")]
    [True, True, False, False]
    """
    words = re.sub(r"[\s_.-]+", " ", name.casefold()).split()
    return " ".join(words) in _published_targets() or bool(words and words[-1] in CALLED_SCORE)


@cache
def _published_targets() -> frozenset[str]:
    targets = [target for name in card_names() for target in load_card(name).targets]
    return frozenset(target.name.casefold() for target in targets)
