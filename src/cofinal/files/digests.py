"""Hashes of files, by which they are known again."""

from __future__ import annotations

import hashlib
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.files.reading import check_plain


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal, read in pieces; of a folder's files in order.

    Raises:
        CofinalError: the file cannot be read, for example because it disappeared.
    """
    try:
        if Path(path).is_dir():
            inside = sorted(file for file in Path(path).iterdir() if file.is_file())
            parts = [f"{file.name} {file_sha256(file)}" for file in inside]
            return hashlib.sha256("\n".join(parts).encode()).hexdigest()
        with check_plain(path, "a file that can be read to its end").open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CofinalError(
            f"cannot read {path} ({error.strerror or error}); check that the file is still there"
        ) from error
