"""What an evaluation found: measures per target and category, with everything to repeat it.

Letters: R repeats, N performances, K targets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError, UnknownNameError
from cofinal.evaluation.bootstrap import mean_interval, srcc_interval, within_group_interval
from cofinal.evaluation.grading import Grading, Told
from cofinal.evaluation.metrics import Measure, fisher_mean, mae, r_l2, srcc, within_group_srcc
from cofinal.evaluation.resampling import Resampling, Units
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import aligned, csv_text
from cofinal.records import Record


@dataclass(frozen=True)
class TargetMeasures:
    """Measures of one target on one category; None where a measure is undefined."""

    target: str
    category: str | None
    performances: int
    srcc: float | None
    srcc_interval: tuple[float, float] | None
    """95 % bootstrap interval, as all intervals here."""
    r_l2: float | None
    """R-l2 x 100."""
    mae: float | None
    """Points."""
    within_srcc: float | None
    """SRCC inside groups, averaged by size."""
    srcc_spread: float | None
    """Standard deviation of SRCC over repeats; None for one repeat."""
    r_l2_interval: tuple[float, float] | None
    """The range of scores stays that of all performances."""
    mae_interval: tuple[float, float] | None
    within_interval: tuple[float, float] | None
    resampled: str
    """What the bootstrap draws, for people: whole groups, or single performances."""
    grading: Grading | None = None
    """How grade, place and probabilities did; None where a method says no more than a score."""


@dataclass(frozen=True, eq=False)
class EvaluationResult(Record):
    """The outcome of one method under one protocol."""

    method: str
    protocol: dict[str, Any]
    optimistic: bool
    """True if the evaluated performances took part in a choice; such numbers flatter."""
    within: str | None
    """Group column of the within-group SRCC."""
    measures: tuple[TargetMeasures, ...]
    average_srcc: float | None
    """Fisher average of SRCC over all targets and categories."""
    ids: tuple[str, ...] = field(repr=False)
    scores: np.ndarray = field(repr=False)
    """(N, K) points given by judges."""
    predictions: np.ndarray = field(repr=False)
    """(R, N, K) points predicted for performances not trained on."""
    execution: tuple[TargetMeasures, ...] = ()
    """Measures of the execution, for targets of which something given is multiplied or added; all
    else here is of the total."""
    settings: dict[str, Any] = field(default_factory=dict, repr=False)
    """Preset, data, code versions, seconds."""

    def __getitem__(self, target: str) -> TargetMeasures:
        """The measures of a target in its first category, for example `result["PCS"].srcc`."""
        for row in self.measures:
            if row.target == target:
                return row
        names = ", ".join(dict.fromkeys(row.target for row in self.measures))
        raise UnknownNameError(f"target {target!r} was not measured; there are {names}")

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, without the predictions."""
        return {
            "method": self.method,
            "protocol": self.protocol,
            "optimistic": self.optimistic,
            "within": self.within,
            "measures": [asdict(row) for row in self.measures],
            "average_srcc": self.average_srcc,
            **({"execution": [asdict(row) for row in self.execution]} if self.execution else {}),
            **self.settings,
        }

    def table(self) -> str:
        """The measures as a plain table, undefined ones as a dash."""
        within = f"within-{self.within}" if self.within else "within"
        head = [
            "target",
            "category",
            "n",
            "SRCC",
            "95 % interval",
            within,
            "R-l2 x100",
            "MAE points",
        ]
        rows = [head] + [_row(measures) for measures in self.measures]
        if len(self.measures) > 1:
            rows.append(["average", "(Fisher)", "", _text(self.average_srcc), "", "", "", ""])
        rows += [_row(replace(row, target=f"{row.target} execution")) for row in self.execution]
        table = aligned(rows)
        graded = [(row, row.grading) for row in self.measures if row.grading]
        if graded:
            table += "\n\n" + aligned([GRADE_COLUMNS, *[_grade_row(*pair) for pair in graded]])
        resampled = dict.fromkeys(row.resampled for row in self.measures)
        table += f"\nIntervals resample {'; '.join(resampled)}."
        given = self.settings.get("data", {}).get("given")
        if given:
            table += f"\nGiven beforehand: {', '.join(given)}."
        if self.optimistic:
            table += "\nOPTIMISTIC: the best epoch was chosen on the evaluated performances."
        notes = [self.settings.get("test_split"), *self.notes()]
        return "\n".join([table, *(f"NOTE: {note}" for note in notes if note)])

    def notes(self) -> list[str]:
        """Which predictions were made by other versions of the code than those of `settings`."""
        return version_notes(self.settings.get("other_versions", {}))

    def predictions_csv(self, dataset: Dataset) -> str:
        """One line per performance and repeat: id, groups, score given and predicted per target."""
        names = [f"{t} {what}" for t in dataset.targets for what in ("given", "predicted")]
        rows = []
        for repeat, predicted in enumerate(self.predictions):
            for i, identifier in enumerate(dataset.ids):
                if np.isnan(predicted[i]).all():  # not held out
                    continue
                pairs = zip(self.scores[i], predicted[i], strict=True)
                scores = [f"{value:.4f}" for pair in pairs for value in pair]
                groups = [values[i] for values in dataset.groups.values()]
                rows.append([identifier, repeat, dataset.categories[i] or "", *groups, *scores])
        return csv_text(["id", "repeat", "category", *dataset.groups, *names], rows)

    def save(self, folder: str | Path, dataset: Dataset) -> None:
        """Writes `result.json`, `table.txt` and `predictions.csv` into a folder."""
        folder = Path(folder)
        write_json(folder / "result.json", self.to_json())
        write_text(folder / "table.txt", self.table() + "\n")
        write_text(folder / "predictions.csv", self.predictions_csv(dataset))


