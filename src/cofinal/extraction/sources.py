"""Which videos are meant: files, folders and patterns."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.extraction.containers import VIDEO_SUFFIXES
from cofinal.records import natural_key


def find_videos(sources: Sequence[str | Path]) -> dict[str, Path]:
    """Lists the videos that files, folders (searched deeply) and glob patterns name.

    Returns:
        id (file name without suffix) to path, in natural order ("9" before "10"). A file named
        explicitly is taken whatever its suffix, also if it does not exist: that is found later
        and told of that file alone.

    Raises:
        CofinalError: nothing found, or two videos of the same name.
    """
    if not sources:
        raise CofinalError("no videos named; give video files, folders with some, or patterns")
    found: dict[str, Path] = {}
    for source in sources:
        paths = expand(str(source), tuple(VIDEO_SUFFIXES))
        if not paths:
            raise CofinalError(
                f"{source} names no video; expected video files, folders with some, or patterns"
            )
        for path in paths:
            if found.setdefault(path.stem, path).absolute() != path.absolute():
                raise CofinalError(
                    f"{found[path.stem]} and {path} would both become {path.stem}.npy; "
                    "rename one of them, or extract them into different folders"
                )
    return dict(sorted(found.items(), key=lambda entry: natural_key(entry[0])))


def expand(source: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Files that a path, a folder (those with `suffixes`, deeply) or a glob pattern names."""
    path = Path(source)
    if path.is_dir():
        inside = (p for p in path.rglob("*") if p.name.lower().endswith(suffixes))
        return sorted(p for p in inside if p.is_file() and not p.name.startswith("."))
    if not path.exists() and glob.has_magic(source):
        return [Path(p) for p in sorted(glob.glob(source, recursive=True)) if Path(p).is_file()]
    return [path]
