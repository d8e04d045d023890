"""Learns an `Aligner` from performances whose elements are known in order, but not in time.

Expectation-maximisation, started from equal parts: all placements are weighed by what is known so
far, then families' means, the shared covariance and lengths are estimated from those weights.

Letters: N performances, T clips, C backbone channels, D width, F families and background,
L lengths, S segments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from cofinal.data.sheets import Element
from cofinal.errors import CofinalError
from cofinal.explain.aligner import (
    TRUST,
    Aligner,
    Lengths,
    centred,
    check_count,
    class_name,
)
from cofinal.explain.segments import posterior
from cofinal.layers.whitening import ClipWhitening

# Most directions of the clips that families are told apart by.
WIDTH = 64
ROUNDS = 15
# Share of its equal part that an element is thought to take at first.
FIRST_SHARE = 0.65
# How far the covariance is drawn towards a sphere.
SHRINKAGE = 0.1
# Elements that a family's length, and clips that its mean, are worth before any was seen.
PRIOR_ELEMENTS, PRIOR_CLIPS = 5.0, 3.0
# Smallest standard deviation of lengths, as a share of the mean, and in clips.
LEAST_SPREAD, LEAST_CLIPS = 0.15, 0.3


@dataclass(frozen=True, eq=False)
class Weights:
    """What the placements of all performances say together, each by its probability."""

    clips_TF: np.ndarray
    """For all clips of all performances, one after another."""
    moments_F3: np.ndarray
    """Number of segments, sum of lengths, sum of squared lengths."""


def fit_aligner(
    clips: Sequence[np.ndarray],
    elements: Sequence[Sequence[Element]],
    *,
    width: int = WIDTH,
    rounds: int = ROUNDS,
    trust: float = TRUST,
    on_round: Callable[[int, float], None] | None = None,
) -> Aligner:
    """Learns from order alone; times of elements are not looked at.

    Args:
        clips: N performances (T, C).
        elements: of each, in the order they were performed.
        width: D, at most.
        rounds: of expectation and maximisation.
        trust: what a clip's log-likelihood counts.
        on_round: is told the round and the log-likelihood of all performances in it.

    Raises:
        CofinalError: fewer than two performances, as many orders as performances are not given,
            or a performance with no elements or more than clips.
    """
    _check(clips, elements)
    families = tuple(sorted({class_name(one) for order in elements for one in order}))
    classes = [[families.index(class_name(one)) for one in order] for order in elements]
    aligner = _blank(clips, families, width, trust)
    white = [aligner.whiten(values) for values in clips]
    weights = equal_weights([len(values) for values in white], classes, len(families) + 1)
    aligner = maximisation(aligner, white, weights)
    for i in range(rounds):
        weights, likelihood = expectation(aligner, white, classes)
        aligner = maximisation(aligner, white, weights)
        if on_round:
            on_round(i, likelihood)
    return aligner


def _blank(
    clips: Sequence[np.ndarray], families: tuple[str, ...], width: int, trust: float
) -> Aligner:
    """An aligner that whitens clips, and knows nothing of families yet."""
    whitening = ClipWhitening(clips[0].shape[1], width, exponent=1.0)
    whitening.fit(torch.from_numpy(centred(values)) for values in clips)
    mean_C, projection_CD = whitening.mean_C.numpy(), whitening.projection_CD.numpy()
    D, F = projection_CD.shape[1], len(families) + 1
    lengths = Lengths(np.ones(F), np.ones(F))
    return Aligner(families, mean_C, projection_CD, np.zeros((F, D)), np.eye(D), lengths, trust)


def maximisation(aligner: Aligner, white: Sequence[np.ndarray], weights: Weights) -> Aligner:
    """The aligner that goes best with the weights."""
    means_FD, precision_DD = _gaussians(np.concatenate(white), weights.clips_TF)
    lengths = _lengths(weights.moments_F3)
    return replace(aligner, means_FD=means_FD, precision_DD=precision_DD, lengths=lengths)


def expectation(
    aligner: Aligner, white: Sequence[np.ndarray], classes: Sequence[Sequence[int]]
) -> tuple[Weights, float]:
    """Weighs all placements of every performance; with the log-likelihood of all."""
    F = len(aligner.families) + 1
    rows, moments_F3, likelihood = [], np.zeros((F, 3)), 0.0
    for white_TD, order in zip(white, classes, strict=True):
        found = posterior(aligner.scores(white_TD, order))
        f_S = np.full(2 * len(order) + 1, F - 1)
        f_S[1::2] = order
        kind_SF = np.eye(F)[f_S]
        rows.append(found.clips_TS @ kind_SF)
        power_L3 = np.arange(found.lengths_SL.shape[1])[:, None] ** np.arange(3)
        moments_F3 += kind_SF.T @ (found.lengths_SL @ power_L3)
        likelihood += found.log_likelihood
    return Weights(np.concatenate(rows), moments_F3), likelihood


def equal_weights(lengths: Sequence[int], classes: Sequence[Sequence[int]], kinds: int) -> Weights:
    """Weights before anything was learned: each element in the middle of its equal part."""
    rows, moments_F3 = [], np.zeros((kinds, 3))
    for T, order in zip(lengths, classes, strict=True):
        part = T / len(order)
        middle_S = part * (np.arange(len(order)) + 0.5)
        clip_T1, half = np.arange(T)[:, None], part * FIRST_SHARE / 2
        own_TS = np.minimum(clip_T1 + 1, middle_S + half) - np.maximum(clip_T1, middle_S - half)
        clips_TF = own_TS.clip(0, 1) @ np.eye(kinds)[list(order)]
        clips_TF[:, -1] = 1 - clips_TF.sum(1)
        rows.append(clips_TF)
        # A standard deviation of half the mean: nothing is known of lengths yet.
        for f, length in ((f, part * FIRST_SHARE) for f in order):
            moments_F3[f] += (1, length, 1.25 * length**2)
        gaps, gap = len(order) + 1, T * (1 - FIRST_SHARE) / (len(order) + 1)
        moments_F3[-1] += (gaps, gaps * gap, gaps * gap**2)
    return Weights(np.concatenate(rows), moments_F3)


def _gaussians(white_TD: np.ndarray, clips_TF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of the families, drawn towards zero where clips are few, and shared precision."""
    count_F = clips_TF.sum(0)
    means_FD = clips_TF.T @ white_TD / (count_F + PRIOR_CLIPS)[:, None]
    # Scatter around the means as they are, those drawn to zero included.
    cross_DD = (means_FD * (count_F + 2 * PRIOR_CLIPS)[:, None]).T @ means_FD
    within_DD = (white_TD.T @ white_TD - cross_DD) / len(white_TD)
    D = len(within_DD)
    sphere = max(np.trace(within_DD) / D, 1e-6)
    within_DD = (1 - SHRINKAGE) * within_DD + SHRINKAGE * sphere * np.eye(D)
    return means_FD, np.linalg.inv(within_DD)


