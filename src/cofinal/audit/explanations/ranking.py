"""How well scores find marked clips, for every circular shift of the marks: measure and chance.

Evidence runs on from clip to clip, and so do faults: clips drawn by chance would be beaten too
easily. Shifting the marks of a performance around in a circle keeps both runs and breaks only what
joins them.

Letters: T clips, R seeds, X rows, D draws, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cofinal.evaluation.metrics import error_interval

DRAWS = 2000


def average_precision(score_T: np.ndarray, marked_XT: np.ndarray) -> np.ndarray:
    """Average precision of each row of marks (X,): mean precision at the marked clips.

    Clips of equal score count together, as in scikit-learn.

    Args:
        score_T: high where a mark is expected.
        marked_XT: True at marked clips; at least one a row.
    """
    order_T = np.argsort(-score_T, kind="stable")
    sorted_T = score_T[order_T]
    found_XT = np.cumsum(marked_XT[:, order_T], axis=1)
    # The last clip that has the same score: only there is a threshold.
    last_T = np.searchsorted(-sorted_T, -sorted_T, side="right") - 1
    precision_XT = found_XT[:, last_T] / (last_T + 1)
    marked = marked_XT[:, order_T]
    precision: np.ndarray = (precision_XT * marked).sum(1) / marked.sum(1)
    return precision


def shifts(values_T: np.ndarray) -> np.ndarray:
    """All circular shifts (T, ...) of an array along its first axis; the first is itself."""
    T = len(values_T)
    return values_T[(np.arange(T) - np.arange(T)[:, None]) % T]


@dataclass(frozen=True)
class Found:
    """A measure of finding, against chance."""

    value: float
    interval: tuple[float, float] | None
    """95 % bootstrap interval over performances."""
    chance: float
    """Mean under circular shifts."""
    p: float
    """Share of draws by chance that are as good, one-sided, never 0."""


def against_shifts(each_NT: Sequence[np.ndarray], seed: int = 0) -> Found | None:
    """The mean over performances of a measure, against shifts drawn for each performance.

    Args:
        each_NT: for each performance the measure at every shift, that of no shift first.
        seed: seed of the draws.

    Returns:
        None without performances.
    """
    if not each_NT:
        return None
    rng = np.random.default_rng(seed)
    value_N = np.array([one_T[0] for one_T in each_NT])
    drawn_ND = np.stack([rng.choice(one_T, DRAWS) for one_T in each_NT])
    chance = float(np.mean([one_T.mean() for one_T in each_NT]))
    value = float(value_N.mean())
    return Found(value, error_interval(value_N), chance, p_value(value, drawn_ND.mean(0)))


def p_value(value: float, drawn_D: np.ndarray) -> float:
    """Share of draws, the value itself among them, that are at least as high."""
    # A draw that equals the value but for rounding is as high.
    return float((1 + (drawn_D >= value - 1e-12).sum()) / (1 + len(drawn_D)))


def precision_of(score_RT: np.ndarray, marked_T: np.ndarray) -> np.ndarray:
    """Average precision at every shift of the marks (T,), mean over seeds."""
    marked_TT = shifts(marked_T)
    mean_T: np.ndarray = np.mean([average_precision(one, marked_TT) for one in score_RT], axis=0)
    return mean_T


def pointing_of(score_RT: np.ndarray, marked_T: np.ndarray) -> np.ndarray:
    """Whether the highest score is marked, at every shift (T,), mean over seeds."""
    top_RT = score_RT == score_RT.max(1, keepdims=True)
    # Several clips that are highest alike share the hit.
    hits_RT = top_RT @ shifts(marked_T).T.astype(float) / top_RT.sum(1, keepdims=True)
    mean_T: np.ndarray = hits_RT.mean(0)
    return mean_T
