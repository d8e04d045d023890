"""Angles of a body, in degrees, each a curve over time; NaN where a joint is not seen.

Letters: N frames, J joints.
"""

from __future__ import annotations

import numpy as np

from cofinal.skeleton.joints import JOINTS

# The joint at which an angle is measured, between the two others; "neck" is between the shoulders.
BENDS = {
    "elbow": ("shoulder", "wrist"),
    "shoulder": ("hip", "elbow"),
    "hip": ("shoulder", "knee"),
    "knee": ("hip", "ankle"),
    "ankle": ("knee", "foot"),
}
LINES = ("trunk_lean", "trunk_bend", "hip_line", "head")


def pair(joints_NJ3: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Left and right joint of a pair: (N, 3) each."""
    left, right = JOINTS.index(f"left_{name}"), JOINTS.index(f"right_{name}")
    return joints_NJ3[:, left], joints_NJ3[:, right]


def between(first_N3: np.ndarray, second_N3: np.ndarray) -> np.ndarray:
    """Angle between two vectors, 0 to 180 degrees."""
    lengths_N = np.linalg.norm(first_N3, axis=1) * np.linalg.norm(second_N3, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine_N = (first_N3 * second_N3).sum(axis=1) / lengths_N
    return np.degrees(np.arccos(cosine_N.clip(-1, 1)))


def bends(joints_NJ3: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Left and right angle at each joint of BENDS; a stretched limb has 180."""
    sides: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name, (above, below) in BENDS.items():
        ends = zip(*(pair(joints_NJ3, joint) for joint in (above, name, below)), strict=True)
        left, right = (between(a - at, b - at) for a, at, b in ends)
        sides[name] = (left, right)
    return sides


def lines(joints_NJ3: np.ndarray) -> dict[str, np.ndarray]:
    """The angles of LINES.

    trunk_lean: of the trunk from the vertical, 180 upside down; trunk_bend: between the lines of
    shoulders and hips; hip_line: of the hips from the horizontal, 0 to 90; head: of the head from
    the trunk's line.
    """
    left_shoulder, right_shoulder = pair(joints_NJ3, "shoulder")
    left_hip, right_hip = pair(joints_NJ3, "hip")
    neck = (left_shoulder + right_shoulder) / 2
    trunk = neck - (left_hip + right_hip) / 2
    up = np.broadcast_to(np.array([0.0, 1.0, 0.0]), trunk.shape)
    hips, shoulders = left_hip - right_hip, left_shoulder - right_shoulder
    return {
        "trunk_lean": between(trunk, up),
        "trunk_bend": between(shoulders, hips),
        "hip_line": 90 - np.abs(90 - between(hips, up)),
        "head": between(joints_NJ3[:, JOINTS.index("head")] - neck, trunk),
    }
