"""Draws a routine: joints to frames, limbs as capsules (all points near a line) over the hall.

Orthographic camera. Limbs are painted from far to near and smoothed at their edges.

Letters: F frames, J joints, X space, H W pixels, 3 colours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cofinal.errors import CofinalError
from cofinal.generated.figure import JOINT
from cofinal.generated.performance import frame_times, performed_joints
from cofinal.generated.routine import Athlete, Camera, Routine
from cofinal.generated.scenery import paint

# Where the middle of the stage's floor is in the frame, as a share of its height.
FLOOR = 0.88
# Seconds over which the camera follows.
FOLLOW_SECONDS = 1.5
SWAY_SECONDS = 9.0
# Joint, joint, radius at each in metres, colour; the left side is darker, as if in shade.
_LIMBS = (
    *((f"{s}hip", f"{s}knee", 0.085, 0.06, "legs") for s in "lr"),
    *((f"{s}knee", f"{s}foot", 0.06, 0.035, "skin") for s in "lr"),
    *((f"{s}shoulder", f"{s}elbow", 0.055, 0.045, "dress") for s in "lr"),
    *((f"{s}elbow", f"{s}hand", 0.045, 0.03, "skin") for s in "lr"),
    ("pelvis", "waist", 0.12, 0.1, "dress"),
    ("waist", "neck", 0.1, 0.13, "dress"),
    ("neck", "head", 0.05, 0.05, "skin"),
    ("head", "head", 0.12, 0.12, "skin"),
)
LEFT_SHADE = 0.75
SHADOW = 0.55


@dataclass(frozen=True)
class FilmSettings:
    """Size and speed of the films."""

    width: int = 160
    """Pixels, even."""
    height: int = 120
    """Pixels, even."""
    fps: int = 25
    """Frames per second."""

    def __post_init__(self) -> None:
        even = self.width % 2 == self.height % 2 == 0
        fits = 32 <= self.height <= self.width <= 1920
        if not (even and fits and 5 <= self.fps <= 60):
            raise CofinalError(
                f"films of {self.width}x{self.height} at {self.fps} frames per second; expected "
                "even sides from 32 to 1920, no higher than wide, and 5 to 60 frames"
            )


def film(routine: Routine, settings: FilmSettings) -> Iterator[np.ndarray]:
    """The frames of a routine: uint8 (H, W, 3) RGB, one after the other."""
    times_F = frame_times(routine, settings.fps)
    camera, scale = routine.camera, routine.camera.scale * settings.height
    points_FJX = performed_joints(routine, times_F)
    camera_F = camera_way(points_FJX, times_F, camera)
    pixels_FJX = project(points_FJX, camera_F, camera, settings)
    shadows_FJX = project(points_FJX * (1, 0, 1), camera_F, camera, settings)
    scenery = paint(routine.event, camera, settings.width, settings.height)
    limbs = _Limbs(routine.athlete, scale, routine.event.light)
    for f, time in enumerate(times_F):
        lamps = float(np.exp(-4 * (time % routine.beat) / routine.beat))
        canvas_HW3 = scenery.seen(camera_F[f] * scale, lamps, settings.width)
        shadow_X = shadows_FJX[f].mean(axis=0)
        wide = max(float(np.ptp(shadows_FJX[f][:, 0])) / 2, 0.15 * scale)
        _cast_shadow(canvas_HW3, shadow_X, wide, 0.06 * scale)
        limbs.draw(canvas_HW3, pixels_FJX[f])
        yield (canvas_HW3 + 0.5).clip(0, 255).astype(np.uint8)


def camera_way(points_FJX: np.ndarray, times_F: np.ndarray, camera: Camera) -> np.ndarray:
    """Metres by which the camera has moved aside: (F,); it follows smoothly and drifts."""
    place_F = points_FJX[:, JOINT["pelvis"], 0] * np.cos(np.deg2rad(camera.side))
    step = times_F[1] - times_F[0] if len(times_F) > 1 else 1.0
    reach = np.arange(-round(2 * FOLLOW_SECONDS / step), round(2 * FOLLOW_SECONDS / step) + 1)
    weights = np.exp(-0.5 * (reach * step / FOLLOW_SECONDS * 2) ** 2)
    padded = np.pad(place_F, len(reach) // 2, mode="edge")
    smooth_F = np.convolve(padded, weights / weights.sum(), mode="valid")
    return camera.follow * smooth_F + camera.sway * np.sin(2 * np.pi * times_F / SWAY_SECONDS)


def project(
    points_FJX: np.ndarray, camera_F: np.ndarray, camera: Camera, settings: FilmSettings
) -> np.ndarray:
    """Points in space to column, row and nearness in pixels: (F, J, 3)."""
    scale = camera.scale * settings.height
    side, height = np.deg2rad(camera.side), np.deg2rad(camera.height)
    x, y, z = np.moveaxis(points_FJX, -1, 0)
    across = x * np.cos(side) + z * np.sin(side)
    near = z * np.cos(side) - x * np.sin(side)
    columns = settings.width / 2 + scale * (across - camera_F[:, None])
    rows = FLOOR * settings.height + scale * (near * np.sin(height) - y * np.cos(height))
    return np.stack([columns, rows, scale * near], axis=-1)


class _Limbs:
    """The figure's limbs, ready to be drawn many times."""

    def __init__(self, athlete: Athlete, scale: float, light: float) -> None:
        colours = {"skin": athlete.skin, "dress": athlete.dress, "legs": athlete.legs}
        self._ends = np.array([(JOINT[a], JOINT[b]) for a, b, *_ in _LIMBS])
        self._radii = np.array([(start, end) for _, _, start, end, _ in _LIMBS]) * scale
        self._colours = []
        for first, *_, part in _LIMBS:
            shade = LEFT_SHADE if first[0] == "l" else 1.0
            colour = np.array(colours[part]) * shade * light
            self._colours.append(colour.clip(0, 255).astype(np.float32))

    def draw(self, canvas_HW3: np.ndarray, pixels_JX: np.ndarray) -> None:
        ends = pixels_JX[self._ends]
        for i in np.argsort(ends[:, :, 2].sum(axis=1), kind="stable"):
            draw_capsule(
                canvas_HW3, ends[i, 0, :2], ends[i, 1, :2], self._radii[i], self._colours[i]
            )


