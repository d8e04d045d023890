"""Files that are either whole or absent: write to a neighbour, then rename."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError, NoRoomError

# What files are called until they are whole; those that a kill left are cleared by `lock`.
TEMPORARY = ".cofinal-*.tmp"
# What a system answers where a disk, a share of it or a file may grow no more.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Libraries that write by themselves say less: so little room left explains that they failed.
HARDLY_ANY_ROOM = 1 << 16


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block succeeds.

    A kill at any moment leaves either the old file or the new one, as does a machine that stops.
    Folders are created as needed.

    Raises:
        NoRoomError: the disk is full.
        CofinalError: the file cannot be written for another reason.
    """
    path = Path(path)
    temporary = path.with_name(TEMPORARY.replace("*", secrets.token_hex(8)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not by `tempfile`, whose files are private: results follow the user's umask.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        full = isinstance(error, Exception) and is_full(error, path.parent)
        temporary.unlink(missing_ok=True)
        if full and not isinstance(error, NoRoomError):
            raise no_room(path) from error
        if isinstance(error, OSError):
            raise _refusal(path, error) from error
        raise


def sync(path: Path) -> None:
    """Waits until a file's content is on the disk."""
    with path.open("rb+") as stream:
        os.fsync(stream.fileno())


def is_full(error: BaseException | None, folder: Path | None = None) -> bool:
    """Whether something failed because a disk is full.

    Args:
        error: what was raised; what caused it tells too.
        folder: one on the disk, whose room is looked at where the error does not tell.
    """
    while error is not None:
        if isinstance(error, NoRoomError) or getattr(error, "errno", None) in FULL:
            return True
        if isinstance(error, CofinalError):
            return False
        if "disk is full" in str(error):  # SQLite
            return True
        error = error.__cause__ or error.__context__
    return folder is not None and shutil.disk_usage(folder).free < HARDLY_ANY_ROOM


def no_room(path: Path) -> NoRoomError:
    """What to tell of a file for which a disk has no room."""
    return NoRoomError(
        f"no room left on the disk for {path}; free some, and run the same command again"
    )


def _refusal(path: Path, error: OSError) -> CofinalError:
    if error.errno in FULL:
        return no_room(path)
    return CofinalError(
        f"cannot write {path}: {error.strerror or error}; choose a folder you may write to"
    )


def keep(write: Callable[[], None]) -> None:
    """Writes a result; where a disk has no room it is told all the same, with a warning."""
    try:
        write()
    except NoRoomError as error:
        warnings.warn(f"the result is not kept: {error}", stacklevel=3)


def write_text(path: str | Path, text: str) -> None:
    """Writes `text` as UTF-8, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def json_text(value: Any) -> str:
    """Indented JSON; NaN and infinity are refused, not written."""
    return json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as `json_text`, atomically."""
    write_text(path, json_text(value))
