"""A routine as movement: joints over time, with the faults that occur.

Letters: F frames, P parameters of a pose, J joints, X space.
"""

from __future__ import annotations

import numpy as np

from cofinal.generated.catalogue import move, travel
from cofinal.generated.figure import INDEX, PARAMETERS, REST, joints
from cofinal.generated.routine import PerformedElement, PerformedFault, Routine

# How strongly a fault shows, by what it costs.
STRENGTH = {0.1: 0.45, 0.3: 0.75, 0.5: 1.0, 1.0: 1.0}
TREMOR_HZ = 4.5
# Metres and steps per second of the walk between elements.
WALK_STEPS_HZ = 1.9
# Parameters that tell where the figure is, not how large it moves.
_KEPT = [INDEX[name] for name in ("heading", "travel", "drift", "pitch")]
# Parameters that an element has mirrored when it goes back along the stage.
_MIRRORED = [INDEX[name] for name in ("travel", "heading")]


def frame_times(routine: Routine, fps: float) -> np.ndarray:
    """Seconds of each frame: (F,)."""
    return np.arange(round(routine.seconds * fps)) / fps


def performed_joints(routine: Routine, times_F: np.ndarray, faults: bool = True) -> np.ndarray:
    """Joints over time: (F, J, X) in metres.

    Args:
        routine: what is performed.
        times_F: seconds, increasing.
        faults: False shows the same routine without any fault.
    """
    poses_FP = walk(routine, times_F)
    for element in routine.elements:
        inside = (times_F >= element.start) & (times_F < element.end)
        shown = element.faults if faults else ()
        moved_FP = perform(element, times_F[inside], shown)
        moved_FP[:, _MIRRORED] *= element.direction
        poses_FP[inside] += moved_FP
    return joints(poses_FP + REST, routine.athlete.body)


def perform(
    element: PerformedElement, times_F: np.ndarray, faults: tuple[PerformedFault, ...]
) -> np.ndarray:
    """Departure from rest (F, P) during an element."""
    clock_F = times_F.copy()
    for fault in faults:
        if fault.name == "off the music":
            # At most a standstill, never backwards: a swell of height h over s seconds runs at
            # up to pi h / s.
            delay = 0.95 * STRENGTH[fault.deduction] * (fault.end - fault.start) / np.pi
            clock_F -= delay * swell(times_F, fault)
    share_F = (clock_F - element.start) / (element.end - element.start)
    poses_FP = move(element.name, share_F.clip(0, 1))
    for fault in faults:
        _show(fault, poses_FP, times_F)
    return poses_FP


def swell(times_F: np.ndarray, fault: PerformedFault) -> np.ndarray:
    """From 0 at a fault's start over 1 in its middle to 0 at its end; 0 elsewhere: (F,)."""
    share_F = ((times_F - fault.start) / (fault.end - fault.start)).clip(0, 1)
    return np.sin(np.pi * share_F) ** 2


def plateau(times_F: np.ndarray, fault: PerformedFault) -> np.ndarray:
    """As `swell`, but quickly at 1 and long there: (F,)."""
    return (2.5 * swell(times_F, fault)).clip(0, 1)


def _show(fault: PerformedFault, poses_FP: np.ndarray, times_F: np.ndarray) -> None:
    """Changes poses in place as a fault shows."""
    strength = STRENGTH[fault.deduction]
    held_F = strength * plateau(times_F, fault)
    if fault.name in ("low amplitude", "early exit"):
        share = 0.75 if fault.name == "low amplitude" else 0.9
        _shrink(poses_FP, share * held_F)
    elif fault.name == "fall":
        _shrink(poses_FP, held_F)
        _add(poses_FP, held_F, pitch=82, larm=110, rarm=110, lopen=-60, ropen=-60, rknee=35)
    elif fault.name == "wobble":
        tremor_F = held_F * np.sin(2 * np.pi * TREMOR_HZ * (times_F - fault.start))
        _add(poses_FP, tremor_F, side=22, pitch=16, larm=60, rarm=-60)
    elif fault.name == "broken line":
        _add(poses_FP, held_F, lelbow=85, relbow=85, arch=60, lean=10)
    elif fault.name == "bent knee":
        _add(poses_FP, held_F, lknee=85, rknee=70, lleg=20, rleg=35)
    elif fault.name == "step out":
        beside_F = strength * swell(times_F, fault)
        _add(poses_FP, beside_F, drift=0.35, travel=-0.45, lean=25, lleg=60, larm=60, rarm=60)


def _shrink(poses_FP: np.ndarray, share_F: np.ndarray) -> None:
    kept = poses_FP[:, _KEPT].copy()
    poses_FP *= (1 - share_F)[:, None]
    poses_FP[:, _KEPT] = kept


def _add(poses_FP: np.ndarray, strength_F: np.ndarray, **most: float) -> None:
    for name, value in most.items():
        poses_FP[:, INDEX[name]] += strength_F * value


def walk(routine: Routine, times_F: np.ndarray) -> np.ndarray:
    """Place, heading and gait between the elements, standing still during them: (F, P)."""
    times, places, headings = _stations(routine)
    poses_FP = np.zeros((len(times_F), len(PARAMETERS)))
    poses_FP[:, INDEX["travel"]] = _eased(times_F, times, places)
    poses_FP[:, INDEX["heading"]] = _eased(times_F, times, headings)
    for start, end, way in zip(times[::2], times[1::2], np.diff(places)[::2], strict=True):
        inside = (times_F >= start) & (times_F < end)
        share_F = (times_F[inside] - start) / (end - start)
        steps = max(round((end - start) * WALK_STEPS_HZ), 1)
        stride_F = np.sin(np.pi * share_F * steps) * min(1, abs(way) / 0.3) * 24
        gait_FP = np.zeros((len(share_F), len(PARAMETERS)))
        _add(gait_FP, stride_F, lleg=1, rleg=-1, larm=-0.5, rarm=0.5)
        _add(gait_FP, np.abs(stride_F), lknee=0.5, rknee=0.5)
        poses_FP[inside] += gait_FP
    return poses_FP


def _stations(routine: Routine) -> tuple[list[float], list[float], list[float]]:
    """Times, places and headings at the film's ends and at each element's start and end."""
    elements = routine.elements
    first = elements[0]
    times, places, headings = [0.0], [first.x], [_heading(first)]
    for element in elements:
        times += [element.start, element.end]
        # The element itself moves the figure; its place is added when it has ended.
        places += [element.x, element.x + element.direction * travel(element.name)]
        headings += [_heading(element)] * 2
    return [*times, routine.seconds], [*places, places[-1]], [*headings, headings[-1]]


def _heading(element: PerformedElement) -> float:
    return 0.0 if element.direction > 0 else 180.0


def _eased(times_F: np.ndarray, times: list[float], values: list[float]) -> np.ndarray:
    """Values between stations, eased; within an element (every second interval) the first one."""
    after_F = np.searchsorted(times, times_F, side="right").clip(1, len(times) - 1)
    when, value = np.array(times), np.array(values)
    share_F = (times_F - when[after_F - 1]) / (when[after_F] - when[after_F - 1])
    share_F = np.where(after_F % 2 == 0, 0.0, share_F.clip(0, 1))
    eased_F = share_F**2 * (3 - 2 * share_F)
    return value[after_F - 1] + eased_F * (value[after_F] - value[after_F - 1])
