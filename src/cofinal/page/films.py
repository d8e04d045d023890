"""The films of the folder: found, confined to it, and known by their names."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.extraction.containers import VIDEO_SUFFIXES, open_video
from cofinal.extraction.playable import playable
from cofinal.extraction.sources import expand, find_videos
from cofinal.settings import quoted

# A film of which nothing can be read is stepped through as if it had so many pictures a second.
USUAL_FPS = 25.0
# The folder is not searched anew for every click.
LOOK_EVERY_SECONDS = 2.0


@dataclass(frozen=True)
class FilmFacts:
    """What the page needs to know of a film."""

    fps: float
    """Pictures a second."""
    mime: str
    why_not: str | None
    """Why browsers do not play the file itself; None if they do."""


class Films:
    """The films in a folder and the folders inside it.

    Args:
        folder: where they are.

    Raises:
        CofinalError: no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise CofinalError(f"{folder} is not a folder; name the one in which the films are")
        self.folder = folder.resolve()
        self._found: dict[str, Path] | None = None
        self._looked = 0.0

    def paths(self) -> dict[str, Path]:
        """Film -> file, in natural order; links that lead out of the folder are left out.

        Raises:
            CofinalError: two films of one name.
        """
        if self._found is None or time.monotonic() - self._looked > LOOK_EVERY_SECONDS:
            there = expand(str(self.folder), tuple(VIDEO_SUFFIXES))
            found = find_videos(there) if there else {}
            self._found = {name: path for name, path in found.items() if self._inside(path)}
            self._looked = time.monotonic()
        return self._found

    def path(self, film: str) -> Path:
        """A film's file.

        Raises:
            CofinalError: no film of that name in the folder.
        """
        found = self.paths().get(film)
        if found is None:
            raise CofinalError(
                f"film {quoted(film)} is not in the folder; was it moved or renamed?"
            )
        return found

    def facts(self, film: str) -> FilmFacts:
        """What is known of a film; one that cannot be read is told as unplayable."""
        path = self.path(film)
        try:
            status = path.stat()
        except OSError as error:  # it went since the folder was searched
            raise CofinalError(f"film {quoted(film)} is gone ({error.strerror})") from error
        return _facts(path, status.st_mtime_ns, status.st_size)

    def _inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self.folder)


@functools.lru_cache(maxsize=10_000)
def _facts(path: Path, changed: int, size: int) -> FilmFacts:
    """Read once for each state of the file."""
    try:
        mime, why_not = playable(path)
        with open_video(path) as video:
            return FilmFacts(float(1 / video.frame_interval), mime, why_not)
    except CofinalError as error:
        return FilmFacts(USUAL_FPS, "", str(error))
