"""What a report says of its model: what it was trained on, and how well it does.

Letters: N calibration performances.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from cofinal.evaluation.intervals import Calibration
from cofinal.modelfolder.info import MeasuredCoverage, ModelInfo, Quality
from cofinal.models.ensemble import Ensemble


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
    coverage: tuple[MeasuredCoverage, ...] = ()
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
    if info.quality:
        measured_on, quality = "test split", info.quality
    elif info.calibration:
        measured_on, quality = "calibration", _out_of_sample(info.calibration, info.task.targets)
    return ModelFacts(
        method=info.preset.method,
        data=info.trained_on.name,
        performances=info.trained_on.performances,
        backbone=info.recipe.backbone,
        targets=info.task.targets,
        ranges={
            target: (low, high)
            for target, (low, high) in zip(
                info.task.targets, model.first.range_K2.tolist(), strict=True
            )
        },
        calibrated_on=len(info.calibration) if info.calibration else None,
        measured_on=measured_on,
        quality=quality,
        coverage=info.coverage,
    )


def _out_of_sample(calibration: Calibration, targets: tuple[str, ...]) -> tuple[Quality, ...]:
    pairs = zip(targets, calibration.held_out, calibration.reach, strict=False)
    return tuple(
        Quality(target, None, len(reach_N), measured.srcc, None, measured.mae)
        for target, measured, reach_N in pairs
    )
