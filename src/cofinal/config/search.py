"""Search spaces: which settings of a method are worth choosing, and among what.

The defaults are few and coarse: every further setting makes the best of N trials flatter more.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from cofinal.config.presets import Preset, override
from cofinal.errors import CofinalError
from cofinal.files.reading import read_toml
from cofinal.methods import method_names, settings_class
from cofinal.settings import Choices, Range, Space, check, quoted

# Choosing a seed chooses luck; a device changes no number.
NEVER_SEARCHED = ("training.seed", "training.device")
RANGE_KEYS = {"low", "high", "log"}


def default_space(method: str) -> Space:
    """The search space that a method declares; a method without one gets a sentence."""
    refuse_without_settings(method)
    space = settings_class(method).search
    if not space:
        raise CofinalError(f"method {method!r} has no search space; write one and name it: --space")
    return space


def refuse_without_settings(method: str) -> None:
    """Refuses methods that have nothing to choose; training changes nothing in them."""
    if not fields(settings_class(method)):
        others = [name for name in method_names() if settings_class(name).search]
        raise CofinalError(
            f"method {method!r} has no settings to search; "
            f"choose another with --method: {', '.join(others)}"
        )


def load_space(path: str | Path, preset: Preset) -> Space:
    """Reads a search space from a TOML file; every fault gets a sentence."""
    return space_from(read_toml(path, "search space"), preset, f"search space {path}")


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
            f"{name} is {quoted(value)}; expected a list of values, or "
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
