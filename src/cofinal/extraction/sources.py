"""Which films are meant: files, folders and patterns; and what each is called.

A film is called by its file's name without the ending. Where that is the name of several films,
their folders tell them apart: "2014/1" and "2015/1".
"""

from __future__ import annotations

import glob
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.extraction.containers import VIDEO_SUFFIXES
from cofinal.extraction.stills import is_stills
from cofinal.records import natural_key

# Films that FFmpeg is not let read here, and films whose download did not end.
OTHER_FILMS = (
    *(".264", ".265", ".crdownload", ".divx", ".dv", ".h264", ".hevc", ".mxf", ".part", ".rm"),
    *(".rmvb", ".swf", ".vob", ".y4m"),
)


@dataclass(frozen=True)
class Film:
    """A film by its path, with the folder that was searched for it, if one was."""

    path: Path
    root: Path | None = None

    def names(self) -> list[str]:
        """What it may be called, from the shortest to the longest."""
        name = self.path.name if self.path.is_dir() else self.path.stem
        root = self.path.parent if self.root is None else self.root
        inside = (*self.path.parent.relative_to(root).parts, name)
        return [name, "/".join(inside), "/".join((root.resolve().name, *inside))]


def find_videos(sources: Sequence[str | Path]) -> dict[str, Path]:
    """Lists the films that files, folders (searched deeply) and glob patterns name.

    Returns:
        id to path, in natural order ("9" before "10"). A file named explicitly is taken whatever
        its ending, also if it does not exist: that is found later and told of that file alone.

    Raises:
        CofinalError: nothing found, or films that their folders do not tell apart.
    """
    if not sources:
        raise CofinalError("no videos named; give video files, folders with some, or patterns")
    films: dict[Path, Film] = {}
    for source in sources:
        found = _films(str(source))
        if not found:
            raise CofinalError(
                f"{source} names no video; expected video files, folders with some, or patterns"
            )
        for film in found:
            films.setdefault(film.path.absolute(), film)
    named = _told_apart(list(films.values()))
    return dict(sorted(named.items(), key=lambda entry: natural_key(entry[0])))


def _told_apart(films: Sequence[Film]) -> dict[str, Path]:
    """Each film by the shortest name that is its own."""
    found: dict[str, Path] = {}
    for length in range(3):
        by_name: dict[str, list[Film]] = defaultdict(list)
        for film in films:
            by_name[film.names()[length]].append(film)
        found |= {
            name: same[0].path
            for name, same in by_name.items()
            if len(same) == 1 and name not in found
        }
        known = set(found.values())
        films = [film for film in films if film.path not in known]
    if films:
        one, *others = films
        other = others[0].path if others else found[one.names()[0]]
        name = one.names()[0]
        raise CofinalError(
            f"{one.path} and {other} would both become {name}.npy; "
            "rename one of them, or extract them into different folders"
        )
    return found


def _films(source: str) -> list[Film]:
    """The films of one source."""
    path = Path(source)
    if not path.is_dir():
        return [Film(p) for p in expand(source, tuple(VIDEO_SUFFIXES))]
    if is_stills(path):
        return [Film(path)]
    folders = (p for p in sorted(path.rglob("*")) if not p.name.startswith(".") and is_stills(p))
    return [Film(p, path) for p in (*expand(source, tuple(VIDEO_SUFFIXES)), *folders)]


def passed_over(sources: Sequence[str | Path]) -> list[Path]:
    """Films in the folders named that cannot be read here, by their endings."""
    folders = [str(source) for source in sources if Path(source).is_dir()]
    return [path for folder in folders for path in expand(folder, OTHER_FILMS)]


def expand(source: str, suffixes: tuple[str, ...]) -> list[Path]:
    """Files that a path, a folder (those with `suffixes`, deeply) or a glob pattern names."""
    path = Path(source)
    if path.is_dir():
        inside = (p for p in path.rglob("*") if p.name.lower().endswith(suffixes))
        return sorted(p for p in inside if p.is_file() and not p.name.startswith("."))
    if not path.exists() and glob.has_magic(source):
        return [Path(p) for p in sorted(glob.glob(source, recursive=True)) if Path(p).is_file()]
    return [path]
