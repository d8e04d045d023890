"""Decoders: from a file to frames with presentation times, one pass, one frame at a time.

`decoded_frames` is the interface: any decoder yields `DecodedFrame`s in order of presentation.
PyAV is the default; torchcodec stands behind the same interface where it can be imported.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.errors import CofinalError
from cofinal.extraction.containers import check_file, decoding_errors, import_av, open_video
from cofinal.extraction.stills import is_stills, still_frames
from cofinal.extraction.timeline import JOIN_SECONDS, DecodedFrame, Timeline

DECODERS = ("av", "torchcodec")
# FFmpeg hides most damage; a file with more packets refused than this is not worth a score.
MAX_DAMAGED_SHARE = 0.05
# Frames may be missing at the end (an encoder's unfinished group), but not this many seconds.
MAX_MISSING_TAIL_SECONDS = 1


def decoded_frames(path: str | Path, timeline: Timeline, decoder: str) -> Iterator[DecodedFrame]:
    """Decodes a video once, from its beginning.

    Args:
        path: the video.
        timeline: from `scan_timeline`.
        decoder: one of `DECODERS`.

    Yields:
        frames in order of presentation; nothing is kept between frames.

    Raises:
        CofinalError: unknown or missing decoder, or a video that does not decode to its end.
    """
    if decoder in DECODERS and is_stills(path):
        return still_frames(path)
    if decoder == "av":
        return _av_frames(path, timeline)
    if decoder == "torchcodec":
        return _torchcodec_frames(path, timeline)
    raise CofinalError(f"decoder {decoder!r} is unknown; use {' or '.join(DECODERS)}")


def decoder_version(decoder: str) -> str:
    """Name and version of a decoder for features.json, for example "av 18.1.0"."""
    module = import_av() if decoder == "av" else _import_torchcodec()
    return f"{decoder} {module.__version__}"


def _av_frames(path: str | Path, timeline: Timeline) -> Iterator[DecodedFrame]:
    with open_video(path) as video, decoding_errors(video.path):
        damaged, shown = 0, None
        clock = _Clock(timeline)
        for packet in video.container.demux(video.stream):
            frames = decode_packet(packet)
            if frames is None:
                damaged += 1
                _check_damage(video.path, damaged, timeline)
                continue
            for frame in frames:
                shown = clock.time_of(frame)
                yield DecodedFrame(shown, functools.partial(_upright_rgb, frame))
        _check_end(video.path, shown, timeline)


def decode_packet(packet: Any) -> list[Any] | None:
    """The frames of a packet; None if it is damaged."""
    av = import_av()
    try:
        return packet.decode()
    except av.error.EOFError:
        return []
    except av.FFmpegError:  # whatever it is called: this packet gives no frame
        return None


class _Clock:
    """Tells when each frame appears; frames must come in the decoder's order of presentation."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._origin = timeline.start_seconds if timeline.has_presentation_times else None
        self._previous: Fraction | None = None
        self._joins = iter(timeline.joins)
        self._stamp: Fraction | None = None
        self._moved = Fraction(0)

    def time_of(self, frame: Any) -> Fraction:
        timed = self._timeline.has_presentation_times
        stamp = frame.pts if timed else frame.dts
        if stamp is not None and frame.time_base is not None:
            seconds = self._joined(stamp * frame.time_base)
            if self._origin is None:
                self._origin = seconds
            shown = seconds - self._origin
        elif self._previous is not None:
            shown = self._previous + self._timeline.frame_interval
        else:
            shown = Fraction(0)
        self._previous = shown
        return shown

    def _joined(self, seconds: Fraction) -> Fraction:
        """The time on the clock of the first of several recordings that were joined."""
        if self._stamp is not None and seconds < self._stamp - JOIN_SECONDS:
            self._moved = next(self._joins, self._moved)
        self._stamp = seconds
        return seconds + self._moved


def _upright_rgb(frame: Any) -> np.ndarray:
    # FFmpeg gives the angle by which the frame must be turned counter-clockwise to stand upright,
    # and np.rot90 turns counter-clockwise.
    pixels_HWC = frame.to_ndarray(format="rgb24")
    return np.ascontiguousarray(np.rot90(pixels_HWC, round(frame.rotation / 90) % 4))


def _check_damage(path: Path, damaged: int, timeline: Timeline) -> None:
    if damaged > max(1, MAX_DAMAGED_SHARE * timeline.packets):
        raise CofinalError(
            f"{path} has {damaged} or more damaged packets of {timeline.packets}; "
            "copy or convert the video again"
        )


def _check_end(path: Path, shown: Fraction | None, timeline: Timeline) -> None:
    if shown is None:
        raise CofinalError(f"{path} decodes to no frame at all; copy or convert the video again")
    last = timeline.last_seconds - timeline.start_seconds
    if last - shown > MAX_MISSING_TAIL_SECONDS:
        raise CofinalError(
            f"{path} stops decoding after {float(shown):.1f} of {float(last):.1f} seconds; "
            "the file is damaged, so copy or convert it again"
        )


def _import_torchcodec() -> Any:
    try:
        import torchcodec
        import torchcodec.decoders  # loads the shared libraries, which may be missing
    except (ImportError, OSError, RuntimeError) as error:
        raise CofinalError(
            "decoder torchcodec cannot be imported here; install torchcodec and FFmpeg, "
            "or use the decoder 'av'"
        ) from error
    return torchcodec


def _torchcodec_frames(path: str | Path, timeline: Timeline) -> Iterator[DecodedFrame]:
    torchcodec = _import_torchcodec()
    path = check_file(path)
    if not timeline.has_presentation_times:
        raise CofinalError(
            f"{path} is an AVI, whose frames decoder torchcodec cannot time; use the decoder 'av'"
        )
    if timeline.joins:
        raise CofinalError(
            f"{path} holds several recordings, which decoder torchcodec cannot time; "
            "use the decoder 'av'"
        )
    # Its list of demuxers cannot be narrowed, so a stranger's file is vetted by PyAV first.
    with open_video(path) as video:
        index = video.stream.index
    shown = None
    try:
        decoder = torchcodec.decoders.VideoDecoder(
            str(path), stream_index=index, dimension_order="NHWC", seek_mode="exact"
        )
        for number in range(len(decoder)):
            frame = decoder.get_frame_at(number)
            shown = Fraction(frame.pts_seconds).limit_denominator(10**6) - timeline.start_seconds
            yield DecodedFrame(shown, frame.data.numpy)
    except (RuntimeError, ValueError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise CofinalError(f"{path} does not decode ({reason}); convert the video again") from error
    _check_end(path, shown, timeline)
