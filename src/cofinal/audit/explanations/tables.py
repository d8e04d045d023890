"""A benchmark of explanations as files: JSON, Markdown tables, one figure.

Letters: S steps of a curve.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.audit.explanations.faults import AgainstChance, FaultFinding
from cofinal.audit.explanations.measures import MarkCorrelation, RankCorrelation
from cofinal.audit.explanations.result import (
    LEFT_OUT,
    MarkCorrelations,
    MethodExplanations,
    WayResult,
)
from cofinal.audit.explanations.truth import Truth
from cofinal.benchmark.tables import library_versions, with_interval
from cofinal.config import BenchmarkSettings, ExplanationSettings
from cofinal.evaluation.result import version_notes
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import markdown_table

CURVES = (
    "way",
    "deletion, points",
    "insertion, points",
    "share of spread",
    "better than chance",
    "moved, multiple of chance",
    "random weights",
    "dealt-out labels",
    "other seeds",
)
FAULTS = (
    *("way", "average precision", "p", "pooled", "p", "pointing", "p"),
    *("among elements", "p", "deduction", "p"),
)
HEAD = """\
Evidence of models on performances that they were not trained on.

- **Deletion**: points that the score loses when the clips with the most points go first, more than
  in orders drawn by chance; **insertion**: points gained when only these are kept, more than by
  chance; both are means over the curve. Share of spread: both, as a share of twice the standard
  deviation of the scores. Moved: how far the score moves either way, strongest clips first, as a
  multiple of chance.
- **Random weights**, **dealt-out labels**, **other seeds**: Spearman's correlation over the clips
  of a performance with the evidence of such models, mean; behind the bar the mean of its size. The
  first two should be near 0, the last near 1.
- **Faults**: average precision, and how often the clip with the most points lost is faulty, each
  with chance (faults shifted around in a circle) and one-sided p. Among elements: clips between
  elements left out. Deduction: Spearman's correlation over faults with the points lost there.
- **Elements**: Spearman's correlation of the evidence in an element's clips with its mark, mean
  over performances; behind the bar what is left when the usual for performance and place in the
  order is taken off, where performances have equally many elements; p two-sided. Places of elements
  are their times, equal parts of the performance, or those of an aligner; "element left out" leaves
  out the whole element, in all performances.

Intervals of 95 % by bootstrap. p is by permutation, at least 0.0005 (0.005 where all clips are
pooled, and for deductions), and not corrected for the number of ways."""


@dataclass(frozen=True)
class ExplanationResult:
    """Everything that a benchmark of explanations found."""

    command: str
    settings: BenchmarkSettings
    explaining: ExplanationSettings
    data: dict[str, Any]
    methods: Sequence[MethodExplanations]
    truth: Truth
    seconds: float
    """Wall time of this run; trainings of earlier runs cost nothing."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return {
            "command": self.command,
            "settings": {"folds": self.settings.folds, "seeds": self.settings.seeds}
            | {"protocol": (self.settings.protocols or ("kfold",))[0]}
            | asdict(self.explaining),
            "data": self.data,
            "versions": library_versions(),
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "seconds": round(self.seconds, 1),
            "notes": self.truth.notes,
            "yardsticks": _plain({k: asdict(v) for k, v in self.truth.yardsticks.items()}),
            "methods": [_plain(_method(one)) for one in self.methods],
        }

    def markdown(self) -> str:
        """The tables."""
        versions = ", ".join(f"{name} {v}" for name, v in library_versions().items())
        spent = sum(one.seconds for one in self.methods)
        lines = [
            f"# Explanations: {self.data['name']}",
            "",
            f"`{self.command}`",
            "",
            f"{self.data['performances']} performances, {self.settings.folds} folds; all took "
            f"{spent:.0f} s of a worker's time, this run {self.seconds:.0f} s. {versions}.",
            "",
            HEAD,
            "",
            *[f"Note: {note}.\n" for note in self.truth.notes],
        ]
        for one in self.methods:
            lines += method_section(one, self.truth)
        return "\n".join(lines).rstrip() + "\n"

    def save(self, path: Path) -> None:
        """Writes `path`.json and `path`.md."""
        write_json(path.with_suffix(".json"), self.to_json())
        write_text(path.with_suffix(".md"), self.markdown())


