"""Settings of training, data and protocol; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Annotated, Literal

from cofinal.errors import CofinalError
from cofinal.given.rules import GivenRule, read_rules
from cofinal.settings import BelowOne, Between, Share, Weight, check_values


@dataclass(frozen=True)
class TrainingSettings:
    """How a method's parameters are trained. Closed-form methods use only `device`."""

    epochs: Annotated[int, Between(1, 100_000)] = 40
    """Passes over the training performances."""
    batch_size: Annotated[int, Between(1, 100_000)] = 32
    """Performances in one step."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """AdamW, or SGD with momentum 0.9."""
    learning_rate: Annotated[float, Between(0, 1000, "low")] = 1e-3
    """Highest learning rate."""
    final_rate: Share = 0.01
    """Last learning rate, as a share of the highest; the way down is a cosine."""
    warmup: Share = 0.1
    """Share of all steps in which the rate rises from zero."""
    weight_decay: Weight = 0.05
    """Decay of matrices (AdamW), or of all parameters (SGD)."""
    clip_gradient: Weight = 1.0
    """Largest norm of the gradient; 0 for no limit."""
    averaging: BelowOne = 0.98
    """Decay of the exponential average of the weights, which is the final model; 0 for none."""
    view: Literal["subset", "window", "whole"] = "subset"
    """Clips seen in one pass: a random subset in time order, a random window, or all."""
    view_clips: Annotated[int, Between(1, 1_000_000)] = 56
    """Clips in a "subset" or "window"; performances with fewer are seen whole."""
    channel_dropout: BelowOne = 0.3
    """Probability that an input channel is blanked for a whole performance."""
    mixing: Annotated[float, Between(0, 1000)] = 1.0
    """Beta parameter of mixing pairs of performances and their scores; 0 for none."""
    members: Annotated[int, Between(1, 100)] = 4
    """Models of different seeds that are trained at once and averaged."""
    seed: Annotated[int, Between(0, 2**32 - 1)] = 0
    """Seed of everything random."""
    device: str = "auto"
    """"cpu", "cuda", "mps", or "auto" for the best present."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the training steps; bfloat16 pays on GPUs."""

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True)
class CalibrationSettings:
    """On whom a model's prediction intervals are calibrated."""

    calibration: Literal["none", "part", "folds"] = "none"
    """Prediction intervals: "part" calibrates on performances kept out of training, "folds" trains
    on all and calibrates on what models of five folds say of the rest."""
    calibration_share: Annotated[float, Between(0, 1, "both")] = 0.2
    """Share of the training performances that "part" keeps aside; of the groups, if named."""
    calibration_group: str | None = None
    """Group column whose groups stay together, for example skater or event."""

    def __post_init__(self) -> None:
        check_values(self)
        if self.calibration_group is not None and self.calibration == "none":
            raise CofinalError(
                f"setting calibration_group is {self.calibration_group!r}, but nothing is "
                "calibrated; add --calibration folds, or leave out --calibration-group"
            )


@dataclass(frozen=True)
class DataSource:
    """Where performances come from."""

    dataset: str
    """Name of a published data set ("fisv", "rg"), or the path of your own CSV of labels."""
    data: Path | None = None
    """Folder of the published label files and features; for a CSV, the folder of features."""
    features: Path | None = None
    """Folder of the .npy features, if it is not where the data set's authors put it."""
    targets: tuple[str, ...] = ()
    """Scores to predict; all default ones of the data set if none are named."""
    category: str | None = None
    """Keep only performances of this category, for example one apparatus."""
    judges: Path | None = None
    """CSV of single judges' marks (id, judge, target, mark), for `musdl` and a benchmark's human
    row; the data set's own score sheets if left out."""
    given: tuple[str, ...] = ()
    """What is known before a performance, NAME:RULE or NAME:RULE:TARGET, for example
    difficulty:multiply (a column of your CSV), base_value:add:TES or base_value:covariate (from the
    score sheets). With multiply and add the method learns the execution."""
    sheet: Path | None = None
    """Elements of the performances in order (JSON or CSV), for --given base_value:RULE, for `train`
    to learn when each is performed, and for --explanations; where base values or faults are asked
    for, the data set's own if left out."""
    memory_share: Share = 0.25
    """Features that take more than this share of the memory stay on disk and are read as needed."""

    def __post_init__(self) -> None:
        """Takes text for paths, and a path or one name where text or several names are meant."""
        if not isinstance(self.dataset, str | PathLike):
            raise CofinalError(
                f"dataset is {type(self.dataset).__name__}; expected the name of a data set or the "
                "path of a CSV of labels (Dataset.from_arrays takes data in memory)"
            )
        object.__setattr__(self, "dataset", fspath(self.dataset))
        for name in ("data", "features", "judges", "sheet"):
            path = getattr(self, name)
            if path is not None and not isinstance(path, str | PathLike):
                raise CofinalError(f"{name} is {type(path).__name__}; expected a path")
            object.__setattr__(self, name, None if path is None else Path(path))
        targets = (self.targets,) if isinstance(self.targets, str) else tuple(self.targets)
        object.__setattr__(self, "targets", targets)
        given = (self.given,) if isinstance(self.given, str) else tuple(self.given)
        object.__setattr__(self, "given", given)
        _ = self.rules  # refused here rather than after reading
        check_values(self)

    @property
    def rules(self) -> tuple[GivenRule, ...]:
        """How what is given enters the scores."""
        return read_rules(self.given)

    def refuse_unused_sheet(self) -> None:
        """Refuses a sheet where it would tell nothing."""
        if self.sheet is not None and not self.given:
            raise CofinalError(
                f"--sheet {self.sheet} tells base values here; add --given base_value:RULE, or "
                "leave out --sheet"
            )

    @property
    def is_csv(self) -> bool:
        """Whether it is one's own CSV rather than a published data set."""
        return self.dataset.lower().endswith(".csv")


@dataclass(frozen=True)
class ProtocolSettings:
    """How a method is evaluated."""

    protocol: Literal["final", "kfold", "group", "best-on-test"] = "kfold"
    """"final": train split against test split, last epoch. "kfold": random folds. "group": folds
    that keep groups together. "best-on-test": as most published numbers, optimistic."""
    folds: Annotated[int, Between(2, 10_000)] = 5
    """Number of folds."""
    group: str | None = None
    """Group column of "group", for example skater or event."""
    repeats: Annotated[int, Between(1, 1000)] = 1
    """How often all folds are repeated with another partition and seed."""
    per_category: bool = False
    """Train one model per category (apparatus) instead of one for all."""
    within: str | None = None
    """Group column of the within-group SRCC; event if the data has it."""
    include_test: bool = False
    """Let folds train on and hold out the performances of the split "test" too; they are left out
    otherwise."""

    def __post_init__(self) -> None:
        check_values(self)
        if self.include_test and self.protocol not in ("kfold", "group"):
            raise CofinalError(
                f"setting include_test is for folds, and protocol {self.protocol!r} measures on "
                "the test split anyway; leave out --include-test"
            )
        if self.group is not None and self.protocol != "group":
            raise CofinalError(
                f"setting group is {self.group!r}, but protocol {self.protocol!r} keeps no groups "
                "together; add --protocol group, or leave out --group"
            )
