"""The rule book of generated routines: what elements are worth, and what faults cost.

Modelled on how federations write theirs (FIG, Code of Points in gymnastics: element values from
letters, deductions of 0.1 small, 0.3 medium, 0.5 large, 1.0 for a fall; ISU, elements and their
grades of execution). Differs: few elements, and every deduction has a cause that is on film.

    difficulty = sum of the values of the recognised elements
    execution  = 10 minus deductions, the trimmed mean of the judges' marks
    total      = difficulty + execution
"""

from __future__ import annotations

from dataclasses import dataclass

FULL_EXECUTION = 10.0
# Judges write sheets in steps of this many points.
MARK_STEP = 0.05


@dataclass(frozen=True)
class ElementRule:
    """An element of the rule book."""

    name: str
    family: str
    """Kind of movement; a routine shows every family."""
    value: float
    """Points of difficulty if it is recognised."""


@dataclass(frozen=True)
class FaultRule:
    """A fault of the rule book."""

    name: str
    deductions: tuple[float, ...]
    """Points it costs, from the smallest that is given to the largest."""
    seconds: float
    """How long it lasts."""
    middle: tuple[float, float]
    """Where in its element, from 0 to 1, its middle may lie."""
    seen: str
    """What a judge sees."""
    families: tuple[str, ...] = ()
    """Families in which it occurs; empty for all."""
    frequency: float = 1.0
    """How often it occurs, relative to others."""
    cancels: bool = False
    """Whether the element is then not recognised."""


def _family(family: str, **values: float) -> list[ElementRule]:
    names = [name.replace("_", " ") for name in values]
    return [ElementRule(n, family, v) for n, v in zip(names, values.values(), strict=True)]


# In each family from the easiest to the hardest.
ELEMENTS: dict[str, ElementRule] = {
    rule.name: rule
    for rule in (
        *_family("turn", single_turn=0.2, double_turn=0.4, triple_turn=0.7),
        *_family("leap", stride_leap=0.2, split_leap=0.4, high_split_leap=0.6),
        *_family("jump", tuck_jump=0.2, straddle_jump=0.4, twist_jump=0.6),
        *_family("balance", knee_balance=0.2, arabesque=0.4, needle_scale=0.7),
        *_family("wave", arm_wave=0.1, body_wave=0.3, back_bend=0.5),
        *_family("steps", chasse=0.1, skip_steps=0.2, kick_steps=0.4),
    )
}
FAMILIES = tuple(dict.fromkeys(rule.family for rule in ELEMENTS.values()))
FLIGHT = ("leap", "jump")

FAULTS: dict[str, FaultRule] = {
    rule.name: rule
    for rule in (
        FaultRule(
            *("wobble", (0.1, 0.3, 0.5), 1.3, (0.4, 0.6), "body and arms tremble"), frequency=2.5
        ),
        FaultRule(
            *("low amplitude", (0.1, 0.3, 0.5), 1.4, (0.45, 0.55)),
            "everything is smaller and lower",
        ),
        FaultRule("broken line", (0.1, 0.3), 1.3, (0.4, 0.6), "elbows and upper body give way"),
        FaultRule(
            *("bent knee", (0.1, 0.3, 0.5), 1.2, (0.4, 0.6), "the legs are not straight"),
            families=("turn", "leap", "balance", "steps"),
        ),
        FaultRule("early exit", (0.3, 0.5), 1.2, (0.65, 0.7), "the position is left too soon"),
        FaultRule(
            *("step out", (0.1, 0.3), 0.8, (0.75, 0.8), "a quick step aside on landing"),
            families=("turn", *FLIGHT),
        ),
        FaultRule(
            *("off the music", (0.1, 0.3), 1.4, (0.4, 0.6), "a pause, then hurrying"),
            frequency=0.6,
        ),
        FaultRule(
            *("fall", (1.0,), 1.6, (0.55, 0.6), "down to the floor and up again"),
            frequency=0.6,
            cancels=True,
        ),
    )
}


def elements_of(family: str) -> list[ElementRule]:
    """The elements of a family, from the easiest to the hardest."""
    return [rule for rule in ELEMENTS.values() if rule.family == family]


def faults_of(family: str) -> list[FaultRule]:
    """The faults that elements of a family can show."""
    return [rule for rule in FAULTS.values() if not rule.families or family in rule.families]
