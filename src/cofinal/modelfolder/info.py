"""What a model folder says of its model in `config.json`; a stranger's is checked word by word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from cofinal.config import Preset, preset_from
from cofinal.errors import CofinalError
from cofinal.evaluation.coverage import Coverage
from cofinal.evaluation.intervals import Calibration
from cofinal.files.fields import record_from
from cofinal.modelfolder.given import GivenModel
from cofinal.models.interface import Task
from cofinal.records import FeatureRecipe, Record
from cofinal.settings import quoted
from cofinal.version import __version__

FORMAT = 2


@dataclass(frozen=True)
class TrainingData:
    """What is known of the data that a model was trained on."""

    name: str | None = None
    performances: int | None = None
    sha256: str | None = None


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
class MeasuredCoverage(Coverage):
    """What the intervals of one target reached on the test split."""

    confidence: float


@dataclass(frozen=True, eq=False)
class ModelInfo(Record):
    """What a model folder says of its model."""

    preset: Preset
    task: Task
    recipe: FeatureRecipe = field(default_factory=FeatureRecipe)
    """How the features were made that it was trained on."""
    data: dict[str, Any] = field(default_factory=dict)
    """What is known of the training data; see `TrainingData`."""
    measured: dict[str, Any] = field(default_factory=dict)
    """Result on performances that took no part in training; empty if there were none."""
    calibration: Calibration | None = None
    """What prediction intervals are made of; None if the model was not calibrated."""
    given: GivenModel | None = None
    """What must be known of a performance before it is scored; None if nothing must."""
    files: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Name of each file that belongs to the model -> its SHA-256; empty before it is saved."""

    @property
    def trained_on(self) -> TrainingData:
        """What is known of the training data."""
        return record_from(TrainingData, self.data, "data")

    @property
    def quality(self) -> tuple[Quality, ...]:
        """Measures on the test split, by target and category."""
        return self._measured("measures", Quality)

    @property
    def coverage(self) -> tuple[MeasuredCoverage, ...]:
        """What intervals reached on the test split, by target."""
        return self._measured("intervals", MeasuredCoverage)

    def _measured(self, name: str, cls: type) -> tuple[Any, ...]:
        if not isinstance(self.measured, dict):
            raise CofinalError(f"measured is {quoted(self.measured)}; expected an object")
        rows = self.measured.get(name, [])
        if not isinstance(rows, list | tuple):
            raise CofinalError(f"measured: {name} is {quoted(rows)}; expected a list")
        return tuple(record_from(cls, row, f"measured: {name}") for row in rows)

    def to_json(self, members: int) -> dict[str, Any]:
        """The content of `config.json`."""
        return {
            "format": FORMAT,
            "cofinal": __version__,
            "members": members,
            "preset": self.preset.to_json(),
            "task": asdict(self.task) | {"targets": list(self.task.targets)},
            "features": asdict(self.recipe),
            "data": self.data,
            "measured": self.measured,
            "given": self.given and self.given.to_json(),
            "files": dict(self.files),
        }

    @classmethod
    def from_json(cls, config: Any, where: str) -> tuple[ModelInfo, int]:
        """Reads what `to_json` wrote: the info, without its calibration, and the members.

        Raises:
            CofinalError: anything else.
        """
        if not isinstance(config, dict):
            raise CofinalError(f"{where} holds no object")
        for name in ("preset", "task", "features", "data", "measured", "files"):
            if not isinstance(config.get(name), dict):
                raise CofinalError(f"{where} lacks an object {name!r}")
        members, files = config.get("members"), config["files"]
        if isinstance(members, bool) or not isinstance(members, int) or members < 1:
            raise CofinalError(f"{where}: members are no whole number from 1 on")
        if any(not isinstance(sha256, str) for sha256 in files.values()):
            raise CofinalError(f"{where}: files are no names with hashes")
        task = record_from(Task, config["task"], f"{where}: task")
        told, asks = config.get("given"), f"{where}: given"
        given = None if told is None else GivenModel.from_json(told, asks, task.targets)
        info = cls(
            preset_from(config["preset"], where),
            task,
            record_from(FeatureRecipe, config["features"], f"{where}: features"),
            config["data"],
            config["measured"],
            given=given,
            files=files,
        )
        _ = info.trained_on, info.quality, info.coverage  # refused here rather than when told
        return info, members
