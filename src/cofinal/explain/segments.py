"""Cutting a time line into segments of known order: the best way, and how likely every way is.

Source: hidden semi-Markov models (Yu, "Hidden semi-Markov models", Artificial Intelligence 2010):
Viterbi and forward-backward over segments of explicit length. Differs: the order of the states is
given, so a state is a place in that order.

A score table (U, L) says what a segment is worth that ends at border u and lasts l clips; NEVER
where that cannot be. Its rows are ends; `_by_start` looks at the same numbers by starts.

Letters: T clips, U = T + 1 borders between clips, L lengths (0 to the longest), S segments.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

# Log-probability of what cannot be: finite, so that differences of two of them stay numbers.
NEVER = -1e30


@dataclass(frozen=True, eq=False)
class Posterior:
    """How likely each clip and each length belongs to each segment, over all ways to cut."""

    clips_TS: np.ndarray
    """Probability that a clip belongs to a segment; rows sum to one."""
    lengths_SL: np.ndarray
    """Probability that a segment lasts so many clips; rows sum to one."""
    log_likelihood: float
    """Logarithm of the sum of exp(score) over all ways to cut."""


def segment_sums(clips_T: np.ndarray, longest: int) -> np.ndarray:
    """Sum of the clips' values in every segment: (U, L); NEVER where it would start before 0."""
    total_U = np.concatenate([[0.0], np.cumsum(clips_T)])
    sums_UL = total_U[:, None] - _back(total_U, longest, 0.0)
    end_U1, length_L = np.arange(len(total_U))[:, None], np.arange(longest + 1)
    return np.where(length_L <= end_U1, sums_UL, NEVER)


def best_cut(scores: Sequence[np.ndarray]) -> tuple[np.ndarray, float]:
    """The segmentation of the highest total score.

    Args:
        scores: S tables (U, L), in order.

    Returns:
        Borders (S + 1,), from 0 to T, and the total; a total of about NEVER means there is none.
    """
    ends = np.arange(len(scores[0]))
    reach_U = np.where(ends == 0, 0.0, NEVER)
    lengths = []
    for score_UL in scores:
        way_UL = _back(reach_U, score_UL.shape[1] - 1, NEVER) + score_UL
        lengths.append(way_UL.argmax(1))
        reach_U = way_UL[ends, lengths[-1]]
    borders = [len(ends) - 1]
    for length_U in reversed(lengths):
        borders.append(borders[-1] - int(length_U[borders[-1]]))
    return np.array(borders[::-1]), float(reach_U[-1])


def posterior(scores: Sequence[np.ndarray]) -> Posterior:
    """What all segmentations say together, each weighted by exp(its total score)."""
    U, longest = len(scores[0]), scores[0].shape[1] - 1
    reach = [np.where(np.arange(U) == 0, 0.0, NEVER)]
    for score_UL in scores:
        reach.append(_log_sum(_back(reach[-1], longest, NEVER) + score_UL))
    likelihood = reach[-1][-1]
    leave_U = np.where(np.arange(U) == U - 1, 0.0, NEVER)
    clips, lengths = [], []
    for score_UL, reach_U in zip(reversed(scores), reversed(reach[:-1]), strict=True):
        onward_UL = score_UL + leave_U[:, None]
        way_UL = np.exp(_back(reach_U, longest, NEVER) + onward_UL - likelihood)
        inside_U = np.cumsum(_by_start(way_UL, 0.0).sum(1) - way_UL.sum(1))
        clips.append(inside_U[:-1])
        lengths.append(way_UL.sum(0))
        leave_U = _log_sum(_by_start(onward_UL, NEVER))
    return Posterior(np.stack(clips[::-1], 1), np.stack(lengths[::-1]), float(likelihood))


def _back(values_U: np.ndarray, longest: int, before: float) -> np.ndarray:
    """Value at the start of every segment: [u, l] is values[u - l], or `before`; (U, L)."""
    padded = np.concatenate([np.full(longest, before), values_U])
    return sliding_window_view(padded, longest + 1)[:, ::-1]


def _by_start(table_UL: np.ndarray, beyond: float) -> np.ndarray:
    """The same table by starts: [u, l] is table[u + l, l], or `beyond`; (U, L)."""
    U, L = table_UL.shape
    padded = np.concatenate([table_UL, np.full((L - 1, L), beyond)])
    row, column = padded.strides
    return as_strided(padded, (U, L), (row, row + column), writeable=False)


def _log_sum(table_UL: np.ndarray) -> np.ndarray:
    """Logarithm of the sum of exponentials along each row: (U,)."""
    most_U = table_UL.max(1)
    total_U: np.ndarray = most_U + np.log(np.exp(table_UL - most_U[:, None]).sum(1))
    return total_U
