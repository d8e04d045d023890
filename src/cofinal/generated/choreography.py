"""Makes up routines: who performs which elements when, what goes wrong, and what judges give.

Each event and each athlete has random numbers of its own, and so has each routine: the same
arguments give the same routines, and one routine does not depend on how the others came about.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from cofinal.errors import CofinalError
from cofinal.generated.catalogue import travel
from cofinal.generated.figure import Proportions
from cofinal.generated.judging import judge_elements, make_panel
from cofinal.generated.routine import (
    Athlete,
    Camera,
    Colour,
    Event,
    PerformedElement,
    PerformedFault,
    Routine,
)
from cofinal.generated.rules import ELEMENTS, FAMILIES, FaultRule, elements_of, faults_of

BEATS = 48
"""Length of every routine's music."""
ELEMENT_BEATS = 4
FEWEST_ELEMENTS, MOST_ELEMENTS = len(FAMILIES), 10
# The figure stays this near the middle of the stage, in metres.
STAGE = 0.9
# Share of the events, the last ones, whose routines are the split "test".
TEST_SHARE = 0.25
# Streams of random numbers under one seed.
_EVENT, _ATHLETE, _ROUTINE, _DRAW = range(4)


def generate_routines(
    count: int, seed: int = 0, *, events: int = 6, athletes: int | None = None
) -> list[Routine]:
    """Makes up routines; the same arguments give the same ones.

    Args:
        count: how many.
        seed: of everything random.
        events: competitions; each takes place in a hall and before judges of its own.
        athletes: who take part; a third as many as routines, and as many as an event needs, if
            left out. Nobody performs twice in an event.

    Raises:
        CofinalError: no routines, or numbers that do not fit each other.
    """
    if count < 1 or events < 1 or seed < 0:
        raise CofinalError(
            f"{count} routines in {events} events from seed {seed}; "
            "expected at least 1 and 1, and a seed of 0 or more"
        )
    events = min(events, count)
    largest = math.ceil(count / events)
    athletes = max(largest, count // 3) if athletes is None else athletes
    if athletes < largest:
        raise CofinalError(
            f"{athletes} athletes for {largest} routines in an event; nobody performs twice in "
            f"one, so ask for at least {largest} athletes, or for more events"
        )
    halls = [make_event(f"E{e}", _stream(seed, _EVENT, e)) for e in range(events)]
    field = [make_athlete(f"A{a:02d}", _stream(seed, _ATHLETE, a)) for a in range(athletes)]
    width = max(3, len(str(count - 1)))
    routines = []
    for i, (event, athlete) in enumerate(_draw(count, events, athletes, seed)):
        split = "test" if event >= round(events * (1 - TEST_SHARE)) else "train"
        rng = _stream(seed, _ROUTINE, i)
        routines.append(make_routine(f"r{i:0{width}d}", split, field[athlete], halls[event], rng))
    return routines


def _stream(seed: int, *of: int) -> np.random.Generator:
    return np.random.default_rng([seed, *of])


def _draw(count: int, events: int, athletes: int, seed: int) -> list[tuple[int, int]]:
    """Event and athlete of each routine, event by event; those who performed least go first."""
    rng = _stream(seed, _DRAW)
    performed = np.zeros(athletes)
    pairs = []
    for event, part in enumerate(np.array_split(np.arange(count), events)):
        chosen = np.argsort(performed + rng.random(athletes))[: len(part)]
        performed[chosen] += 1
        pairs += [(event, int(athlete)) for athlete in rng.permutation(chosen)]
    return pairs


def _colour(rng: np.random.Generator, low: float, high: float) -> Colour:
    red, green, blue = rng.uniform(low, high, 3).round(1).tolist()
    return red, green, blue


def make_event(name: str, rng: np.random.Generator) -> Event:
    """A hall with its camera and its panel."""
    camera = Camera(
        side=float(rng.uniform(-25, 25)),
        height=float(rng.uniform(4, 16)),
        scale=float(rng.uniform(0.34, 0.38)),
        follow=float(rng.uniform(0, 0.4)),
        sway=float(rng.uniform(0, 0.05)),
    )
    return Event(
        name=name,
        seed=int(rng.integers(2**31)),
        wall=_colour(rng, 110, 200),
        floor=_colour(rng, 90, 190),
        light=float(rng.uniform(0.85, 1.15)),
        camera=camera,
        judges=make_panel(name, rng),
    )


def make_athlete(name: str, rng: np.random.Generator) -> Athlete:
    """Somebody with a skill, proportions and colours."""
    size, legs, arms = rng.normal(1, 0.04), rng.normal(1, 0.04), rng.normal(1, 0.04)
    rest = Proportions()
    body = Proportions(
        trunk=rest.trunk * size,
        head=rest.head,
        shoulders=rest.shoulders * float(rng.normal(1, 0.08)),
        hips=rest.hips * float(rng.normal(1, 0.08)),
        arm=rest.arm * size * arms,
        leg=rest.leg * size * legs,
    )
    tone = float(rng.uniform(0.35, 1.0))
    return Athlete(
        name=name,
        skill=float(rng.normal()),
        body=body,
        skin=(235 * tone, 190 * tone, 160 * tone),
        dress=_colour(rng, 0, 130),
        legs=_colour(rng, 10, 90),
    )


def make_routine(
    identifier: str, split: str, athlete: Athlete, event: Event, rng: np.random.Generator
) -> Routine:
    """One routine: choreography, faults, judgement."""
    form = 0.8 * athlete.skill + 0.6 * rng.normal()
    beat = 60 / float(rng.uniform(108, 126))
    names = choose_elements(athlete.skill, rng)
    placed = schedule_elements(names, beat, rng)
    elements = tuple(replace(one, faults=draw_faults(one, form, rng)) for one in placed)
    costs = [[fault.deduction for fault in one.faults] for one in elements]
    sheets = {judge.name: judge_elements(costs, judge, rng) for judge in event.judges}
    camera = replace(
        event.camera,
        side=event.camera.side + float(rng.normal(0, 4)),
        scale=event.camera.scale * float(rng.normal(1, 0.02)),
    )
    seconds = BEATS * beat
    return Routine(identifier, split, athlete, event, camera, seconds, beat, elements, sheets)


def choose_elements(skill: float, rng: np.random.Generator) -> list[str]:
    """Six to ten elements, at least one of every family; the skilled choose harder ones."""
    more = int(rng.integers(MOST_ELEMENTS - FEWEST_ELEMENTS + 1))
    families = [*FAMILIES, *rng.choice(FAMILIES, more)]
    taste = 0.6 * skill + 0.5 * rng.normal()
    names = []
    for family in rng.permutation(families):
        rules = elements_of(family)
        level = np.searchsorted([-0.5, 0.5], taste + 0.7 * rng.normal())
        names.append(rules[min(int(level), len(rules) - 1)].name)
    return names


def schedule_elements(
    names: list[str], beat: float, rng: np.random.Generator
) -> list[PerformedElement]:
    """Elements in time, each from a half beat on, and on the stage, with ways between them."""
    free = 2 * (BEATS - ELEMENT_BEATS * len(names)) - len(names) - 2
    # One half beat before each element and at both ends; the rest falls anywhere.
    gaps = 1 + rng.multinomial(free, np.ones(len(names) + 1) / (len(names) + 1))
    placed, half_beats, x = [], 1, float(rng.uniform(-0.5, 0.5))
    for name, gap in zip(names, gaps, strict=False):
        half_beats += int(gap)
        way = float(rng.uniform(-1, 1)) * min(0.35 * gap, 0.8)
        x = float(np.clip(x + way, -STAGE, STAGE))
        direction = 1 if rng.random() < 0.5 - x / STAGE else -1
        start, end = half_beats * beat / 2, (half_beats / 2 + ELEMENT_BEATS) * beat
        placed.append(PerformedElement(name, start, end, x, direction))
        x += direction * travel(name)
        half_beats += 2 * ELEMENT_BEATS
    return placed


def draw_faults(
    element: PerformedElement, form: float, rng: np.random.Generator
) -> tuple[PerformedFault, ...]:
    """At most two faults of an element, fewer and smaller in good form, in order of time."""
    rate = 0.75 * math.exp(-0.6 * form)
    count = min(int(rng.poisson(rate)), 2)
    rules = faults_of(ELEMENTS[element.name].family)
    weights = np.array([rule.frequency for rule in rules])
    chosen = rng.choice(len(rules), count, replace=False, p=weights / weights.sum())
    faults = [_fault(rules[i], element, form, rng) for i in chosen]
    return tuple(sorted(faults, key=lambda fault: fault.start))


def _fault(
    rule: FaultRule, element: PerformedElement, form: float, rng: np.random.Generator
) -> PerformedFault:
    duration = element.end - element.start
    middle = element.start + duration * rng.uniform(*rule.middle)
    start = max(middle - rule.seconds / 2, element.start)
    end = min(middle + rule.seconds / 2, element.end)
    size = np.clip(0.5 - 0.2 * form + 0.3 * rng.normal(), 0, 0.999)
    deduction = rule.deductions[int(size * len(rule.deductions))]
    return PerformedFault(rule.name, float(start), float(end), deduction)
