"""Search spaces: which settings of a method are worth choosing, and among what.

The defaults are few and coarse: every further setting makes the best of N trials flatter more.
"""

from __future__ import annotations

import math
import random
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cofinal.config.checks import check
from cofinal.config.methods import settings_class
from cofinal.config.presets import Preset, override
from cofinal.errors import CofinalError

# Choosing a seed chooses luck; a device changes no number.
NEVER_SEARCHED = ("training.seed", "training.device")
RANGE_KEYS = {"low", "high", "log"}


@dataclass(frozen=True)
class Choices:
    """A setting is one of some values."""

    values: tuple[Any, ...]

    def __init__(self, *values: Any) -> None:
        object.__setattr__(self, "values", values)
        if not values or len(set(values)) != len(values):
            raise CofinalError(f"choices {list(values)}: expected one or more different values")

    def points(self) -> tuple[Any, ...]:
        """All values."""
        return self.values

    def including(self, value: Any) -> Choices:
        """These choices and one more, if it is not among them."""
        return self if value in self.values else Choices(*self.values, value)

    def to_json(self) -> list[Any]:
        """As TOML has it: a list."""
        return list(self.values)


@dataclass(frozen=True)
class Range:
    """A setting lies between two values, both possible; whole numbers if both ends are."""

    low: float
    high: float
    log: bool = False
    """Whether ratios count rather than differences, as for learning rates."""

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise CofinalError(f"range from {self.low} to {self.high}: expected low below high")
        if self.log and self.low <= 0:
            raise CofinalError(f"range from {self.low} with log: expected low more than 0")

    @property
    def is_whole(self) -> bool:
        """Whether the range holds whole numbers only."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    def points(self) -> tuple[float, ...]:
        """Three values: the ends, and what lies in the middle (the geometric mean with log)."""
        middle = math.sqrt(self.low * self.high) if self.log else (self.low + self.high) / 2
        if self.is_whole:
            return tuple(sorted({self.low, round(middle), self.high}))
        return self.low, middle, self.high

    def including(self, value: float) -> Range:
        """This range, widened to a value outside it."""
        return Range(min(self.low, value), max(self.high, value), self.log)

    def to_json(self) -> dict[str, Any]:
        """As TOML has it: a table."""
        return {"low": self.low, "high": self.high, "log": self.log}


Space = dict[str, Choices | Range]

RELEASED_TRAINING: Space = {
    "training.learning_rate": Range(3e-3, 3e-2, log=True),
    "training.epochs": Choices(100, 200, 300, 400),
    "training.weight_decay": Choices(0.0, 1e-4, 1e-3, 1e-2),
    "training.view_clips": Choices(48, 68, 96),
}

# method -> what is searched; methods without settings have no entry.
SEARCH: dict[str, Space] = {
    "cofinal": {
        "model.grades": Choices(2, 3, 4, 6, 8),
        "model.spacing": Choices("equal-count", "equal-width"),
        "model.summary_share": Choices(0.25, 0.5, 0.75),
        "model.summary_segments": Choices(0, 4, 8, 16),
        "model.dropout": Choices(0.1, 0.3, 0.5),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
        "training.epochs": Choices(20, 40, 80),
        "training.channel_dropout": Choices(0.0, 0.15, 0.3, 0.5),
        "training.mixing": Choices(0.0, 0.4, 1.0),
    },
    "cofinal-released": {
        "model.weights": Choices(0, 1, 2, 3),
        "model.reverse_head": Choices(True, False),
        "model.triplet_weight": Choices(0.0, 0.5, 1.0),
        **RELEASED_TRAINING,
    },
    "gdlt": {"model.triplet_weight": Choices(0.0, 0.5, 1.0), **RELEASED_TRAINING},
    "ridge-segments": {"model.segments": Choices(1, 2, 4, 8)},
    "svr": {
        "model.cost": Choices(1.0, 10.0, 30.0),
        "model.epsilon": Choices(0.1, 0.3),
        "model.gamma": Choices(0.1, 0.3, 1.0),
    },
    "usdl": {
        "model.spread": Choices(0.03, 0.05, 0.1),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
        "training.channel_dropout": Choices(0.0, 0.3),
    },
    "ms-lstm": {
        "model.dropout": Choices(0.3, 0.5),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
        "training.channel_dropout": Choices(0.0, 0.3),
    },
    "action-net": {
        "model.dropout": Choices(0.0, 0.3, 0.5),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
    },
    "core": {
        "model.depth": Choices(2, 3, 4, 5),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
    },
}
SEARCH["musdl"] = SEARCH["usdl"]


def default_space(method: str) -> Space:
    """The search space of a method; a method without one gets a sentence."""
    refuse_without_settings(method)
    if method not in SEARCH:
        raise CofinalError(f"method {method!r} has no search space; write one and name it: --space")
    return SEARCH[method]


def refuse_without_settings(method: str) -> None:
    """Refuses methods that have nothing to choose; training changes nothing in them."""
    if not fields(settings_class(method)):
        raise CofinalError(
            f"method {method!r} has no settings to search; "
            f"choose another with --method: {', '.join(SEARCH)}"
        )


def load_space(path: str | Path, preset: Preset) -> Space:
    """Reads a search space from a TOML file; every fault gets a sentence."""
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CofinalError(
            f"cannot read {path} ({error.strerror or error}); expected the TOML of a search space"
        ) from error
    except ValueError as error:  # no UTF-8, or no TOML
        raise CofinalError(f"search space {path} is not TOML: {error}") from error
    return space_from(values, preset, f"search space {path}")


def space_from(values: dict[str, Any], preset: Preset, where: str) -> Space:
    """Builds a search space from plain values, as read from TOML.

    Args:
        values: {"model.grades": [2, 4], "training.learning_rate": {"low": ..., "high": ...}}, or
            the same nested as {"model": {"grades": ...}, "training": {...}}.
        preset: what the space changes; each value must be possible beside its other settings.
        where: what holds the space, for messages.

    Raises:
        CofinalError: an unknown setting, a wrong type, an empty range, or nothing to search.
    """
    refuse_without_settings(preset.method)
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if name in ("model", "training") and isinstance(value, dict):
            flat |= {f"{name}.{key}": entry for key, entry in value.items()}
        else:
            flat[name] = value
    if not flat:
        raise CofinalError(f'{where} is empty; expected lines such as "model.grades" = [2, 4]')
    try:
        return {name: _entry(name, value, preset) for name, value in flat.items()}
    except CofinalError as error:
        raise CofinalError(f"{where}: {error}") from error


def _entry(name: str, value: Any, preset: Preset) -> Choices | Range:
    """What one setting is searched over."""
    if name in NEVER_SEARCHED:
        raise CofinalError(f"setting {name} is nothing to choose by results; leave it out")
    if isinstance(value, list):
        entry: Choices | Range = Choices(*(_possible(name, v, preset) for v in value))
    elif isinstance(value, dict) and {"low", "high"} <= set(value) <= RANGE_KEYS:
        low, high = (_possible(name, value[key], preset) for key in ("low", "high"))
        check(type(low) in (int, float), name, low, "a list of values, since it is no number")
        check(isinstance(value.get("log", False), bool), "log", value.get("log"), "true or false")
        entry = Range(low, high, value.get("log", False))
    else:
        raise CofinalError(
            f"{name} is {value!r}; expected a list of values, or "
            "{ low = ..., high = ... } with log = true if ratios count"
        )
    return entry


def _possible(name: str, value: Any, preset: Preset) -> Any:
    """A value in its setting's own type; one that the preset cannot have gets a sentence."""
    override(preset, {name: value})
    kind = type(setting(preset, name))
    return kind(value)


