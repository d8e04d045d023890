"""Opens video files that strangers made: local ones of known formats, or a sentence.

A media file may be a playlist that points to other files or to the network, or a text that some
demuxer takes for a picture. So only regular files are opened, by the `file` protocol, and only as
one of the container formats below. Needs PyAV (`pip install "cofinal[video]"`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.extras import import_extra

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,flv,asf,ogg"
# These write their duration down and are trusted to have it right, so that a missing tail shows.
FORMATS_WITH_DURATION = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi")
VIDEO_SUFFIXES = frozenset(
    f".{name}"
    for name in ("3gp", "asf", "avi", "flv", "gif", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg")
) | {".mpg", ".mts", ".ogv", ".ts", ".webm", ".wmv"}
# 8192 x 8192; a frame is decoded whole before it is made small: 192 MiB as RGB at this size.
MAX_FRAME_PIXELS = 8192 * 8192
# Larger frames are decoded by one thread: each further thread holds further whole frames.
MANY_THREADS_PIXELS = 4096 * 2304


def import_av() -> Any:
    """The `av` module; FFmpeg's own messages stay silent, since ours say what matters.

    Raises:
        CofinalError: PyAV is not installed.
    """
    av = import_extra("av", "videos are read and written with PyAV", "video")
    av.logging.set_level(None)
    return av


def check_file(path: str | Path) -> Path:
    """Refuses what is no regular, non-empty file: folders, pipes and devices could hang a reader.

    Raises:
        CofinalError: missing, no regular file, unreadable, or of zero bytes.
    """
    path = Path(path)
    try:
        if not path.is_file():
            state = "is not a file" if path.exists() else "does not exist"
            raise CofinalError(f"{path} {state}; expected a video file, so check the path")
        size = path.stat().st_size
    except OSError as error:
        raise CofinalError(
            f"cannot read {path} ({error.strerror or error}); expected a video file"
        ) from error
    if size == 0:
        raise CofinalError(f"{path} has zero bytes; expected a video, so copy the file again")
    return path


@dataclass(frozen=True)
class OpenVideo:
    """An open container and its first real video stream."""

    path: Path
    """The file, as the user named it."""
    container: Any
    """`av.container.InputContainer`."""
    stream: Any
    """`av.video.stream.VideoStream`."""
    films: int = 1
    """Video streams in the file."""

    @property
    def frame_interval(self) -> Fraction:
        """Seconds between frames by the container's word, 1/25 where it says nothing sane."""
        for rate in (self.stream.average_rate, self.stream.guessed_rate):
            if rate and Fraction(1, 2) <= rate <= 1000:
                return 1 / Fraction(rate)
        return Fraction(1, 25)


@contextmanager
def open_video(path: str | Path) -> Iterator[OpenVideo]:
    """Opens a video and closes it again.

    Raises:
        CofinalError: no file, no video, a format that is not supported, or frames too large.
    """
    av = import_av()
    path = check_file(path)
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        container = av.open(f"file:{path}", options=options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise CofinalError(
            f"{path} is not a video that can be read ({_reason(error)}); "
            "expected mp4, avi, mkv, webm, mov or gif, so check or convert the file"
        ) from error
    try:
        films = _films(container)
        yield OpenVideo(path, container, _video_stream(films, path), len(films))
    finally:
        container.close()


@contextmanager
def decoding_errors(path: Path) -> Iterator[None]:
    """Turns FFmpeg's exceptions inside the block into a sentence about `path`."""
    av = import_av()
    try:
        yield
    except av.FFmpegError as error:
        raise CofinalError(
            f"{path} cannot be read to its end ({_reason(error)}); "
            "the file is damaged or truncated, so copy or convert it again"
        ) from error


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error)


def _films(container: Any) -> list[Any]:
    # A cover picture of a sound file is a video stream to FFmpeg, but nothing to watch.
    return [s for s in container.streams.video if not _is_cover(s) and s.codec_context]


def _video_stream(streams: list[Any], path: Path) -> Any:
    if not streams:
        raise CofinalError(f"{path} holds no video stream; expected a video, not sound alone")
    stream = streams[0]
    width, height = stream.codec_context.width, stream.codec_context.height
    check_frame_size(path, width, height)
    stream.codec_context.options = {"max_pixels": str(MAX_FRAME_PIXELS)}
    if width * height > MANY_THREADS_PIXELS:
        stream.codec_context.thread_count = 1
    else:
        stream.thread_type = "AUTO"
    return stream


def check_frame_size(path: Path, width: int, height: int) -> None:
    """Refuses frames of no size, and those larger than `MAX_FRAME_PIXELS`."""
    if width < 1 or height < 1:
        raise CofinalError(f"{path} says no frame size; the file is damaged, so convert it again")
    if width * height > MAX_FRAME_PIXELS:
        raise CofinalError(
            f"{path} has frames of {width}x{height} pixels, above the limit of "
            f"{MAX_FRAME_PIXELS // 10**6} million; scale the video down first"
        )


def _is_cover(stream: Any) -> bool:
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)
