"""Files that are either whole or absent: write to a neighbour, then rename."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError

# What files are called until they are whole; those that a kill left are cleared by `lock`.
TEMPORARY = ".cofinal-*.tmp"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; renames it to `path` when the block succeeds.

    A kill at any moment leaves either the old file or the new one. Folders are created as needed.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix, suffix = TEMPORARY.split("*")
        handle, name = tempfile.mkstemp(suffix, prefix, path.parent)
    except OSError as error:
        raise CofinalError(
            f"cannot write {path}: {error.strerror or error}; choose a folder you may write to"
        ) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp files are private; results should follow the user's umask like any other file.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
