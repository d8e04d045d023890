"""Skeleton files of other tools to keypoints.

`joints.toml` beside the files says what they do not say themselves:

    layout = "coco-17"         # one of joints.LAYOUTS; or number (or column) of each joint:
    # [joints]
    # left_knee = 13
    fps = 30                   # frames per second
    up = "y"                   # the axis that points up; "-y" where rows grow downwards
    picture = [1920, 1080]     # width and height, where positions are shares of them
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.errors import CofinalError
from cofinal.files.arrays import read_array
from cofinal.files.reading import read_toml
from cofinal.files.tables import finite
from cofinal.records import RATES
from cofinal.settings import quoted
from cofinal.skeleton.joints import COUNTS, JOINTS, LAYOUTS
from cofinal.skeleton.keypoints import SUFFIX, Keypoints, read_keypoints
from cofinal.skeleton.raw import RawSkeleton
from cofinal.skeleton.tool_csv import raw_from_csv
from cofinal.skeleton.tool_json import raw_from_folder, raw_from_json

JOINTS_FILE = "joints.toml"
# Sides of a picture in pixels.
LARGEST_PICTURE = 100_000
SUFFIXES = (SUFFIX, ".json", ".csv", ".npy")


@dataclass(frozen=True)
class Hints:
    """What `joints.toml` says."""

    layout: str | None = None
    """A layout's name."""
    joints: Mapping[str, int | str] = field(default_factory=dict)
    """Number, or name in a CSV's header, of each joint."""
    fps: float | None = None
    """Frames per second."""
    up: str | None = None
    """The axis that points up."""
    picture: tuple[int, int] | None = None
    """Width and height that positions are shares of."""


def skeleton_id(path: Path) -> str:
    """Name of the performance that a skeleton file or folder holds."""
    return path.name.removesuffix(SUFFIX) if path.name.endswith(SUFFIX) else path.stem


def read_skeleton(path: str | Path) -> Keypoints:
    """Keypoints of one performance from a file, or from OpenPose's folder of files.

    Raises:
        CofinalError: no such file, another format, or something missing that joints.toml can say.
    """
    path = Path(path)
    if path.name.endswith(SUFFIX):
        return read_keypoints(path)
    hints = read_hints(path.parent / JOINTS_FILE)
    if path.is_dir():
        raw = raw_from_folder(path)
    elif path.suffix.lower() == ".json":
        raw = raw_from_json(path, hints.picture)
    elif path.suffix.lower() == ".csv":
        raw = raw_from_csv(path)
    elif path.suffix.lower() == ".npy":
        raw = raw_from_array(path)
    else:
        raise CofinalError(
            f"{path} is no skeleton file; expected {', '.join(SUFFIXES)} or a folder of OpenPose's"
        )
    return _keypoints(path, raw, hints)


def read_hints(path: Path) -> Hints:
    """Reads joints.toml; nothing is said where it is missing.

    Raises:
        CofinalError: no TOML, or entries that are not known.
    """
    if not path.is_file():
        return Hints()
    content = read_toml(path, "description of joints")
    unknown = sorted(set(content) - {"layout", "joints", "fps", "up", "picture"})
    if unknown:
        raise CofinalError(
            f"{path}: {unknown[0]!r} is unknown; expected layout, joints, fps, up or picture"
        )
    fps = content.get("fps")
    if fps is not None and not RATES.holds(finite(fps, "fps", str(path))):
        raise CofinalError(f"{path}: fps is {quoted(fps)}; expected {RATES}")
    for name in ("layout", "up"):
        if not isinstance(content.get(name, ""), str):
            raise CofinalError(f"{path}: {name} is {quoted(content[name])}; expected text")
    picture = content.get("picture")
    if picture is not None and not _is_size(picture):
        raise CofinalError(
            f"{path}: picture is {quoted(picture)}; expected [width, height] in pixels"
        )
    joints = content.get("joints", {})
    if not isinstance(joints, dict):
        raise CofinalError(
            f"{path}: joints is {quoted(joints)}; expected a table of joint = number"
        )
    return Hints(
        content.get("layout"), joints, fps, content.get("up"), tuple(picture) if picture else None
    )


def _is_size(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(type(side) is int and 0 < side <= LARGEST_PICTURE for side in value)
    )


def raw_from_array(path: Path) -> RawSkeleton:
    """An array (frames, joints, 2 or 3)."""
    values = read_array(path, "a .npy array of (frames, joints, 2 or 3)")
    if values.ndim != 3 or values.shape[2] not in (2, 3) or values.dtype.kind not in "fiu":
        raise CofinalError(
            f"{path} holds {values.dtype} {values.shape}; expected numbers of shape "
            "(frames, joints, 2 or 3)"
        )
    return RawSkeleton(values.astype(np.float64))


def _keypoints(path: Path, raw: RawSkeleton, hints: Hints) -> Keypoints:
    positions = raw.positions
    frames, count, axes = positions.shape
    finite_FJ = np.isfinite(positions).all(axis=2)
    visibility = np.ones((frames, count)) if raw.visibility is None else raw.visibility
    layout = hints.layout or raw.layout
    if hints.joints:
        joints = _numbered(path, hints.joints, raw.names)
    elif layout is not None:
        if LAYOUTS.get(layout) is None or COUNTS[layout] != count:
            raise CofinalError(
                f"{path} has {count} joints, but layout {layout!r} "
                + (f"has {COUNTS[layout]}" if layout in LAYOUTS else "is unknown")
                + f"; correct {path.parent / JOINTS_FILE}"
            )
        joints = LAYOUTS[layout]
    else:
        own = {name: name.replace(" ", "_") for name in raw.names}
        joints = _numbered(path, {o: n for n, o in own.items() if o in JOINTS}, raw.names)
    if not joints:
        raise CofinalError(
            f"{path} has {count} joints and does not say which is which; write "
            f"{path.parent / JOINTS_FILE} with a layout ({', '.join(LAYOUTS)}) or a [joints] table"
        )
    return Keypoints(
        np.where(finite_FJ[..., None], positions, np.nan),
        np.where(finite_FJ, np.nan_to_num(visibility).clip(0, 1), 0.0),
        _seconds(path, raw, hints, frames),
        joints,
        hints.up or raw.up or ("-y" if axes == 2 else "y"),
        raw.picture,
    )


def _seconds(path: Path, raw: RawSkeleton, hints: Hints, frames: int) -> np.ndarray:
    if raw.seconds is not None:
        return raw.seconds
    fps = hints.fps or raw.fps
    if fps is not None and not RATES.holds(fps):
        raise CofinalError(f"{path} says {fps:g} frames per second; expected {RATES}")
    if fps is None:
        raise CofinalError(
            f"{path} does not say its frame rate; write fps = 30, or what it is, into "
            f"{path.parent / JOINTS_FILE}"
        )
    return np.arange(frames) / fps


def _numbered(
    path: Path, joints: Mapping[str, int | str], names: tuple[str, ...]
) -> dict[str, int]:
    """Joints by number; names of columns become numbers."""
    numbered: dict[str, int] = {}
    for joint, place in joints.items():
        if not isinstance(place, str):
            numbered[joint] = place
        elif place.lower() in names:
            numbered[joint] = names.index(place.lower())
        else:
            raise CofinalError(f"{path} has no joint {place!r}, which {JOINTS_FILE} names")
    return numbered
