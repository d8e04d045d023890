"""Deletion and insertion: how a score moves when clips go in the order of their evidence.

Sources: Samek et al., "Evaluating the visualization of what a deep neural network has learned",
TNNLS 2017 (deletion); Petsiuk et al., RISE, BMVC 2018 (insertion).
Reproduced: both curves. Differs: clips are taken out of the sequence instead of being painted over;
scores have a sign, so clips with the most points come first and the score should fall; keeping only
the best clips is the same as deleting the worst first, so the insertion curve is the deletion curve
of the opposite order read backwards, and is computed as such.

Letters: T clips, C backbone channels, K targets, R orders, S steps, L clips left.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cofinal.explain.evidence import BATCH, score_points
from cofinal.models.ensemble import Ensemble


def shares(steps: int) -> np.ndarray:
    """Shares of the clips that are gone after each of S steps: 1 / (S + 1) up to S / (S + 1)."""
    return np.arange(1, steps + 1) / (steps + 1)


# Clips go in so many orders by their evidence: highest, lowest, strongest first.
ORDERS = 3


def rank_orders(evidence_T: np.ndarray) -> np.ndarray:
    """Three orders (3, T) of the clips: highest evidence first, lowest first, strongest first.

    Clips of equal evidence go in an order drawn by chance, but always the same: in time order they
    would be told apart by their place.
    """
    shuffled_T = np.random.default_rng(len(evidence_T)).permutation(len(evidence_T))
    keys = np.stack([-evidence_T, evidence_T, -np.abs(evidence_T)])[:, shuffled_T]
    order_3T: np.ndarray = shuffled_T[np.argsort(keys, axis=1, kind="stable")]
    return order_3T


def random_orders(clips: int, count: int, seed: int = 0) -> np.ndarray:
    """Orders drawn by chance (R, T)."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(clips) for _ in range(count)])


@torch.no_grad()
def points_lost(
    model: Ensemble, clips_TC: np.ndarray, order_RT: np.ndarray, steps: int
) -> np.ndarray:
    """Points that each score loses as clips go: (R, S, K), negative where it rises.

    Args:
        model: the trained members.
        clips_TC: one performance.
        order_RT: in each row the clips in the order in which they go.
        steps: S; at least one clip stays.
    """
    clips = torch.from_numpy(clips_TC).float()
    order = torch.from_numpy(order_RT)
    whole_K = score_points(model, clips[None])[0]
    gone_S = np.clip(np.round(shares(steps) * len(clips)), 0, len(clips) - 1).astype(int)
    scores = [_scores(model, clips, order[:, gone:].sort(1).values) for gone in gone_S]
    lost_RSK: np.ndarray = (whole_K - torch.stack(scores, 1)).double().numpy()
    return lost_RSK


def _scores(model: Ensemble, clips_TC: Tensor, kept_RL: Tensor) -> Tensor:
    """Points (R, K) of the clips that are left."""
    parts = [score_points(model, clips_TC[kept_BL]) for kept_BL in kept_RL.split(BATCH)]
    return torch.cat(parts)
