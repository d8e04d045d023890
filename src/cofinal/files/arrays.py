"""Arrays in `.npy` and `.npz` files of anyone: their headers cannot ask for memory.

Nothing is ever unpickled.
"""

from __future__ import annotations

import math
import os
import warnings
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from cofinal.errors import CofinalError
from cofinal.files.reading import check_plain
from cofinal.settings import quoted

# Packed arrays may be a thousand times larger than their file.
LARGEST_UNPACKED = 2**29
# What is raised where an archive, or what is packed in it, is damaged.
DAMAGED = (zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class ArrayHeader:
    """What a `.npy` file says of its array."""

    shape: tuple[int, ...]
    dtype: np.dtype
    """As stored, perhaps in another byte order than this machine's."""
    fortran_order: bool
    offset: int
    """Where the values begin, in bytes."""

    @property
    def is_sound(self) -> bool:
        """Whether the shape is one: NumPy's own reader lets truth values and negatives pass."""
        return all(type(size) is int and size >= 0 for size in self.shape)

    @property
    def bytes(self) -> int:
        """Size of the values."""
        return math.prod(self.shape) * self.dtype.itemsize


def array_header(stream: IO[bytes]) -> ArrayHeader:
    """Reads a header; ValueError where there is none."""
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        with warnings.catch_warnings():
            # NumPy reads headers that Python 2 wrote, and remarks on it.
            warnings.simplefilter("ignore", UserWarning)
            shape, fortran_order, dtype = read(stream)
    except OSError:
        raise
    except Exception as error:  # a header is text that is parsed: a bad one raises many kinds
        raise ValueError("it has no header of a .npy file") from error
    return ArrayHeader(shape, dtype, fortran_order, stream.tell())


def read_array(path: str | Path, expected: str) -> np.ndarray:
    """The array of a `.npy` file.

    Raises:
        CofinalError: unreadable, no .npy file, or one with fewer bytes than its header says.
    """
    path = check_plain(path, expected)
    try:
        with path.open("rb") as stream:
            return _values(stream, os.fstat(stream.fileno()).st_size)
    except (OSError, ValueError) as error:
        raise _refusal(path, error, expected) from error


def read_arrays(path: str | Path, names: Sequence[str], expected: str) -> dict[str, np.ndarray]:
    """Named arrays of a `.npz` file; others in it are left alone.

    Raises:
        CofinalError: unreadable, no .npz file, an array missing, damaged, or too large.
    """
    path = check_plain(path, expected)
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [archive.getinfo(f"{name}.npy") for name in names]
            if sum(entry.file_size for entry in inside) > LARGEST_UNPACKED:
                raise ValueError(f"unpacked it has more than {LARGEST_UNPACKED:,} bytes")
            found = {}
            for name, entry in zip(names, inside, strict=True):
                with archive.open(entry) as stream:
                    found[name] = _values(stream, entry.file_size)
            return found
    except KeyError as error:
        raise _refusal(path, ValueError(str(error.args[0])), expected) from error
    except (OSError, ValueError, EOFError, RuntimeError, *DAMAGED) as error:
        raise _refusal(path, error, expected) from error


def _values(stream: IO[bytes], size: int) -> np.ndarray:
    header = array_header(stream)
    if not header.is_sound or header.dtype.hasobject:
        raise ValueError(f"its header says {header.dtype} of shape {quoted(header.shape)}")
    if size - header.offset < header.bytes:
        raise ValueError(f"it is truncated: {size - header.offset} of {header.bytes} bytes")
    content = stream.read(header.bytes)
    values = np.frombuffer(content, header.dtype)
    return values.reshape(header.shape, order="F" if header.fortran_order else "C")


def _refusal(path: Path, error: Exception, expected: str) -> CofinalError:
    reason = getattr(error, "strerror", None) or error
    return CofinalError(f"cannot read {path} ({reason}); expected {expected}")
