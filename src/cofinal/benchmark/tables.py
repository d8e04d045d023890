"""A benchmark as files: JSON with everything needed to repeat it, and a Markdown table."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from cofinal.agreement.human import HumanRow
from cofinal.benchmark.comparison import Comparison
from cofinal.benchmark.given_rows import three_by_three
from cofinal.benchmark.run import ProtocolResult
from cofinal.config import BenchmarkSettings
from cofinal.data.cards import PublishedResult
from cofinal.data.given import BASE_VALUE
from cofinal.evaluation.grading import Grading
from cofinal.evaluation.resampling import SAMPLES
from cofinal.evaluation.result import EvaluationResult, TargetMeasures
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import markdown_table

LIBRARIES = ("cofinal", "torch", "numpy", "scipy", "scikit-learn", "joblib")
TITLES = {
    "kfold": "Random folds",
    "final": "Official split",
    "best-on-test": "Best epoch on the test split (OPTIMISTIC)",
}


@dataclass(frozen=True)
class BenchmarkResult:
    """Everything that a benchmark found."""

    command: str
    settings: BenchmarkSettings
    data: dict[str, Any]
    protocols: list[ProtocolResult]
    seconds: float
    """Wall time of this run; trainings of earlier runs cost nothing."""
    workers: int
    human: Sequence[HumanRow] = ()
    """One judge against the others; empty where no judges' marks are at hand."""
    published: Sequence[PublishedResult] = ()

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return {
            "command": self.command,
            "settings": asdict(self.settings),
            "data": self.data,
            "versions": library_versions(),
            "machine": f"{platform.machine()}, {os.cpu_count()} processors",
            "workers": self.workers,
            "seconds": round(self.seconds, 1),
            "worker_seconds": round(sum(_seconds(p) for p in self.protocols), 1),
            "protocols": [protocol_json(entry) for entry in self.protocols],
            "human": [entry.to_json() for entry in self.human],
            "published": [asdict(entry) for entry in self.published],
        }

    def markdown(self) -> str:
        """The tables, a section for each protocol."""
        lines = [f"# Benchmark: {self.data['name']}", "", *self._head(), ""]
        optimistic = next((p for p in self.protocols if p.name == "best-on-test"), None)
        beside = any(p.name == "final" for p in self.protocols)
        for protocol in self.protocols:
            if protocol is optimistic and beside:
                continue
            best = optimistic if protocol.name == "final" else None
            lines += protocol_section(protocol, self.human, best)
            lines += grading_section(protocol)
            lines += coverage_section(protocol, self.settings.confidence)
        if self.human:
            lines += human_section(self.human)
        if self.published:
            lines += published_section(self.published)
        return "\n".join(lines) + "\n"

    def save(self, path: Path) -> None:
        """Writes `path`.json and `path`.md."""
        write_json(path.with_suffix(".json"), self.to_json())
        write_text(path.with_suffix(".md"), self.markdown())

    def _head(self) -> list[str]:
        versions = ", ".join(f"{name} {v}" for name, v in library_versions().items())
        hours = sum(_seconds(p) for p in self.protocols) / 3600
        return [
            f"`{self.command}`",
            "",
            f"{self.data['performances']} performances; {self.settings.folds} folds, "
            f"{self.settings.repeats} partition(s), {self.settings.seeds} seeds for trained "
            f"methods. All trainings took {hours:.2f} hours of one worker's time. {versions}.",
            "",
            "SRCC over all held-out performances together, its 95 % bootstrap interval and the "
            "standard deviation over seeds; within: SRCC inside each group, averaged by size; R-l2 "
            "x 100; MAE in points. Difference: SRCC minus that of the best baseline over all "
            "repeats (a method that learns without gradients), by a paired bootstrap. p is by Holm "
            f"for the methods under test, which other baselines are not; before that correction "
            f"{SAMPLES:,} samples can give no p below {2 / (SAMPLES + 1):.4f}. What is resampled, "
            "whole groups or single performances, stands above each table.",
            *self._given(),
        ]

    def _given(self) -> list[str]:
        """What tables with something given must say."""
        rules = self.data.get("given")
        if not rules:
            return []
        text = (
            f"Given beforehand: {', '.join(rules)}. Each method has three rows: given only (no "
            "video), video only (nothing given), both. Numbers with something given must not stand "
            "beside those of tables without."
        )
        if any(rule.startswith(BASE_VALUE) for rule in rules):
            text += (
                " Base values of called elements hold the technical panel's decisions (levels, "
                "downgraded jumps), which were made while the performance was watched."
            )
        return ["", text]


