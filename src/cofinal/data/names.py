"""Which feature file an id means, however people and file systems write names."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

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
    """The feature files of a folder by their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = {composed(path.stem): path for path in sorted(folder.glob("*.npy"))}
        self._alike: dict[str, list[str]] = {}
        for stem in self.paths:
            self._alike.setdefault(likeness(stem), []).append(stem)

    def path(self, identifier: str) -> Path:
        """The file of an id, whatever way its accents are written; it may be absent."""
        return self.paths.get(composed(identifier), self.folder / f"{identifier}.npy")

    def near(self, identifier: str) -> str | None:
        """The only name that an id without a file may mean; None without one, or with several."""
        alike = self._alike.get(likeness(identifier), [])
        return alike[0] if len(alike) == 1 else None

    def absence(self, identifier: str) -> str:
        """Why an id has no file, and which file it may mean."""
        near = self.near(identifier)
        advice = (
            f"{near}.npy is there: if that is meant, write the id as {near!r}"
            if near
            else "extract its features, or name their folder with --features"
        )
        return f"{self.folder / identifier}.npy is missing; {advice}"

    def unlabelled(self, identifiers: set[str]) -> list[Path]:
        """Files that no id means, nor nearly means."""
        known = {composed(identifier) for identifier in identifiers}
        nearly = {near for name in known - self.paths.keys() if (near := self.near(name))}
        return [path for stem, path in self.paths.items() if stem not in known | nearly]
