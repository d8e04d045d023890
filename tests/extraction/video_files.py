"""Writes small videos for the tests, with known pixels and known presentation times."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_video(
    path: Path,
    frames: Iterable[np.ndarray],
    *,
    rate: int | Fraction = 25,
    codec: str = "mpeg4",
    pix_fmt: str = "yuv420p",
    source_format: str = "rgb24",
    times_ms: Sequence[int] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes frames (uint8 HWC unless `source_format` says otherwise), at `times_ms` if given."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.pix_fmt = pix_fmt
        time_base = Fraction(1, 1000) if times_ms is not None else 1 / Fraction(rate)
        stream.codec_context.time_base = time_base
        for number, pixels in enumerate(frames):
            if number == 0:
                stream.height, stream.width = pixels.shape[:2]
            frame = av.VideoFrame.from_ndarray(pixels, format=source_format)
            frame.pts = number if times_ms is None else times_ms[number]
            frame.time_base = time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbered_frame(number: int, height: int = 48, width: int = 64) -> np.ndarray:
    """A frame that tells its number, up to 255, past any codec, resize and centre crop.

    The grey of the left half tells the upper four bits, that of the right half the lower four.
    """
    image = np.empty((height, width, 3), dtype=np.uint8)
    image[:, : width // 2] = 16 * (number // 16) + 8
    image[:, width // 2 :] = 16 * (number % 16) + 8
    return image


def frame_number(pixels: np.ndarray) -> int:
    """The number of a `numbered_frame`."""
    width = pixels.shape[1]
    left, right = pixels[:, : width * 3 // 8].mean(), pixels[:, width * 5 // 8 :].mean()
    return 16 * int(left // 16) + int(right // 16)


def textured_frame(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth colours with edges and a little noise."""
    noise = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [127 + 100 * np.sin(x / (9 + c) + seed) * np.cos(y / (7 + 2 * c)) for c in range(3)]
    image = np.stack(waves, axis=-1) + noise.normal(0, 6, (height, width, 3))
    image[height // 3 : height // 2, width // 4 : width // 2] = (250, 10, 80)
    return image.clip(0, 255).astype(np.uint8)


def moving_square(
    frames: int, speed: float, height: int = 120, width: int = 160
) -> list[np.ndarray]:
    """A bright square that goes to and fro on a textured ground, `speed` pixels a frame."""
    ground = textured_frame(height, width) // 3
    result = []
    for number in range(frames):
        image = ground.copy()
        span = width - 30
        left = int(abs((number * speed) % (2 * span) - span))
        image[40:70, left : left + 30] = 240
        result.append(image)
    return result
