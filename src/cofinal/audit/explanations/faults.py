"""Does evidence find the moments of the faults? Where their times are known it can be counted.

Letters: T clips, F faults of a performance, R seeds, D draws, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from cofinal.audit.explanations.ranking import (
    Found,
    against_shifts,
    average_precision,
    p_value,
    pointing_of,
    precision_of,
    shifts,
)
from cofinal.data.sheets import Element
from cofinal.evaluation.metrics import percentile_interval, srcc_rows
from cofinal.times import ClipTimes

# Draws of measures over all performances together, which cost more.
POOLED_DRAWS = 200


@dataclass(frozen=True)
class ClipMarks:
    """What the sheet of one performance says of its clips."""

    faulty_T: np.ndarray = field(repr=False)
    inside_T: np.ndarray = field(repr=False)
    """True where a clip belongs to an element."""
    share_FT: np.ndarray = field(repr=False)
    """What each clip counts of a fault: its own ones alike, others nothing; rows sum to one."""
    deduction_F: np.ndarray = field(repr=False)
    """Points."""


def mark_clips(elements: Sequence[Element], clips: int, times: ClipTimes) -> ClipMarks:
    """Marks the clips of a performance by the times of its elements and faults.

    Args:
        elements: with times.
        clips: T.
        times: when the clips are.
    """
    faults = [fault for element in elements for fault in element.faults]
    timed = [(one.start_seconds, one.end_seconds) for one in elements]
    own_ET = _own([(a, b) for a, b in timed if a is not None and b is not None], clips, times)
    own_FT = _own([(one.start_seconds, one.end_seconds) for one in faults], clips, times)
    return ClipMarks(
        np.asarray(own_FT.any(0)),
        np.asarray(own_ET.any(0)),
        own_FT / own_FT.sum(1, keepdims=True),
        np.array([fault.deduction for fault in faults]),
    )


def _own(stretches_F: Sequence[tuple[float, float]], clips: int, times: ClipTimes) -> np.ndarray:
    """True (F, T) where a clip belongs to a stretch of time."""
    own_FT = np.zeros((len(stretches_F), clips), dtype=bool)
    for own_T, (start, end) in zip(own_FT, stretches_F, strict=True):
        first, count = times.stretch(start, end, clips)
        own_T[first : first + count] = True
    return own_FT


@dataclass(frozen=True)
class FaultFinding:
    """How well one way to explain finds faults."""

    precision: Found | None
    """Average precision in a performance, mean over those with faulty and faultless clips."""
    pooled: Found | None
    """Average precision over the clips of all performances together."""
    prevalence: float
    """Share of faulty clips."""
    pointing: Found | None
    """How often the clip with the most points lost is faulty."""
    inside: Found | None
    """Average precision among the clips of elements alone."""
    deduction: Found | None
    """Spearman's correlation of a fault's deduction with the points lost in its clips."""


def find_faults(score_NRT: Sequence[np.ndarray], marks: Sequence[ClipMarks]) -> FaultFinding:
    """Measures how well scores find faults.

    Args:
        score_NRT: for each performance (R, T), high where a fault is expected.
        marks: for each performance the truth.
    """
    pairs = list(zip(score_NRT, marks, strict=True))
    mixed = [(score, m.faulty_T) for score, m in pairs if 0 < m.faulty_T.sum() < len(m.faulty_T)]
    inside = [(score[:, m.inside_T], m.faulty_T[m.inside_T]) for score, m in pairs]
    inside = [(score, faulty) for score, faulty in inside if 0 < faulty.sum() < len(faulty)]
    return FaultFinding(
        precision=against_shifts([precision_of(*pair) for pair in mixed]),
        pooled=pooled_precision(score_NRT, [m.faulty_T for m in marks]),
        prevalence=float(np.concatenate([m.faulty_T for m in marks]).mean()),
        pointing=against_shifts([pointing_of(*pair) for pair in mixed]),
        inside=against_shifts([precision_of(*pair) for pair in inside]),
        deduction=deduction_correlation(score_NRT, marks),
    )


def pooled_precision(
    score_NRT: Sequence[np.ndarray], faulty_NT: Sequence[np.ndarray], seed: int = 0
) -> Found | None:
    """Average precision over all clips, mean over seeds; None without faults."""
    score_RP, faulty_P = np.concatenate(score_NRT, axis=1), np.concatenate(faulty_NT)
    if not faulty_P.any():
        return None
    rng = np.random.default_rng(seed)
    drawn_DP = np.concatenate(
        [shifts(one_T)[rng.integers(len(one_T), size=POOLED_DRAWS)] for one_T in faulty_NT], axis=1
    )
    rows_DP = np.concatenate([faulty_P[None], drawn_DP])
    found_D = np.mean([average_precision(score_P, rows_DP) for score_P in score_RP], axis=0)
    again = _resampled_precision(score_NRT, faulty_NT, rng)
    return Found(
        float(found_D[0]),
        percentile_interval(again),
        float(found_D[1:].mean()),
        p_value(float(found_D[0]), found_D[1:]),
    )


def _resampled_precision(
    score_NRT: Sequence[np.ndarray], faulty_NT: Sequence[np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Pooled average precision of bootstrap samples of performances (D,)."""
    again = []
    for _ in range(POOLED_DRAWS):
        drawn = rng.integers(len(score_NRT), size=len(score_NRT))
        faulty_P = np.concatenate([faulty_NT[n] for n in drawn])
        if faulty_P.any():
            score_RP = np.concatenate([score_NRT[n] for n in drawn], axis=1)
            rows = [average_precision(score_P, faulty_P[None])[0] for score_P in score_RP]
            again.append(np.mean(rows))
    return np.array(again)


def deduction_correlation(
    score_NRT: Sequence[np.ndarray], marks: Sequence[ClipMarks], seed: int = 0
) -> Found | None:
    """Spearman's correlation over faults of deduction and score; chance shifts the scores.

    None where there are too few faults or all deductions are equal.
    """
    deduction_F = np.concatenate([m.deduction_F for m in marks])
    rng = np.random.default_rng(seed)
    drawn = []
    for score_RT, m in zip(score_NRT, marks, strict=True):
        shift_D = rng.integers(score_RT.shape[1], size=POOLED_DRAWS)
        # A fault's clips at every shift (T, F, T); the first is the fault's own place.
        share_TFT = shifts(m.share_FT.T).swapaxes(1, 2)[np.concatenate([[0], shift_D])]
        drawn.append(np.einsum("dft,rt->rdf", share_TFT, score_RT))
    score_RDF = np.concatenate(drawn, axis=2)
    rows = [srcc_rows(np.broadcast_to(deduction_F, one.shape), one) for one in score_RDF]
    found_D = np.mean(rows, axis=0)
    if not np.isfinite(found_D[0]):
        return None
    interval = _resampled_correlation(score_RDF[:, 0], deduction_F, rng)
    chance = float(np.nanmean(found_D[1:]))
    return Found(float(found_D[0]), interval, chance, p_value(float(found_D[0]), found_D[1:]))


def _resampled_correlation(
    score_RF: np.ndarray, deduction_F: np.ndarray, rng: np.random.Generator
) -> tuple[float, float] | None:
    """Bootstrap interval over faults of the mean correlation."""
    drawn_DF = rng.integers(len(deduction_F), size=(POOLED_DRAWS, len(deduction_F)))
    rows = [srcc_rows(deduction_F[drawn_DF], score_F[drawn_DF]) for score_F in score_RF]
    return percentile_interval(np.mean(rows, axis=0))
