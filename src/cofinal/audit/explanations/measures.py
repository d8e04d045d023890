"""What explanations are measured by: removal of clips, agreement, marks of elements.

**Deletion and insertion**: does the score move as the evidence says when clips go? In points,
against orders drawn by chance.

**Agreement**: do ways to explain agree with each other, between seeds, with models that know
nothing?

**Marks of elements**: does the evidence in an element's clips go with how the element was judged?
Two ways that chance could look like knowledge are kept apart. Within a performance, marks are
dealt out anew among its elements: "within". But what comes first may always get much evidence and
good marks, whoever skates; so evidence and marks are also compared with what is usual at that
place of the order, and performances are dealt out anew place by place: "given the place".

Letters: R seeds, N performances, T clips, O = 3 orders (highest, lowest, strongest first), S steps,
Q orders drawn by chance, X rows, E elements of a performance, D draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from scipy.stats import rankdata

from cofinal.audit.explanations.faults import DRAWS, p_value
from cofinal.evaluation.bootstrap import mean_interval, ratio_interval
from cofinal.evaluation.metrics import FEWEST_ITEMS, srcc_rows
from cofinal.evaluation.resampling import Resampling

Interval = tuple[float, float] | None


@dataclass(frozen=True)
class DeletionInsertion:
    """How far a score moves as clips go. Areas are means over the steps, in points."""

    deletion: float
    """Points lost when the clips with the most points go first, more than when chance chooses."""
    deletion_interval: Interval
    insertion: float
    """Points gained when only the clips with the most points are kept, more than by chance."""
    insertion_interval: Interval
    share_of_spread: float
    """Deletion and insertion together, as a share of twice the scores' standard deviation."""
    better_than_chance: float
    """Share of performances whose deletion area is above that of chance."""
    chance: float
    """Points lost when chance chooses."""
    moved: float
    """How far the score moves, up or down, when the clips of the strongest evidence go first, as a
    multiple of chance: the only area that is fair to evidence without a sign."""
    moved_interval: Interval
    highest_S: np.ndarray = field(repr=False)
    """Points lost after each step, highest evidence first."""
    lowest_S: np.ndarray = field(repr=False)
    """The same, lowest first."""
    chance_S: np.ndarray = field(repr=False)
    """The same, by chance."""


def deletion_insertion(
    lost_RNOS: np.ndarray,
    lost_random_RNQS: np.ndarray,
    spread: float,
    drawn: Resampling | None = None,
) -> DeletionInsertion:
    """Measures curves.

    Args:
        lost_RNOS: points lost by evidence.
        lost_random_RNQS: points lost by chance.
        spread: standard deviation of the scores, points.
        drawn: how the bootstrap draws performances; single ones by default.
    """
    by_chance_N = lost_random_RNQS.mean((0, 2, 3))
    high_N, low_N = (lost_RNOS[:, :, order].mean((0, 2)) for order in (0, 1))
    # Keeping the best is deleting the worst: what the score gains is what it does not lose.
    deletion_N, insertion_N = high_N - by_chance_N, by_chance_N - low_N
    moved_N = np.abs(lost_RNOS[:, :, 2]).mean((0, 2))
    moved_chance_N = np.abs(lost_random_RNQS).mean((0, 2, 3))
    with np.errstate(invalid="ignore", divide="ignore"):
        moved = float(np.nan_to_num(moved_N.mean() / moved_chance_N.mean()))
    return DeletionInsertion(
        deletion=float(deletion_N.mean()),
        deletion_interval=mean_interval(deletion_N, drawn),
        insertion=float(insertion_N.mean()),
        insertion_interval=mean_interval(insertion_N, drawn),
        share_of_spread=float((deletion_N + insertion_N).mean() / (2 * spread)) if spread else 0.0,
        better_than_chance=float((deletion_N > 0).mean()),
        chance=float(by_chance_N.mean()),
        moved=moved,
        moved_interval=ratio_interval(moved_N, moved_chance_N, drawn),
        highest_S=lost_RNOS[:, :, 0].mean((0, 1)),
        lowest_S=lost_RNOS[:, :, 1].mean((0, 1)),
        chance_S=lost_random_RNQS.mean((0, 1, 2)),
    )


@dataclass(frozen=True)
class RankCorrelation:
    """Spearman's rank correlation of two explanations over the clips of a performance."""

    mean: float
    interval: tuple[float, float] | None
    """95 % bootstrap interval of the mean."""
    size: float
    """Mean of the correlation's size, sign left out."""


def rank_correlation(
    first_NXT: Sequence[np.ndarray],
    second_NXT: Sequence[np.ndarray],
    drawn: Resampling | None = None,
) -> RankCorrelation | None:
    """Correlation of explanations, mean over rows and performances.

    Args:
        first_NXT: for each performance (X, T).
        second_NXT: for each performance (X, T), what each row is compared with.
        drawn: how the bootstrap draws performances; single ones by default.

    Returns:
        None where no performance has a defined correlation.
    """
    rows = [srcc_rows(a, b) for a, b in zip(first_NXT, second_NXT, strict=True)]
    defined = [row_X[np.isfinite(row_X)] for row_X in rows]
    known = [row_X for row_X in defined if len(row_X)]
    if not known:
        return None
    drawn = drawn and drawn.only(np.array([len(row_X) > 0 for row_X in defined]))
    each_N = np.array([row_X.mean() for row_X in known])
    size = float(np.mean([np.abs(row_X).mean() for row_X in known]))
    return RankCorrelation(float(each_N.mean()), mean_interval(each_N, drawn), size)