def version_notes(other_versions: Mapping[str, int]) -> list[str]:
    """Sentences on versions of the code that are not today's -> trainings that they made."""
    return [
        f"{count} trainings were made by {made_by}, not by the versions of today; remove "
        "their files in the folder `folds` to train them again."
        for made_by, count in other_versions.items()
    ]


def _text(value: float | None, digits: int = 3) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _row(measures: TargetMeasures) -> list[str]:
    interval = "-"
    if measures.srcc_interval:
        interval = f"{measures.srcc_interval[0]:.3f} to {measures.srcc_interval[1]:.3f}"
    return [
        measures.target,
        measures.category or "all",
        str(measures.performances),
        _text(measures.srcc),
        interval,
        _text(measures.within_srcc),
        _text(measures.r_l2, 2),
        _text(measures.mae, 2),
    ]


GRADE_COLUMNS = [
    "target",
    "category",
    "grade right",
    "95 % interval",
    "off by one or less",
    "RPS",
    "log loss",
    "ECE",
    "SRCC of place",
    "inside own 90 %",
    "width",
]


def _grade_row(measures: TargetMeasures, grading: Grading) -> list[str]:
    low, high = grading.right_interval or (grading.right, grading.right)
    return [
        measures.target,
        measures.category or "all",
        _text(grading.right),
        f"{low:.3f} to {high:.3f}",
        _text(grading.within_one),
        _text(grading.ranked_probability_score),
        _text(grading.log_loss),
        _text(grading.calibration_error),
        _text(grading.place_srcc),
        _text(grading.coverage),
        _text(grading.width, 2),
    ]


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def measure_target(
    target: str,
    category: str | None,
    predicted_RN: np.ndarray,
    score_N: np.ndarray,
    groups: Sequence[str] | None,
    drawn: Resampling,
    told: Told | None = None,
) -> TargetMeasures:
    """Measures one target on one category; with repeats, the mean of each measure over them.

    Args:
        target: its name.
        category: its name; None for all performances.
        predicted_RN: points predicted.
        score_N: points given.
        groups: groups for the within-group SRCC.
        drawn: how the bootstrap draws.
        told: what `read_folds` read of this target, (R, N); none to leave out grades.
    """

    def over_repeats(measure: Measure) -> float | None:
        return _mean([measure(row, score_N) for row in predicted_RN])

    per_repeat = [srcc(row, score_N) for row in predicted_RN]
    known = [value for value in per_repeat if value is not None]
    within = within_interval = None
    if groups is not None:
        within = over_repeats(lambda p, s: within_group_srcc(p, s, groups))
        if within is not None:
            within_interval = within_group_interval(predicted_RN, score_N, groups, drawn)
    error_RN = np.abs(predicted_RN - score_N)
    scale = np.ptp(score_N)
    return TargetMeasures(
        target=target,
        category=category,
        performances=len(score_N),
        srcc=_mean(per_repeat),
        srcc_interval=srcc_interval(predicted_RN, score_N, drawn),
        r_l2=over_repeats(r_l2),
        mae=over_repeats(mae),
        within_srcc=within,
        srcc_spread=float(np.std(known, ddof=1)) if len(known) > 1 else None,
        r_l2_interval=mean_interval(100 * (error_RN / scale) ** 2, drawn) if scale else None,
        mae_interval=mean_interval(error_RN, drawn),
        within_interval=within_interval,
        resampled=drawn.sentence(),
        grading=Grading.of(told, drawn) if told else None,
    )


