"""Figures of a benchmark (matplotlib, extra `report`).

Letters: M methods, N performances, R repeats and seeds, K targets, G grades, n performances of
all trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.agreement.human import HumanRow
from cofinal.benchmark.run import MethodResult, ProtocolResult
from cofinal.benchmark.tables import title
from cofinal.evaluation.store import file_name
from cofinal.files.figures import ACCENT, INK, PALE, figure
from cofinal.grades import grade_of

# Groups of equally many performances, in calibration and in the error's course over the score.
BINS = 10


def draw_figures(
    protocols: Sequence[ProtocolResult], folder: Path, human: Sequence[HumanRow] = ()
) -> None:
    """Draws all figures of a benchmark as PNG files.

    Args:
        protocols: what the benchmark found.
        folder: where the files go: `methods.png`, and for each protocol and the method that ranks
            best there `PROTOCOL-scores.png` and `-errors.png`; for the first method that knows
            grades `-grades.png` and `-confusion.png`.
        human: one judge against the others, drawn as a line where a target has such a row.

    Raises:
        CofinalError: matplotlib is not installed.
    """
    with figure(folder / "methods.png", (4.2 * len(protocols), 0.36 * _rows(protocols) + 1.2)) as f:
        draw_methods(f, protocols, human)
    for protocol in protocols:
        best = best_method(protocol)
        name = file_name(protocol.name.replace(":", "-"))
        targets = len(best.result.measures)
        with figure(folder / f"{name}-scores.png", (4.2 * targets, 4.2)) as f:
            draw_scores(f, best)
        with figure(folder / f"{name}-errors.png", (4.2 * targets, 3.4)) as f:
            draw_errors(f, best)
        graded = [m for m in protocol.methods.values() if m.grade_chances]
        if graded:
            with figure(folder / f"{name}-grades.png", (4.2 * targets, 4.2)) as f:
                draw_calibration(f, graded[0])
            with figure(folder / f"{name}-confusion.png", (3.6 * targets, 3.8)) as f:
                draw_confusion(f, graded[0])


def best_method(protocol: ProtocolResult) -> MethodResult:
    """The method with the highest average SRCC."""
    ranked = [m for m in protocol.methods.values() if m.result.average_srcc is not None]
    if not ranked:
        return next(iter(protocol.methods.values()))
    return max(ranked, key=lambda m: m.result.average_srcc or 0.0)


def _rows(protocols: Sequence[ProtocolResult]) -> int:
    first = protocols[0]
    return len(first.methods) * len(next(iter(first.methods.values())).result.measures)


def draw_methods(f: Any, protocols: Sequence[ProtocolResult], human: Sequence[HumanRow]) -> None:
    """SRCC of every method with its interval, a column for each protocol."""
    experts = {row.target: row.srcc for row in human}
    axes = f.subplots(1, len(protocols), sharey=True, sharex=True, squeeze=False)[0]
    for ax, protocol in zip(axes, protocols, strict=True):
        row, ticks, labels = 0.0, [], []
        rows = len(next(iter(protocol.methods.values())).result.measures)
        for k in range(rows):
            for label, method in protocol.methods.items():
                measures = method.result.measures[k]
                ticks.append(row)
                labels.append(f"{label}  {measures.target}")
                if measures.srcc is not None and measures.srcc_interval is not None:
                    colour = ACCENT if label == "cofinal" else INK
                    ax.plot(measures.srcc_interval, [row, row], color=colour, lw=1.5)
                    ax.plot(measures.srcc, row, "o", color=colour, ms=5)
                row += 1
            expert = experts.get(method.result.measures[k].target)
            if expert is not None:
                ends = (row - len(protocol.methods) - 0.4, row - 0.6)
                ax.plot([expert, expert], ends, color=PALE, ls="--", lw=1.5)
            row += 0.8
        ax.set_yticks(ticks, labels, fontsize=7)
        ax.set_title(title(protocol.name), fontsize=9)
        ax.set_xlabel(
            "SRCC, 95 % interval" + (" (dashed: one judge)" if experts else ""), fontsize=8
        )
        ax.grid(axis="x", alpha=0.3)
    axes[0].invert_yaxis()


def draw_scores(f: Any, method: MethodResult) -> None:
    """Predicted against given score, grades marked where the method has them."""
    result = method.result
    predicted_NK = result.predictions.mean(0)
    targets = tuple(dict.fromkeys(row.target for row in result.measures))
    axes = f.subplots(1, len(targets), squeeze=False)[0]
    for k, (ax, target) in enumerate(zip(axes, targets, strict=True)):
        given_N, seen_N = result.scores[:, k], predicted_NK[:, k]
        ax.plot(given_N, seen_N, "o", ms=3, alpha=0.5, color=INK, mew=0)
        ends = [float(np.nanmin(given_N)), float(np.nanmax(given_N))]
        ax.plot(ends, ends, color=PALE, lw=1)
        for edge in [] if method.grade_edges is None else method.grade_edges[k, 1:-1]:
            ax.axvline(edge, color=ACCENT, lw=0.8, ls=":")
        ax.set_title(f"{method.label}: {target}", fontsize=9)
        ax.set_xlabel("given by the judges, points", fontsize=8)
        ax.set_ylabel("predicted, points", fontsize=8)


def draw_errors(f: Any, method: MethodResult) -> None:
    """Error against given score: regression to the mean shows as a slope."""
    result = method.result
    targets = tuple(dict.fromkeys(row.target for row in result.measures))
    axes = f.subplots(1, len(targets), squeeze=False)[0]
    for k, (ax, target) in enumerate(zip(axes, targets, strict=True)):
        given_N = result.scores[:, k]
        error_N = result.predictions[:, :, k].mean(0) - given_N
        known_N = np.isfinite(error_N)
        ax.plot(given_N, error_N, "o", ms=3, alpha=0.4, color=INK, mew=0)
        parts = np.array_split(np.argsort(given_N[known_N]), BINS)
        parts = [part for part in parts if len(part)]
        ax.plot(
            [given_N[known_N][part].mean() for part in parts],
            [error_N[known_N][part].mean() for part in parts],
            "-o",
            color=ACCENT,
            ms=4,
        )
        ax.axhline(0, color=PALE, lw=1)
        ax.set_title(f"{method.label}: {target}", fontsize=9)
        ax.set_xlabel("given by the judges, points", fontsize=8)
        ax.set_ylabel("predicted minus given, points", fontsize=8)


def draw_calibration(f: Any, method: MethodResult) -> None:
    """How often a grade of probability p is the true one, a line for each grade."""
    targets = tuple(dict.fromkeys(row.target for row in method.result.measures))
    axes = f.subplots(1, len(targets), squeeze=False)[0]
    for ax, target, (chance_nG, grade_n) in zip(axes, targets, method.grade_chances, strict=True):
        ax.plot([0, 1], [0, 1], color=PALE, lw=1)
        for g in range(chance_nG.shape[1]):
            said, met = reliability_curve(chance_nG[:, g], grade_n == g)
            ax.plot(said, met, "-o", ms=3, lw=1, label=f"grade {g + 1}")
        ax.legend(fontsize=7)
        ax.set_title(f"{method.label}: {target}", fontsize=9)
        ax.set_xlabel("probability said", fontsize=8)
        ax.set_ylabel("share that had the grade", fontsize=8)


def draw_confusion(f: Any, method: MethodResult) -> None:
    """True grade against printed one: in each cell the share of the true grade's row."""
    result = method.result
    targets = tuple(dict.fromkeys(row.target for row in result.measures))
    axes = f.subplots(1, len(targets), squeeze=False)[0]
    for k, (ax, target) in enumerate(zip(axes, targets, strict=True)):
        assert method.grade_edges is not None
        share_GG = confusion(
            result.scores[:, k], result.predictions[:, :, k], method.grade_edges[k]
        )
        ax.imshow(share_GG, vmin=0, vmax=1, cmap="Oranges")
        ticks = range(len(share_GG))
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_ticks(ticks, [str(g + 1) for g in ticks])
        for true, row in enumerate(share_GG):
            for printed, share in enumerate(row):
                ax.text(printed, true, f"{share:.0%}", ha="center", va="center", fontsize=8)
        ax.set_title(f"{method.label}: {target}", fontsize=9)
        ax.set_xlabel("printed grade", fontsize=8)
        ax.set_ylabel("true grade, each row 100 %", fontsize=8)


def confusion(score_N: np.ndarray, predicted_RN: np.ndarray, edges_G: np.ndarray) -> np.ndarray:
    """Share (G, G) of the performances of each true grade (row) that have each printed grade.

    Args:
        score_N: points given.
        predicted_RN: points of R repeats and seeds; not a number where there is none.
        edges_G: G + 1 edges in points, here the mean of those of all trainings.
    """
    known_RN = np.isfinite(predicted_RN)
    true_n = np.broadcast_to(grade_of(score_N, edges_G), predicted_RN.shape)[known_RN]
    grades = len(edges_G) - 1
    count_GG = np.zeros((grades, grades))
    np.add.at(count_GG, (true_n, grade_of(predicted_RN[known_RN], edges_G)), 1)
    return count_GG / count_GG.sum(1, keepdims=True).clip(min=1)


def reliability_curve(
    chance_n: np.ndarray, happened_n: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mean probability said and share that happened, in groups of equally many: two (bins,)."""
    parts = [p for p in np.array_split(np.argsort(chance_n, kind="stable"), BINS) if len(p)]
    said = np.array([chance_n[part].mean() for part in parts])
    return said, np.array([happened_n[part].mean() for part in parts])
