"""Deletion curves and whole elements left out, against closed forms and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from test_evidence import performance, ridge_parts, score, scorer_of

from cofinal.errors import CofinalError
from cofinal.explain.curves import points_lost, random_orders, rank_orders, shares
from cofinal.explain.elements import stretch_points
from cofinal.explain.ways import read_way


def test_deleting_clips_from_ridge_moves_its_time_average_as_known() -> None:
    scorer, features, points_KT = ridge_parts()
    order_3T = rank_orders(points_KT[0])
    found_3SK = points_lost(scorer.model, features.values, order_3T, steps=2)
    T = points_KT.shape[1]
    for order_T, lost_SK in zip(order_3T, found_3SK, strict=True):
        for share, lost_K in zip(shares(2), lost_SK, strict=True):
            kept = order_T[round(share * T) :]
            # Points are distances from the mean, so what is lost is what the kept ones lack.
            np.testing.assert_allclose(lost_K, -points_KT[:, kept].mean(1), atol=1e-4)
    highest, lowest, _ = found_3SK[:, :, 0]
    assert (highest > 0).all() and (lowest < 0).all()


@pytest.mark.parametrize("method", ["cofinal", "ms-lstm"])
def test_points_lost_are_the_scores_without_the_clips_in_time_order(method: str) -> None:
    scorer, clips_TC = scorer_of(method), performance(11).values
    order_RT = random_orders(11, 40, seed=2)
    found_RSK = points_lost(scorer.model, clips_TC, order_RT, steps=3)
    for r in (0, 39):
        for s, share in enumerate(shares(3)):
            kept = np.sort(order_RT[r, round(share * 11) :])
            expected_K = score(scorer, clips_TC) - score(scorer, clips_TC[kept])
            np.testing.assert_allclose(found_RSK[r, s], expected_K, atol=5e-4)


def test_orders_hold_every_clip_once_and_equal_evidence_is_not_told_by_place() -> None:
    evidence_T = np.array([1.0, -5.0, 3.0, 0.0, -2.0])
    highest, lowest, strongest = rank_orders(evidence_T)
    assert highest.tolist() == [2, 0, 3, 4, 1]
    assert lowest.tolist() == highest[::-1].tolist()
    assert strongest.tolist() == [1, 2, 4, 0, 3]
    flat = rank_orders(np.zeros(20))
    assert (np.sort(flat, axis=1) == np.arange(20)).all()
    assert flat[0].tolist() != list(range(20))


@pytest.mark.parametrize("method", ["ridge", "cofinal", "ms-lstm"])
def test_elements_left_out_together_equal_each_left_out_alone(method: str) -> None:
    scorer, clips_TC = scorer_of(method), performance(10).values
    stretches = [(0, 3), (3, 1), (6, 4)]
    found_KE = stretch_points(scorer.model, clips_TC, stretches)
    for e, (first, count) in enumerate(stretches):
        without = np.delete(clips_TC, np.arange(first, first + count), axis=0)
        expected_K = score(scorer, clips_TC) - score(scorer, without)
        np.testing.assert_allclose(found_KE[:, e], expected_K, atol=5e-4)


def test_ways_are_named_by_kind_and_width() -> None:
    features, model = performance(), scorer_of("cofinal").model
    assert read_way("occlusion-3").explain(model, features).width == 3  # type: ignore[union-attr]
    mean = read_way("mean-2").explain(model, features)
    assert mean is not None and (mean.method, mean.width) == ("occlusion", 2)
    assert read_way("gradients").signed and not read_way("attention").signed
    assert read_way("attention").explain(scorer_of("ridge").model, features) is None


@pytest.mark.parametrize("name", ["", "occlusion", "occlusion-0", "mean--1", "attention-2", "lime"])
def test_unknown_ways_get_a_sentence(name: str) -> None:
    with pytest.raises(CofinalError, match=f"evidence '{name}' is unknown; expected"):
        read_way(name)
