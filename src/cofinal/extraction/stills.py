"""A film as a folder of pictures, one a frame, in the order of their names.

Such a folder does not say how fast its frames follow each other: they are taken as 25 a second.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from cofinal.errors import CofinalError
from cofinal.extraction.containers import check_frame_size, import_av
from cofinal.extraction.timeline import DecodedFrame, Timeline
from cofinal.records import natural_key

PICTURES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
# FFmpeg's readers of one picture; those of numbered pictures would open other files.
FORMATS = "jpeg_pipe,png_pipe,bmp_pipe,webp_pipe"
STILLS_A_SECOND = 25
# A single picture beside other files makes no film.
FEWEST = 2


def is_stills(path: str | Path) -> bool:
    """Whether a path is a folder of pictures."""
    return len(still_files(path)) >= FEWEST


def still_files(path: str | Path) -> list[Path]:
    """The pictures in a folder, "9" before "10"; none if it is no folder."""
    path = Path(path)
    if not path.is_dir():
        return []
    found = (p for p in path.iterdir() if p.suffix.lower() in PICTURES)
    return sorted(
        (p for p in found if p.is_file() and not p.name.startswith(".")),
        key=lambda p: natural_key(p.stem),
    )


def still_timeline(path: str | Path) -> Timeline:
    """When the pictures of a folder are on screen."""
    count, interval = len(still_files(path)), Fraction(1, STILLS_A_SECOND)
    return Timeline(Fraction(0), (count - 1) * interval, count * interval, count, interval)


def still_frames(path: str | Path) -> Iterator[DecodedFrame]:
    """The pictures of a folder as frames; each is read when it is used."""
    for number, file in enumerate(still_files(path)):
        yield DecodedFrame(Fraction(number, STILLS_A_SECOND), functools.partial(read_picture, file))


def read_picture(path: Path) -> np.ndarray:
    """One picture, uint8 (height, width, 3) RGB.

    Raises:
        CofinalError: no picture, or a larger one than a film may have.
    """
    av = import_av()
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        with av.open(f"file:{path}", options=options) as container:
            context = container.streams.video[0].codec_context
            check_frame_size(path, context.width, context.height)
            pixels: np.ndarray = next(container.decode(video=0)).to_ndarray(format="rgb24")
            return pixels
    except (av.FFmpegError, OSError, ValueError, IndexError, StopIteration) as error:
        if isinstance(error, CofinalError):
            raise
        reason = getattr(error, "strerror", None) or error or "no picture in it"
        raise CofinalError(
            f"{path} cannot be read as a picture ({reason}); "
            "replace it, or make the frames of this film anew"
        ) from error
