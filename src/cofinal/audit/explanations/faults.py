"""Does evidence find the moments of faults, better than chance? Where times are known it counts.

Evidence runs on from clip to clip, and so do faults: clips drawn by chance would be beaten too
easily. Shifting the marks of a performance around in a circle keeps both runs and breaks only what
joins them.

Letters: T clips, F faults of a performance, R seeds, X rows, D draws, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cofinal.evaluation.bootstrap import mean_interval, srcc_samples
from cofinal.evaluation.metrics import srcc_rows
from cofinal.evaluation.resampling import Resampling, alone, percentile_interval

DRAWS = 2000
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


@dataclass(frozen=True)
class AgainstChance:
    """A measure of finding, against chance."""

    value: float
    interval: tuple[float, float] | None
    """95 % bootstrap interval."""
    chance: float
    """Mean under circular shifts."""
    p: float
    """Share of draws by chance that are as good, one-sided, never 0."""


@dataclass(frozen=True)
class FaultFinding:
    """How well one way to explain finds faults."""

    precision: AgainstChance | None
    """Average precision in a performance, mean over those with faulty and faultless clips."""
    pooled: AgainstChance | None
    """Average precision over the clips of all performances together."""
    prevalence: float
    """Share of faulty clips."""
    pointing: AgainstChance | None
    """How often the clip with the most points lost is faulty."""
    inside: AgainstChance | None
    """Average precision among the clips of elements alone."""
    deduction: AgainstChance | None
    """Spearman's correlation of a fault's deduction with the points lost in its clips."""


def find_faults(
    score_NRT: Sequence[np.ndarray],
    marks: Sequence[ClipMarks],
    drawn: Resampling | None = None,
) -> FaultFinding:
    """Measures how well scores find faults.

    Args:
        score_NRT: for each performance (R, T), high where a fault is expected.
        marks: for each performance the truth.
        drawn: how the bootstrap draws performances; single ones by default.
    """
    drawn = drawn or alone(len(marks))
    faulty_NT = [m.faulty_T for m in marks]
    mixed_N = np.array([0 < faulty.sum() < len(faulty) for faulty in faulty_NT])
    mixed = [(score_NRT[n], faulty_NT[n]) for n in np.flatnonzero(mixed_N).tolist()]
    among_NT = [m.faulty_T[m.inside_T] for m in marks]
    inside_N = np.array([0 < faulty.sum() < len(faulty) for faulty in among_NT])
    inside = [
        (score_NRT[n][:, marks[n].inside_T], among_NT[n]) for n in np.flatnonzero(inside_N).tolist()
    ]
    return FaultFinding(
        precision=against_shifts([precision_of(*pair) for pair in mixed], drawn.only(mixed_N)),
        pooled=pooled_precision(score_NRT, faulty_NT, drawn),
        prevalence=float(np.concatenate(faulty_NT).mean()),
        pointing=against_shifts([pointing_of(*pair) for pair in mixed], drawn.only(mixed_N)),
        inside=against_shifts([precision_of(*pair) for pair in inside], drawn.only(inside_N)),
        deduction=deduction_correlation(score_NRT, marks, drawn),
    )


def pooled_precision(
    score_NRT: Sequence[np.ndarray],
    faulty_NT: Sequence[np.ndarray],
    bootstrap: Resampling,
    seed: int = 0,
) -> AgainstChance | None:
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
    again = _resampled_precision(score_NRT, faulty_NT, bootstrap)
    return AgainstChance(
        float(found_D[0]),
        percentile_interval(again),
        float(found_D[1:].mean()),
        p_value(float(found_D[0]), found_D[1:]),
    )


def _resampled_precision(
    score_NRT: Sequence[np.ndarray], faulty_NT: Sequence[np.ndarray], bootstrap: Resampling
) -> np.ndarray:
    """Pooled average precision of bootstrap samples (D,)."""
    again = []
    weights = replace(bootstrap, samples=POOLED_DRAWS).weights()
    for weight_N in (weight_N for weight_SN in weights for weight_N in weight_SN):
        drawn = np.repeat(np.arange(len(score_NRT)), weight_N.astype(int))
        if not len(drawn):
            continue
        faulty_P = np.concatenate([faulty_NT[n] for n in drawn.tolist()])
        if faulty_P.any():
            score_RP = np.concatenate([score_NRT[n] for n in drawn.tolist()], axis=1)
            rows = [average_precision(score_P, faulty_P[None])[0] for score_P in score_RP]
            again.append(np.mean(rows))
    return np.array(again)


def deduction_correlation(
    score_NRT: Sequence[np.ndarray],
    marks: Sequence[ClipMarks],
    bootstrap: Resampling,
    seed: int = 0,
) -> AgainstChance | None:
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
    performance_F = np.repeat(np.arange(len(marks)), [len(m.deduction_F) for m in marks])
    samples_SR = srcc_samples(score_RDF[:, 0], deduction_F, bootstrap.only(performance_F))
    interval = percentile_interval(samples_SR.mean(1))
    chance = float(np.nanmean(found_D[1:]))
    value = float(found_D[0])
    return AgainstChance(value, interval, chance, p_value(value, found_D[1:]))


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


def against_shifts(
    each_NT: Sequence[np.ndarray], bootstrap: Resampling, seed: int = 0
) -> AgainstChance | None:
    """The mean over performances of a measure, against shifts drawn for each performance.

    Args:
        each_NT: for each performance the measure at every shift, that of no shift first.
        bootstrap: how the bootstrap draws performances.
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
    interval = mean_interval(value_N, bootstrap)
    return AgainstChance(value, interval, chance, p_value(value, drawn_ND.mean(0)))


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
