"""A reader under test: what is written for it, how it reads, and whether its answer is right."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from mutations import Change


@dataclass(frozen=True)
class Subject:
    """A reader with sound files, and ways to spoil them."""

    name: str
    files: Mapping[str, tuple[bytes, Change]]
    """File name -> sound content, and how it is spoilt; one of them is, for each input."""
    read: Callable[[Path], Any]
    """Reads the folder that the files lie in."""
    check: Callable[[Path, Any], None] | None = None
    """Raises AssertionError where what was accepted means something else."""
    beside: Mapping[str, bytes] = field(default_factory=dict)
    """Files that stay sound."""
    weight: int = 10
    """Share of all inputs."""

    def write(self, rng: Random, folder: Path) -> None:
        """Writes one spoilt input, with the sound files around it."""
        spoilt = rng.choice(sorted(self.files))
        contents = dict(self.beside) | {name: sound for name, (sound, _) in self.files.items()}
        contents[spoilt] = self.files[spoilt][1](rng, contents[spoilt])
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
