"""Which feature file an id means, however people and file systems write names."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cofinal.data.archives import (
    ARCHIVE,
    ARRAY,
    KEYPOINTS,
    arrays_of,
    is_archive,
    performances_in,
)
from cofinal.errors import CofinalError

# The ending of a file, as in ids that were copied from a list of videos.
ENDING = re.compile(r"\.[a-z0-9]{2,4}$")


def composed(text: str) -> str:
    """Text with composed accents: file systems and spreadsheets write them in two ways."""
    return unicodedata.normalize("NFC", text)


def likeness(name: str) -> str:
    """What names have in common that may mean the same: no ending, capitals, or leading zeros."""
    plain = ENDING.sub("", composed(name).strip().casefold())
    return re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", plain)


class FeatureNames:
    """The features in a folder, its sub-folders and its archives, or in one archive, by name.

    Those in sub-folders are called by both, as in "2014/p00"; where no other has their last name,
    by that alone too.

    Raises:
        CofinalError: two files of one name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: dict[str, Path] = {}
        for name, path in _named(folder):
            if name in self.paths:
                raise CofinalError(
                    f"{self.paths[name]} and {path} are both features of {name!r}; keep one"
                )
            self.paths[name] = path
        self._last: dict[str, list[str]] = defaultdict(list)
        self._alike: dict[str, list[str]] = defaultdict(list)
        for name in self.paths:
            self._last[name.rpartition("/")[2]].append(name)
            self._alike[likeness(name.rpartition("/")[2])].append(name)

    def name(self, identifier: str) -> str:
        """The name that an id means, whatever way its accents are written; or itself."""
        plain = composed(identifier)
        last = self._last.get(plain, [])
        return last[0] if plain not in self.paths and len(last) == 1 else plain

    def path(self, identifier: str) -> Path:
        """The file of an id; it may be absent."""
        return self.paths.get(self.name(identifier), self.folder / f"{identifier}.npy")

    def near(self, identifier: str) -> str | None:
        """The only name that an id without a file may mean; None without one, or with several."""
        alike = self._alike.get(likeness(identifier.rpartition("/")[2]), [])
        return alike[0] if len(alike) == 1 else None

    def absence(self, identifier: str) -> str:
        """Why an id has no file, and which file it may mean."""
        near, several = self.near(identifier), self._last.get(composed(identifier), [])
        if several:
            advice = (
                f"{' and '.join(several[:2])} are there: write the id with its folder, as "
                f"{several[0]!r}"
            )
        elif near:
            advice = f"{near}.npy is there: if that is meant, write the id as {near!r}"
        else:
            advice = "extract its features, or name their folder with --features"
        return f"{self.folder / identifier}.npy is missing; {advice}"

    def unlabelled(self, identifiers: set[str]) -> list[Path]:
        """Files that no id means, nor nearly means."""
        known = {self.name(identifier) for identifier in identifiers}
        nearly = {near for name in known - self.paths.keys() if (near := self.near(name))}
        return [path for name, path in self.paths.items() if name not in known | nearly]


def _named(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names and paths of all features."""
    if is_archive(folder):
        yield from ((composed(name), folder / name) for name in arrays_of(folder))
        return
    for path in sorted(folder.rglob("*")):
        ending = path.suffix.lower()
        if ending not in (ARRAY, ARCHIVE) or path.name.endswith(KEYPOINTS) or not path.is_file():
            continue
        several = performances_in(path)
        for one in several:
            inside = one if len(several) > 1 else path.with_suffix("")
            root = path if len(several) > 1 else folder
            yield composed(inside.relative_to(root).as_posix()), one


def has_features(folder: Path, deep: bool) -> bool:
    """Whether any features lie in a folder, or deep in it."""
    found = folder.rglob("*") if deep else folder.glob("*")
    return any(path.suffix.lower() in (ARRAY, ARCHIVE) for path in found)
