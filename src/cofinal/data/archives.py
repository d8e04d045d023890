"""Where the features of one performance are: a `.npy` file, or an array of a `.npz` archive.

An archive of several arrays holds several performances; `all.npz/p00` is its array `p00`.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cofinal.errors import CofinalError
from cofinal.files.arrays import LARGEST_UNPACKED
from cofinal.files.reading import check_plain

ARRAY, ARCHIVE = ".npy", ".npz"
# Archives of keypoints lie beside the features of a video in which a person was followed.
KEYPOINTS = ".keypoints.npz"
WHAT = "a .npy file of clip features"
NAMED = 3


def is_features(path: Path) -> bool:
    """Whether a path is that of clip features, by its name."""
    return path.suffix.lower() in (ARRAY, ARCHIVE) or archive_of(path) is not None


def is_archive(path: Path) -> bool:
    """Whether a path is that of a file of several performances, by its name."""
    return path.suffix.lower() == ARCHIVE and path.is_file()


def archive_of(path: Path) -> Path | None:
    """The archive that an array's path leads into; None for a file's own path."""
    return next((up for up in path.parents if up.suffix.lower() == ARCHIVE), None)


def arrays_of(archive: Path) -> list[str]:
    """Names of the arrays of an archive.

    Raises:
        CofinalError: unreadable, or no .npz file.
    """
    try:
        with zipfile.ZipFile(check_plain(archive, "a .npz file of clip features")) as zipped:
            return [name[: -len(ARRAY)] for name in zipped.namelist() if name.endswith(ARRAY)]
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, CofinalError):
            raise
        raise CofinalError(f"cannot read {archive} ({error}); expected a .npz file") from error


def performances_in(path: Path) -> list[Path]:
    """The paths of all performances in a file: several for an archive of several arrays."""
    if path.suffix.lower() != ARCHIVE:
        return [path]
    names = arrays_of(path)
    return [path] if len(names) < 2 else [path / name for name in names]


@contextmanager
def open_values(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The content of a .npy file, or of the array that a path names; with its size in bytes.

    Raises:
        CofinalError: no such file or array, or one that would take too much memory.
    """
    archive = path if path.suffix.lower() == ARCHIVE else archive_of(path)
    if archive is None or archive.is_dir():
        with check_plain(path, WHAT).open("rb") as stream:
            yield stream, os.fstat(stream.fileno()).st_size
        return
    names = arrays_of(archive)
    name = path.relative_to(archive).as_posix() if archive != path else None
    if name not in names and (name is not None or len(names) != 1):
        told = f"{', '.join(names[:NAMED])}{', ...' if len(names) > NAMED else ''}"
        raise CofinalError(
            f"{archive} has {len(names)} arrays ({told}); name one of them, as in "
            f"{archive / (names or ['NAME'])[0]}"
        )
    with zipfile.ZipFile(archive) as zipped:
        entry = zipped.getinfo(f"{name or names[0]}{ARRAY}")
        if entry.file_size > max(LARGEST_UNPACKED, entry.compress_size):
            raise CofinalError(
                f"{path} takes {entry.file_size:,} bytes unpacked; save it as a .npy file"
            )
        with zipped.open(entry) as stream:
            yield stream, entry.file_size
