"""Readers of films: damaged containers of every kind, from the file to features."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import av
import numpy as np
from mutations import mutated_bytes
from subjects import Subject

from cofinal.extraction.backbones.loading import load_backbone
from cofinal.extraction.extractor import extract
from cofinal.extraction.recipe import ExtractionRecipe

RECIPE = ExtractionRecipe(
    "motion", clip_frames=4, stride_frames=4,
    short_side_px=32, crop_height_px=32, crop_width_px=32, input_px=32,
)  # fmt: skip
# Container -> its codec.
KINDS = {"mp4": "mpeg4", "avi": "mpeg4", "mkv": "mpeg4", "ts": "mpeg2video", "gif": "gif"}


def film(ending: str) -> bytes:
    """A second of moving grey, small."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / f"a.{ending}"
        with av.open(str(path), "w") as container:
            stream = container.add_stream(KINDS[ending], rate=25)
            stream.width, stream.height = 48, 32
            stream.pix_fmt = "rgb8" if ending == "gif" else "yuv420p"
            for number in range(12):
                pixels = np.full((32, 48, 3), 10 * number, np.uint8)
                pixels[:, 4 * (number % 10) :][:, :6] = 250
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
            container.mux(stream.encode(None))
        return path.read_bytes()


def check_features(folder: Path, features: Any) -> None:
    """Finite numbers, a row a clip, at times that increase."""
    assert np.isfinite(features.values).all() and features.values.dtype == np.float32
    assert features.times is not None and features.times.step_seconds > 0


def subjects() -> list[Subject]:
    """Every container."""
    backbone = load_backbone("motion")
    found = []
    for ending in KINDS:
        file = f"a.{ending}"

        def read(folder: Path, file: str = file) -> Any:
            return extract(folder / file, RECIPE, backbone)

        files = {file: (film(ending), mutated_bytes)}
        found.append(Subject(f"films, {ending}", files, read, check_features, weight=4))
    return found
