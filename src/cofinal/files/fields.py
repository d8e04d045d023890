"""Plain values of JSON as dataclasses: every field is of the kind that its hint names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, fields
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from cofinal.errors import CofinalError
from cofinal.settings import quoted

Made = TypeVar("Made")
KINDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a finite number",
    NoneType: "null",
}


def record_from(cls: type[Made], value: Any, where: str) -> Made:
    """A dataclass of an object as JSON holds it; members that it does not know are left alone.

    Args:
        cls: its fields are texts, numbers, null, named values, or tuples of these.
        value: what was read.
        where: the place, for messages.

    Raises:
        CofinalError: no object, a member missing or of another kind, or one that `cls` refuses.
    """
    if not isinstance(value, dict):
        raise CofinalError(f"{where} is {quoted(value)}; expected an object")
    hints, found = get_type_hints(cls), {}
    for entry in fields(cls):  # type: ignore[arg-type]
        name, hint = entry.name, hints[entry.name]
        if name in value:
            if not _fits(value[name], hint):
                raise CofinalError(
                    f"{where}: {name} is {quoted(value[name])}; expected {_told(hint)}"
                )
            found[name] = tuple(value[name]) if isinstance(value[name], list) else value[name]
        elif entry.default is MISSING and entry.default_factory is MISSING:
            raise CofinalError(f"{where} lacks {name!r}")
    return cls(**found)


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (UnionType, Union) else (hint,)


def _fits(value: Any, hint: Any) -> bool:
    return any(_is(value, kind) for kind in _alternatives(hint))


def _is(value: Any, kind: Any) -> bool:
    if get_origin(kind) is tuple:
        return isinstance(value, list | tuple) and _are(value, get_args(kind))
    if get_origin(kind) is Literal:
        return value in get_args(kind)
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        try:
            return isinstance(value, int | float) and math.isfinite(value)
        except OverflowError:  # a whole number of hundreds of digits
            return False
    return isinstance(value, kind)


def _are(values: Sequence[Any], kinds: tuple[Any, ...]) -> bool:
    if kinds[-1] is Ellipsis:
        return all(_is(value, kinds[0]) for value in values)
    return len(values) == len(kinds) and all(map(_is, values, kinds))


def _told(hint: Any) -> str:
    told = []
    for kind in _alternatives(hint):
        if get_origin(kind) is tuple:
            kinds = get_args(kind)
            count = "" if kinds[-1] is Ellipsis else f" of {len(kinds)}"
            told.append(f"a list{count}, each {KINDS[kinds[0]]}")
        elif get_origin(kind) is Literal:
            told += map(repr, get_args(kind))
        else:
            told.append(KINDS[kind])
    return " or ".join(told)
