"""Keypoints of one performance over time, and the file that keeps them.

Letters: F frames, J joints, D coordinates (2 or 3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cofinal.errors import CofinalError
from cofinal.files.arrays import read_arrays
from cofinal.files.atomic import atomic_path

SUFFIX = ".keypoints.npz"
# Axis that points up, and its sign: image rows grow downwards, most 3-D systems upwards.
# In any unit of length, and in seconds; larger numbers cannot be squared and summed.
FARTHEST = 1e9
UPS = ("x", "y", "z", "-x", "-y", "-z")
WHAT = "a file of keypoints as `cofinal extract` writes it"
ARRAYS = ("positions", "visibility", "seconds", "joint_names", "joint_numbers", "up", "picture")


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Where joints were seen, frame by frame."""

    positions_FJD: np.ndarray = field(repr=False)
    """Float, D 2 or 3, in any unit of length; NaN where a joint was not seen."""
    visibility_FJ: np.ndarray = field(repr=False)
    """0 to 1: how sure the tool is that a joint is in view; 0 where it was not seen."""
    seconds_F: np.ndarray = field(repr=False)
    """When each frame is, increasing."""
    joints: Mapping[str, int]
    """Number of each known joint; see `joints.JOINTS`."""
    up: str = "-y"
    """Axis that points up, one of UPS."""
    picture: tuple[int, int] | None = None
    """Width and height of the frame in pixels, where positions are in it."""

    def __post_init__(self) -> None:
        shape = self.positions_FJD.shape
        if len(shape) != 3 or shape[2] not in (2, 3) or 0 in shape:
            raise CofinalError(f"positions have shape {shape}; expected (frames, joints, 2 or 3)")
        if self.visibility_FJ.shape != shape[:2] or self.seconds_F.shape != shape[:1]:
            raise CofinalError(
                f"visibility {self.visibility_FJ.shape} and seconds {self.seconds_F.shape} do not "
                f"fit positions {shape}; give one value a frame and joint, and one a frame"
            )
        for name in ("positions_FJD", "visibility_FJ", "seconds_F"):
            values = getattr(self, name)
            plain = values.dtype.kind in "fiu"
            if not plain or (np.abs(values.astype(np.float64)) > FARTHEST).any():
                raise CofinalError(
                    f"{name.partition('_')[0]} are {values.dtype} of another size; expected "
                    f"numbers of at most {FARTHEST:g}, for example pixels, metres or seconds"
                )
        seconds = self.seconds_F
        if not np.isfinite(seconds).all() or (np.diff(seconds) <= 0).any():
            raise CofinalError("the seconds of the frames do not increase; sort the frames by time")
        if self.up not in UPS or "xyz".index(self.up[-1]) >= shape[2]:
            raise CofinalError(f"up is {self.up!r}; expected one of {', '.join(UPS)}")

    @property
    def found_share(self) -> float:
        """Share of frames in which any joint was seen, 0 to 1."""
        return float((self.visibility_FJ > 0).any(axis=1).mean())


def write_keypoints(path: str | Path, keypoints: Keypoints) -> None:
    """Writes keypoints, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            positions=keypoints.positions_FJD.astype(np.float32),
            visibility=keypoints.visibility_FJ.astype(np.float32),
            seconds=keypoints.seconds_F.astype(np.float64),
            joint_names=np.array(list(keypoints.joints)),
            joint_numbers=np.array(list(keypoints.joints.values()), dtype=np.int64),
            up=np.array(keypoints.up),
            picture=np.array(keypoints.picture or (0, 0), dtype=np.int64),
        )


def read_keypoints(path: str | Path) -> Keypoints:
    """Reads what `write_keypoints` wrote; nothing is unpickled.

    Raises:
        CofinalError: no such file, or another one.
    """
    file = read_arrays(path, ARRAYS, WHAT)
    try:
        width, height = map(int, file["picture"].astype(np.int64, casting="same_kind"))
        names, numbers = file["joint_names"], file["joint_numbers"]
        if numbers.dtype.kind not in "iu":
            raise ValueError(f"joint numbers are {numbers.dtype}")
        return Keypoints(
            file["positions"],
            file["visibility"],
            file["seconds"],
            {str(name): int(n) for name, n in zip(names, numbers, strict=True)},
            str(file["up"]),
            (width, height) if width and height else None,
        )
    except (ValueError, TypeError) as error:
        raise CofinalError(f"{path} is not as expected ({error}); expected {WHAT}") from error