def _method(one: MethodExplanations) -> dict[str, Any]:
    between = {
        target: {f"{a} | {b}": found and asdict(found) for (a, b), found in pairs.items()}
        for target, pairs in one.between.items()
    }
    return asdict(one) | {"between": between}


def _plain(value: Any) -> Any:
    """Values as JSON knows them, at a precision that can be read."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    return round(float(value), 5) if isinstance(value, float | np.floating) else value


def method_section(one: MethodExplanations, truth: Truth) -> list[str]:
    """The tables of one method, for each of its targets."""
    targets = list(dict.fromkeys(way.target for way in one.ways))
    seeds = "1 seed" if one.seeds == 1 else f"{one.seeds} seeds"
    told = f"{one.performances} performances explained, {seeds}. Intervals draw {one.resampled}."
    lines = [f"## {one.label}", "", told, ""]
    if one.missing:
        lines += [f"It has no {', '.join(one.missing)}.", ""]
    lines += [f"Note: {note}\n" for note in version_notes(one.other_versions)]
    for target in targets:
        ways = [way for way in one.ways if way.target == target]
        lines += [f"### {one.label}: {target}", "", *markdown_table(CURVES, map(curve_cells, ways))]
        if any(way.faults for way in ways):
            rows = [[way.way, *fault_cells(way.faults)] for way in ways if way.faults]
            rows += [[f"*{name}*", *fault_cells(f)] for name, f in truth.yardsticks.items()]
            share = next(way.faults.prevalence for way in ways if way.faults)
            lines += [f"Faults ({share:.1%} of the clips):", "", *markdown_table(FAULTS, rows)]
        elements = [(way.way, way.elements) for way in ways]
        lines += element_table([*elements, (LEFT_OUT, one.left_out.get(target, {}))])
        lines += ways_table(one, target)
    return lines


def curve_cells(way: WayResult) -> list[str]:
    """Deletion, insertion, sanity and agreement of seeds."""
    found = way.curves
    return [
        way.way,
        with_interval(found.deletion, found.deletion_interval, 2),
        with_interval(found.insertion, found.insertion_interval, 2),
        f"{found.share_of_spread:.2f}",
        f"{found.better_than_chance:.0%}",
        with_interval(found.moved, found.moved_interval, 2),
        *[rank_correlation_text(one) for one in (way.randomised, way.shuffled, way.seeds)],
    ]


def rank_correlation_text(found: RankCorrelation | None) -> str:
    """Mean correlation with its interval, and its mean size."""
    if found is None:
        return "-"
    return f"{with_interval(found.mean, found.interval, 2)} \\| {found.size:.2f}"


def fault_cells(faults: FaultFinding) -> list[str]:
    """How well faults are found."""
    several = (faults.precision, faults.pooled, faults.pointing, faults.inside, faults.deduction)
    return [cell for one in several for cell in chance_cells(one)]


def chance_cells(found: AgainstChance | None) -> list[str]:
    """A measure with interval and chance, and p."""
    if found is None:
        return ["-", "-"]
    value = with_interval(found.value, found.interval, 3)
    return [f"{value}, chance {found.chance:.3f}", f"{found.p:.4f}"]


def element_table(ways: Sequence[tuple[str, MarkCorrelations]]) -> list[str]:
    """How evidence in elements goes with their marks: a column for each place and mark."""
    heads = list(dict.fromkeys((p, m) for _, places in ways for p in places for m in places[p]))
    if not heads:
        return []
    rows = [
        [way, *[correlation_text(places.get(p, {}).get(m)) for p, m in heads]]
        for way, places in ways
    ]
    titles = [f"{mark.replace('_', ' ')}, {place}" for place, mark in heads]
    return ["Elements:", "", *markdown_table(["way", *titles], rows)]


def correlation_text(found: MarkCorrelation | None) -> str:
    """Correlation within performances with its p, and behind a bar that given the place."""
    if found is None:
        return "-"
    text = f"{with_interval(found.within, found.interval, 2)}, p {found.p_within:.4f}"
    if found.given_place is None or found.p_given_place is None:
        return text
    return f"{text} \\| {found.given_place:.2f}, p {found.p_given_place:.4f}"


def ways_table(one: MethodExplanations, target: str) -> list[str]:
    """Agreement of the ways with each other."""
    pairs = one.between.get(target, {})
    if not pairs:
        return []
    names = list(dict.fromkeys(name for pair in pairs for name in pair))

    def cell(a: str, b: str) -> str:
        found = pairs.get((a, b)) or pairs.get((b, a))
        return "" if a == b else f"{found.mean:.2f}" if found else "-"

    rows = [[a, *[cell(a, b) for b in names]] for a in names]
    return ["Agreement (Spearman over clips):", "", *markdown_table(["", *names], rows)]


def draw_explanations(methods: Sequence[MethodExplanations], truth: Truth, path: Path) -> None:
    """Draws deletion and insertion curves, and average precision of faults, as one PNG.

    Raises:
        CofinalError: matplotlib is not installed.
    """
    from cofinal.files.figures import ACCENT, INK, PALE, figure

    pairs = [(one, t) for one in methods for t in dict.fromkeys(way.target for way in one.ways)]
    rows = 2 if truth.marks else 1
    with figure(path, (4.4 * len(pairs), 3.3 * rows)) as f:
        axes = f.subplots(rows, len(pairs), squeeze=False)
        for column, (one, target) in zip(axes.T, pairs, strict=True):
            upper = column[0]
            ways = [way for way in one.ways if way.target == target]
            for number, way in enumerate(ways):
                draw_curves(upper, way, f"C{number}")
            chance_S = ways[0].curves.chance_S
            upper.plot(_shares(chance_S), chance_S, color=PALE, ls="--", label="chance")
            upper.set_title(f"{one.label}: {target}", fontsize=9)
            upper.set_xlabel(
                "share of clips gone (solid: highest first, dotted: lowest)", fontsize=7
            )
            upper.set_ylabel("points lost", fontsize=8)
            upper.legend(fontsize=6)
            if truth.marks:
                draw_precision(column[1], ways, truth, (INK, ACCENT, PALE))


def _shares(curve_S: np.ndarray) -> np.ndarray:
    return np.arange(1, len(curve_S) + 1) / (len(curve_S) + 1)


def draw_curves(ax: Any, way: WayResult, colour: str) -> None:
    """A way's two curves."""
    share_S = _shares(way.curves.highest_S)
    ax.plot(share_S, way.curves.highest_S, color=colour, lw=1.2, label=way.way)
    ax.plot(share_S, way.curves.lowest_S, color=colour, lw=1.2, ls=":")


def draw_precision(ax: Any, ways: Sequence[WayResult], truth: Truth, colours: Any) -> None:
    """Average precision of each way against chance."""
    ink, accent, pale = colours
    rows = [(way.way, way.faults.precision, ink) for way in ways if way.faults]
    rows += [(n.split(":")[0], f.precision, accent) for n, f in truth.yardsticks.items() if rows]
    shown = [(name, found, colour) for name, found, colour in rows if found]
    for y, (_, found, colour) in enumerate(shown):
        ax.plot(found.interval or (found.value,) * 2, [y, y], color=colour, lw=1.5)
        ax.plot(found.value, y, "o", color=colour, ms=5)
        ax.plot(found.chance, y, "|", color=pale, ms=12, mew=2)
    ax.set_yticks(range(len(shown)), [name for name, _, _ in shown], fontsize=7)
    ax.invert_yaxis()
    ax.set_xlabel("average precision of faults, 95 % interval; bar: chance", fontsize=7)
    ax.grid(axis="x", alpha=0.3)
