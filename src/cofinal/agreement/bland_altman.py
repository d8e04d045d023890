"""Each judge against the mean of the others: bias and spread (Bland and Altman 1986).

Letters: N performances, J judges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as t_distribution

from cofinal.agreement.human import mean_of_others
from cofinal.agreement.reliability import CONFIDENT, Interval


@dataclass(frozen=True)
class Difference:
    """How one judge's marks differ from what they are compared with."""

    judge: str
    performances: int
    bias: float
    """Mean difference in points; above 0 the judge is generous."""
    bias_interval: Interval | None
    """95 % interval of the bias; None for one performance."""
    spread: float | None
    """Standard deviation of the differences, in points; None for one performance."""
    limits: Interval | None
    """Limits of agreement: 95 % of the differences lie between, if they are normal."""


def difference(judge: str, marks_N: np.ndarray, others_N: np.ndarray) -> Difference | None:
    """Bias and spread of one judge where both marks are known; None if nowhere."""
    gap = marks_N - others_N
    gap = gap[np.isfinite(gap)]
    if not len(gap):
        return None
    bias = float(gap.mean())
    if len(gap) == 1:
        return Difference(judge, 1, bias, None, None, None)
    spread = float(gap.std(ddof=1))
    reach = float(t_distribution.ppf(0.975, len(gap) - 1)) * spread / len(gap) ** 0.5
    far = CONFIDENT * spread
    return Difference(
        judge, len(gap), bias, (bias - reach, bias + reach), spread, (bias - far, bias + far)
    )


def differences(judges: tuple[str, ...], marks_NJ: np.ndarray) -> tuple[Difference, ...]:
    """Every judge against the mean of the others."""
    others_NJ = mean_of_others(marks_NJ)
    rows = (difference(judge, marks_NJ[:, j], others_NJ[:, j]) for j, judge in enumerate(judges))
    return tuple(row for row in rows if row is not None)
