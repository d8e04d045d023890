"""The articulated figure: from joint angles over time to points in space.

Forward kinematics in metres: x along the stage, y up, z towards the audience's right of a figure
that walks along x. Angles are degrees. The lowest point stands on the floor, unless it jumps.

Letters: F frames, P parameters of a pose, J joints, X space (x, y, z).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

# Pose parameters. Left and right arm: how far raised (0 hangs, 180 points up), how far opened to
# the side (0 forward, 90 sideways), elbow. Legs: raised forward, raised sideways, knee. The trunk
# leans forward, its upper half arches on, both bend aside; pitch tips the whole figure over.
LIMBS = tuple(f"{s}{p}" for s in "lr" for p in ("arm", "open", "elbow", "leg", "out", "knee"))
TRUNK = ("lean", "arch", "side", "pitch")
PLACE = ("jump", "heading", "travel", "drift")
PARAMETERS = (*LIMBS, *TRUNK, *PLACE)
INDEX = {name: i for i, name in enumerate(PARAMETERS)}
# What both sides share, for short tables.
BOTH = {
    "arms": ("larm", "rarm"),
    "open": ("lopen", "ropen"),
    "elbows": ("lelbow", "relbow"),
    "legs": ("lleg", "rleg"),
    "out": ("lout", "rout"),
    "knees": ("lknee", "rknee"),
}
JOINTS = (
    *("pelvis", "waist", "neck", "head"),
    *(f"{s}{p}" for s in "lr" for p in ("shoulder", "elbow", "hand", "hip", "knee", "foot")),
)
JOINT = {name: i for i, name in enumerate(JOINTS)}


@dataclass(frozen=True)
class Proportions:
    """Lengths in metres."""

    trunk: float = 0.5
    head: float = 0.24
    shoulders: float = 0.17
    hips: float = 0.09
    arm: float = 0.54
    leg: float = 0.84


def pose(values: Mapping[str, float]) -> np.ndarray:
    """A pose (P,) from named parameters, where `arms`, `legs` ... mean both sides; others rest."""
    vector = REST.copy()
    for name, value in values.items():
        for single in BOTH.get(name, (name,)):
            vector[INDEX[single]] = value
    return vector


REST = np.zeros(len(PARAMETERS))
REST = pose({"arms": 15, "open": 90})


def joints(poses_FP: np.ndarray, body: Proportions) -> np.ndarray:
    """Points of the joints over time.

    Args:
        poses_FP: pose parameters in the order of `PARAMETERS`.
        body: lengths.

    Returns:
        (F, J, X) metres, in the order of `JOINTS`.
    """
    value = dict(zip(PARAMETERS, poses_FP.T, strict=True))
    points = {"pelvis": np.zeros((len(poses_FP), 3))}
    lower = _trunk_turn(value["lean"], value["side"])
    upper = _trunk_turn(value["lean"] + value["arch"], value["side"])
    up = np.array([0.0, 1.0, 0.0])
    points["waist"] = body.trunk / 2 * lower @ up
    points["neck"] = points["waist"] + body.trunk / 2 * upper @ up
    points["head"] = points["neck"] + body.head * upper @ up
    for side, sign in (("l", -1.0), ("r", 1.0)):
        _add_arm(points, value, side, sign, upper, body)
        _add_leg(points, value, side, sign, body)
    placed = np.stack([points[name] for name in JOINTS], axis=1)
    placed = placed @ np.swapaxes(_trunk_turn(value["pitch"], np.zeros(len(placed))), 1, 2)
    placed = placed @ np.swapaxes(_heading_turn(value["heading"]), 1, 2)
    placed[:, :, 1] += (value["jump"] - placed[:, :, 1].min(axis=1))[:, None]
    placed[:, :, 0] += value["travel"][:, None]
    placed[:, :, 2] += value["drift"][:, None]
    return placed


def _add_arm(
    points: dict[str, np.ndarray],
    value: dict[str, np.ndarray],
    side: str,
    sign: float,
    upper: np.ndarray,
    body: Proportions,
) -> None:
    raised, opened = np.deg2rad(value[f"{side}arm"]), np.deg2rad(value[f"{side}open"])
    bent = raised + np.deg2rad(value[f"{side}elbow"])
    shoulder = points["neck"] + upper @ np.array([0.0, -0.04, sign * body.shoulders])
    elbow = shoulder + _turned(upper, body.arm / 2 * _raised(raised, opened, sign))
    points[f"{side}shoulder"], points[f"{side}elbow"] = shoulder, elbow
    points[f"{side}hand"] = elbow + _turned(upper, body.arm / 2 * _raised(bent, opened, sign))


def _add_leg(
    points: dict[str, np.ndarray],
    value: dict[str, np.ndarray],
    side: str,
    sign: float,
    body: Proportions,
) -> None:
    forward, out = np.deg2rad(value[f"{side}leg"]), np.deg2rad(value[f"{side}out"])
    hip = points["pelvis"] + np.array([0.0, 0.0, sign * body.hips])
    knee = hip + body.leg / 2 * _hanging(forward, out, sign)
    bent = forward - np.deg2rad(value[f"{side}knee"])
    points[f"{side}hip"], points[f"{side}knee"] = hip, knee
    points[f"{side}foot"] = knee + body.leg / 2 * _hanging(bent, out, sign)


def _raised(raised: np.ndarray, opened: np.ndarray, sign: float) -> np.ndarray:
    across = np.sin(raised)
    return np.stack(
        [across * np.cos(opened), -np.cos(raised), sign * across * np.sin(opened)], axis=-1
    )


def _hanging(forward: np.ndarray, out: np.ndarray, sign: float) -> np.ndarray:
    plane = np.cos(out)
    return np.stack(
        [plane * np.sin(forward), -plane * np.cos(forward), sign * np.sin(out)], axis=-1
    )


def _turned(turn_FXX: np.ndarray, vectors_FX: np.ndarray) -> np.ndarray:
    return np.einsum("fxy,fy->fx", turn_FXX, vectors_FX)


def _trunk_turn(lean: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Rotations (F, X, X): aside about x first, then forward about z."""
    a, b = np.deg2rad(lean), np.deg2rad(side)
    zero, one = np.zeros_like(a), np.ones_like(a)
    forward = _matrix(
        ((np.cos(a), np.sin(a), zero), (-np.sin(a), np.cos(a), zero), (zero, zero, one))
    )
    aside = _matrix(
        ((one, zero, zero), (zero, np.cos(b), -np.sin(b)), (zero, np.sin(b), np.cos(b)))
    )
    return forward @ aside


def _heading_turn(heading: np.ndarray) -> np.ndarray:
    a = np.deg2rad(heading)
    zero, one = np.zeros_like(a), np.ones_like(a)
    return _matrix(((np.cos(a), zero, -np.sin(a)), (zero, one, zero), (np.sin(a), zero, np.cos(a))))


def _matrix(rows: tuple[tuple[np.ndarray, ...], ...]) -> np.ndarray:
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
