"""`cofinal data check`, `cofinal data generate` and `cofinal data routines`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from cofinal.config import DataSource
from cofinal.progress import track
from cofinal.settings import Between, Seed, Workers

# Performances times channels that are generated at once: about a gigabyte.
LARGEST = 2_000_000


@dataclass(frozen=True)
class Check:
    """Find faults in labels, features and splits before training; errors give exit status 1."""

    source: tyro.conf.OmitArgPrefixes[DataSource]
    """Where the performances come from."""
    json: bool = field(default=False, kw_only=True)
    """Print the findings as JSON."""

    def run(self) -> int:
        """Checks and prints every finding with file and line."""
        from cofinal.data.checks import check_dataset
        from cofinal.data.taken import taken_for

        with track("checking", 1.0) as advance:
            findings = check_dataset(self.source, advance)
        errors = sum(finding.severity == "error" for finding in findings)
        if self.json:
            print(json.dumps([finding.to_json() for finding in findings], indent=2))
        else:
            print(taken_for(self.source))
            for finding in findings:
                print(f"{finding.severity} [{finding.kind}] {finding}")
            print(f"errors: {errors}, warnings: {len(findings) - errors}")
        return 1 if errors else 0


@dataclass(frozen=True)
class Generate:
    """Write generated performances with known scores, as one's own data lie on disk."""

    out: Path
    """Folder to write labels.csv and features/ into."""
    performances: Annotated[int, Between(8, 10_000)] = 160
    """Number of performances."""
    channels: Annotated[int, Between(4, 4096)] = 64
    """Channels of a clip's features."""
    seed: Seed = 0
    """Seed; the same seed writes the same data."""

    def run(self) -> int:
        """Generates and writes."""
        from cofinal.errors import CofinalError
        from cofinal.files.lock import alone_in
        from cofinal.generated.synthetic import generate, write_dataset

        if self.performances * self.channels > LARGEST:
            raise CofinalError(
                f"{self.performances} performances of {self.channels} channels; "
                f"expected at most {LARGEST:,} together, since they are made in memory"
            )
        generated = generate(self.performances, self.channels, seed=self.seed)
        with alone_in(self.out):
            print(f"Written: {write_dataset(self.out, generated)}")
        return 0


@dataclass(frozen=True)
class Routines:
    """Write films of a figure that performs routines, with labels, judges' marks and sheets.

    A second run makes only the films that are missing or were made otherwise.
    """

    out: Path
    """Folder to write videos/, labels.csv, judges.csv and sheets.json into."""
    count: Annotated[int, Between(1, 10_000)] = 60
    """Number of routines; each lasts about 25 seconds."""
    seed: Seed = 0
    """Seed; the same seed writes the same routines."""
    events: Annotated[int, Between(1, 10_000)] = 6
    """Number of events, each with a hall and judges of its own."""
    athletes: Annotated[int | None, Between(1, 10_000)] = None
    """Number of athletes; a third of the routines if left out."""
    width: int = 160
    """Width of the films in pixels."""
    height: int = 120
    """Height of the films in pixels."""
    fps: int = 25
    """Frames per second."""
    workers: Workers = 1
    """Films at a time, each in a process of its own."""

    def run(self) -> int:
        """Generates and writes."""
        from cofinal.files.lock import alone_in
        from cofinal.generated import FilmSettings, generate_routines, write_routines

        routines = generate_routines(
            self.count, self.seed, events=self.events, athletes=self.athletes
        )
        settings = FilmSettings(self.width, self.height, self.fps)
        with alone_in(self.out):
            labels = write_routines(
                self.out, routines, settings, workers=self.workers, show_progress=True
            )
        print(f"Written: {labels}")
        return 0
