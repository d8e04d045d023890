"""Reading label files: the published ones as they are, and one's own CSV.

Every line that cannot be used becomes a `Finding` with its file and line.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cofinal.data.cards import Card, LabelLayout, Target
from cofinal.data.columns import Columns, read_columns
from cofinal.data.findings import Finding
from cofinal.data.names import composed
from cofinal.errors import CofinalError
from cofinal.files.reading import read_text
from cofinal.files.tables import csv_rows, parse_number
from cofinal.settings import quoted

# Words for a split, in capitals or not; an empty cell means "train".
SPLITS = {"train": {"", "train", "training"}, "test": {"test", "testing", "held-out"}}
# Characters of a cell that a message quotes.
SHOWN = 80
# Cells that say that there is no score.
MISSING = {"", "-", "na", "n/a", "none", "null"}


@dataclass(frozen=True)
class Label:
    """One performance as a label file tells it."""

    id: str
    scores: dict[str, float]
    """Target name -> points; a target without a score is absent."""
    split: str
    file: str
    line: int
    category: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    given: dict[str, str] = field(default_factory=dict)
    """Cells of columns that tell what is known beforehand, by name."""


@dataclass
class LabelTable:
    """All labels of a data set with what is wrong with them."""

    targets: tuple[Target, ...]
    columns: Columns | None = None
    """What the columns were taken for, in one's own CSV."""
    labels: list[Label] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def read_card_labels(card: Card, folder: Path) -> LabelTable:
    """Reads the published label files of a card from `folder`; absent splits are left out.

    Raises:
        CofinalError: none of the card's label files is there.
    """
    table = LabelTable(card.targets)
    present = {
        s: folder / name for s, name in card.labels.files.items() if (folder / name).exists()
    }
    if not present:
        names = " or ".join(card.labels.files.values())
        raise CofinalError(f"{folder} has no {names}; expected the label files of {card.title}")
    for split, path in present.items():
        for line, cells in _card_rows(card.labels, path, table):
            values = dict(zip(card.labels.columns, cells, strict=True))
            _add(table, values, cells[0], split, path, line, card.labels)
    groups = _read_groups(card, folder, table)
    for label in table.labels:
        label.groups.update(groups.get(label.id, {}))
    _find_repeats(table)
    return table


def _card_rows(
    layout: LabelLayout, path: Path, table: LabelTable
) -> Iterator[tuple[int, list[str]]]:
    """Rows of a whitespace-separated file; finds a header kept as data or data eaten as header."""
    lines = [(i, text.split()) for i, text in enumerate(read_text(path).split("\n"), 1)]
    lines = [(i, cells) for i, cells in lines if cells]
    if lines:
        first_line, first = lines[0]
        looks_like_data = any(parse_number(cell) is not None for cell in first[1:])
        if layout.header and looks_like_data:
            table.findings.append(
                Finding(
                    "header-eaten",
                    f"the first line {' '.join(first)!r} is data, but a header is expected "
                    "here and would hide it; put the column names on line 1",
                    str(path),
                    first_line,
                )
            )
        if not layout.header and not looks_like_data:
            table.findings.append(
                Finding(
                    "header-kept",
                    f"the first line {' '.join(first)!r} is a header, but this file has none; "
                    "remove the line",
                    str(path),
                    first_line,
                )
            )
        if layout.header or not looks_like_data:
            lines = lines[1:]
    for line, cells in lines:
        if len(cells) != len(layout.columns):
            table.findings.append(
                Finding(
                    "label-columns",
                    f"{len(cells)} columns instead of {len(layout.columns)} "
                    f"({' '.join(layout.columns)})",
                    str(path),
                    line,
                )
            )
            continue
        yield line, cells


def is_file_name(identifier: str) -> bool:
    """Whether `ID.npy` names a file inside its folder, or in a sub-folder as in "2014/p00"."""
    inside = all(part and not part.startswith(".") for part in identifier.split("/"))
    return inside and "\\" not in identifier and identifier.isprintable()


def _add(
    table: LabelTable,
    values: dict[str, str],
    identifier: str,
    split: str,
    path: Path,
    line: int,
    layout: LabelLayout | None = None,
) -> None:
    """Adds one label, or the findings that keep it out."""
    identifier = composed(identifier)
    # One's own CSV may lack scores; published files that do are damaged.
    scores, faults = _scores(table.targets, values, identifier, own=layout is None)
    for kind, message, severity in faults:
        table.findings.append(Finding(kind, message, str(path), line, severity))
    if not is_file_name(identifier):
        table.findings.append(
            Finding("id-invalid", f"id {identifier!r} names no feature file", str(path), line)
        )
    elif all(severity == "warning" for _, _, severity in faults):
        category = values.get("category") or None
        if layout and layout.category == "prefix":
            category = identifier.split("_", maxsplit=1)[0]
        table.labels.append(Label(identifier, scores, split, str(path), line, category))


