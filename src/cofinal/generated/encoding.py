"""Writes frames as a video file, and reads back what a file says of itself. Needs PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from cofinal.extraction.containers import import_av
from cofinal.files.atomic import atomic_path
from cofinal.generated.rendering import FilmSettings

# Small flat frames: a good picture costs little.
_OPTIONS = {"libx264": {"preset": "veryfast", "crf": "20"}, "mpeg4": {"qscale": "3"}}
# One encoder per film, so that workers do not fight for cores.
_THREADS = 1


def encoder() -> str:
    """H.264 where FFmpeg was built with it, else MPEG-4."""
    available = import_av().codecs_available
    return "libx264" if "libx264" in available else "mpeg4"


def write_film(
    path: Path, frames: Iterable[np.ndarray], settings: FilmSettings, comment: str
) -> None:
    """Writes uint8 (H, W, 3) frames as an mp4 that carries `comment`; whole or absent."""
    av = import_av()
    codec = encoder()
    with atomic_path(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        container.metadata["comment"] = comment
        stream = container.add_stream(codec, rate=settings.fps, options=_OPTIONS[codec])
        stream.width, stream.height = settings.width, settings.height
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = _THREADS
        for frame_HW3 in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame_HW3, format="rgb24")))
        container.mux(stream.encode(None))


def film_comment(path: Path) -> str | None:
    """The comment that a film carries; None if it is no film or carries none."""
    av = import_av()
    try:
        with av.open(str(path), format="mp4", options={"protocol_whitelist": "file"}) as container:
            return container.metadata.get("comment")
    except (av.FFmpegError, OSError, ValueError):
        return None
