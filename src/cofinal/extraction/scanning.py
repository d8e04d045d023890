"""How long a video is shown, found from its packets' timestamps without decoding.

Frames left over beyond the last whole clip are dropped equally at both ends, so the number of
frames must be known before the first clip is cut, while headers often lack it or have it wrong.
The scan reads the packets of the file (what a copy of the file would read) and decodes none of
them; decoding itself then runs once, with the count known.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.extraction.containers import (
    FORMATS_WITH_DURATION,
    OpenVideo,
    decoding_errors,
    open_video,
)
from cofinal.extraction.stills import is_stills, still_timeline
from cofinal.extraction.timeline import JOIN_SECONDS, Timeline

# A stranger's file may claim any length. Unless it is named, the limit is so many hours, and so
# many bytes for every second after the first minutes.
MAX_HOURS = 12.0
FREE_SECONDS, MIN_BYTES_A_SECOND = 600, 100
# A longer pause between two frames is a damaged timestamp, not a performance.
MAX_GAP_SECONDS = 60
# A file that ends this much before its declared end has lost its tail.
TRUNCATION_SECONDS, TRUNCATION_SHARE = 1.0, 0.02


def scan_timeline(path: str | Path, max_hours: float | None = None) -> Timeline:
    """Reads all packets of a video, decoding none.

    Args:
        path: the video, or a folder of its frames.
        max_hours: how long it may be; by default 12 hours, and no more than its bytes make
            believable.

    Returns:
        the timeline; memory does not grow with the video's length.

    Raises:
        CofinalError: no readable video, no packets, a missing tail, timestamps that jump, or more
            hours than it may have.
    """
    if is_stills(path):
        return still_timeline(path)
    with open_video(path) as video, decoding_errors(video.path):
        scan = _Scan(video, max_hours)
        for packet in video.container.demux():
            if packet.size:
                scan.add(packet)
        timeline = scan.timeline()
        _check_tail(video, timeline, scan.end_of_all or timeline.end_seconds)
        return timeline


def declared_seconds(path: str | Path) -> float:
    """Length by the file's header, for estimates of time left; 0.0 where it is not told."""
    if is_stills(path):
        return still_timeline(path).duration_seconds
    with open_video(path) as video:
        return max(0.0, (video.container.duration or 0) / 1e6)


class _Scan:
    """Sees the packets of a video, one after the other, and tells its timeline.

    Args:
        video: the open file.
        max_hours: as for `scan_timeline`.
    """

    def __init__(self, video: OpenVideo, max_hours: float | None) -> None:
        self._video, self._interval = video, video.frame_interval
        self._timed = video.container.format.name != "avi"
        self._hours = MAX_HOURS if max_hours is None else max_hours
        size = None if max_hours is not None else video.path.stat().st_size
        self._believed = None if size is None else FREE_SECONDS + size / MIN_BYTES_A_SECOND
        self._span: tuple[Fraction, Fraction, Fraction] | None = None
        self._packets, self._decoded_at = 0, Fraction(0)
        self._joins: list[Fraction] = []
        self.end_of_all: Fraction | None = None
        """When the last packet of any stream ends."""

    def add(self, packet: Any) -> None:
        """The next packet of any stream."""
        shown = _packet_time(packet, self._timed)
        if shown is not None:
            length = Fraction(packet.duration or 0) * packet.time_base
            self.end_of_all = max(self.end_of_all or shown, shown + length)
        if packet.stream is not self._video.stream or packet.is_discard:
            return
        self._packets += 1
        length = Fraction(packet.duration or 0) * packet.time_base or self._interval
        if shown is None:
            begin = self._span[0] if self._span else None
            shown = Fraction(0) if begin is None else begin + self._packets * self._interval
        elif self._joined(packet, shown):
            shown += self._joins[-1]
        start, last, end = self._span or (shown, shown, shown + length)
        _check_gap(self._video.path, last, shown, length)
        self._span = min(start, shown), max(last, shown), max(end, shown + length)
        self._check_length(self._span[2] - self._span[0])

    def _joined(self, packet: Any, shown: Fraction) -> bool:
        """Whether a packet is of a second or later recording; notes where such a one begins."""
        decoded_at = shown if packet.dts is None else packet.dts * packet.time_base
        if self._span and decoded_at < self._decoded_at - JOIN_SECONDS:
            self._joins.append(self._span[2] - shown)
        self._decoded_at = decoded_at
        return bool(self._joins)

    def _check_length(self, seconds: Fraction) -> None:
        path, limit = self._video.path, self._hours
        if seconds > limit * 3600:
            raise CofinalError(
                f"{path} is longer than {limit:g} hours; cut it first, or allow more with "
                "--max-hours"
            )
        if self._believed is not None and seconds > self._believed:
            raise CofinalError(
                f"{path} claims to last longer than {self._believed / 3600:.1f} hours, which is "
                f"more than its {path.stat().st_size} bytes make believable; if it is sound, name "
                "its length with --max-hours"
            )

    def timeline(self) -> Timeline:
        """What was seen."""
        if self._span is None:
            raise CofinalError(
                f"{self._video.path} holds no frames; expected a video, so copy it again"
            )
        joins = tuple(self._joins)
        return Timeline(*self._span, self._packets, self._interval, self._timed, joins)


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
