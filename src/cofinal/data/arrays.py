"""Clip features and scores as users of Python have them: lists, arrays, tables in memory.

Anything else gets a sentence; nothing is repaired in silence.

Letters: N performances, T clips, C backbone channels, K targets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cofinal.errors import CofinalError
from cofinal.given.numbers import Given, refuse_unfit
from cofinal.given.rules import read_rules
from cofinal.records import ClipFeatures, FeatureRecipe, first_faulty_clip

EXPECTED_CLIPS = "expected a list of arrays (clips, channels), one for each performance"


def clip_features(clips: Any, channels: int | None = None) -> list[ClipFeatures]:
    """The features of N performances, float16 or float32.

    Args:
        clips: a list, tuple or array of N arrays (T, C) or `ClipFeatures`; T may differ.
        channels: C, if it is known already.

    Raises:
        CofinalError: anything else, values that are not finite, or different widths.
    """
    several = clips.ndim > 0 if isinstance(clips, np.ndarray) else isinstance(clips, list | tuple)
    if not several and not _is_column(clips):
        raise CofinalError(
            f"clips are {described(clips)}; {EXPECTED_CLIPS} "
            "(cofinal.read_features reads a .npy file)"
        )
    if not len(clips):
        raise CofinalError(f"clips are empty; {EXPECTED_CLIPS}")
    found = [_one(values, f"clips[{i}]") for i, values in enumerate(clips)]
    widths = Counter(features.values.shape[1] for features in found)
    usual = widths.most_common(1)[0][0] if channels is None else channels
    for i, features in enumerate(found):
        width = features.values.shape[1]
        if width != usual:
            others = "most others" if channels is None else "the performances fitted on"
            raise CofinalError(
                f"clips[{i}] has {width} channels a clip and {others} {usual}; "
                "give features of one backbone"
            )
    return found


def _one(values: Any, name: str) -> ClipFeatures:
    if isinstance(values, ClipFeatures):
        return replace(values, values=_floats(values.values, name))
    if not isinstance(values, np.ndarray) and not hasattr(values, "__array__"):
        raise CofinalError(f"{name} is {described(values)}; {EXPECTED_CLIPS}")
    return ClipFeatures(_floats(np.asarray(values), name))


def _floats(values: np.ndarray, name: str) -> np.ndarray:
    """Values (T, C), checked, in float16 or float32; float64 is rounded."""
    if values.ndim != 2 or 0 in values.shape:
        raise CofinalError(
            f"{name} has shape {values.shape}; expected (clips, channels), at least 1 each"
        )
    if values.dtype.kind not in "fO":
        raise CofinalError(
            f"{name} holds {values.dtype}; expected floating-point clip features, "
            "so convert them with .astype('float32') if they are"
        )
    try:
        if values.dtype not in (np.float16, np.float32):
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
    except (TypeError, ValueError) as error:
        raise CofinalError(f"{name} holds something that is no number ({error})") from error
    clip = first_faulty_clip(values)
    if clip is not None:
        raise CofinalError(
            f"{name}: clip {clip} holds a value that is not finite; extract the features again"
        )
    return values


def common_recipe(found: Sequence[ClipFeatures]) -> FeatureRecipe:
    """How all of them were made; features made in different ways get a sentence."""
    recipe = found[0].recipe
    for features in found[1:]:
        differences = features.recipe.differences(recipe)
        if differences:
            raise CofinalError(
                f"features {features.id!r} were made with {differences[0]} as {found[0].id!r} "
                "were; give features that were made alike"
            )
        recipe = recipe.completed(features.recipe)
    return recipe


def score_table(
    scores: Any, count: int, targets: Sequence[str] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Scores (N, K) in points, float64, and the names of the K targets.

    Args:
        scores: (N,) or (N, K) numbers; a table (pandas) brings the names of its columns.
        count: N.
        targets: names, if they are not the columns'.

    Raises:
        CofinalError: no numbers, others than finite ones, or not one row for each performance.
    """
    names = targets
    if names is None and hasattr(scores, "columns"):
        names = [str(name) for name in scores.columns]
    elif names is None and _is_column(scores) and isinstance(scores.name, str):
        names = [scores.name]
    table = _numbers(scores)
    if table.ndim not in (1, 2) or 0 in table.shape[1:]:
        raise CofinalError(
            f"scores have shape {table.shape}; expected (performances,) or (performances, targets)"
        )
    if len(table) != count:
        raise CofinalError(
            f"{count} performances and {len(table)} scores; expected a score for each performance"
        )
    table = table.reshape(count, -1)
    if names is None:
        several = table.shape[1] > 1
        names = [f"score {k + 1}" if several else "score" for k in range(table.shape[1])]
    if isinstance(names, str) or len(names) != table.shape[1] or len(set(names)) != len(names):
        raise CofinalError(
            f"targets are {names!r}; expected {table.shape[1]} different names, one for each "
            "column of the scores"
        )
    for i, row in enumerate(table):
        if not np.isfinite(row).all():
            raise CofinalError(
                f"scores[{i}] is {row.tolist() if len(row) > 1 else row[0]}; expected finite "
                "points, so leave out performances without a score"
            )
    return table, tuple(names)


