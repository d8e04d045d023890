"""What a setting is: its bounds, its values from files, and what a search may choose it from.

No torch here: `cofinal --help` must not wait for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from cofinal.errors import CofinalError

# What a setting's type is called in messages.
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
# Messages quote so many characters of a value; a stranger's file may hold any number of them.
QUOTED = 80


def quoted(value: Any) -> str:
    """A value as messages show it, shortened where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # Python writes no number of more than 4,300 digits
        text = "a number of thousands of digits" if isinstance(value, int) else "beyond words"
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}..."


def check(condition: bool, name: str, value: Any, expected: str) -> None:
    """Refuses a setting in a sentence."""
    if not condition:
        raise CofinalError(f"setting {name} is {quoted(value)}; expected {expected}")


@dataclass(frozen=True)
class Between:
    """Bounds of a number; every setting has them, so that none can ask for all memory or time."""

    low: float
    high: float
    without: Literal["neither", "low", "high", "both"] = "neither"
    """The ends that are themselves not possible."""

    def holds(self, value: float) -> bool:
        """Whether a value lies within; no number (NaN) lies nowhere."""
        above = self.low < value if self.without in ("low", "both") else self.low <= value
        below = value < self.high if self.without in ("high", "both") else value <= self.high
        return above and below

    def __str__(self) -> str:
        low, high = (format(end, ".10g") for end in (self.low, self.high))
        return {
            "neither": f"{low} to {high}",
            "low": f"more than {low}, at most {high}",
            "high": f"{low} up to but not including {high}",
            "both": f"more than {low} and less than {high}",
        }[self.without]


# Bounds that many settings share.
Width = Annotated[int, Between(1, 4096)]
Components = Annotated[int, Between(1, 65_536)]
Count = Annotated[int, Between(1, 1000)]
Weight = Annotated[float, Between(0, 1e6)]
Share = Annotated[float, Between(0, 1)]
Seed = Annotated[int, Between(0, 2**32 - 1)]
Workers = Annotated[int, Between(1, 1024)]
BelowOne = Annotated[float, Between(0, 1, "high")]


def check_values(settings: Any) -> None:
    """Refuses what no setting means (infinite, out of bounds) and unknown choices."""
    for name, hint in get_type_hints(type(settings), include_extras=True).items():
        if get_origin(hint) is ClassVar:
            continue
        value = getattr(settings, name)
        if isinstance(value, float):
            check(math.isfinite(value), name, value, "a finite number")
        for bounds in get_args(hint):
            is_number = isinstance(value, int | float)  # some settings may be None as well
            if get_origin(hint) is Annotated and isinstance(bounds, Between) and is_number:
                check(bounds.holds(value), name, value, str(bounds))
        if get_origin(hint) is Literal:
            choices = get_args(hint)
            check(value in choices, name, value, f"one of {', '.join(map(str, choices))}")


def settings_from(cls: type, values: Mapping[str, Any], where: str) -> Any:
    """Builds a settings object from plain values; unknown names and wrong types get a sentence."""
    known = {f.name: f for f in fields(cls)}
    hints = get_type_hints(cls)
    for name, value in values.items():
        if name not in known:
            raise CofinalError(
                f"{where}: setting {quoted(name)} is unknown; "
                f"{cls.__name__} knows {', '.join(known) or 'none'}"
            )
        default = known[name].default
        numbers = isinstance(default, float) and isinstance(value, int)
        if type(value) is not type(default) and not (numbers and not isinstance(value, bool)):
            raise CofinalError(
                f"{where}: setting {name} is {quoted(value)}; expected {KINDS[type(default)]}"
            )
        choices = get_args(hints[name])
        if choices and value not in choices:
            raise CofinalError(
                f"{where}: setting {name} is {quoted(value)}; "
                f"choose one of {', '.join(map(str, choices))}"
            )
    return cls(**values)


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


@dataclass(frozen=True)
class MethodSettings:
    """Base of the settings of a method: fields that can be set, each with its help text below it.

    Every field has a default; a method's own checks follow in `__post_init__`, after this one's.
    """

    search: ClassVar[Space] = {}
    """What `cofinal tune` searches, for example {"model.width": Choices(32, 64)}; empty for a
    method that has no search space of its own."""
    training: ClassVar[Mapping[str, Any] | None] = None
    """How the method is trained, as far as it differs from `TrainingSettings`; None for a method
    that is trained as the data set's preset says."""

    def __post_init__(self) -> None:
        check_values(self)
