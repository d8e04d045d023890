"""Checks of settings: every value that a setting cannot have gets a sentence."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cofinal.errors import CofinalError

# What a setting's type is called in messages.
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def check(condition: bool, name: str, value: Any, expected: str) -> None:
    """Refuses a setting in a sentence."""
    if not condition:
        raise CofinalError(f"setting {name} is {value!r}; expected {expected}")


def check_values(settings: Any) -> None:
    """Refuses infinite and undefined numbers, which no setting means, and unknown choices."""
    hints = get_type_hints(type(settings))
    for entry in fields(settings):
        value, choices = getattr(settings, entry.name), get_args(hints[entry.name])
        if isinstance(value, float):
            check(math.isfinite(value), entry.name, value, "a finite number")
        if get_origin(hints[entry.name]) is Literal:
            check(value in choices, entry.name, value, f"one of {', '.join(map(str, choices))}")


def settings_from(cls: type, values: dict[str, Any], where: str) -> Any:
    """Builds a settings object from plain values; unknown names and wrong types get a sentence."""
    known = {f.name: f for f in fields(cls)}
    hints = get_type_hints(cls)
    for name, value in values.items():
        if name not in known:
            raise CofinalError(
                f"{where}: setting {name!r} is unknown; {cls.__name__} knows {', '.join(known)}"
            )
        default = known[name].default
        numbers = isinstance(default, float) and isinstance(value, int)
        if type(value) is not type(default) and not (numbers and not isinstance(value, bool)):
            raise CofinalError(
                f"{where}: setting {name} is {value!r}; expected {KINDS[type(default)]}"
            )
        choices = get_args(hints[name])
        if choices and value not in choices:
            raise CofinalError(
                f"{where}: setting {name} is {value!r}; "
                f"choose one of {', '.join(map(str, choices))}"
            )
    return cls(**values)
