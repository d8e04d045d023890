"""From anyone's keypoints to a body: fifteen joints at equal steps of time, rooted and scaled.

Left and right are put straight where a tool swapped them, short gaps are filled, and positions are
smoothed before anything is differentiated.
Letters: F frames as measured, N frames at equal steps, J joints, D coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import savgol_filter

from cofinal.skeleton.joints import JOINTS, PAIRS, joint_map
from cofinal.skeleton.keypoints import Keypoints

# A joint unseen for longer than this may have been anywhere in between.
MAX_GAP_SECONDS = 0.4
# Savitzky-Golay, 7 frames of second order: about 5 Hz at 25 frames a second.
SMOOTH_FRAMES, SMOOTH_ORDER = 7, 2
LEFT = np.array([JOINTS.index(f"left_{pair}") for pair in PAIRS])
RIGHT = np.array([JOINTS.index(f"right_{pair}") for pair in PAIRS])
SHOULDER, HIP = PAIRS.index("shoulder"), PAIRS.index("hip")


@dataclass(frozen=True, eq=False)
class Body:
    """A performance's body at equal steps of time, in torso lengths, seen from in front."""

    joints_NJ3: np.ndarray
    """Positions from the middle of the hips: sideways, up, depth (0 in pictures); NaN if unseen."""
    root_N3: np.ndarray
    """The middle of the hips, from where it is in the median."""
    visibility_NJ: np.ndarray
    """0 to 1; 0 where a joint was not seen."""
    fps: float
    """Frames per second."""


def body_of(keypoints: Keypoints, fps: float, frames: int) -> Body:
    """Puts a performance's keypoints into one form.

    Args:
        keypoints: as measured, at any and even a changing rate.
        fps: frames per second of the result; frame n is n / fps seconds after the first.
        frames: N.

    Raises:
        CofinalError: shoulders and hips are never seen together, so there is no unit of length.
    """
    raw_FJ3, visibility_FJ = _named(keypoints)
    raw_FJ3 = _upright(raw_FJ3, keypoints.up, keypoints.positions_FJD.shape[2])
    raw_FJ3, visibility_FJ = straighten(raw_FJ3, visibility_FJ)
    measured_F = keypoints.seconds_F - keypoints.seconds_F[0]
    instants_N = np.arange(frames) / fps
    joints_NJ3 = smooth(resample(raw_FJ3, measured_F, instants_N))
    seen_NJ = np.isfinite(joints_NJ3).all(axis=2)
    nearest_N = nearest(measured_F, instants_N)
    root_N3 = (joints_NJ3[:, LEFT[HIP]] + joints_NJ3[:, RIGHT[HIP]]) / 2
    neck_N3 = (joints_NJ3[:, LEFT[SHOULDER]] + joints_NJ3[:, RIGHT[SHOULDER]]) / 2
    torso_N = np.linalg.norm(neck_N3 - root_N3, axis=1)
    torso_N = torso_N[torso_N > 0]
    if not len(torso_N):
        shape = (frames, len(JOINTS))
        return Body(
            np.full((*shape, 3), np.nan), np.full((frames, 3), np.nan), np.zeros(shape), fps
        )
    unit = float(np.median(torso_N))
    turned_NJ3 = _facing(joints_NJ3 - root_N3[:, None])
    away_N3 = root_N3 - np.nanmedian(root_N3, axis=0)
    return Body(
        turned_NJ3 / unit,
        away_N3 / unit,
        np.where(seen_NJ, visibility_FJ[nearest_N], 0.0),
        fps,
    )


def nearest(measured_F: np.ndarray, instants_N: np.ndarray) -> np.ndarray:
    """For each instant the measured frame that is nearest, the earlier of two as near."""
    after_N = np.searchsorted(measured_F, instants_N).clip(0, len(measured_F) - 1)
    before_N = (after_N - 1).clip(0)
    is_before_N = instants_N - measured_F[before_N] <= measured_F[after_N] - instants_N
    return np.where(is_before_N, before_N, after_N)


def _named(keypoints: Keypoints) -> tuple[np.ndarray, np.ndarray]:
    """The joints of JOINTS out of all: positions (F, J, 3), NaN where unknown, and visibility."""
    frames, count, axes = keypoints.positions_FJD.shape
    places = joint_map(keypoints.joints, count)
    positions_FJ3 = np.full((frames, len(JOINTS), 3), np.nan)
    visibility_FJ = np.zeros((frames, len(JOINTS)))
    for j, name in enumerate(JOINTS):
        if name in places:
            seen_FD = keypoints.positions_FJD[:, places[name]].astype(np.float64)
            finite_F = np.isfinite(seen_FD).all(axis=1)
            positions_FJ3[finite_F, j, :axes] = seen_FD[finite_F]
            positions_FJ3[finite_F, j, axes:] = 0.0
            shown_F = np.nan_to_num(keypoints.visibility_FJ[:, places[name]].astype(np.float64))
            visibility_FJ[:, j] = np.where(finite_F, shown_F.clip(0, 1), 0.0)
    positions_FJ3[visibility_FJ <= 0] = np.nan
    return positions_FJ3, visibility_FJ


