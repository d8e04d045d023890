"""Distributions for tests in which the score alone matters."""

from __future__ import annotations

import numpy as np

from cofinal.distributions import ScoreDistribution


def certain(score: float, edges: tuple[float, ...] = (0.0, 100.0)) -> ScoreDistribution:
    """All probability at one score."""
    return ScoreDistribution(np.array([0.0, 1.0]), np.array([score, score]), np.array(edges))
