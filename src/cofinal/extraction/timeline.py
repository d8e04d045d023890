"""How long a video is shown, found from its packets' timestamps without decoding.

Frames left over beyond the last whole clip are dropped equally at both ends, so the number of
frames must be known before the first clip is cut, while headers often lack it or have it wrong.
The scan reads the packets of the file (what a copy of the file would read) and decodes none of
them; decoding itself then runs once, with the count known. A timeline is measured in time, not in
frames: a frame that turns out undecodable leaves its predecessor on screen and moves no clip.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from cofinal.errors import CofinalError
from cofinal.extraction.containers import (
    FORMATS_WITH_DURATION,
    OpenVideo,
    decoding_errors,
    open_video,
)

MAX_HOURS = 12
# A longer pause between two frames is a damaged timestamp, not a performance.
MAX_GAP_SECONDS = 60
# A file that ends this much before its declared end has lost its tail.
TRUNCATION_SECONDS, TRUNCATION_SHARE = 1.0, 0.02
# A sampling instant lies this share of an interval after its tick, because containers round
# timestamps (Matroska to 1 ms, GIF to 10 ms): at 25 fps, 10 ms late still counts as on time.
LATE_SHARE = Fraction(1, 4)


@dataclass(frozen=True)
class Timeline:
    """When a video's frames are on screen, in seconds of the container's clock."""

    start_seconds: Fraction
    """Presentation time of the first frame."""
    last_seconds: Fraction
    """Presentation time of the last frame."""
    end_seconds: Fraction
    """When the last frame leaves the screen."""
    packets: int
    """Video packets seen, for messages."""
    frame_interval: Fraction
    """Usual seconds between frames, for frames without a timestamp."""
    has_presentation_times: bool = True
    """Whether the container stores them. AVI does not: what FFmpeg guesses for it is wrong where
    frames are reordered, so its frames are timed by their order of decoding instead."""

    @property
    def duration_seconds(self) -> float:
        """Seconds from the first frame's appearance to the last one's end."""
        return float(self.end_seconds - self.start_seconds)

    def rate(self, fps: float | Literal["native"]) -> float:
        """Frames per second to sample at: `fps`, or the video's own usual rate for "native"."""
        return float(1 / self.frame_interval) if fps == "native" else fps

    def frame_count(self, fps: float) -> int:
        """Sampling instants (k + 1/4) / fps, k = 0, 1, ..., before the end; at least 1."""
        shown = self.end_seconds - self.start_seconds
        return max(1, math.ceil(shown * Fraction(fps).limit_denominator(1001) - LATE_SHARE))


def sampling_instant(index: int, fps: float) -> Fraction:
    """Seconds from the video's start at which sampled frame `index` is taken."""
    return (index + LATE_SHARE) / Fraction(fps).limit_denominator(1001)


def scan_timeline(path: str | Path) -> Timeline:
    """Reads all packets of a video, decoding none.

    Returns:
        the timeline; memory does not grow with the video's length.

    Raises:
        CofinalError: no readable video, no packets, a missing tail, or timestamps that jump.
    """
    with open_video(path) as video, decoding_errors(video.path):
        timeline, end_of_all = _scan(video)
        _check_tail(video, timeline, end_of_all)
        return timeline


def declared_seconds(path: str | Path) -> float:
    """Length by the file's header, for estimates of time left; 0.0 where it is not told."""
    with open_video(path) as video:
        return max(0.0, (video.container.duration or 0) / 1e6)


def _scan(video: OpenVideo) -> tuple[Timeline, Fraction]:
    interval = video.frame_interval
    start = last = end = end_of_all = None
    packets, timed = 0, video.container.format.name != "avi"
    for packet in video.container.demux():
        if packet.size == 0:
            continue
        shown = _packet_time(packet, timed)
        if shown is not None:
            length = Fraction(packet.duration or 0) * packet.time_base
            end_of_all = max(end_of_all or shown, shown + length)
        if packet.stream is not video.stream or packet.is_discard:
            continue
        packets += 1
        if shown is None:
            shown = start + packets * interval if start is not None else Fraction(0)
        length = Fraction(packet.duration) * packet.time_base if packet.duration else interval
        if start is None or last is None or end is None:
            start, last, end = shown, shown, shown + length
        _check_gap(video.path, last, shown, length)
        start, last, end = min(start, shown), max(last, shown), max(end, shown + length)
        if end - start > MAX_HOURS * 3600:
            raise CofinalError(f"{video.path} is longer than {MAX_HOURS} hours; cut it first")
    if start is None or last is None or end is None:
        raise CofinalError(f"{video.path} holds no frames; expected a video, so copy it again")
    return Timeline(start, last, end, packets, interval, timed), end_of_all or end


def _packet_time(packet: Any, timed: bool) -> Fraction | None:
    stamp = packet.pts if timed and packet.pts is not None else packet.dts
    return None if stamp is None else stamp * packet.time_base


def _check_riff_size(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(8)
    declared, found = int.from_bytes(start[4:], "little") + 8, path.stat().st_size
    if start[:4] == b"RIFF" and declared - found > TRUNCATION_SHARE * declared:
        raise CofinalError(
            f"{path} has {found} of {declared} bytes; "
            "the file is truncated, so copy or download it again"
        )


def _check_gap(path: Path, last: Fraction, shown: Fraction, length: Fraction) -> None:
    if max(abs(shown - last), length) > MAX_GAP_SECONDS:
        raise CofinalError(
            f"{path} has timestamps that jump from {float(last):.1f} to "
            f"{float(shown + length):.1f} seconds; expected at most "
            f"{MAX_GAP_SECONDS} s a frame, so convert the video again"
        )


def _check_tail(video: OpenVideo, timeline: Timeline, end_of_all: Fraction) -> None:
    if video.container.format.name == "avi":
        # FFmpeg shortens an AVI's declared length to what is there, so its own size must tell.
        _check_riff_size(video.path)
    if video.container.format.name not in FORMATS_WITH_DURATION or not video.container.duration:
        return
    declared, begin = video.container.duration / 1e6, timeline.start_seconds
    if video.container.start_time is not None:
        begin = Fraction(video.container.start_time, 1_000_000)
    found = float(end_of_all - begin)
    stream = video.stream
    if stream.duration:
        # Sound may go on after the picture, so the picture's own length is the better witness.
        declared, found = float(stream.duration * stream.time_base), timeline.duration_seconds
    if declared - found > max(TRUNCATION_SECONDS, TRUNCATION_SHARE * declared):
        raise CofinalError(
            f"{video.path} ends after {found:.1f} of {declared:.1f} seconds; "
            "the file is truncated, so copy or download it again"
        )