def _numbers(scores: Any) -> np.ndarray:
    """Scores as float64; text that looks like a number is text."""
    try:
        table = np.asarray(scores)
        if table.dtype.kind == "O":
            odd = next((v for v in table.flat if isinstance(v, str | bytes | bool)), None)
            if odd is not None:
                raise TypeError(f"{odd!r} among them")
        elif table.dtype.kind not in "fiu":
            raise TypeError(f"{table.dtype}")
        return table.astype(np.float64)
    except (TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise CofinalError(
            f"scores are no table of numbers ({reason}); expected an array (performances,) or "
            "(performances, targets)"
        ) from error


def names_of(values: Any, count: int, what: str) -> tuple[str, ...]:
    """N names: a list, array or column of them; a missing one is empty text."""
    if isinstance(values, str) or not hasattr(values, "__len__") or len(values) != count:
        size = f"{len(values)} values" if hasattr(values, "__len__") else "no list"
        found = repr(values) if isinstance(values, str) else size
        raise CofinalError(f"{what}: {found}; expected one for each of {count} performances")
    return tuple("" if _missing(value) else str(value) for value in values)


def group_columns(groups: Any, count: int) -> dict[str, tuple[str, ...]]:
    """Group columns by name: one list is the column "group", a dictionary or table has names."""
    if groups is None:
        return {}
    if hasattr(groups, "columns"):
        groups = {name: groups[name] for name in groups.columns}
    elif not isinstance(groups, dict):
        groups = {"group": groups}
    return {
        str(name): names_of(values, count, f"groups {str(name)!r}")
        for name, values in groups.items()
    }


def given_arrays(given: Any, count: int, targets: tuple[str, ...]) -> Given | None:
    """What is known beforehand, from columns whose names are rules; None where nothing is.

    Args:
        given: a dictionary or table, for example {"difficulty:multiply": numbers}.
        count: N.
        targets: names of the targets.

    Raises:
        CofinalError: names that are no rules, or numbers that do not fit.
    """
    if given is None:
        return None
    names = getattr(given, "columns", given)
    if isinstance(given, list | tuple | str) or not all(isinstance(name, str) for name in names):
        raise CofinalError(
            f"given is {described(given)}; expected columns by rule, for example "
            "{'difficulty:multiply': numbers}"
        )
    rules = read_rules(list(names))
    numbers: dict[str, np.ndarray] = {}
    for name, rule in zip(names, rules, strict=True):
        values = _given_numbers(given[name], rule.name, count)
        if rule.name in numbers and not np.array_equal(values, numbers[rule.name]):
            raise CofinalError(f"given {rule.name} has two columns that differ; keep one")
        numbers[rule.name] = values
        for i, value in enumerate(values[:, 0]):
            refuse_unfit(rule.name, float(value), rules, f"performance {i}")
    return Given(rules, targets, numbers)


def _given_numbers(values: Any, name: str, count: int) -> np.ndarray:
    """Numbers (N, M) of one name."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CofinalError(f"given {name} holds something that is no number ({error})") from error
    if numbers.ndim not in (1, 2) or len(numbers) != count or 0 in numbers.shape:
        raise CofinalError(
            f"given {name} has shape {numbers.shape}; expected one number, or as many, for each of "
            f"{count} performances"
        )
    if not np.isfinite(numbers).all():
        row = int(np.argmin(np.isfinite(numbers.reshape(count, -1)).all(1)))
        raise CofinalError(f"given {name} of performance {row} is not finite; fill it in")
    return numbers.reshape(count, -1)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_column(value: Any) -> bool:
    """Whether it is a column of a table (pandas), which is indexed as a list is not."""
    return hasattr(value, "iloc") and not hasattr(value, "columns")


def described(value: Any) -> str:
    """What a user gave instead of data, shortly: text and paths as they are, else its type."""
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return repr(str(value))[:80]
    return f"of type {type(value).__name__}"