def library_versions() -> dict[str, str]:
    """Versions of what a number depends on."""
    found = {"python": sys.version.split()[0]}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # a source tree that is on the path but not installed
            continue
    return found


def _seconds(protocol: ProtocolResult) -> float:
    return sum(method.seconds for method in protocol.methods.values())


def protocol_json(protocol: ProtocolResult) -> dict[str, Any]:
    """One protocol as plain values, without the predictions."""
    return {
        "name": protocol.name,
        "optimistic": protocol.name == "best-on-test",
        "baseline": protocol.baseline,
        "methods": {
            label: {
                **method.result.to_json(),
                "seeds": method.seeds,
                "chosen": method.chosen,
            }
            for label, method in protocol.methods.items()
        },
        "comparisons": {
            target: [asdict(entry) for entry in entries]
            for target, entries in protocol.comparisons.items()
        },
        "coverage": {
            label: [asdict(row) for row in rows] for label, rows in protocol.coverage.items()
        },
    }


def protocol_section(
    protocol: ProtocolResult, human: Sequence[HumanRow], best: ProtocolResult | None = None
) -> list[str]:
    """The Markdown tables of one protocol, one a target and category.

    Args:
        protocol: the methods' results.
        human: what one judge achieves.
        best: results of the best epoch on the test split, for a column of their own.
    """
    columns = [*COLUMNS, *(["SRCC of best epoch on test, OPTIMISTIC"] if best else [])]
    lines = [f"## {title(protocol.name)}", ""]
    first = next(iter(protocol.methods.values())).result
    if first.settings["test_split"]:
        lines += [first.settings["test_split"], ""]
    for row, measures in enumerate(first.measures):
        heading = (
            measures.target
            if measures.category is None
            else f"{measures.target}, {measures.category}"
        )
        lines += [f"### {heading} ({measures.performances} performances)", ""]
        lines += [f"Intervals and tests resample {measures.resampled}.", ""]
        rows = []
        compared = {c.label: c for c in protocol.comparisons.get(measures.target, [])}
        for label in three_by_three(protocol.methods):
            method = protocol.methods[label]
            cells = measure_texts(method.result.measures[row])
            versus = compared.get(label) if measures.category is None else None
            is_baseline = protocol.baseline.get(measures.target) == label
            cells += difference_texts(versus, is_baseline)
            cells.append(f"{method.seconds / method.trainings:.1f}")
            if best:
                cells.append(with_interval(best.methods[label].result.measures[row].srcc, None, 3))
            rows.append([label, *cells, *execution_texts(method.result, measures)])
        rows += [human_texts(row, "") for row in human if row.target == measures.target]
        own = [*columns, *(EXECUTION_COLUMNS if execution_texts(first, measures) else [])]
        lines += markdown_table(own, [row + [""] * (len(own) - len(row)) for row in rows])
    for label, method in protocol.methods.items():
        lines += [f"Note on {label}: {note}\n" for note in method.result.notes()]
    return lines


def execution_texts(result: EvaluationResult, total: TargetMeasures) -> list[str]:
    """The columns of the execution beside those of a total; empty where there is none."""
    for row in result.execution:
        if (row.target, row.category) == (total.target, total.category):
            srcc, _, within, r_l2, mae = measure_texts(row)
            return [srcc, within, r_l2, mae]
    return []


def human_texts(row: HumanRow, target: str) -> list[str]:
    """What one judge achieves against the others, in the columns of the methods."""
    return [
        f"*one judge of {row.judges}{target}*",
        with_interval(row.srcc, row.srcc_interval, 3),
        "",
        with_interval(row.within_srcc, None, 3),
        with_interval(row.r_l2, None, 2),
        with_interval(row.mae, None, 2),
        *[""] * 3,
    ]


def human_section(human: Sequence[HumanRow]) -> list[str]:
    """What a person achieves: one judge against the mean of the others."""
    return [
        "## One judge against the mean of the others",
        "",
        *markdown_table(COLUMNS[:6], [human_texts(row, f", {row.target}")[:6] for row in human]),
    ]


