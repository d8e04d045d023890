"""Reading what is known of performances before they are seen: columns, and score sheets.

Of a sheet several numbers are known: the sum of the elements' base values, then each base value,
the largest first, with zeros where a performance has fewer elements than the longest.

Letters: N performances, M numbers of one name, E elements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.config import DataSource
from cofinal.data.findings import Finding
from cofinal.data.labels import Label
from cofinal.data.sheets import read_sheets, sheet_file
from cofinal.errors import CofinalError
from cofinal.files.tables import by_id, csv_records, finite_cell, parse_number
from cofinal.given.numbers import Given, refuse_unfit, unfit
from cofinal.given.rules import GivenRule

# What score sheets tell.
BASE_VALUE = "base_value"
REPAIR = "fill it in, or leave the performance out"


def read_given(
    source: DataSource,
    labels: Sequence[Label],
    targets: Sequence[str],
    findings: list[Finding],
) -> Given | None:
    """What is given of the labelled performances; None where nothing is.

    Args:
        source: the data, with the rules.
        labels: N performances.
        targets: names of what is predicted.
        findings: what is wrong with single numbers is added here; they are then not a number.

    Raises:
        CofinalError: a name of which nothing is known, a target that is not predicted, unreadable
            sheets.
    """
    if not source.rules:
        return None
    numbers = {}
    for name in dict.fromkeys(rule.name for rule in source.rules):
        if all(name in label.given for label in labels):
            numbers[name] = _column(name, labels, source.rules, findings)
        elif name == BASE_VALUE and (path := sheet_file(source)):
            numbers[name] = _base_values(labels, path, source.rules, findings)
        else:
            place = Path(source.dataset).name
            offered = f"; name a column of a CSV, or {BASE_VALUE} where there are score sheets"
            if name == BASE_VALUE:
                offered = " and no sheet of elements; name one with --sheet"
            raise CofinalError(f"{place} has no column {name!r}{offered}")
    return Given(source.rules, tuple(targets), numbers)


def _column(
    name: str, labels: Sequence[Label], rules: Sequence[GivenRule], findings: list[Finding]
) -> np.ndarray:
    """A column of numbers (N, 1)."""
    values = np.full((len(labels), 1), np.nan)
    for i, label in enumerate(labels):
        text = label.given[name]
        value = parse_number(text)
        if not text:
            fault: str | None = f"no {name}; {REPAIR}"
        elif value is None:
            fault = f"{name} is {text!r}; expected a number, so correct it"
        else:
            fault, values[i] = unfit(name, value, rules), value
        if fault:
            message = f"{label.id}: {fault}"
            findings.append(Finding("given-unfit", message, label.file, label.line))
    return values


def _base_values(
    labels: Sequence[Label], path: Path, rules: Sequence[GivenRule], findings: list[Finding]
) -> np.ndarray:
    """Base values (N, 1 + E) of the sheets in a file."""
    sheets = read_sheets(path)
    known = [sheets.get(label.id, ()) for label in labels]
    most = max(map(len, known), default=0)
    values = np.full((len(labels), 1 + most), np.nan)
    for i, (label, elements) in enumerate(zip(labels, known, strict=True)):
        if not elements:
            fault: str | None = f"no sheet of {label.id}; add it, or leave the performance out"
        elif any(element.base_value is None for element in elements):
            fault = f"an element of {label.id} has no base value; fill it in"
        else:
            values[i] = sorted_values((e.base_value or 0.0 for e in elements), most)
            fault = unfit(BASE_VALUE, values[i, 0], rules)
        if fault:
            findings.append(Finding("given-unfit", fault, str(path)))
    return values


def sorted_values(each: Iterable[float], most: int) -> np.ndarray:
    """The sum of base values, then each, the largest first: (1 + most,).

    Of more elements than `most` the smallest count in the sum alone.
    """
    values = np.sort(list(each))[::-1]
    padded = np.zeros(most)
    padded[: len(values)] = values[:most]
    return np.concatenate([[values.sum()], padded])


def asked_numbers(
    texts: Sequence[str],
    ids: Sequence[str],
    rules: Sequence[GivenRule],
    widths: Mapping[str, int],
) -> list[Mapping[str, Any]]:
    """What is given of performances to be scored, by name, from what a command line says.

    Args:
        texts: each NAME=NUMBER, for all performances; base_value=NUMBER,NUMBER,... of each element;
            or a file: a CSV with the columns id and the names, or sheets of elements.
        ids: the performances.
        rules: those of the model.
        widths: name -> M of the model.

    Raises:
        CofinalError: text of another form, an unknown name, a performance that a file lacks.
    """
    found: list[dict[str, Any]] = [{} for _ in ids]
    for text in texts:
        name, equals, value = text.partition("=")
        if equals and name in widths:
            numbers = _typed(name, value, widths[name])
            for one in found:
                one[name] = numbers
        elif equals and not Path(text).exists():
            known = ", ".join(widths)
            raise CofinalError(f"--given {text}: this model knows no {name!r}; it asks {known}")
        else:
            for one, own in zip(found, _from_file(Path(text), ids, widths), strict=True):
                one.update(own)
    for identifier, one in zip(ids, found, strict=True):
        for name, values in one.items():
            refuse_unfit(name, float(values[0]), rules, identifier)
    return list(found)


def _typed(name: str, text: str, width: int) -> np.ndarray:
    """Numbers of one name as a command line has them, separated by commas."""
    values = [finite_cell(part.strip(), name, "--given") for part in text.split(",")]
    if name == BASE_VALUE and width > 1:
        if len(values) == 1:
            raise CofinalError(
                f"--given {name}={text}: one number, and this model asks the base value of each "
                f"element, up to {width - 1}, separated by commas, or a file of sheets"
            )
        return sorted_values(values, width - 1)
    if len(values) != 1:
        raise CofinalError(f"--given {name}={text}: {len(values)} numbers; expected one")
    return np.array(values)


def _from_file(
    path: Path, ids: Sequence[str], widths: Mapping[str, int]
) -> list[dict[str, np.ndarray]]:
    records = [] if path.suffix.lower() != ".csv" else list(csv_records(path, ("id",)))
    if records and "element" not in records[0][1]:
        cells = by_id(records)
        names = [name for name in widths if name in records[0][1]]
        if not names:
            raise CofinalError(f"{path} has no column {' or '.join(map(repr, widths))}")
        return [_row(path, identifier, cells, names) for identifier in ids]
    if BASE_VALUE not in widths:
        raise CofinalError(
            f"{path} holds sheets of elements, but this model asks {', '.join(widths)}; name a CSV "
            "with the column id and these"
        )
    sheets = read_sheets(path)
    for identifier in ids:
        elements = sheets.get(identifier, ())
        if not elements or any(element.base_value is None for element in elements):
            raise CofinalError(
                f"{path} has no base values of {identifier!r}; add its elements with them"
            )
    most = widths[BASE_VALUE] - 1
    return [
        {BASE_VALUE: sorted_values((e.base_value or 0.0 for e in sheets[i]), most)} for i in ids
    ]


def _row(
    path: Path,
    identifier: str,
    cells: Mapping[str, tuple[str, dict[str, str]]],
    names: Sequence[str],
) -> dict[str, np.ndarray]:
    if identifier not in cells:
        raise CofinalError(f"{path} has no line of {identifier!r}; add one")
    where, row = cells[identifier]
    return {name: np.array([finite_cell(row[name], name, where)]) for name in names}
