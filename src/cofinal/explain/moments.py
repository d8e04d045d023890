"""The strongest moments of a performance, from evidence per clip.

Letters: T clips, K targets, W windows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofinal.explain.evidence import WIDTH, Evidence


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


def strongest(evidence: Evidence, target: str, count: int = 3) -> list[Moment]:
    """The moments that moved a score most, up or down, strongest first; none overlap.

    A moment of occlusion is a window that was left out, with what it was worth; one of the other
    methods is as long, and its clips' values are added up.

    Args:
        evidence: of one performance.
        target: name of one of its targets.
        count: how many at most; moments without any influence are left out.
    """
    k = evidence.row(target)
    if evidence.windows_KW is not None:
        value_W, width = evidence.windows_KW[k], evidence.width
    else:
        width = min(WIDTH, evidence.values_KT.shape[1])
        value_W = np.convolve(evidence.values_KT[k], np.ones(width), mode="valid")
    taken_W = value_W == 0
    moments: list[Moment] = []
    while len(moments) < count and not taken_W.all():
        first = int(np.where(taken_W, -1.0, np.abs(value_W)).argmax())
        taken_W[max(first - width + 1, 0) : first + width] = True
        start, end = evidence.seconds(first), evidence.seconds(first + width)
        moments.append(Moment(first, width, float(value_W[first]), start, end))
    return moments