def between_seeds(
    evidence_NRT: Sequence[np.ndarray], drawn: Resampling | None = None
) -> RankCorrelation | None:
    """Agreement of explanations of models of different seeds; None for a single seed."""
    seeds = len(evidence_NRT[0])
    pairs = np.array(list(combinations(range(seeds), 2)), dtype=int)
    if not len(pairs):
        return None
    return rank_correlation(
        [one_RT[pairs[:, 0]] for one_RT in evidence_NRT],
        [one_RT[pairs[:, 1]] for one_RT in evidence_NRT],
        drawn,
    )


@dataclass(frozen=True)
class MarkCorrelation:
    """How evidence goes with a mark of elements."""

    performances: int
    within: float
    """Spearman's correlation over the elements of a performance, mean over performances."""
    interval: tuple[float, float] | None
    """95 % bootstrap interval."""
    p_within: float
    """Two-sided, marks dealt out anew inside each performance."""
    given_place: float | None
    """Pearson's correlation of what is left after the means of performance and place are taken
    out; None where performances have different numbers of elements."""
    p_given_place: float | None
    """Two-sided, performances dealt out anew at each place."""


def mark_correlation(
    evidence_NRE: Sequence[np.ndarray],
    mark_NE: Sequence[np.ndarray],
    seed: int = 0,
    bootstrap: Resampling | None = None,
) -> MarkCorrelation | None:
    """Compares evidence with marks of the elements.

    Args:
        evidence_NRE: for each performance (R, E), a row a seed.
        mark_NE: for each performance its elements' marks; NaN where there is none.
        seed: seed of the draws.
        bootstrap: how the bootstrap draws performances; single ones by default.

    Returns:
        None where no performance has three elements with different marks.
    """
    pairs = [
        (evidence_RE[:, np.isfinite(mark_E)], mark_E[np.isfinite(mark_E)])
        for evidence_RE, mark_E in zip(evidence_NRE, mark_NE, strict=True)
    ]
    found = [_drawn(*pair, seed + i) for i, pair in enumerate(pairs)]
    rows = [one for one in found if one]
    if not rows:
        return None
    bootstrap = bootstrap and bootstrap.only(np.array([one is not None for one in found]))
    value_N, drawn_ND = np.array([row[0] for row in rows]), np.stack([row[1] for row in rows])
    value, drawn_D = float(value_N.mean()), drawn_ND.mean(0)
    given, p_given = _given_place(pairs, seed)
    p_within = two_sided(value, drawn_D)
    interval = mean_interval(value_N, bootstrap)
    return MarkCorrelation(len(rows), value, interval, p_within, given, p_given)


def two_sided(value: float, drawn_D: np.ndarray) -> float:
    """Share of draws, the value itself among them, that are at least as far from zero."""
    return p_value(abs(value), np.abs(drawn_D))


def _drawn(
    evidence_RE: np.ndarray, mark_E: np.ndarray, seed: int
) -> tuple[float, np.ndarray] | None:
    """Correlation in one performance, mean over seeds, and of marks dealt out anew (D,)."""
    if len(mark_E) < FEWEST_ITEMS:
        return None
    # Ranks are dealt out like the marks themselves, so they are taken only once.
    rank_RE, rank_E = _unit_ranks(evidence_RE), _unit_ranks(mark_E[None])[0]
    if not (np.isfinite(rank_RE).all() and np.isfinite(rank_E).all()):
        return None
    rng = np.random.default_rng(seed)
    drawn_DE = rng.permuted(np.broadcast_to(rank_E, (DRAWS, len(rank_E))), axis=1)
    mean_E = rank_RE.mean(0)
    return float(mean_E @ rank_E), drawn_DE @ mean_E


def _unit_ranks(values_XE: np.ndarray) -> np.ndarray:
    """Ranks of each row without their mean, of length one; NaN where all values are equal."""
    ranks_XE = rankdata(values_XE, axis=1) - (values_XE.shape[1] + 1) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        unit_XE: np.ndarray = ranks_XE / np.sqrt((ranks_XE**2).sum(1, keepdims=True))
    return unit_XE


def _given_place(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], seed: int
) -> tuple[float | None, float | None]:
    """Correlation given performance and place, mean over seeds, and its p."""
    counts = [len(mark_E) for _, mark_E in pairs]
    usual = max(set(counts), key=counts.count)
    same = [pair for pair, count in zip(pairs, counts, strict=True) if count == usual]
    # Most performances must have as many elements, or a place means nothing.
    if len(same) < 3 or len(same) < 0.8 * len(pairs) or usual < 2:
        return None, None
    left_RNE = _without_means(np.stack([evidence_RE for evidence_RE, _ in same], axis=1))
    marks_NE = _without_means(np.stack([mark_E for _, mark_E in same]))
    rng = np.random.default_rng(seed)
    place_E = np.arange(usual)
    norm_R = np.sqrt((left_RNE**2).sum((1, 2)))
    if not (norm_R > 0).all() or not marks_NE.any():
        return None, None
    found = []
    for draw in range(DRAWS + 1):
        dealt_NE = np.tile(np.arange(len(same))[:, None], (1, usual))
        if draw:
            dealt_NE = rng.permuted(dealt_NE, axis=0)
        dealt = _without_means(marks_NE[dealt_NE, place_E])
        product_R = (left_RNE * dealt).sum((1, 2)) / (norm_R * np.sqrt((dealt**2).sum()))
        found.append(product_R.mean())
    return float(found[0]), two_sided(float(found[0]), np.array(found[1:]))


def _without_means(values: np.ndarray) -> np.ndarray:
    """What is left of (..., N, E) without the means of performances and of places."""
    centred = values - values.mean(-1, keepdims=True)
    left: np.ndarray = centred - centred.mean(-2, keepdims=True)
    return left
