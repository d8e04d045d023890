"""The strongest moments of a performance, from evidence per clip.

Letters: T clips, W windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofinal.explain.evidence import Evidence
from cofinal.times import Stretch

# What a neighbouring clip must count, beside the strongest one, to belong to its moment.
NEIGHBOUR = 0.5
# Most clips of a moment made of single clips.
LONGEST = 5


@dataclass(frozen=True)
class Moment:
    """A stretch of clips and what it did to one score."""

    first_clip: int
    """Counted from 0."""
    clips: int
    """How many clips it lasts."""
    value: float
    """Points by which it raised the score, or the share of attention it got."""
    start_seconds: float | None = None
    """When it starts in the video, where known."""
    end_seconds: float | None = None
    """When the next clip starts."""
    cause: str = ""
    """The named quantity that did most to it, where the features' channels have names."""

    @property
    def stretch(self) -> Stretch:
        """Its clips."""
        return self.first_clip, self.clips


def strongest_moments(evidence: Evidence, target: str, count: int = 3) -> list[Moment]:
    """The moments that moved a score most, up or down, strongest first; none overlap.

    Of windows that were left out together each is a moment, with what it was worth. Of single clips
    a moment is the strongest clip with those neighbours that point the same way and count at least
    half as much; their values are added up.

    Args:
        evidence: of one performance.
        target: name of one of its targets.
        count: how many at most; moments without any influence are left out.
    """
    k = evidence.row(target)
    if evidence.windows_KW is not None and evidence.width > 1:
        found = _windows(evidence.windows_KW[k], evidence.width, count)
    else:
        found = _runs(evidence.values_KT[k], count)
    return [
        Moment(first, clips, value, evidence.seconds(first), evidence.seconds(first + clips))
        for first, clips, value in sorted(found, key=lambda one: -abs(one[2]))
    ]


# First clip, clips, value.
Valued = tuple[int, int, float]


def _windows(value_W: np.ndarray, width: int, count: int) -> list[Valued]:
    """The strongest windows that do not overlap."""
    free_W = value_W != 0
    found: list[Valued] = []
    while len(found) < count and free_W.any():
        first = int(np.where(free_W, np.abs(value_W), -1.0).argmax())
        free_W[max(first - width + 1, 0) : first + width] = False
        found.append((first, width, float(value_W[first])))
    return found


def _runs(value_T: np.ndarray, count: int) -> list[Valued]:
    """Runs around the strongest clips, a clip or more apart."""
    free_T = value_T != 0
    found: list[Valued] = []
    while len(found) < count and free_T.any():
        peak = int(np.where(free_T, np.abs(value_T), -1.0).argmax())
        first, end = _grow(np.where(free_T, value_T, 0.0) / value_T[peak], peak)
        free_T[max(first - 1, 0) : end + 1] = False
        found.append((first, end - first, float(value_T[first:end].sum())))
    return found


def _grow(share_T: np.ndarray, peak: int) -> tuple[int, int]:
    """First clip and end of the run around a peak, by what its neighbours count beside it."""
    padded_T = np.pad(share_T, 1)  # nothing lies beyond the ends
    first, end = peak, peak + 1
    while end - first < min(LONGEST, len(share_T) - 1):
        before, after = padded_T[first], padded_T[end + 1]
        if max(before, after) < NEIGHBOUR:
            break
        first, end = (first - 1, end) if before >= after else (first, end + 1)
    return first, end
