"""Everything about the agreement of judges on each target.

Letters: N performances, J judges, G grades.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.agreement.alpha import krippendorff
from cofinal.agreement.bland_altman import Difference, differences
from cofinal.agreement.human import HumanRow, human_row
from cofinal.agreement.kappa import grades_of_marks, mean_kappa
from cofinal.agreement.model import ModelAsJudge, model_as_judge, predicted_points
from cofinal.agreement.reliability import (
    Interval,
    Reliability,
    complete_reliability,
    judges_needed,
)
from cofinal.agreement.repeats import Repeat, repeats
from cofinal.config import AgreementSettings
from cofinal.data.judges import JudgeMarks, seated
from cofinal.errors import CofinalError
from cofinal.evaluation.resampling import Resampling, alone
from cofinal.files.tables import csv_records
from cofinal.grades import grade_edges


@dataclass(frozen=True)
class TargetAgreement:
    """What was found for one target; None where a number is undefined."""

    target: str
    performances: int
    """Performances with at least two marks."""
    judges: tuple[str, ...]
    seats: int
    """Judges of the fullest panel; fewer than judges where panels change."""
    reliability: Reliability | None
    """By seat; None where no two performances have the marks of every seat."""
    needed: dict[str, int | None]
    """Reliability wanted -> judges that reach it together."""
    alpha: float | None
    """Krippendorff's alpha of squared differences."""
    alpha_interval: Interval | None
    ordinal_alpha: float | None
    """Krippendorff's alpha of ranks."""
    ordinal_alpha_interval: Interval | None
    edges: tuple[float, ...] | None
    """Edges of the grades in points."""
    kappa: float | None
    """Mean quadratic weighted kappa of two judges' grades."""
    human: HumanRow
    """One judge against the mean of the others."""
    differences: tuple[Difference, ...]
    """Each judge's bias and spread."""
    repeats: tuple[Repeat, ...]
    """Judges who marked performances more than once."""
    model: ModelAsJudge | None

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return asdict(self)


def group_names(path: Path, column: str, ids: tuple[str, ...]) -> np.ndarray:
    """The group of each performance (N,), from a CSV with the columns id and `column`.

    Raises:
        CofinalError: unreadable file, no such columns, or an id without a group.
    """
    named = {cells["id"]: cells[column] for _, cells in csv_records(path, ("id", column))}
    absent = next((identifier for identifier in ids if not named.get(identifier)), None)
    if absent is not None:
        raise CofinalError(f"{path}: id {absent!r} has marks but no {column}; add it")
    return np.array([named[identifier] for identifier in ids])


def measure_agreement(
    judged: JudgeMarks,
    settings: AgreementSettings,
    groups_N: np.ndarray | None = None,
    predictions: Mapping[str, Mapping[str, float]] | None = None,
    column: str = "group",
) -> list[TargetAgreement]:
    """Measures the judges of every target.

    Args:
        judged: each judge's marks.
        settings: targets, grades, reliability wanted.
        groups_N: the group of each performance of `judged`, such as its event.
        predictions: target -> id -> points of a model, for the targets it predicts.
        column: what the groups are, for people.

    Raises:
        CofinalError: an unknown target; one judge only; marks that never differ; more grades than
            marks can fill.
    """
    unknown = next((name for name in settings.targets if name not in judged.marks), None)
    if unknown is not None:
        raise CofinalError(
            f"target {unknown!r} has no marks; choose from {', '.join(judged.marks)}"
        )
    return [
        _measure(
            judged,
            target,
            settings,
            groups_N,
            column,
            predicted_points(predictions, target, judged.ids),
        )
        for target in settings.targets or judged.marks
    ]


def _measure(
    judged: JudgeMarks,
    target: str,
    settings: AgreementSettings,
    groups_N: np.ndarray | None,
    column: str,
    predicted_N: np.ndarray | None,
) -> TargetAgreement:
    marks_NJ = judged.marks[target]
    human = human_row(target, marks_NJ, groups_N, column)
    known = marks_NJ[np.isfinite(marks_NJ)]
    if np.ptp(known) == 0:
        raise CofinalError(
            f"all marks of {target} are {known[0]:g}; marks that never differ say nothing about "
            "agreement, so leave it out with --targets"
        )
    judges, again = judged.judges[target], judged.again.get(target)
    panel_NJ = seated(marks_NJ)
    edges = _edges(marks_NJ, settings)
    reliable = complete_reliability(panel_NJ, groups_N)
    needed = {f"{w:g}": judges_needed(reliable.icc_one, w) for w in settings.wanted if reliable}
    drawn = Resampling.of_groups(groups_N, column) if groups_N is not None else alone(len(marks_NJ))
    alpha, alpha_interval = krippendorff(marks_NJ, "interval", drawn)
    ordinal, ordinal_interval = krippendorff(marks_NJ, "ordinal", drawn)
    model = None
    if predicted_N is not None:
        model = model_as_judge(predicted_N, panel_NJ, edges, groups_N)
    return TargetAgreement(
        target=target,
        performances=human.performances,
        judges=judges,
        seats=panel_NJ.shape[1],
        reliability=reliable,
        needed=needed,
        alpha=alpha,
        alpha_interval=alpha_interval,
        ordinal_alpha=ordinal,
        ordinal_alpha_interval=ordinal_interval,
        edges=None if edges is None else tuple(map(float, edges)),
        kappa=None if edges is None else mean_kappa(grades_of_marks(marks_NJ, edges)),
        human=human,
        differences=differences(judges, marks_NJ),
        repeats=() if again is None else repeats(judges, np.stack([marks_NJ, *again])),
        model=model,
    )


def _edges(marks_NJ: np.ndarray, settings: AgreementSettings) -> np.ndarray | None:
    """Edges of grades from the panel's means; None if these are all one number."""
    mean_N = np.nanmean(marks_NJ[np.isfinite(marks_NJ).sum(1) > 1], 1)
    if np.ptp(mean_N) == 0:
        return None
    return grade_edges(mean_N, settings.grades, settings.grade_spacing)
