"""How each element of the rule book moves: key poses at shares of its time, eased between.

Letters: F frames, P parameters of a pose, N key poses.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from cofinal.generated.figure import INDEX, REST, pose

# Share of the element's time -> pose; parameters that are not named are at rest.
Keys = dict[float, dict[str, float]]
UP = {"arms": 165.0, "open": 50.0}
WIDE = {"arms": 95.0, "open": 90.0}
# Heading at which a figure that walks along the stage has turned to the audience, nearly.
AUDIENCE = 65.0


def _turn(rounds: int) -> Keys:
    on_toes = {"lleg": 90.0, "lknee": 115.0, **UP}
    end = 360.0 * rounds
    return {
        0.16: {"knees": 45, "legs": 25, "arms": 70, "open": 40},
        0.28: on_toes,
        0.8: {**on_toes, "heading": end},
        0.9: {"knees": 25, "legs": 12, **WIDE, "heading": end},
        1.0: {"heading": end},
    }


def _leap(height: float, split: float, travel: float) -> Keys:
    return {
        0.16: {"lleg": 30, "rleg": -20, "travel": 0.15 * travel, "arms": 40},
        0.32: {"knees": 70, "legs": 40, "lean": 15, "travel": 0.3 * travel},
        0.5: {"lleg": split, "rleg": -split, **WIDE, "jump": height, "travel": 0.65 * travel},
        0.68: {"knees": 60, "legs": 35, "lean": 15, "travel": travel, "arms": 60},
        1.0: {"travel": travel},
    }


def _jump(height: float, turn: float = 0.0, **flight: float) -> Keys:
    return {
        0.3: {"knees": 80, "legs": 45, "lean": 20, "arms": 20},
        0.5: {"heading": turn / 2, **flight, "jump": height},
        0.7: {"knees": 70, "legs": 40, "lean": 15, "arms": 60, "heading": turn},
        1.0: {"heading": turn},
    }


def _held(**position: float) -> Keys:
    return {0.25: position, 0.5: position, 0.8: position, 1.0: {}}


def _steps(count: int, lift: float, knee: float, hop: float) -> Keys:
    keys: Keys = {}
    for step in range(count):
        raised, standing = ("l", "r") if step % 2 else ("r", "l")
        middle, end = (step + 0.5) / count, (step + 1) / count
        keys[middle] = {
            f"{raised}leg": lift,
            f"{raised}knee": knee,
            f"{standing}leg": -15,
            f"{standing}arm": 80,
            "jump": hop,
            "travel": 0.7 * middle,
        }
        keys[end] = {"knees": 25, "legs": 12, "travel": 0.7 * end}
    keys[1.0] = {"travel": 0.7}
    return keys


MOVES: dict[str, Keys] = {
    "single turn": _turn(1),
    "double turn": _turn(2),
    "triple turn": _turn(3),
    "stride leap": _leap(0.22, 45, 0.6),
    "split leap": _leap(0.36, 68, 0.8),
    "high split leap": _leap(0.52, 92, 1.0),
    "tuck jump": _jump(0.3, legs=110, knees=125, arms=60, open=30),
    "straddle jump": _jump(0.42, legs=70, out=55, heading=AUDIENCE, **WIDE),
    "twist jump": _jump(0.56, turn=360, **UP),
    "knee balance": _held(lleg=90, lknee=100, **WIDE),
    "arabesque": _held(lleg=-90, lean=35, arch=-15, rarm=110, ropen=20, larm=95, lopen=100),
    "needle scale": _held(lleg=-160, lean=85, arch=5, arms=100, open=30),
    "arm wave": {
        0.2: {"larm": 150, "rarm": 30, "relbow": 40, "side": -12, "heading": AUDIENCE},
        0.4: {"larm": 30, "lelbow": 40, "rarm": 150, "side": 12, "heading": AUDIENCE},
        0.6: {"larm": 150, "rarm": 30, "relbow": 40, "side": -12, "heading": AUDIENCE},
        0.8: {"larm": 30, "lelbow": 40, "rarm": 150, "side": 12, "heading": AUDIENCE},
        1.0: {},
    },
    "body wave": {
        0.25: {"lean": 60, "arch": 40, "knees": 60, "legs": 35, "arms": 40, "open": 30},
        0.5: {"lean": -25, "arch": -30, "knees": 60, "legs": 20, "arms": 110, "open": 30},
        0.75: {"lean": 5, "arch": -20, **UP},
        1.0: {},
    },
    "back bend": {
        0.25: UP,
        0.45: {"lean": -60, "arch": -60, "knees": 55, "legs": 20, **UP},
        0.65: {"lean": -60, "arch": -60, "knees": 55, "legs": 20, **UP},
        0.85: {"lean": 20, "arch": 20, "arms": 90, "open": 30},
        1.0: {},
    },
    "chasse": _steps(2, 30, 20, 0.06),
    "skip steps": _steps(3, 75, 90, 0.14),
    "kick steps": _steps(4, 105, 0, 0.1),
}


@cache
def _key_poses(element: str) -> tuple[np.ndarray, np.ndarray]:
    keys = {0.0: {}, **MOVES[element]}
    return np.array(list(keys)), np.stack([pose(values) for values in keys.values()])


def move(element: str, share_F: np.ndarray) -> np.ndarray:
    """Departure from rest while an element is performed.

    Args:
        element: its name in the rule book.
        share_F: how much of it has passed, 0 to 1.

    Returns:
        (F, P), zero at 0 and 1 but for heading and travel, which stay where the element ends.
    """
    when_N, poses_NP = _key_poses(element)
    after_F = np.searchsorted(when_N, share_F, side="right").clip(1, len(when_N) - 1)
    before_F = after_F - 1
    part_F = (share_F - when_N[before_F]) / (when_N[after_F] - when_N[before_F])
    eased_F = (part_F**2 * (3 - 2 * part_F))[:, None]
    return poses_NP[before_F] * (1 - eased_F) + poses_NP[after_F] * eased_F - REST


def travel(element: str) -> float:
    """Metres that an element takes the figure forward."""
    return float(_key_poses(element)[1][-1, INDEX["travel"]])
