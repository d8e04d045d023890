"""What a report says of its model: what it was trained on, and how well it does.

Letters: N calibration performances, K targets.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cofinal.evaluation.intervals import Calibration
from cofinal.evaluation.metrics import mae, srcc
from cofinal.modelfolder.folder import ModelInfo
from cofinal.models.ensemble import Ensemble


@dataclass(frozen=True)
class Quality:
    """How well a model does for one target, on performances that it had not seen."""

    target: str
    category: str | None
    performances: int
    srcc: float | None
    """Spearman's rank correlation with the judges."""
    srcc_interval: tuple[float, float] | None
    """95 % bootstrap interval; None where it was not computed."""
    mae: float | None
    """Mean absolute error in points."""


@dataclass(frozen=True)
class ModelFacts:
    """What people should know of the model behind a score."""

    method: str
    data: str | None
    """Name of the training data; None if not known, as for imported checkpoints."""
    performances: int | None
    """How many it was trained on."""
    backbone: str | None
    targets: tuple[str, ...]
    ranges: dict[str, tuple[float, float]]
    """Target -> lowest and highest score in points that the model can express."""
    calibrated_on: int | None
    """Performances that intervals rest on; None if the model was not calibrated."""
    measured_on: str | None
    """"test split", "calibration", or None if nothing is known."""
    quality: tuple[Quality, ...]
    coverage: tuple[dict[str, Any], ...] = ()
    """What intervals reached on the test split, a record a target."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return asdict(self)


def model_facts(model: Ensemble, info: ModelInfo) -> ModelFacts:
    """What a model folder tells.

    Where the training data had no test split, quality is that of the predictions which intervals
    rest on: they were made by models that had not seen the performance.
    """
    measured_on: str | None = None
    quality: tuple[Quality, ...] = ()
    if info.measured.get("measures"):
        measured_on, quality = "test split", tuple(map(_measured, info.measured["measures"]))
    elif info.calibration:
        measured_on, quality = "calibration", _out_of_sample(info.calibration, info.task.targets)
    edges_KG = model.first.edges_KG.double()
    return ModelFacts(
        method=info.preset.method,
        data=info.data.get("name"),
        performances=info.data.get("performances"),
        backbone=info.recipe.backbone,
        targets=info.task.targets,
        ranges={
            target: (float(edges_G[0]), float(edges_G[-1]))
            for target, edges_G in zip(info.task.targets, edges_KG, strict=True)
        },
        calibrated_on=len(info.calibration) if info.calibration else None,
        measured_on=measured_on,
        quality=quality,
        coverage=tuple(info.measured.get("intervals", ())),
    )


def _measured(row: dict[str, Any]) -> Quality:
    interval = row["srcc_interval"]
    return Quality(
        row["target"],
        row["category"],
        row["performances"],
        row["srcc"],
        tuple(interval) if interval else None,
        row["mae"],
    )


def _out_of_sample(calibration: Calibration, targets: tuple[str, ...]) -> tuple[Quality, ...]:
    pairs = zip(targets, calibration.predicted_NK.T, calibration.scores_NK.T, strict=True)
    return tuple(
        Quality(target, None, len(score_N), srcc(seen_N, score_N), None, mae(seen_N, score_N))
        for target, seen_N, score_N in pairs
    )
