"""What a generated routine is made of: everything that its film and its labels follow from.

Times are seconds of the film, half-open: an element lasts from its start until before its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from cofinal.generated.figure import Proportions
from cofinal.generated.judging import Judge, panel_mark
from cofinal.generated.rules import ELEMENTS, FAULTS, FULL_EXECUTION

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Athlete:
    """Somebody who performs, in several events."""

    name: str
    skill: float
    """About -2 to 2; drives how hard the elements are and how many faults occur."""
    body: Proportions
    skin: Colour
    """RGB, 0 to 255."""
    dress: Colour
    legs: Colour


@dataclass(frozen=True)
class Camera:
    """How the camera sees the stage."""

    side: float
    """Degrees around the stage, 0 from the front, within about 35."""
    height: float
    """Degrees above the floor."""
    scale: float
    """Frame heights per metre."""
    follow: float
    """Share of the figure's way that the camera goes along with, 0 to 1."""
    sway: float
    """Metres by which the camera drifts to and fro."""


@dataclass(frozen=True)
class Event:
    """A competition: its own hall, its own camera, its own judges."""

    name: str
    seed: int
    """Of the pattern on its walls."""
    wall: Colour
    floor: Colour
    light: float
    """Factor on all colours."""
    camera: Camera
    judges: tuple[Judge, ...]


@dataclass(frozen=True)
class PerformedFault:
    """A fault that occurred."""

    name: str
    """In the rule book."""
    start: float
    end: float
    deduction: float


@dataclass(frozen=True)
class PerformedElement:
    """An element of the rule book as it was performed."""

    name: str
    start: float
    end: float
    x: float
    """Where on the stage it starts, metres from the middle."""
    direction: int
    """1: towards larger x; -1: back."""
    faults: tuple[PerformedFault, ...] = ()

    @property
    def recognised(self) -> bool:
        """Whether it counts for difficulty."""
        return not any(FAULTS[fault.name].cancels for fault in self.faults)

    @property
    def value(self) -> float:
        """Its points of difficulty."""
        return ELEMENTS[self.name].value if self.recognised else 0.0

    @property
    def deduction(self) -> float:
        """Points that its faults cost."""
        return sum(fault.deduction for fault in self.faults)


@dataclass(frozen=True)
class Routine:
    """One routine with its judgement."""

    id: str
    split: str
    athlete: Athlete
    event: Event
    camera: Camera
    """The event's camera as it was on that day."""
    seconds: float
    beat: float
    """Seconds from beat to beat of the music; lamps on the wall show it."""
    elements: tuple[PerformedElement, ...]
    sheets: dict[str, tuple[float, ...]]
    """Judge -> points taken off for each element."""

    @property
    def marks(self) -> dict[str, float]:
        """Judge -> execution mark, 10 minus what the judge took off."""
        return {
            judge: round(max(FULL_EXECUTION - sum(sheet), 0.0), 2)
            for judge, sheet in self.sheets.items()
        }

    @property
    def difficulty(self) -> float:
        """Sum of the values of the recognised elements."""
        return round(sum(element.value for element in self.elements), 2)

    @property
    def execution(self) -> float:
        """The panel's mark."""
        return round(panel_mark(list(self.marks.values())), 3)

    @property
    def true_execution(self) -> float:
        """What judges without bias and error would have given."""
        taken = sum(element.deduction for element in self.elements)
        return round(max(FULL_EXECUTION - taken, 0.0), 2)

    @property
    def total(self) -> float:
        """Difficulty and execution."""
        return round(self.difficulty + self.execution, 3)
