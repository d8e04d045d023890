"""Distributions of a known shape around points, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np

from cofinal.distributions import ScoreDistribution


def around(points: Any, half_width: Any = 1000.0) -> ScoreDistribution:
    """Even distributions around points (N, K): a score `d` away reaches d / (2 half_width)."""
    points = np.asarray(points, dtype=np.float64)
    half = np.broadcast_to(half_width, points.shape)
    levels = np.broadcast_to([0.0, 1.0], (*points.shape, 2))
    ends = np.stack([points - half, points + half], -1)
    return ScoreDistribution(levels, ends, np.array([0.0, 10.0, 20.0, 30.0]))
