"""Clip features in `.npy` files that may be anything: read, or left on disk and mapped.

Letters: T clips, C backbone channels.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from cofinal.data.archives import ARRAY, KEYPOINTS, archive_of, is_archive, open_values
from cofinal.errors import CofinalError
from cofinal.files.arrays import ArrayHeader, array_header
from cofinal.files.atomic import atomic_path
from cofinal.files.fields import record_from
from cofinal.files.reading import read_json
from cofinal.files.tables import finite
from cofinal.records import RATES, ClipFeatures, FeatureRecipe
from cofinal.settings import quoted

RECIPE_FILE = "features.json"
# Seconds after which no film's first clip starts.
LATEST_START = 1e6


def write_values(path: str | Path, values: np.ndarray) -> None:
    """Writes one (T, C) array as .npy, whole or not at all."""
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.save(stream, values, allow_pickle=False)


@dataclass(frozen=True)
class FeatureFile:
    """A `.npy` file of (T, C) floating-point values whose header agrees with its size."""

    path: Path
    shape: tuple[int, int]
    """(T, C); further axes of the file are of length one."""
    dtype: np.dtype
    """As stored, perhaps in another byte order than this machine's."""
    fortran_order: bool
    offset: int
    """Where the values begin, in bytes."""

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    @classmethod
    def of(cls, path: str | Path) -> FeatureFile:
        """Reads the header alone; nothing is ever unpickled.

        The header is compared with the file's size before anything is allocated, so a hostile
        header cannot ask for memory that the file does not have.

        Raises:
            CofinalError: missing, empty, truncated, no .npy, not floating point, or not (T, C).
        """
        path = Path(path)
        with _told(path), open_values(path) as (stream, size):
            header = _header(stream, path, size)
            two_axes = _check_layout(path, header, size)
        return cls(path, two_axes, header.dtype, header.fortran_order, header.offset)

    def read(self) -> np.ndarray:
        """The values in memory."""
        with _told(self.path), open_values(self.path) as (stream, _):
            stream.read(self.offset)
            content = bytearray(stream.read(self.bytes))  # torch wants what can be written to
            return self._arranged(np.frombuffer(content, self.dtype))

    def map(self) -> np.ndarray:
        """The values on disk; what is looked at is read. The file is open as long as the array.

        Writes stay private: torch takes no array that cannot be written to. Arrays of an archive
        are read.
        """
        if self.path.suffix.lower() != ARRAY:
            return self.read()
        with _told(self.path):
            size = self.shape[0] * self.shape[1]
            mapped = np.memmap(self.path, self.dtype, "c", self.offset, size)
            return self._arranged(mapped.view(np.ndarray))

    def _arranged(self, values: np.ndarray) -> np.ndarray:
        """The values (T, C) in this machine's byte order, clip after clip; a copy if need be.

        float64 becomes float32; what that cannot hold becomes infinite, and is found as such.
        """
        values = values.reshape(self.shape, order="F" if self.fortran_order else "C")
        held = np.dtype(np.float32) if self.dtype.itemsize > 4 else self.dtype.newbyteorder("=")
        with np.errstate(over="ignore"):
            return np.require(values, held, ["C", "ALIGNED"])


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Faults of the disk, and a file that has shrunk since its header was read, as sentences."""
    try:
        yield
    except CofinalError:
        raise
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CofinalError(
            f"cannot read {path}: {reason}; expected a .npy file of clip features"
        ) from error


def read_values(path: str | Path) -> np.ndarray:
    """Reads one (T, C) array, float16 or float32; see `FeatureFile.of` for what is refused."""
    return FeatureFile.of(path).read()


def _header(stream: IO[bytes], path: Path, size: int) -> ArrayHeader:
    """What the file says of its values; one without a sound header gets a sentence."""
    try:
        return array_header(stream)
    except ValueError as error:
        what = "is empty" if size == 0 else f"is not a .npy file, since {error}"
        raise CofinalError(
            f"{path} {what} ({size} bytes); expected clip features written by numpy.save"
        ) from error


def _check_layout(path: Path, header: ArrayHeader, size: int) -> tuple[int, int]:
    """(T, C), if that is what the file holds."""
    shape, dtype = header.shape, header.dtype
    if dtype.kind != "f" or dtype.itemsize not in (2, 4, 8):
        raise CofinalError(
            f"{path} holds {dtype}; expected floating-point features of shape (clips, channels)"
        )
    axes = list(shape)
    while len(axes) > 2 and 1 in axes:
        axes.remove(1)
    if not header.is_sound or len(axes) != 2 or min(axes) < 1:
        raise CofinalError(
            f"{path} has shape {quoted(shape)}; expected (clips, channels), at least 1 each"
        )
    found = size - header.offset
    if found < header.bytes:
        raise CofinalError(
            f"{path} is truncated: {found} of {header.bytes} bytes of data; "
            "copy or extract it again"
        )
    return axes[0], axes[1]


def recipe_file(features: str | Path) -> Path:
    """Where a folder of features, or one archive, is described."""
    features = Path(features)
    beside = features.parent if is_archive(features) else features
    return beside / RECIPE_FILE


def read_description(folder: str | Path) -> dict[str, Any]:
    """What `features.json` of a folder says; empty if there is no such file."""
    path = recipe_file(folder)
    if not path.exists():
        return {}
    value = read_json(path, "a description of clip features")
    if not isinstance(value, dict):
        raise CofinalError(f"{path} holds {type(value).__name__}; expected an object")
    return value


def read_recipe(folder: str | Path) -> FeatureRecipe:
    """The recipe in `features.json` of a folder; an empty recipe if there is no such file."""
    return _recipe(read_description(folder), folder)


def _recipe(described: dict[str, Any], folder: str | Path) -> FeatureRecipe:
    """The members that this version knows; others are descriptive."""
    return record_from(FeatureRecipe, described, str(Path(folder) / RECIPE_FILE))


def read_features(path: str | Path) -> ClipFeatures:
    """Reads the features of one performance, with the recipe and times that lie beside them.

    Features in a sub-folder are described in the folder above, under the sub-folder's name too.
    """
    path = Path(path)
    folder, name = _described_in(path)
    described = read_description(folder)
    recipe = _recipe(described, folder)
    first, fps = video_times(described, name)
    share = _found_share(described, name)
    beside = path.with_name(path.stem + KEYPOINTS)
    kept = beside if beside.is_file() else None
    return ClipFeatures(read_values(path), name, recipe, first, fps, share, kept)


def _described_in(path: Path) -> tuple[Path, str]:
    """The folder whose features.json tells of a file, and the name it goes by there."""
    archive = archive_of(path)
    if archive is not None:
        return archive.parent, path.relative_to(archive).as_posix()
    for folder in (path.parent, *path.parents[1:3]):
        if (folder / RECIPE_FILE).exists():
            return folder, path.relative_to(folder).with_suffix("").as_posix()
    return path.parent, path.stem


def _found_share(described: dict[str, Any], id: str) -> float | None:
    """Share of frames in which the person was found, where features.json tells."""
    videos = described.get("videos")
    record = videos.get(id) if isinstance(videos, dict) else None
    share = record.get("found_share") if isinstance(record, dict) else None
    if share is None:
        return None
    found = finite(share, "found_share", f"{RECIPE_FILE}: video {id!r}")
    if not 0 <= found <= 1:
        raise CofinalError(f"{RECIPE_FILE}: video {id!r}: found_share {found:g}; expected 0 to 1")
    return found


def video_times(described: dict[str, Any], id: str) -> tuple[float, float | None]:
    """When a video's first clip starts, in seconds, and the rate it was sampled at.

    Where features.json does not tell, as of features made elsewhere: 0 and None.
    """
    videos = described.get("videos")
    record = videos.get(id) if isinstance(videos, dict) else None
    if not isinstance(record, dict):
        return 0.0, None
    first, fps = record.get("first_clip_seconds", 0.0), record.get("fps")
    where = f"{RECIPE_FILE}: video {id!r}"
    first = finite(first, "first_clip_seconds", where)
    rate = None if fps is None else finite(fps, "fps", where)
    if not 0 <= first <= LATEST_START or (rate is not None and not RATES.holds(rate)):
        raise CofinalError(f"{where} starts at {first:g} s with {rate} fps; extract it again")
    return first, rate