def _lengths(moments_F3: np.ndarray) -> Lengths:
    """Means and standard deviations of lengths; families of few elements lean on all elements."""
    every_3 = moments_F3[:-1].sum(0)
    prior_3 = PRIOR_ELEMENTS * every_3 / every_3[0]
    leaning_F3 = moments_F3 + np.concatenate(
        [np.tile(prior_3, (len(moments_F3) - 1, 1)), np.zeros((1, 3))]
    )
    mean_F = leaning_F3[:, 1] / leaning_F3[:, 0]
    variance_F = leaning_F3[:, 2] / leaning_F3[:, 0] - mean_F**2
    least_F = np.maximum(LEAST_SPREAD * mean_F, LEAST_CLIPS)
    spread_F = np.sqrt(np.maximum(variance_F, least_F**2))
    mean_F[-1] = max(mean_F[-1], 0.2)  # background may be rare, but never impossible
    return Lengths(mean_F, spread_F)


def _check(clips: Sequence[np.ndarray], elements: Sequence[Sequence[Element]]) -> None:
    if len(clips) != len(elements) or len(clips) < 2:
        raise CofinalError(
            f"{len(clips)} performances and {len(elements)} orders of elements; an aligner needs "
            "two or more performances, each with its elements"
        )
    for values, order in zip(clips, elements, strict=True):
        check_count(len(values), len(order))
        if values.ndim != 2 or values.shape[1] != clips[0].shape[1]:
            raise CofinalError(
                f"features have shapes {values.shape} and {clips[0].shape}; "
                "an aligner needs performances of one backbone"
            )