def draw_capsule(
    canvas_HW3: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    radii: np.ndarray,
    colour: np.ndarray,
) -> None:
    """Paints all points near the line from `first` to `second`, in place.

    Args:
        canvas_HW3: float.
        first: column and row in pixels.
        second: the same of the other end.
        radii: pixels at both ends.
        colour: RGB.
    """
    height, width = canvas_HW3.shape[:2]
    (ax, ay), (bx, by) = first.tolist(), second.tolist()
    ra, rb = radii.tolist()
    reach = max(ra, rb) + 1
    left, right = max(int(min(ax, bx) - reach), 0), min(int(max(ax, bx) + reach) + 2, width)
    top, bottom = max(int(min(ay, by) - reach), 0), min(int(max(ay, by) + reach) + 2, height)
    if left >= right or top >= bottom:
        return
    columns = np.arange(left, right, dtype=np.float32) - ax
    rows = (np.arange(top, bottom, dtype=np.float32) - ay)[:, None]
    dx, dy = bx - ax, by - ay
    along = ((columns * dx + rows * dy) / max(dx * dx + dy * dy, 1e-6)).clip(0, 1)
    distance = np.sqrt((columns - along * dx) ** 2 + (rows - along * dy) ** 2)
    cover = (ra + along * (rb - ra) + 0.5 - distance).clip(0, 1)[:, :, None]
    box = canvas_HW3[top:bottom, left:right]
    box += cover * (colour - box)


def _cast_shadow(canvas_HW3: np.ndarray, middle_X: np.ndarray, wide: float, high: float) -> None:
    """Darkens an ellipse on the floor, in place."""
    height, width = canvas_HW3.shape[:2]
    top, bottom = max(int(middle_X[1] - high), 0), min(int(middle_X[1] + high) + 2, height)
    rows = ((np.arange(top, bottom) - middle_X[1]) / high)[:, None]
    columns = (np.arange(width) - middle_X[0]) / wide
    dark = (1.0 - rows**2 - columns**2).clip(0, 1)[:, :, None]
    canvas_HW3[top:bottom] *= 1 - (1 - SHADOW) * dark.astype(np.float32)
