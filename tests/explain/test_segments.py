"""Cutting a time line, against all cuts one by one."""

from __future__ import annotations

from itertools import combinations_with_replacement, pairwise

import numpy as np
import pytest

from cofinal.explain.segments import NEVER, best_cut, posterior, segment_sums


def every_cut(scores: list[np.ndarray]) -> list[tuple[tuple[int, ...], float]]:
    """All ways to cut, with their scores."""
    T, longest = len(scores[0]) - 1, scores[0].shape[1] - 1
    found = []
    for inner in combinations_with_replacement(range(T + 1), len(scores) - 1):
        borders = (0, *inner, T)
        lengths = [b - a for a, b in pairwise(borders)]
        if max(lengths) <= longest:
            parts = zip(scores, borders[1:], lengths, strict=True)
            found.append((borders, sum(float(score[end, length]) for score, end, length in parts)))
    return [(borders, total) for borders, total in found if total > NEVER / 2]


def tables(T: int, longest: int, seed: int) -> list[np.ndarray]:
    """Background, element, background, element, background, of random worth."""
    rng = np.random.default_rng(seed)
    found = []
    for s in range(5):
        prior_L = rng.normal(size=longest + 1)
        if s % 2:
            prior_L[0] = NEVER
        place_UL = rng.normal(size=(T + 1, longest + 1))
        found.append(segment_sums(rng.normal(size=T), longest) + prior_L + place_UL)
    return found


@pytest.mark.parametrize(("T", "longest"), [(2, 2), (5, 5), (7, 7), (7, 3), (8, 2)])
@pytest.mark.parametrize("seed", range(4))
def test_best_cut_and_posterior_are_those_of_all_cuts(T: int, longest: int, seed: int) -> None:
    scores = tables(T, longest, seed)
    cuts = every_cut(scores)
    best, most = max(cuts, key=lambda cut: cut[1])
    borders, total = best_cut(scores)
    assert tuple(borders) == best
    assert total == pytest.approx(most)
    weight = np.exp([score for _, score in cuts])
    found = posterior(scores)
    assert found.log_likelihood == pytest.approx(np.log(weight.sum()))
    clips_TS, lengths_SL = np.zeros((T, 5)), np.zeros((5, longest + 1))
    for (borders_of, _), share in zip(cuts, weight / weight.sum(), strict=True):
        for s, (start, end) in enumerate(pairwise(borders_of)):
            clips_TS[start:end, s] += share
            lengths_SL[s, end - start] += share
    np.testing.assert_allclose(found.clips_TS, clips_TS, atol=1e-9)
    np.testing.assert_allclose(found.lengths_SL, lengths_SL, atol=1e-9)


def test_sums_are_those_of_each_segment() -> None:
    values_T = np.random.default_rng(0).normal(size=6)
    sums_UL = segment_sums(values_T, 4)
    for end in range(7):
        for length in range(5):
            inside = values_T[end - length : end].sum() if length <= end else NEVER
            assert sums_UL[end, length] == pytest.approx(inside, abs=1e-12)


def test_more_clips_than_segments_can_hold_cannot_be_cut() -> None:
    assert best_cut(tables(20, 3, seed=0))[1] <= NEVER / 2
