"""The model as one more judge: predictions of performances it was not trained on, among the marks.

Letters: N performances, J judges, G grades.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofinal.agreement.bland_altman import Difference, difference
from cofinal.agreement.kappa import grades_of_marks, kappa_with
from cofinal.agreement.reliability import Reliability, complete_reliability
from cofinal.errors import CofinalError
from cofinal.evaluation.bootstrap import ratio_interval
from cofinal.evaluation.metrics import srcc
from cofinal.evaluation.resampling import Resampling
from cofinal.files.tables import csv_records, finite_cell

NAME = "model"
PREDICTED = " predicted"


@dataclass(frozen=True)
class ModelAsJudge:
    """How a model's predictions agree with the judges of the same performances."""

    performances: int
    """Performances with a prediction and at least two marks."""
    difference: Difference
    """Prediction minus the mean of the judges."""
    srcc: float | None
    """Rank correlation with the mean of the judges."""
    kappa: float | None
    """Mean quadratic weighted kappa with each judge."""
    panel: Reliability | None
    """The judges alone, on the performances they all marked; None where there are too few."""
    panel_with_model: Reliability | None
    """The same with the model as one more judge."""
    ratio: float | None
    """Squared difference of two judges over that of the model and a judge: 1 if it differs from
    them as they do from each other (coefficient of individual agreement, Barnhart et al. 2007)."""
    ratio_interval: tuple[float, float] | None
    """95 % bootstrap interval, over whole groups where there are some."""
    worth_judges: float | None
    """Number of judges whose mean errs as much as the model; None if its error is not more than
    that of the panel's own mean."""


def read_predictions(path: Path, targets: Sequence[str]) -> dict[str, dict[str, float]]:
    """Predictions of `cofinal evaluate` (`predictions.csv`): target -> id -> points.

    Repeats are averaged. Targets without a column are left out.

    Raises:
        CofinalError: unreadable or faulty file, or no column for any of the targets.
    """
    records = list(csv_records(path, ("id",)))
    columns = records[0][1] if records else {}
    offered = [name.removesuffix(PREDICTED) for name in columns if name.endswith(PREDICTED)]
    common = [target for target in targets if target in offered]
    if not common:
        raise CofinalError(
            f"{path} predicts {', '.join(offered) or 'nothing'}, and judges marked "
            f"{', '.join(targets)}; expected a column such as '{targets[0]}{PREDICTED}', as "
            "`cofinal evaluate --out` writes it"
        )
    points: dict[str, dict[str, list[float]]] = {target: {} for target in common}
    for where, cells in records:
        for target in common:
            value = finite_cell(cells[target + PREDICTED], target + PREDICTED, where)
            points[target].setdefault(cells["id"], []).append(value)
    return {t: {i: float(np.mean(v)) for i, v in by_id.items()} for t, by_id in points.items()}


def predicted_points(
    predictions: Mapping[str, Mapping[str, float]] | None, target: str, ids: Sequence[str]
) -> np.ndarray | None:
    """Predictions of performances (N,), NaN where there is none; None if none of the target."""
    if not predictions or target not in predictions:
        return None
    return np.array([predictions[target].get(identifier, np.nan) for identifier in ids])


def model_as_judge(
    predicted_N: np.ndarray,
    marks_NJ: np.ndarray,
    edges: np.ndarray | None,
    groups_N: np.ndarray | None = None,
) -> ModelAsJudge:
    """Measures predictions against marks.

    Args:
        predicted_N: points, NaN where there is no prediction.
        marks_NJ: points by judge or seat, NaN where there is none.
        edges: (G + 1,) edges of grades in points; None for no kappa.
        groups_N: the group of each performance, for the reliability inside groups and the
            bootstrap.

    Raises:
        CofinalError: no performance has a prediction and two marks.
    """
    both_N = np.isfinite(predicted_N) & (np.isfinite(marks_NJ).sum(1) > 1)
    if not both_N.any():
        raise CofinalError(
            "no performance has a prediction and the marks of two judges; expected predictions "
            "for the ids of the marks"
        )
    predicted_N, marks_NJ = predicted_N[both_N], marks_NJ[both_N]
    groups_N = None if groups_N is None else groups_N[both_N]
    mean_N = np.nanmean(marks_NJ, 1)
    gap = difference(NAME, predicted_N, mean_N)
    assert gap is not None
    kappa = None
    if edges is not None:
        graded = (grades_of_marks(marks, edges) for marks in (predicted_N, marks_NJ))
        kappa = kappa_with(*graded)
    ratio, interval = _ratio(predicted_N, marks_NJ, groups_N)
    return ModelAsJudge(
        int(both_N.sum()),
        gap,
        srcc(predicted_N, mean_N),
        kappa,
        complete_reliability(marks_NJ, groups_N),
        complete_reliability(np.column_stack([marks_NJ, predicted_N]), groups_N),
        ratio,
        interval,
        _worth(predicted_N, marks_NJ),
    )


def _ratio(
    predicted_N: np.ndarray, marks_NJ: np.ndarray, groups_N: np.ndarray | None
) -> tuple[float | None, tuple[float, float] | None]:
    """Disagreement of judges with each other over the model's with them, and its interval."""
    among_N = 2 * np.nanvar(marks_NJ, 1, ddof=1)
    model_N = np.nanmean((marks_NJ - predicted_N[:, None]) ** 2, 1)
    if not model_N.sum() > 0:
        return None, None
    drawn = None if groups_N is None else Resampling.of_groups(groups_N, "group")
    interval = ratio_interval(among_N, model_N, drawn)
    return float(among_N.sum() / model_N.sum()), interval


def _worth(predicted_N: np.ndarray, marks_NJ: np.ndarray) -> float | None:
    """Judges whose mean has the model's squared error.

    What the model misses the panel's mean by is its own error and the panel's, a judge's variance
    over the number of judges; what is left over compares with a judge's variance.
    """
    variance = float(np.nanvar(marks_NJ, 1, ddof=1).mean())
    of_panel = float((np.nanvar(marks_NJ, 1, ddof=1) / np.isfinite(marks_NJ).sum(1)).mean())
    own = float(((predicted_N - np.nanmean(marks_NJ, 1)) ** 2).mean()) - of_panel
    return variance / own if own > 0 else None
