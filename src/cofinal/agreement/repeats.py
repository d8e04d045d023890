"""The same judge twice: how well judges repeat their own marks.

Letters: N performances, J judges, O occasions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from cofinal.agreement.reliability import CONFIDENT, Interval, reliability


@dataclass(frozen=True)
class Repeat:
    """One judge's first and last marks of the same performances."""

    judge: str
    performances: int
    """Performances that the judge marked more than once."""
    icc: float | None
    """ICC(2,1), occasions in the place of judges; None for one performance or equal marks."""
    icc_interval: Interval | None
    standard_error: float
    """Of one mark, in points, when the same judge marks again."""
    smallest_change: float
    """Points by which two marks of this judge must differ to mean different performances."""
    drift: float
    """Mean of the last marks minus the first, in points."""


def repeats(judges: tuple[str, ...], marks_ONJ: np.ndarray) -> tuple[Repeat, ...]:
    """Measures every judge who marked a performance more than once.

    Args:
        judges: names of the J judges.
        marks_ONJ: points by occasion, NaN where there is none.
    """
    rows = (_repeat(judge, marks_ONJ[:, :, j]) for j, judge in enumerate(judges))
    return tuple(row for row in rows if row is not None)


def _repeat(judge: str, marks_ON: np.ndarray) -> Repeat | None:
    known_ON = np.isfinite(marks_ON)
    (more_N,) = np.nonzero(known_ON.sum(0) > 1)
    if not len(more_N):
        return None
    first_N = marks_ON[known_ON[:, more_N].argmax(0), more_N]
    last_N = marks_ON[len(marks_ON) - 1 - known_ON[::-1, more_N].argmax(0), more_N]
    pairs = np.column_stack([first_N, last_N])
    usable = len(pairs) > 1 and np.ptp(pairs) > 0
    found = reliability(pairs) if usable else None
    error = math.sqrt(float(((last_N - first_N) ** 2).mean()) / 2)
    return Repeat(
        judge,
        len(pairs),
        found.icc_one if found else None,
        found.icc_one_interval if found else None,
        error,
        CONFIDENT * math.sqrt(2) * error,
        float((last_N - first_N).mean()),
    )
