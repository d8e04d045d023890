"""Figures of judges' agreement (matplotlib, extra `report`).

Letters: N performances, J judges.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.agreement.bland_altman import Difference
from cofinal.agreement.human import mean_of_others
from cofinal.agreement.measure import TargetAgreement
from cofinal.agreement.model import NAME, predicted_points
from cofinal.agreement.reliability import of_panel
from cofinal.data.judges import JudgeMarks
from cofinal.files.figures import ACCENT, INK, PALE, figure

COLUMNS = 4


def draw_agreement(
    found: Sequence[TargetAgreement],
    judged: JudgeMarks,
    folder: Path,
    predictions: Mapping[str, Mapping[str, float]] | None = None,
) -> None:
    """Draws TARGET.png for each target: every judge's differences, and what more judges give.

    Args:
        found: the agreement on every target.
        judged: the marks it was measured on.
        folder: where the files go.
        predictions: target -> id -> points of the model that was measured as one more judge.

    Raises:
        CofinalError: matplotlib is not installed.
    """
    for one in found:
        marks_NJ = judged.marks[one.target]
        column = {judge: j for j, judge in enumerate(one.judges)}
        pairs = [
            (row, marks_NJ[:, column[row.judge]], mean_of_others(marks_NJ)[:, column[row.judge]])
            for row in one.differences
        ]
        predicted_N = predicted_points(predictions, one.target, judged.ids)
        if one.model and predicted_N is not None:
            marked_N = np.isfinite(marks_NJ).sum(1) > 1
            mean_N = np.full(len(marks_NJ), np.nan)
            mean_N[marked_N] = np.nanmean(marks_NJ[marked_N], 1)
            pairs.append((one.model.difference, predicted_N, mean_N))
        panels = len(pairs) + (one.reliability is not None)
        rows = -(-panels // COLUMNS)
        name = re.sub(r"[^\w.-]", "_", one.target)
        with figure(folder / f"{name}.png", (3 * COLUMNS, 2.6 * rows)) as f:
            grid = f.add_gridspec(rows, COLUMNS)
            places = [grid[divmod(i, COLUMNS)] for i in range(panels)]
            draw_differences(f, places, pairs)
            if one.reliability is not None:
                draw_panel_size(f.add_subplot(places[-1]), one)


def draw_differences(
    f: Any, places: Sequence[Any], pairs: Sequence[tuple[Difference, np.ndarray, np.ndarray]]
) -> None:
    """Differences over means, a panel for each judge, all on the same axes."""
    first = None
    for place, (row, marks_N, others_N) in zip(places, pairs, strict=False):
        first = ax = f.add_subplot(place, sharex=first, sharey=first)
        colour = ACCENT if row.judge == NAME else INK
        ax.axhline(0, color=PALE, lw=1)
        middle_N, gap_N = (marks_N + others_N) / 2, marks_N - others_N
        ax.plot(middle_N, gap_N, "o", ms=2.5, alpha=0.25, color=colour, mew=0)
        ax.axhline(row.bias, color=colour, lw=1.2)
        for limit in row.limits or ():
            ax.axhline(limit, color=colour, lw=1, ls="--")
        who = row.judge if row.judge == NAME else f"judge {row.judge}"
        ax.set_title(f"{who}: {row.bias:+.2f}", fontsize=9, loc="left")
        ax.set_xlabel("mean of both, points", fontsize=8)
        ax.set_ylabel("minus the others", fontsize=8)
        ax.tick_params(labelsize=7)


def draw_panel_size(ax: Any, found: TargetAgreement) -> None:
    """Reliability of the mean of 1, 2, ... judges (Spearman-Brown), with its interval."""
    reliable = found.reliability
    assert reliable is not None
    counts = np.arange(1, max(reliable.judges, 5) + 1)
    middle = [of_panel(reliable.icc_one, int(count)) for count in counts]
    lowest = middle[0]
    if reliable.icc_one_interval is not None:
        low, high = (
            [of_panel(end, int(count)) for count in counts] for end in reliable.icc_one_interval
        )
        ax.fill_between(counts, low, high, color=PALE, alpha=0.4, lw=0)
        lowest = min(lowest, low[0])
    ax.plot(counts, middle, "o-", ms=3, color=INK, lw=1.2)
    ax.set_title("reliability of the mean", fontsize=9, loc="left")
    ax.set_xlabel("judges", fontsize=8)
    ax.set_ylabel("ICC", fontsize=8)
    ax.set_ylim(max(lowest - 0.05, 0), 1)
    ax.tick_params(labelsize=7)
