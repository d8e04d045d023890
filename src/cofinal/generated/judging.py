"""A panel of simulated judges, and how their marks become one.

A judge is stricter or milder than the rule book, overlooks some faults, and errs a little on every
element. Federations meet that with a trimmed mean: the highest and the lowest mark do not count
(ISU and FIG rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cofinal.generated.rules import MARK_STEP

PANEL = 5
# Share of small faults that a judge does not see; larger ones are seen.
OVERLOOKED = 0.25
SMALL = 0.1
# Standard deviation of how much stricter or milder a judge is with one routine than usual.
IMPRESSION = 0.08
# Standard deviation of a judge's error on an element without faults, in points.
ERROR = 0.05


@dataclass(frozen=True)
class Judge:
    """One member of a panel."""

    name: str
    strictness: float
    """Factor on the rule book's deductions, about 1."""


def make_panel(event: str, rng: np.random.Generator) -> tuple[Judge, ...]:
    """The judges of an event; they judge no other."""
    strictness = rng.normal(1.0, 0.1, PANEL).clip(0.7, 1.3).round(3)
    return tuple(Judge(f"{event}-J{i}", float(s)) for i, s in enumerate(strictness, 1))


def judge_elements(
    deductions: Sequence[Sequence[float]], judge: Judge, rng: np.random.Generator
) -> tuple[float, ...]:
    """Points that a judge takes off for each element, in steps of `MARK_STEP`.

    Args:
        deductions: for each element, what its faults cost by the rule book.
        judge: who judges.
        rng: source of the judge's errors.
    """
    taken = []
    strictness = judge.strictness * float(np.exp(rng.normal(0, IMPRESSION)))
    for costs in deductions:
        seen = [cost for cost in costs if cost > SMALL or rng.random() > OVERLOOKED]
        points = strictness * sum(seen) + rng.normal(0, ERROR * (1 + sum(seen)))
        taken.append(round(MARK_STEP * round(max(points, 0.0) / MARK_STEP), 2))
    return tuple(taken)


def panel_mark(marks: Sequence[float]) -> float:
    """Trimmed mean: without one highest and one lowest mark, where at least three were given."""
    kept = sorted(marks)[1:-1] if len(marks) >= 3 else marks
    return float(np.mean(kept))
