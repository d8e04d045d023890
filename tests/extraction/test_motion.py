"""The classical descriptor: known directions and speeds, steadiness, and that it can rank."""

from __future__ import annotations

import numpy as np
import pytest
from video_files import textured_frame

from cofinal.extraction.backbones import BACKBONES
from cofinal.extraction.backbones.motion import (
    CELLS,
    ORIENTATIONS,
    describe_clip,
    describe_pair,
    direction_histogram,
    gradients,
)


def grating(shift: float, angle: float, size: int = 66) -> np.ndarray:
    """A sine grating whose brightness varies along `angle`, moved by `shift` pixels along it."""
    y, x = np.mgrid[:size, :size].astype(np.float64)
    along = x * np.cos(angle) + y * np.sin(angle) - shift
    return (127 + 80 * np.sin(along / 3)).astype(np.float32)


@pytest.mark.parametrize("direction", range(ORIENTATIONS))
def test_motion_points_where_things_move(direction: int) -> None:
    angle = direction * 2 * np.pi / ORIENTATIONS
    histograms, _ = describe_pair(grating(0, angle), grating(0.5, angle))
    motion = histograms[:, ORIENTATIONS:].mean(axis=0)
    assert motion.argmax() == direction
    assert motion[direction] > 0.8 * motion.sum()
    assert motion.sum() == pytest.approx(0.5, rel=0.15)  # pixels a frame


def test_gradients_of_a_plane_are_exact() -> None:
    y, x = np.mgrid[:20, :30].astype(np.float64)
    along_x, along_y, along_t = gradients(3 * x - 2 * y, 3 * x - 2 * y + 5)
    assert np.allclose(along_x, 3) and np.allclose(along_y, -2) and np.allclose(along_t, 5)


def test_histogram_agrees_with_one_pixel_at_a_time() -> None:
    noise = np.random.default_rng(1)
    angle, weight = noise.uniform(-np.pi, np.pi, (9, 10)), noise.uniform(0, 4, (9, 10))
    cells = np.arange(9)[:, None] * CELLS // 9 * CELLS + np.arange(10) * CELLS // 10
    expected = np.zeros((CELLS**2, ORIENTATIONS))
    for a, w, cell in zip(angle.ravel(), weight.ravel(), cells.ravel(), strict=True):
        place = (a % np.pi) / np.pi * ORIENTATIONS
        low = int(place)
        expected[cell, low % ORIENTATIONS] += w * (low + 1 - place)
        expected[cell, (low + 1) % ORIENTATIONS] += w * (place - low)
    expected /= np.bincount(cells.ravel())[:, None]
    np.testing.assert_allclose(direction_histogram(angle, weight, np.pi, cells), expected)


def test_still_clips_have_appearance_but_no_motion() -> None:
    clip = np.repeat(textured_frame(224, 224)[None], 4, axis=0)
    features = describe_clip(clip).reshape(2, CELLS**2, 2 * ORIENTATIONS + 2)
    assert (features[:, :, ORIENTATIONS:] == 0).all()
    assert (features[:, :, :ORIENTATIONS].sum(axis=2) > 0).all()


def test_width_and_determinism() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (32, 224, 224, 3), dtype=np.uint8)
    first, second = describe_clip(clip), describe_clip(clip)
    assert first.shape == (BACKBONES["motion"].output_width,)
    assert first.dtype == np.float32
    assert np.array_equal(first, second)