def _scores(
    targets: Sequence[Target], values: dict[str, str], identifier: str, own: bool
) -> tuple[dict[str, float], list[tuple[str, str, Literal["error", "warning"]]]]:
    """The scores of one line, and what is wrong with the others: kind, sentence, severity."""
    scores: dict[str, float] = {}
    faults: list[tuple[str, str, Literal["error", "warning"]]] = []
    for target in targets:
        text = values[target.column].strip()
        score, shown = parse_number(text), repr(text[:SHOWN])
        if text.casefold() in MISSING:
            advice = "it is left out where that is learned" if own else "correct the label"
            message = f"{identifier} has no {target.name}; {advice}"
            faults.append(("label-missing", message, "warning" if own else "error"))
        elif score is None:
            message = f"{target.name} of {identifier} is {shown}; correct the label"
            faults.append(("label-not-a-number", message, "error"))
        elif not math.isfinite(score):
            message = f"{target.name} of {identifier} is {text[:SHOWN]}; correct the label"
            faults.append(("label-not-finite", message, "error"))
        elif target.range and not target.range[0] <= score <= target.range[1]:
            low, high = target.range
            message = f"{target.name} of {identifier} is {score:g}, outside {low:g} to {high:g}"
            faults.append(("label-out-of-range", message + "; correct the label", "error"))
        else:
            scores[target.name] = score
    return scores, faults


def _read_groups(card: Card, folder: Path, table: LabelTable) -> dict[str, dict[str, str]]:
    """Group columns by id, from the card's optional CSV."""
    if card.group_file is None or not (folder / card.group_file).exists():
        return {}
    path = folder / card.group_file
    rows = csv_rows(path)
    header = rows[0][1] if rows else []
    missing = [c for c in ("id", *card.group_columns) if c not in header]
    if missing:
        table.findings.append(
            Finding("groups-columns", f"column {missing[0]!r} is missing", str(path), 1)
        )
        return {}
    groups: dict[str, dict[str, str]] = {}
    for line, row in rows[1:]:
        cells = dict(zip(header, row, strict=False))
        identifier = composed(cells.get("id", "").strip())
        if identifier in groups:
            message = f"id {quoted(identifier)} occurs before; keep one line for each performance"
            table.findings.append(Finding("groups-twice", message, str(path), line))
        known = {c: composed(cells.get(c, "").strip()) for c in card.group_columns}
        groups.setdefault(identifier, known)
    return groups


def read_csv_labels(
    path: Path, targets: tuple[str, ...] = (), given: Collection[str] = ()
) -> LabelTable:
    """Reads one's own CSV: `id`, one column per target, optional `split`, `category`, groups.

    Which column is what is told in `cofinal.data.columns`. A performance may lack scores; whoever
    needs them leaves it out. Columns named in `given` are neither scores nor groups.

    Raises:
        CofinalError: no `id` column, a named target that is no column, or no telling which columns
            are scores.
    """
    rows = csv_rows(path)
    header = rows[0][1] if rows else []
    body = [(line, [c.strip() for c in row]) for line, row in rows[1:] if any(row)]
    if rows and not body:
        raise CofinalError(f"{path} has no line under its header; expected one per performance")
    whole = [(line, cells) for line, cells in body if len(cells) == len(header)]
    columns = read_columns(path, header, whole, targets, given)
    table = LabelTable(tuple(Target(name, name) for name in columns.targets), columns)
    for line, cells in body:
        if len(cells) != len(header):
            message = f"{len(cells)} cells instead of {len(header)}"
            table.findings.append(Finding("label-columns", message, str(path), line))
            continue
        values = dict(zip(columns.header, cells, strict=True))
        split = split_name(values.get("split", ""))
        before = len(table.labels)
        _add(table, values, values["id"], split, path, line)
        if len(table.labels) > before:
            groups = {name: composed(values[name]) for name in columns.groups}
            table.labels[-1].groups.update(groups)
            table.labels[-1].given.update({name: values[name] for name in columns.given})
    if columns.nameless:
        table.findings.append(_nameless(columns.nameless, path))
    _find_unused(table)
    _find_repeats(table)
    return table


def split_name(text: str) -> str:
    """The split that a cell means, whatever its letters; "train" if it is empty."""
    name = text.casefold()
    return next((split for split, words in SPLITS.items() if name in words), name)


def _nameless(columns: list[int], path: Path) -> Finding:
    first, last = columns[0], columns[-1]
    which = f"columns {first} to {last} have" if last > first else f"column {first} has"
    return Finding(
        "column-nameless",
        f"{which} no name and {'are' if last > first else 'is'} left out; "
        "give every column that counts a name",
        str(path),
        1,
        "warning",
    )


def _find_unused(table: LabelTable) -> None:
    """Finds splits that are neither train nor test: their performances serve nothing."""
    for name in dict.fromkeys(label.split for label in table.labels):
        if name in SPLITS:
            continue
        rows = [label for label in table.labels if label.split == name]
        table.findings.append(
            Finding(
                "split-unused",
                f"{len(rows)} performances are in split {name!r}, which neither trains nor tests; "
                "call it train or test if it should",
                rows[0].file,
                rows[0].line,
                "warning",
            )
        )


def _find_repeats(table: LabelTable) -> None:
    """Finds ids that occur twice; only the first is kept."""
    first: dict[str, Label] = {}
    for label in table.labels:
        if label.id in first:
            other = first[label.id]
            table.findings.append(
                Finding(
                    "id-twice",
                    f"id {label.id} occurs before, at {other.file}:{other.line}; keep one",
                    label.file,
                    label.line,
                )
            )
        first.setdefault(label.id, label)
    table.labels = list(first.values())
