"""What tests of reports share: a short film, features that fit it, a model, and things beside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.generated.encoding import write_film
from cofinal.generated.rendering import FilmSettings

TINY = [
    *("--model.width", "8", "--model.heads", "2", "--model.principal-components", "8"),
    *("--model.sub-grades", "4", "--model.embedding-width", "8", "--model.summary-segments", "1"),
    *("--training.epochs", "1", "--training.members", "1", "--training.device", "cpu"),
]
CALIBRATED = ["--calibration", "part", "--calibration-share", "0.4"]
FPS, CLIP_FRAMES = 25, 32
# Frames left over at both ends, so that clips do not start with the film.
MARGIN_FRAMES = 10
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Material:
    """Files of one performance and of its model."""

    model: Path
    features: Path
    film: Path
    judges: Path
    labels: Path
    sheet: Path
    clips: int

    @property
    def beside(self) -> list[str]:
        """Flags that give everything."""
        return [
            *("--video", str(self.film), "--judges", str(self.judges)),
            *("--labels", str(self.labels), "--sheet", str(self.sheet)),
        ]


def make_material(source: DataSource, folder: Path) -> Material:
    """Trains a tiny model and makes a film for one of the performances it was not told to spare."""
    assert source.data is not None
    features = source.data / "p031.npy"
    clips = len(np.load(features))
    arguments = ["train", "--dataset", source.dataset, "--out", str(folder / "run")]
    assert main([*arguments, *TINY, *CALIBRATED]) == 0
    film = folder / "p031.mp4"
    settings = FilmSettings(width=96, height=64, fps=FPS)
    write_film(film, frames(clips * CLIP_FRAMES + 2 * MARGIN_FRAMES), settings, "")
    names = ("judges.csv", "labels.csv", "sheet.csv")
    judges, labels, sheet = (folder / name for name in names)
    judges.write_text(
        "id,judge,target,mark\np031,A,execution,4.25\np031,B,execution,6.5\np031,C,execution,5\n"
    )
    labels.write_text("id,execution,difficulty\np031,5.125,2.5\n")
    sheet.write_text(
        f'id,element,start,end\np031,"{HOSTILE}",1,3.4\np031,split leap,4.1,4.3\n'
        "p031,needle scale,7,10.5\n"
    )
    return Material(folder / "run" / "model", features, film, judges, labels, sheet, clips)


def frames(count: int) -> Iterator[np.ndarray]:
    """Grey frames that become brighter from the first to the last."""
    for number in range(count):
        yield np.full((64, 96, 3), brightness(number, count), np.uint8)


def brightness(number: float, count: int) -> int:
    """Of a frame."""
    return 30 + round(200 * number / count)


def report(*arguments: str | Path) -> None:
    """Runs the command, which must succeed."""
    assert main(["report", *map(str, arguments)]) == 0


def data_of(page: Path, *arguments: str | Path) -> dict:
    """The same report as data."""
    path = page.with_suffix(".json")
    report(*arguments, "--out", path)
    found: dict = json.loads(path.read_text())
    return found
