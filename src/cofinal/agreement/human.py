"""How well one judge agrees with the others: what a perfect machine could hope to reach.

Definition: judge j is measured against the mean of the other judges who marked the same
performance, over all performances that j marked; each measure is averaged over the judges. On
Fis-V, whose sheets show seats of the panel and no names, j is a seat.

Letters: N performances, J judges.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import compress
from typing import Any

import numpy as np

from cofinal.data.judges import JudgeMarks
from cofinal.errors import CofinalError
from cofinal.evaluation.bootstrap import srcc_samples
from cofinal.evaluation.metrics import mae, r_l2, srcc, within_group_srcc
from cofinal.evaluation.resampling import Resampling, alone, percentile_interval


@dataclass(frozen=True)
class HumanRow:
    """One judge against the mean of the others, averaged over judges; None where undefined."""

    target: str
    performances: int
    """Performances marked by at least two judges."""
    judges: int
    """Judges who share a performance with another one."""
    srcc: float | None
    srcc_interval: tuple[float, float] | None
    """95 % bootstrap interval; see `resampled`."""
    within_srcc: float | None
    """SRCC inside groups, averaged by size; None without groups."""
    r_l2: float | None
    """R-l2 x 100; the range is that of the other judges' mean."""
    mae: float | None
    """Points."""
    resampled: str
    """What the bootstrap draws, for people: whole groups, or single performances."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return asdict(self)


def human_rows(
    judged: JudgeMarks, groups: Mapping[str, str] | None = None, column: str = "event"
) -> list[HumanRow]:
    """Measures the judges of every target.

    Args:
        judged: each judge's marks.
        groups: id -> group, for example the event; "" for none.
        column: what the groups are, for people.

    Raises:
        CofinalError: a target that no two judges marked, or an id without a group.
    """
    names = None
    if groups is not None:
        absent = next((i for i in judged.ids if i not in groups), None)
        if absent is not None:
            raise CofinalError(f"id {absent!r} has marks but no group; add it, or leave groups out")
        names = [groups[identifier] for identifier in judged.ids]
    return [human_row(target, marks, names, column) for target, marks in judged.marks.items()]


def mean_of_others(marks_NJ: np.ndarray) -> np.ndarray:
    """Mean mark of the other judges (N, J); NaN where the judge or all others gave none."""
    there = np.isfinite(marks_NJ)
    others = there.sum(1, keepdims=True) - 1
    total = np.where(there, marks_NJ, 0.0).sum(1, keepdims=True)
    return np.where(there & (others > 0), (total - marks_NJ) / np.maximum(others, 1), np.nan)


def human_row(
    target: str,
    marks_NJ: np.ndarray,
    groups: Sequence[str] | np.ndarray | None = None,
    column: str = "event",
) -> HumanRow:
    """Measures the judges of one target.

    Args:
        target: its name.
        marks_NJ: points, NaN where there is none.
        groups: N group names.
        column: what the groups are, for people.

    Raises:
        CofinalError: no performance has the marks of two judges.
    """
    others_NJ = mean_of_others(marks_NJ)
    known_NJ = np.isfinite(others_NJ)
    judges = np.flatnonzero(known_NJ.any(0))
    if len(judges) == 0:
        raise CofinalError(
            f"no performance has marks of two judges for {target}; "
            "a judge is compared with the mean of the others, so give at least 2 judges' marks"
        )
    cells = [
        _measure(
            marks_NJ[known, j],
            others_NJ[known, j],
            None if groups is None else list(compress(groups, known)),
        )
        for j in judges
        for known in [known_NJ[:, j]]
    ]
    drawn = alone(len(marks_NJ)) if groups is None else Resampling.of_groups(groups, column)
    samples = [
        srcc_samples(marks_NJ[None, known, j], others_NJ[known, j], drawn.only(known))[:, 0]
        for j, cell in zip(judges, cells, strict=True)
        for known in [known_NJ[:, j]]
        if cell[0] is not None
    ]
    interval = percentile_interval(np.mean(samples, axis=0)) if samples else None
    rank, within, range_error, error = (_mean_known(values) for values in zip(*cells, strict=True))
    performances = int(known_NJ.any(1).sum())
    resampled = drawn.sentence()
    return HumanRow(
        target, performances, len(judges), rank, interval, within, range_error, error, resampled
    )


def _measure(
    marks: np.ndarray, others: np.ndarray, groups: Sequence[str] | None
) -> tuple[float | None, ...]:
    """SRCC, SRCC within groups, R-l2 and MAE of one judge."""
    within = None if groups is None else within_group_srcc(marks, others, groups)
    return srcc(marks, others), within, r_l2(marks, others), mae(marks, others)


def _mean_known(values: Sequence[float | None]) -> float | None:
    """Mean over the judges for whom the measure is defined."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
