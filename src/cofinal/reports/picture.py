"""A report as one picture (matplotlib, extra `report`).

Letters: T clips, K targets, G grades.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.files.figures import INK, PALE, figure
from cofinal.records import TargetPrediction
from cofinal.reports.drawing import rows, time_ticks
from cofinal.reports.page_data import Performance, Report
from cofinal.reports.sentences import place_label

UP, DOWN = "#1d66a8", "#ad4a06"
# A light and a dark end for grades' bands, as shares of grey.
LIGHT, DARK = 0.93, 0.72
SMALL = 8


def draw_picture(report: Report, out: Path) -> None:
    """Draws one performance, or the ranking of several.

    Raises:
        CofinalError: matplotlib is not installed, or `out` cannot be written.
    """
    many = len(report.performances) > 1
    targets = len(report.targets)
    height = 0.24 * len(report.performances) + 1.2 if many else 3.6
    with figure(out, (9.0, height * targets + 0.5)) as f:
        if many:
            draw_ranking(f, report)
        else:
            draw_performance(f, report.performances[0], report)


def draw_ranking(f: Any, report: Report) -> None:
    """Scores and intervals of all performances, the highest first, a panel for each target."""
    axes = f.subplots(len(report.targets), 1, squeeze=False)[:, 0]
    for ax, target in zip(axes, report.targets, strict=True):
        ranks = report.ranking(target)
        for row, rank in enumerate(ranks):
            if rank.predicted.interval:
                ax.plot(rank.predicted.interval, [row, row], color=PALE, lw=3)
            ax.plot(rank.predicted.score, row, "o", color=INK, ms=5)
        names = [f"{place_label(rank)}   {plain(rank.performance.id)}" for rank in ranks]
        ax.set_yticks(range(len(ranks)), names, fontsize=SMALL)
        ax.invert_yaxis()
        ax.set_title(plain(target), fontsize=10, loc="left")
        ax.set_xlabel("points, with interval where one is known", fontsize=SMALL)
        ax.tick_params(axis="x", labelsize=SMALL)
        _clean(ax)


def draw_performance(f: Any, one: Performance, report: Report) -> None:
    """Score, time line and votes of every target, one below the other."""
    warned = "   (unlike the training data: trust the scores less)"
    title = plain(one.id) + (warned if one.explanation.strange else "")
    f.suptitle(title, x=0.02, ha="left", fontsize=12, fontweight="bold")
    ratios = [r for _ in report.targets for r in (0.7, 1.5, 0.9)]
    axes = f.subplots(3 * len(report.targets), 1, height_ratios=ratios, squeeze=False)[:, 0]
    for k, predicted in enumerate(one.prediction.targets):
        scale, bars, heat = axes[3 * k : 3 * k + 3]
        draw_scale(scale, one, predicted, report.model.ranges[predicted.target])
        draw_bars(bars, one, predicted.target)
        draw_rows(heat, one, predicted)


def draw_scale(
    ax: Any, one: Performance, predicted: TargetPrediction, whole: tuple[float, float]
) -> None:
    """Grades, score, interval, judges' marks and the official score, in points."""
    edges = predicted.grade_edges or whole
    for grade, (low, high) in enumerate(itertools.pairwise(edges)):
        grey = LIGHT + (DARK - LIGHT) * grade / max(len(edges) - 2, 1)
        ax.axvspan(low, high, color=str(grey), lw=0)
        if len(edges) > 2:
            ax.text((low + high) / 2, -0.75, str(grade + 1), ha="center", va="center", fontsize=7)
    if predicted.interval:
        ax.plot(predicted.interval, [0, 0], color=INK, lw=5, alpha=0.4, solid_capstyle="round")
    ax.plot(predicted.score, 0, "o", color=INK, ms=8, mec="white")
    for mark in one.marks.get(predicted.target, ()):
        ax.plot([mark, mark], [0.4, 1], color=DOWN, lw=1.2)
    if predicted.target in one.official:
        ax.plot(one.official[predicted.target], 0.7, "D", color=UP, ms=6)
    ax.set_ylim(-1, 1)
    ax.set_yticks([])
    ax.tick_params(axis="x", labelsize=SMALL)
    text = f"{plain(predicted.target)}: {predicted.score:.2f} points"
    if predicted.interval and predicted.confidence:
        low, high = predicted.interval
        text += f", {low:.2f} to {high:.2f} ({100 * predicted.confidence:g} %)"
    ax.set_title(text, fontsize=10, loc="left")
    _clean(ax)


def draw_bars(ax: Any, one: Performance, target: str) -> None:
    """Evidence of each clip around zero."""
    value_T = one.evidence.values_KT[one.evidence.row(target)]
    colours = np.where(value_T > 0, UP, DOWN)
    ax.bar(np.arange(len(value_T)) + 0.5, value_T, width=0.8, color=colours)
    ax.axhline(0, color=INK, lw=0.8)
    ax.set_ylabel(one.evidence.unit, fontsize=SMALL)
    ax.tick_params(axis="y", labelsize=SMALL)
    _time_axis(ax, one)
    _clean(ax)


def draw_rows(ax: Any, one: Performance, predicted: TargetPrediction) -> None:
    """What clips say for and against each grade, else attention; nothing for methods without."""
    strips = rows(predicted)
    if strips is None:
        ax.set_axis_off()
        return
    count, clips = strips.values.shape
    extent = (0, clips, 0.5, count + 0.5)
    colours, least = ("PuOr_r", -1) if strips.of == "grade" else ("Purples", 0)
    limits = {"vmin": least, "vmax": 1}
    ax.imshow(
        strips.values, colours, aspect="auto", extent=extent, interpolation="nearest", **limits
    )
    ax.set_yticks(range(1, count + 1))
    ax.tick_params(axis="y", labelsize=7)
    ax.set_ylabel(strips.of, fontsize=SMALL)
    _time_axis(ax, one)


def plain(text: str) -> str:
    """A stranger's name without the sign by which matplotlib begins a formula."""
    return text.replace("$", r"\$")


def _time_axis(ax: Any, one: Performance) -> None:
    ticks = time_ticks(one)
    places = [tick.x / 100 * one.prediction.clips for tick in ticks]
    ax.set_xlim(0, one.prediction.clips)
    ax.set_xticks(places, [tick.label for tick in ticks], fontsize=SMALL)


def _clean(ax: Any) -> None:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
