"""The hall behind the figure: a painted strip along which the camera pans, and lamps on the beat.

Letters: H W pixels of a frame, S pixels of the strip's width, 3 colours. Colours are 0 to 255.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cofinal.generated.routine import Camera, Event

# Metres that the strip reaches beyond what a camera in the middle sees, on each side.
MARGIN = 2.0
# Where the floor begins, as a share of the frame's height; the figure stands a little lower.
HORIZON = 0.72
LAMPS = 0.12
LAMP_GREY = 70.0


@dataclass(frozen=True)
class Scenery:
    """A painted hall."""

    strip_HS3: np.ndarray
    lamps_HS1: np.ndarray
    """How far the lamps brighten each pixel, 0 to 1."""
    margin: int
    """Pixels of the strip on the left of what a camera in the middle sees."""

    def seen(self, shift: float, lamps: float, width: int) -> np.ndarray:
        """The hall without the figure.

        Args:
            shift: pixels that the camera has moved to the right.
            lamps: their brightness, 0 to 1.
            width: W.

        Returns:
            float32 (H, W, 3).
        """
        left = float(np.clip(self.margin + shift, 0, self.strip_HS3.shape[1] - width - 1))
        whole, part = int(left), left - int(left)
        near, next_ = slice(whole, whole + width), slice(whole + 1, whole + 1 + width)
        hall = self.strip_HS3[:, near] * (1 - part) + self.strip_HS3[:, next_] * part
        return hall + lamps * LAMP_GREY * self.lamps_HS1[:, near]


def paint(event: Event, camera: Camera, width: int, height: int) -> Scenery:
    """Paints an event's hall."""
    rng = np.random.default_rng(event.seed)
    scale = camera.scale * height
    margin = round(MARGIN * scale)
    strip = width + 2 * margin + 1
    metres_S = (np.arange(strip) - strip / 2) / scale
    wall_S3 = np.array(event.wall) + _waves(metres_S, rng)[:, None]
    strip_HS3 = np.repeat(wall_S3[None], height, axis=0)
    strip_HS3 *= np.linspace(0.8, 1.05, height)[:, None, None]
    _hang_posters(strip_HS3, metres_S, rng)
    horizon = round(HORIZON * height)
    strip_HS3[horizon:] = (
        np.array(event.floor) * np.linspace(0.85, 1.1, height - horizon)[:, None, None]
    )
    strip_HS3[horizon : horizon + max(height // 60, 1)] *= 0.6
    lamps_HS1 = _lamps(height, metres_S, scale)
    strip_HS3 = (strip_HS3 * event.light).clip(0, 255)
    return Scenery(strip_HS3.astype(np.float32), lamps_HS1.astype(np.float32), margin)


def _waves(metres_S: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Folds of a curtain."""
    folds = [
        rng.uniform(1, 4) * np.sin(2 * np.pi * (metres_S * rng.uniform(0.3, 1.6) + rng.random()))
        for _ in range(3)
    ]
    return np.sum(folds, axis=0)


def _hang_posters(strip_HS3: np.ndarray, metres_S: np.ndarray, rng: np.random.Generator) -> None:
    height = len(strip_HS3)
    for _ in range(int(rng.integers(0, 4))):
        middle, half = rng.uniform(metres_S[0], metres_S[-1]), rng.uniform(0.15, 0.5)
        top = rng.uniform(0.2, 0.35)
        rows = slice(round(top * height), round((top + rng.uniform(0.1, 0.3)) * height))
        strip_HS3[rows, np.abs(metres_S - middle) < half] = rng.uniform(60, 220, 3)


def _lamps(height: int, metres_S: np.ndarray, scale: float) -> np.ndarray:
    rows_H = (np.arange(height) - LAMPS * height) / scale
    across_S = (metres_S + 0.5) % 1.0 - 0.5
    distance_HS = np.hypot(rows_H[:, None], across_S[None])
    return ((0.1 - distance_HS) / 0.04).clip(0, 1)[:, :, None]