def _upright(raw_FJ3: np.ndarray, up: str, axes: int) -> np.ndarray:
    """Coordinates as sideways, up, depth."""
    axis, sign = "xyz".index(up[-1]), -1.0 if up.startswith("-") else 1.0
    others = [a for a in range(axes) if a != axis] + ([2] if axes == 2 else [])
    return np.stack(
        [raw_FJ3[..., others[0]], sign * raw_FJ3[..., axis], raw_FJ3[..., others[1]]], -1
    )


def straighten(raw_FJ3: np.ndarray, visibility_FJ: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undoes swaps of left and right: of both readings of a frame, the one nearer to the last.

    A body that truly turns round moves its sides through each other bit by bit, and keeps them.
    """
    fixed_FJ3, shown_FJ = raw_FJ3.copy(), visibility_FJ.copy()
    last_J3 = np.full(raw_FJ3.shape[1:], np.nan)
    both, crossed = np.concatenate([LEFT, RIGHT]), np.concatenate([RIGHT, LEFT])
    for f in range(len(fixed_FJ3)):
        now_J3 = fixed_FJ3[f]
        keep = np.nansum(np.linalg.norm(now_J3[both] - last_J3[both], axis=1))
        swap = np.nansum(np.linalg.norm(now_J3[crossed] - last_J3[both], axis=1))
        if swap < keep:
            fixed_FJ3[f, both], shown_FJ[f, both] = now_J3[crossed], shown_FJ[f, crossed]
        seen_J = np.isfinite(fixed_FJ3[f]).all(axis=1)
        last_J3[seen_J] = fixed_FJ3[f, seen_J]
    return fixed_FJ3, shown_FJ


def resample(raw_FJ3: np.ndarray, measured_F: np.ndarray, instants_N: np.ndarray) -> np.ndarray:
    """Positions at other instants, by lines between neighbours at most MAX_GAP_SECONDS apart."""
    result_NJ3 = np.full((len(instants_N), *raw_FJ3.shape[1:]), np.nan)
    for j in range(raw_FJ3.shape[1]):
        seen_F = np.isfinite(raw_FJ3[:, j]).all(axis=1)
        times = measured_F[seen_F]
        if not len(times):
            continue
        after_N = np.searchsorted(times, instants_N).clip(0, len(times) - 1)
        before_N = np.searchsorted(times, instants_N, side="right").clip(1) - 1
        # Before the first and after the last sight the nearest stands, for as long as a gap may.
        gap_N = np.maximum(
            np.abs(times[after_N] - instants_N), np.abs(instants_N - times[before_N])
        )
        near_N = (gap_N <= MAX_GAP_SECONDS) & (times[after_N] - times[before_N] <= MAX_GAP_SECONDS)
        for d in range(3):
            found_N = np.interp(instants_N, times, raw_FJ3[seen_F, j, d])
            result_NJ3[near_N, j, d] = found_N[near_N]
    return result_NJ3


def smooth(joints_NJ3: np.ndarray) -> np.ndarray:
    """Smooths each stretch in which a joint is seen; stretches shorter than the window stay."""
    result_NJ3 = joints_NJ3.copy()
    for j in range(joints_NJ3.shape[1]):
        seen_N = np.isfinite(joints_NJ3[:, j]).all(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate([[0], seen_N.astype(int), [0]])))
        for start, stop in edges.reshape(-1, 2):
            if stop - start >= SMOOTH_FRAMES:
                result_NJ3[start:stop, j] = savgol_filter(
                    joints_NJ3[start:stop, j], SMOOTH_FRAMES, SMOOTH_ORDER, axis=0
                )
    return result_NJ3


def _facing(rooted_NJ3: np.ndarray) -> np.ndarray:
    """Turns about the vertical, so that the line from right to left side is sideways."""
    trunk = [SHOULDER, HIP]
    across_N3 = (rooted_NJ3[:, LEFT[trunk]] - rooted_NJ3[:, RIGHT[trunk]]).sum(axis=1)
    if not np.nanmax(np.abs(rooted_NJ3[..., 2]), initial=0.0):
        return rooted_NJ3  # a picture: the camera's side is the only one
    side, depth = np.nanmedian(across_N3[:, 0]), np.nanmedian(across_N3[:, 2])
    length = np.hypot(side, depth)
    if not length > 0:
        return rooted_NJ3
    cos, sin = side / length, depth / length
    x, up, z = rooted_NJ3[..., 0], rooted_NJ3[..., 1], rooted_NJ3[..., 2]
    return np.stack([cos * x + sin * z, up, cos * z - sin * x], axis=-1)