def grading_section(protocol: ProtocolResult) -> list[str]:
    """How grade, place and probabilities did, a line for each method, target and category."""
    rows = [
        [label, " ".join(filter(None, (row.target, row.category))), *grading_texts(row.grading)]
        for label, method in protocol.methods.items()
        for row in method.result.measures
        if row.grading
    ]
    columns = (
        *("method", "target", "right", "off by one or less", "RPS", "log loss", "ECE"),
        *("SRCC of place", "inside own 90 %", "width, points"),
    )
    return ["### Grades", "", *markdown_table(columns, rows)] if rows else []


def grading_texts(grading: Grading) -> list[str]:
    """Measures of grades as columns."""
    return [
        with_interval(grading.right, grading.right_interval, 3),
        with_interval(grading.within_one, grading.within_one_interval, 3),
        with_interval(
            grading.ranked_probability_score, grading.ranked_probability_score_interval, 3
        ),
        with_interval(grading.log_loss, grading.log_loss_interval, 3),
        with_interval(grading.calibration_error, grading.calibration_error_interval, 3),
        with_interval(grading.place_srcc, grading.place_srcc_interval, 3),
        with_interval(grading.coverage, grading.coverage_interval, 3),
        with_interval(grading.width, grading.width_interval, 2),
    ]


def coverage_section(protocol: ProtocolResult, confidence: float) -> list[str]:
    """How prediction intervals did, a line for each method, target and way to calibrate."""
    rows = [(label, row) for label, rows in protocol.coverage.items() for row in rows]
    if not rows:
        return []
    found: list[list[str]] = []
    for label, row in rows:
        held = with_interval(row.coverage, row.coverage_interval, 3)
        found.append(
            [
                label,
                str(row.target),
                title(row.calibrated_on).lower(),
                held,
                f"{row.mean_width:.2f}",
            ]
        )
    columns = ("method", "target", "calibrated on", "coverage", "mean width, points")
    heading = f"### Prediction intervals of {confidence:.0%}"
    return [heading, "", *markdown_table(columns, found)]


EXECUTION_COLUMNS = ("execution: SRCC", "within", "R-l2", "MAE")
COLUMNS = (
    "method",
    "SRCC",
    "over seeds",
    "within",
    "R-l2",
    "MAE",
    "difference",
    "p (Holm)",
    "s per training",
)


def title(name: str) -> str:
    """What a protocol is called in a heading."""
    if name.startswith("group:"):
        return f"No {name.removeprefix('group:')} in two folds"
    return TITLES[name]


def measure_texts(measures: TargetMeasures) -> list[str]:
    """Measures as the columns from SRCC to MAE."""
    spread = "-" if measures.srcc_spread is None else f"±{measures.srcc_spread:.3f}"
    return [
        with_interval(measures.srcc, measures.srcc_interval, 3),
        spread,
        with_interval(measures.within_srcc, measures.within_interval, 3),
        with_interval(measures.r_l2, measures.r_l2_interval, 2),
        with_interval(measures.mae, measures.mae_interval, 2),
    ]


def with_interval(value: float | None, interval: tuple[float, float] | None, digits: int) -> str:
    """A number with its interval, or a dash."""
    if value is None:
        return "-"
    if interval is None:
        return f"{value:.{digits}f}"
    return f"{value:.{digits}f} ({interval[0]:.{digits}f} to {interval[1]:.{digits}f})"


def difference_texts(versus: Comparison | None, is_baseline: bool) -> list[str]:
    """The columns of the comparison with the best baseline."""
    if is_baseline:
        return ["best baseline", ""]
    if versus is None:
        return ["-", "-"]
    low, high = versus.interval
    p = "baseline" if versus.p_holm is None else f"{versus.p_holm:.4f}"
    return [f"{versus.difference:+.3f} ({low:+.3f} to {high:+.3f})", p]


def published_section(published: Sequence[PublishedResult]) -> list[str]:
    """Numbers from papers, which nothing above can be compared with directly."""
    targets = list(dict.fromkeys(target for entry in published for target in entry.srcc))
    rows = [
        [
            entry.method,
            *[f"{entry.srcc[t]:.3f}" if t in entry.srcc else "-" for t in targets],
            entry.source,
        ]
        for entry in published
    ]
    return [
        "## Published, other protocol",
        "",
        "SRCC on the official test split, best epoch on that split unless said otherwise.",
        "",
        *markdown_table(["method", *targets, "source"], rows),
    ]
