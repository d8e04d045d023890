"""Tables of joints: a line a frame."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from cofinal.errors import CofinalError
from cofinal.files.tables import csv_rows, parse_number
from cofinal.skeleton.raw import RawSkeleton

# The sensor's own rate.
KINECT_FPS = 30.0
# Numbers a line -> numbers a joint.
KINECT_COLUMNS = {75: 3, 100: 4}
KINECT_NAMES = (
    *("spinebase", "spinemid", "neck", "head"),
    *("shoulderleft", "elbowleft", "wristleft", "handleft"),
    *("shoulderright", "elbowright", "wristright", "handright"),
    *("hipleft", "kneeleft", "ankleleft", "footleft"),
    *("hipright", "kneeright", "ankleright", "footright", "spineshoulder"),
    *("handtipleft", "thumbleft", "handtipright", "thumbright"),
)
# Column -> seconds of one unit.
TIMES = {"seconds": 1.0, "time": 1.0, "timestamp": 1.0, "time_ms": 1e-3, "timestamp_ms": 1e-3}


def raw_from_csv(path: Path) -> RawSkeleton:
    """A line a frame: Kinect v2 without a header, or columns NAME_x, NAME_y[, NAME_z].

    A Kinect line has 25 joints of x, y, z and perhaps the state (2 seen, 1 guessed, 0 not).
    """
    rows = [row for _, row in csv_rows(path) if any(cell.strip() for cell in row)]
    if not rows:
        raise CofinalError(f"{path} is empty; expected a line a frame")
    header = [cell.strip().lower() for cell in rows[0]]
    if all(parse_number(cell) is not None for cell in header if cell):
        return _without_header(path, rows)
    table = _numbers(path, rows[1:], len(header), 2)
    names, places = _named_columns(header)
    if not names:
        raise CofinalError(
            f"{path}: no column is named NAME_x; expected NAME_x, NAME_y and perhaps NAME_z"
        )
    depth = all(f"{name} z" in places for name in names)
    axes = ("x", "y", "z") if depth else ("x", "y")
    for name in names:
        for axis in axes:
            if f"{name} {axis}" not in places:
                raise CofinalError(f"{path}: joint {name!r} has no column {name}_{axis}")
    positions = np.stack(
        [np.stack([table[:, places[f"{name} {axis}"]] for axis in axes], -1) for name in names], 1
    )
    seconds = None
    for column, scale in TIMES.items():
        if column in header:
            seconds = table[:, header.index(column)] * scale
    kinect = set(KINECT_NAMES) <= set(names)
    if kinect:
        positions = positions[:, [names.index(name) for name in KINECT_NAMES]]
        names = list(KINECT_NAMES)
    return RawSkeleton(
        positions,
        seconds=seconds,
        layout="kinect-v2" if kinect else None,
        names=tuple(names),
        fps=KINECT_FPS if kinect else None,
    )


def _named_columns(header: list[str]) -> tuple[list[str], dict[str, int]]:
    """Joint names in order, and column of "NAME AXIS", from NAME_x, NAME.x, "NAME x" or NAMEx."""
    names: dict[str, None] = {}
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        match = re.fullmatch(r"(.+?)[ _.\-]?([xyz])", cell)
        if match and cell not in TIMES:
            names[match[1]] = None
            places[f"{match[1]} {match[2]}"] = place
    return [name for name in names if f"{name} x" in places], places


def _without_header(path: Path, rows: list[list[str]]) -> RawSkeleton:
    # Some writers end each line with a comma.
    width = len(rows[0]) - (not rows[0][-1].strip())
    table = _numbers(path, [row[:width] for row in rows], width, 1)
    if width in KINECT_COLUMNS:
        per_joint = table.reshape(len(table), 25, KINECT_COLUMNS[width])
        state = per_joint[..., 3] / 2 if width == 100 else None
        return RawSkeleton(per_joint[..., :3], state, layout="kinect-v2", fps=KINECT_FPS)
    raise CofinalError(
        f"{path} has {width} columns without names; expected 75 or 100 of a Kinect v2, or a first "
        "line that names the columns NAME_x, NAME_y, ..."
    )


def _numbers(path: Path, rows: list[list[str]], width: int, first_line: int) -> np.ndarray:
    """Cells as numbers; an empty cell is NaN."""
    table = np.full((len(rows), width), np.nan)
    for r, row in enumerate(rows):
        if len(row) != width:
            raise CofinalError(f"{path}:{r + first_line}: {len(row)} cells instead of {width}")
        for c, cell in enumerate(row):
            value = parse_number(cell) if cell.strip() else np.nan
            if value is None:
                raise CofinalError(f"{path}:{r + first_line}: {cell!r}; expected a number")
            table[r, c] = value
    if not len(table):
        raise CofinalError(f"{path} holds no frames; expected a line a frame")
    return table