def setting(preset: Preset, name: str) -> Any:
    """The value that a preset has for "model.grades" or "training.epochs"."""
    part, _, key = name.partition(".")
    return getattr(getattr(preset, part), key)


def widened(space: Space, preset: Preset) -> Space:
    """The space with the preset's own values in it, so that a search can start from them.

    Raises:
        CofinalError: a range with log cannot hold the preset's 0.
    """
    try:
        return {name: entry.including(setting(preset, name)) for name, entry in space.items()}
    except CofinalError as error:
        raise CofinalError(
            f"the search space cannot hold the preset's own values ({error}); "
            "list values instead, or change the preset"
        ) from error


def grid(space: Space, limit: int | None = None, seed: int = 0) -> list[dict[str, Any]]:
    """All combinations of a space, for choices among few; a range takes three points.

    Args:
        space: what is searched.
        limit: largest number of combinations; more are thinned out by a random choice.
        seed: seed of that choice.

    Returns:
        Changes for `override`, in the order in which the space lists its values.
    """
    points = [entry.points() for entry in space.values()]
    total = math.prod(map(len, points))
    chosen: Sequence[int] = range(total)
    if limit is not None and limit < total:
        check(limit >= 1, "limit", limit, "1 or more")
        chosen = sorted(random.Random(seed).sample(chosen, limit))
    return [dict(zip(space, _combination(points, index), strict=True)) for index in chosen]


def _combination(points: list[tuple[Any, ...]], index: int) -> list[Any]:
    """The combination of a number, as `itertools.product` counts them."""
    values = []
    for options in reversed(points):
        index, place = divmod(index, len(options))
        values.append(options[place])
    return values[::-1]
