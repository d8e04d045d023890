"""When a video's frames are on screen, and when it is sampled.

A timeline is measured in time, not in frames: a frame that turns out undecodable leaves its
predecessor on screen and moves no clip.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np

# Timestamps that fall back by more than this begin another recording, joined to the one before.
JOIN_SECONDS = Fraction(1, 2)
# A sampling instant lies this share of an interval after its tick, because containers round
# timestamps (Matroska to 1 ms, GIF to 10 ms): at 25 fps, 10 ms late still counts as on time.
LATE_SHARE = Fraction(1, 4)


@dataclass(frozen=True)
class DecodedFrame:
    """One frame of a video."""

    shown_seconds: Fraction
    """When it appears, counted from the video's first frame."""
    to_rgb: Callable[[], np.ndarray]
    """Gives uint8 (height, width, 3) RGB, turned upright; called only for frames that are used."""


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
    joins: tuple[Fraction, ...] = ()
    """For each further recording in the file, whose clock begins anew: by how many seconds it is
    moved to follow the one before."""

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
