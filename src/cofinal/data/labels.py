"""Reading label files: the published ones as they are, and one's own CSV.

Every line that cannot be used becomes a `Finding` with its file and line.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from cofinal.data.cards import Card, LabelLayout, Target
from cofinal.data.findings import Finding
from cofinal.errors import CofinalError
from cofinal.files.tables import comma_advice, csv_rows, number, read_text

# Columns of one's own CSV that have a fixed meaning.
RESERVED = ("id", "split", "category")


@dataclass(frozen=True)
class Label:
    """One performance as a label file tells it."""

    id: str
    scores: dict[str, float]
    """Target name -> points."""
    split: str
    file: str
    line: int
    category: str | None = None
    groups: dict[str, str] = field(default_factory=dict)


@dataclass
class LabelTable:
    """All labels of a data set with what is wrong with them."""

    targets: tuple[Target, ...]
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
    lines = [(i, text.split()) for i, text in enumerate(read_text(path).splitlines(), 1)]
    lines = [(i, cells) for i, cells in lines if cells]
    if lines:
        first_line, first = lines[0]
        looks_like_data = any(number(cell) is not None for cell in first[1:])
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


def names_a_file(identifier: str) -> bool:
    """Whether `ID.npy` is a plain file name inside its folder."""
    inside = not identifier.startswith(".") and not set("/\\") & set(identifier)
    return bool(identifier) and inside and identifier.isprintable()


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
    scores, faults = {}, []
    for target in table.targets:
        text = values[target.column].strip()
        score = number(text)
        if not text:
            faults.append(("label-missing", f"{identifier} has no {target.name}"))
        elif score is None:
            faults.append(("label-not-a-number", f"{target.name} of {identifier} is {text!r}"))
        elif not math.isfinite(score):
            faults.append(("label-not-finite", f"{target.name} of {identifier} is {text}"))
        elif target.range and not target.range[0] <= score <= target.range[1]:
            low, high = target.range
            faults.append(
                (
                    "label-out-of-range",
                    f"{target.name} of {identifier} is {score:g}, outside {low:g} to {high:g}",
                )
            )
        else:
            scores[target.name] = score
    for kind, message in faults:
        table.findings.append(Finding(kind, message + "; correct the label", str(path), line))
    if not names_a_file(identifier):
        table.findings.append(
            Finding("id-invalid", f"id {identifier!r} names no feature file", str(path), line)
        )
    elif not faults:
        category = values.get("category") or None
        if layout and layout.category == "prefix":
            category = identifier.split("_", maxsplit=1)[0]
        table.labels.append(Label(identifier, scores, split, str(path), line, category))


def _read_groups(card: Card, folder: Path, table: LabelTable) -> dict[str, dict[str, str]]:
    """Group columns by id, from the card's optional CSV."""
    if card.group_file is None or not (folder / card.group_file).exists():
        return {}
    path = folder / card.group_file
    reader = csv.DictReader(io.StringIO(read_text(path)))
    missing = [c for c in ("id", *card.group_columns) if c not in (reader.fieldnames or ())]
    if missing:
        table.findings.append(
            Finding("groups-columns", f"column {missing[0]!r} is missing", str(path), 1)
        )
        return {}
    return {row["id"]: {c: row[c] or "" for c in card.group_columns} for row in reader}


def read_csv_labels(path: Path, targets: tuple[str, ...] = ()) -> LabelTable:
    """Reads one's own CSV: `id`, one column per target, optional `split`, `category`, groups.

    Without `targets`, the columns in which most cells are numbers are the targets; the other
    columns are groups.

    Raises:
        CofinalError: no `id` column, a named target that is no column, or no targets at all.
    """
    rows = csv_rows(path)
    header = [name.strip() for name in rows[0][1]] if rows else []
    if "id" not in header or len(set(header)) != len(header):
        raise CofinalError(
            f"{path}: the first line is {', '.join(header)!r}; "
            f"expected different column names, one of them 'id'{comma_advice(header)}"
        )
    free = [name for name in header if name not in RESERVED]
    for name in targets:
        if name not in free:
            raise CofinalError(
                f"{path} has no column {name!r} for a target; it has {', '.join(free)}"
            )
    body = [(line, [c.strip() for c in row]) for line, row in rows[1:] if any(row)]
    names = targets or _numeric_columns(header, [cells for _, cells in body])
    if not names:
        raise CofinalError(_no_numbers(path, header, body))
    table = LabelTable(tuple(Target(name, name) for name in names))
    groups = [name for name in free if name not in names]
    for line, cells in body:
        if len(cells) != len(header):
            message = f"{len(cells)} cells instead of {len(header)}"
            table.findings.append(Finding("label-columns", message, str(path), line))
            continue
        values = dict(zip(header, cells, strict=True))
        before = len(table.labels)
        _add(table, values, values["id"], values.get("split") or "train", path, line)
        if len(table.labels) > before:
            table.labels[-1].groups.update({name: values[name] for name in groups})
    _find_repeats(table)
    return table


def _no_numbers(path: Path, header: list[str], body: list[tuple[int, list[str]]]) -> str:
    """Why no column counts as numbers: no lines, decimal commas, or really none."""
    if not body:
        return f"{path} has no line under its header; expected one per performance"
    for line, cells in body:
        for name, text in zip(header, cells, strict=False):
            if number(text) is None and number(text.replace(",", ".")) is not None:
                return (
                    f"{path}:{line}: {name} is {text!r}; expected a point instead of the comma, "
                    "so save numbers with decimal points"
                )
    return f"{path} has no column of numbers; expected one per target"


def _numeric_columns(header: list[str], rows: list[list[str]]) -> tuple[str, ...]:
    """Columns in which more than half of the filled cells are numbers."""
    names = []
    for k, name in enumerate(header):
        cells = [row[k] for row in rows if len(row) == len(header) and row[k]]
        numbers = sum(number(cell) is not None for cell in cells)
        if name not in RESERVED and numbers > len(cells) / 2:
            names.append(name)
    return tuple(names)


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
