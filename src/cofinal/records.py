"""Value objects that cross module borders, checked on construction.

Letters: T clips, C backbone channels, G grades, K targets, N performances.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from cofinal.distributions import ScoreDistribution, place_words
from cofinal.errors import CofinalError, UnknownNameError, printable
from cofinal.settings import Between, quoted
from cofinal.times import ClipTimes, times_json

# Quantiles of a distribution that JSON tells.
TOLD_QUANTILES = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)


def _comparable(value: Any) -> Any:
    """Something hashable that is equal for equal values: arrays by type, shape and content."""
    if isinstance(value, np.ndarray):
        # Adding zero makes one of the two zeros, which are equal and differ in their bytes.
        content = value + 0 if value.dtype.kind == "f" else value
        return value.dtype.str, value.shape, content.tobytes()
    if isinstance(value, dict):
        return frozenset((key, _comparable(entry)) for key, entry in value.items())
    if isinstance(value, list | tuple):
        return tuple(_comparable(entry) for entry in value)
    if is_dataclass(value):
        return type(value), tuple(
            _comparable(getattr(value, f.name)) for f in fields(value) if f.compare
        )
    return value


class Record:
    """Base of frozen dataclasses (with `eq=False`) that hold arrays or dictionaries.

    Such records are compared and hashed by their values, as other frozen dataclasses are.
    """

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and bool(_comparable(self) == _comparable(other))

    def __hash__(self) -> int:
        return hash(_comparable(self))


# Frames of a clip, and frames per second: no film has more or fewer.
FRAMES, RATES = Between(1, 1_000_000), Between(0.001, 10_000)
BOUNDS = {"clip_frames": FRAMES, "stride_frames": FRAMES, "fps": RATES}


@dataclass(frozen=True)
class FeatureRecipe:
    """How clip features were made. Two sets of features are comparable only if these agree.

    A field that is None is not known; features and models disagree only where both know.
    """

    backbone: str | None = None
    """Identifier of the backbone, for example "video-swin-b"."""
    weights_sha256: str | None = None
    """Hash of the weight file, or None for published features whose weights are not at hand."""
    clip_frames: int | None = None
    """Frames in one clip."""
    stride_frames: int | None = None
    """Frames from the start of one clip to the start of the next."""
    fps: float | Literal["native"] | None = None
    """Frames per second the video was sampled at; "native" for each video's own rate."""
    crop: str | None = None
    """Spatial recipe in words, for example "short side 256, centre 224x300, resize 224x224"."""

    def __post_init__(self) -> None:
        for name, bounds in BOUNDS.items():
            value = getattr(self, name)
            if isinstance(value, int | float) and not bounds.holds(value):
                raise CofinalError(f"{name} is {quoted(value)}; expected {bounds}")

    def times(self, first_clip_seconds: float = 0.0, fps: float | None = None) -> ClipTimes | None:
        """When the clips of a video are; None where that is not known.

        Args:
            first_clip_seconds: when the first one starts.
            fps: frames per second the video was sampled at, where the recipe says "native".
        """
        rate, stride = fps or self.fps, self.stride_frames or self.clip_frames
        if not stride or not rate or not isinstance(rate, float | int):
            return None
        return ClipTimes(first_clip_seconds, stride / rate, (self.clip_frames or stride) / rate)

    def differences(self, other: FeatureRecipe) -> list[str]:
        """Names each field known to both that differs, with both values."""
        pairs = ((f.name, getattr(self, f.name), getattr(other, f.name)) for f in fields(self))
        return [
            f"{name} {mine!r} instead of {theirs!r}"
            for name, mine, theirs in pairs
            if mine is not None and theirs is not None and mine != theirs
        ]

    def completed(self, other: FeatureRecipe) -> FeatureRecipe:
        """This recipe with what it does not know taken from another that agrees with it."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return replace(other, **known)


def first_faulty_clip(values: np.ndarray) -> int | None:
    """Number of the first clip of (T, C) that holds a value that is not finite, or None."""
    finite = np.isfinite(values).all(axis=1)
    return None if finite.all() else int(np.argmin(finite))


@dataclass(frozen=True, eq=False)
class ClipFeatures(Record):
    """Clip features of one video: one row per clip, in time order."""

    values: np.ndarray
    """(T, C) float16 or float32, finite, T and C at least 1."""
    id: str = ""
    """Name of the performance, for messages and results."""
    recipe: FeatureRecipe = field(default_factory=FeatureRecipe)
    """How they were made, where known."""
    first_clip_seconds: float = 0.0
    """When the first clip starts in the video; 0 where the video is not known."""
    own_fps: float | None = None
    """Frames per second this video was sampled at, where its recipe says "native"."""
    found_share: float | None = None
    """Share of frames in which the person was found; None where nobody was looked for."""
    keypoints: Path | None = None
    """File of the keypoints they were made of, where one was kept."""
    remarks: tuple[str, ...] = ()
    """What may surprise about the film they were made of, such as how little of a portrait picture
    is seen; a clause each."""

    @property
    def fps(self) -> float | None:
        """Frames per second this video was sampled at, where known."""
        known = self.own_fps or self.recipe.fps
        return float(known) if isinstance(known, float | int) else None

    @property
    def times(self) -> ClipTimes | None:
        """When the clips are in the video, where known."""
        return self.recipe.times(self.first_clip_seconds, self.own_fps)

    def __post_init__(self) -> None:
        object.__setattr__(self, "id", printable(self.id))  # files are named by anyone
        values, name = self.values, f"features {self.id!r}" if self.id else "features"
        if not isinstance(values, np.ndarray) or values.dtype.kind != "f":
            kind = getattr(values, "dtype", type(values).__name__)
            raise CofinalError(
                f"{name}: got {kind}, expected a float array of shape (clips, channels)"
            )
        if values.ndim != 2 or 0 in values.shape:
            raise CofinalError(
                f"{name}: shape {values.shape}, expected (clips, channels) with at least one clip"
            )
        row = first_faulty_clip(values)
        if row is not None:
            raise CofinalError(
                f"{name}: clip {row} holds a value that is not finite; extract the features again"
            )


@dataclass(frozen=True, eq=False)
class ExecutionPrediction(Record):
    """The part of a score that was seen: score = factor x execution + term."""

    distribution: ScoreDistribution = field(repr=False)
    """How probable each execution is, in points."""
    factor: float
    """Product of the given numbers that multiply, for example the difficulty; 1 without any."""
    term: float
    """Sum of the given numbers that are added, for example the base value, in points."""
    interval: tuple[float, float] | None = None
    """Lower and upper end in points, if the model was calibrated."""

    @property
    def score(self) -> float:
        """Predicted execution in points."""
        return float(self.distribution.score)

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        quantiles = self.distribution.quantile(list(TOLD_QUANTILES))
        edges = self.distribution.edges if self.distribution.grades else None
        return {
            "score": self.score,
            "factor": self.factor,
            "term": self.term,
            "interval": self.interval,
            "grade_edges": None if edges is None else edges.tolist(),
            "quantiles": dict(
                zip((f"{q:g}" for q in TOLD_QUANTILES), map(float, quantiles), strict=True)
            ),
        }


@dataclass(frozen=True, eq=False)
class TargetPrediction(Record):
    """What the model says of one target of one performance, read from one distribution."""

    target: str
    """Name of the target, for example "PCS"."""
    distribution: ScoreDistribution = field(repr=False)
    """How probable each score is, in the judges' points."""
    votes: np.ndarray | None = field(default=None, repr=False)
    """(G, T) what each clip says for (above zero) or against each grade; None where the method has
    no votes."""
    attention: np.ndarray | None = field(default=None, repr=False)
    """(Q, T) share of attention that each of the model's queries paid to each clip; rows sum to
    one. None where the method has none."""
    interval: tuple[float, float] | None = None
    """Lower and upper end in points, if the model was calibrated."""
    confidence: float | None = None
    """Share of exchangeable performances whose interval holds their score; None without one."""
    execution: ExecutionPrediction | None = None
    """What is left of the score without what is given; None where nothing multiplies or is added.
    Grade and place are the execution's: grades move along with the total."""

    @property
    def score(self) -> float:
        """Predicted score in the judges' points: the mean of the distribution."""
        return float(self.distribution.score)

    @property
    def grades(self) -> int:
        """G, the number of grades; 0 where a model does not know their edges."""
        return self.distribution.grades

    @property
    def grade(self) -> int | None:
        """The grade that holds the score, counted from 1 (lowest) to G."""
        return int(self.distribution.grade) if self.grades else None

    @property
    def grade_edges(self) -> tuple[float, ...] | None:
        """G + 1 edges of the grades in points; the outer grades are open."""
        return tuple(map(float, self.distribution.edges)) if self.grades else None

    @property
    def place(self) -> float | None:
        """Where in its grade the score lies: 0 the lower edge, 1 the upper; beyond both in the
        outer grades."""
        return float(self.distribution.place) if self.grades else None

    @property
    def place_words(self) -> str | None:
        """The place as a third of the grade, or beyond all training scores."""
        if self.grade is None or self.place is None:
            return None
        return place_words(self.place, self.grade, self.grades)

    @property
    def grade_probabilities(self) -> tuple[float, ...] | None:
        """G probabilities, lowest grade first, summing to one."""
        if not self.grades:
            return None
        return tuple(map(float, self.distribution.grade_probabilities))

    @property
    def at_least(self) -> float | None:
        """Probability of this grade or a higher one."""
        return float(self.distribution.at_least) if self.grades else None

    @property
    def at_most(self) -> float | None:
        """Probability of this grade or a lower one."""
        return float(self.distribution.at_most) if self.grades else None

    def quantile(self, level: float) -> float:
        """Points that the score does not exceed with probability `level`."""
        return float(self.distribution.quantile([level])[0])

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return {
            "target": self.target,
            "score": self.score,
            "grade": self.grade,
            "grade_probabilities": self.grade_probabilities,
            "grade_edges": self.grade_edges,
            "place": self.place,
            "place_words": self.place_words,
            "at_least_this_grade": self.at_least,
            "at_most_this_grade": self.at_most,
            "quantiles": {f"{level:g}": self.quantile(level) for level in TOLD_QUANTILES}
            if self.grades
            else None,
            "interval": self.interval,
            "confidence": self.confidence,
            "execution": None if self.execution is None else self.execution.to_json(),
            "votes": None if self.votes is None else self.votes.tolist(),
            "attention": None if self.attention is None else self.attention.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Prediction(Record):
    """What the model says of one performance."""

    id: str
    """Name of the performance."""
    targets: tuple[TargetPrediction, ...]
    """One entry a target, in the model's order."""
    clips: int
    """T, the number of clips seen."""
    times: ClipTimes | None = None
    """When the clips are in the video, where known."""
    given: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """What was known of it beforehand, by name."""

    def __getitem__(self, target: str) -> TargetPrediction:
        """The prediction of the named target, for example `prediction["PCS"].score`."""
        for entry in self.targets:
            if entry.target == target:
                return entry
        names = ", ".join(entry.target for entry in self.targets)
        raise UnknownNameError(
            f"target {target!r} is not predicted by this model; it predicts {names}"
        )

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return {
            "id": self.id,
            "clips": self.clips,
            **times_json(self.times),
            "given": self.given,
            "targets": [entry.to_json() for entry in self.targets],
        }


def natural_key(text: str) -> list[tuple[int, str]]:
    """Sort key under which "10" comes after "9": identifiers of videos are often numbers."""
    parts = re.split("([0-9]+)", text)
    # Numbers, every second part, by how long they are and then as text: they may have any length.
    plain = [part.lstrip("0") if k % 2 else part for k, part in enumerate(parts)]
    return [(len(part) if k % 2 else 0, part) for k, part in enumerate(plain)]