def measure(
    dataset: Dataset,
    predictions: np.ndarray,
    within: str | None,
    units: Units,
    told: Told | None = None,
) -> tuple[tuple[TargetMeasures, ...], float | None]:
    """Measures of (R, N, K) predictions per target and category, and their Fisher average.

    Performances without any prediction (NaN: not in the held-out part) take no part.

    Args:
        dataset: all performances.
        predictions: points.
        within: group column of the within-group SRCC.
        units: what the bootstrap draws.
        told: what `read_folds` read of the answers; None to leave out grades.

    Raises:
        CofinalError: a performance with predictions of which some are not finite.
    """
    found = []
    for category, member in by_category(dataset, held_out_of(dataset, predictions)):
        groups = None
        if within:
            groups = [g for g, there in zip(dataset.groups[within], member, strict=True) if there]
        for k, target in enumerate(dataset.targets):
            points, scores = predictions[:, member, k], dataset.scores[member, k]
            drawn = units.among(np.flatnonzero(member))
            of_target = {name: values[:, member, k] for name, values in (told or {}).items()}
            found.append(measure_target(target, category, points, scores, groups, drawn, of_target))
    return tuple(found), fisher_mean([row.srcc for row in found])


def execution_measures(
    dataset: Dataset, predictions: np.ndarray, within: str | None, units: Units
) -> tuple[TargetMeasures, ...]:
    """Measures of (R, N, K) points of the execution, of targets that have one beside the total."""
    given = dataset.given
    if given is None or not given.any_execution:
        return ()
    rows, _ = measure(dataset, predictions, within, units)
    return tuple(row for row in rows if given.has_execution(row.target))


def average_srcc(dataset: Dataset, predicted_NK: np.ndarray) -> float | None:
    """Fisher average of SRCC over all targets and categories; None where one is undefined."""
    everybody = np.ones(len(dataset), dtype=bool)
    return fisher_mean(
        [
            srcc(predicted_NK[member, k], dataset.scores[member, k])
            for _, member in by_category(dataset, everybody)
            for k in range(len(dataset.targets))
        ]
    )


def held_out_of(dataset: Dataset, predictions: np.ndarray) -> np.ndarray:
    """Which performances (N,) were held out, by predictions (R, N, K).

    A prediction that is no number must be an error, never a performance less in the measures.
    """
    none_N = np.isnan(predictions).all(axis=(0, 2))
    faulty = np.flatnonzero(~none_N & ~np.isfinite(predictions).all(axis=(0, 2)))
    if len(faulty):
        raise CofinalError(
            f"a prediction for performance {dataset.ids[faulty[0]]} is not a finite number; "
            "lower training.learning_rate and run `cofinal data check`"
        )
    return ~none_N


def by_category(dataset: Dataset, held_out_N: np.ndarray) -> list[tuple[str | None, np.ndarray]]:
    """Each category of the held-out performances, and who of them (N,) is in it."""
    categories = {c for c, there in zip(dataset.categories, held_out_N, strict=True) if there}
    return [
        (category, held_out_N & np.array([c == category for c in dataset.categories]))
        for category in sorted(categories, key=str)
    ]
