"""Conformal intervals against the closed form, simulated coverage and what must be refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.stats

from cofinal.errors import CofinalError
from cofinal.evaluation.coverage import coverage
from cofinal.evaluation.intervals import (
    Calibration,
    calibrate,
    check_possible,
    least_performances,
    rank,
)
from distributions_around import around

CONFIDENCES = [0.5, 0.8, 0.9, 0.95]
# Two-sided chance that a correct program fails one coverage test; seeds are fixed.
RISK = 1e-4


def closed_form(error_N: np.ndarray, confidence: str) -> float:
    """The k-th smallest absolute error, k = ceil((N + 1) confidence) in exact arithmetic."""
    k = math.ceil((len(error_N) + 1) * Fraction(confidence))
    return float(np.sort(np.abs(error_N))[k - 1])


def simulated(
    rng: np.random.Generator, count: int, spread: Any = (1.0, 3.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (count, 2) and scores around them with noise of known spread, skewed."""
    predicted = rng.uniform(20, 35, (count, 2))
    return predicted, predicted + (rng.exponential(size=(count, 2)) - 0.5) * spread


@pytest.mark.parametrize("count", [9, 10, 37, 100, 399])
@pytest.mark.parametrize("confidence", ["0.25", "0.5", "0.7", "0.85", "0.9"])
def test_even_distributions_give_the_order_statistic_of_the_closed_form(
    count: int, confidence: str
) -> None:
    rng = np.random.default_rng(count)
    predicted, scores = simulated(rng, count)
    new = rng.uniform(-10, 60, (7, 2))
    intervals = calibrate(around(predicted), scores).intervals(around(new), float(confidence))
    for k in range(2):
        half = closed_form(scores[:, k] - predicted[:, k], confidence)
        np.testing.assert_allclose(intervals[:, k, 0], new[:, k] - half, rtol=0, atol=1e-9)
        np.testing.assert_allclose(intervals[:, k, 1], new[:, k] + half, rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e12])
def test_intervals_follow_the_scale_of_the_scores(scale: float) -> None:
    predicted, scores = simulated(np.random.default_rng(0), 30)
    unit, scaled = around(predicted, 50.0), around(predicted * scale, 50.0 * scale)
    expected = calibrate(unit, scores).intervals(unit, 0.9)
    found = calibrate(scaled, scores * scale).intervals(scaled, 0.9)
    np.testing.assert_allclose(found / scale, expected, rtol=1e-9)


@pytest.mark.parametrize("half_width", [0.5, 4.0, 100.0])
@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_coverage_over_many_draws_is_what_theory_says(confidence: float, half_width: float) -> None:
    # Over draws of calibration set and one new performance, coverage is exactly k / (N + 1), be
    # the distributions far too narrow, so that most scores lie beyond them, or far too wide.
    rng = np.random.default_rng(int(confidence * 100))
    count, draws = 57, 1500
    hits = np.zeros(2, dtype=int)
    for _ in range(draws):
        predicted, scores = simulated(rng, count + 1)
        every = around(predicted, half_width)
        calibration = calibrate(every[1:], scores[1:])
        low, high = np.moveaxis(calibration.intervals(every[:1], confidence), -1, 0)
        hits += ((low <= scores[:1]) & (scores[:1] <= high))[0]
    expected = math.ceil((count + 1) * Fraction(str(confidence))) / (count + 1)
    assert confidence <= expected < confidence + 1 / (count + 1)
    for hit in hits:
        assert scipy.stats.binomtest(int(hit), draws, expected).pvalue > RISK


def test_an_interval_is_wide_where_the_model_is_unsure_and_holds_as_often_there() -> None:
    rng = np.random.default_rng(5)

    def draw(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        spread = rng.choice([0.5, 1.0, 4.0], (count, 1))
        predicted = rng.uniform(0, 30, (count, 1))
        return predicted, predicted + rng.uniform(-1, 1, (count, 1)) * spread, spread

    shares: dict[str, list[np.ndarray]] = {"alike": [], "own": []}
    for _ in range(40):
        known, new = draw(300), draw(600)
        # What the model says is half as wide as it should be, everywhere alike.
        for name, widths in (("alike", (5.0, 5.0)), ("own", (known[2] / 2, new[2] / 2))):
            calibration = calibrate(around(known[0], widths[0]), known[1])
            found = calibration.intervals(around(new[0], widths[1]), 0.9)
            low, high = np.moveaxis(found, -1, 0)
            inside = (low <= new[1]) & (new[1] <= high)
            shares[name].append(np.array([inside[new[2] == s].mean() for s in (0.5, 1.0, 4.0)]))
    alike, own = (np.mean(shares[name], axis=0) for name in ("alike", "own"))
    assert alike[0] > 0.99 and alike[2] < 0.8
    # About 300 calibration performances spread coverage by 0.017; the mean of 40 by 0.003.
    np.testing.assert_allclose(own, 0.9, atol=0.02)


def test_performances_without_a_score_calibrate_their_other_targets() -> None:
    predicted, scores = simulated(np.random.default_rng(3), 40)
    scores[:25, 1] = np.nan
    calibration = calibrate(around(predicted), scores)
    assert list(map(len, calibration.reach)) == [40, 15] and len(calibration) == 15
    half = calibration.intervals(around(predicted), 0.9)[0, :, 1] - predicted[0]
    assert half[0] == pytest.approx(closed_form((scores - predicted)[:, 0], "0.9"))
    assert half[1] == pytest.approx(closed_form((scores - predicted)[25:, 1], "0.9"))


@pytest.mark.parametrize(
    ("confidence", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.001, 1)]
)
def test_the_least_number_is_enough_and_one_less_is_not(confidence: float, least: int) -> None:
    assert least_performances(confidence) == least
    errors = np.arange(1.0, least + 1)[:, None]
    calibration, new = calibrate(around(np.zeros_like(errors)), errors), around(np.zeros((1, 1)))
    # All calibration errors are needed, save for confidences that one performance gives anyway.
    assert calibration.intervals(new, confidence)[0, 0, 1] == pytest.approx(least)
    if least > 1:
        fewer = calibrate(around(np.zeros((least - 1, 1))), errors[1:])
        with pytest.raises(CofinalError, match=f"^{least - 1} calibration .* which needs {least};"):
            fewer.intervals(new, confidence)


@pytest.mark.parametrize("hundredths", range(1, 100))
def test_the_rank_is_exact_and_within_reach_wherever_the_least_number_says_so(
    hundredths: int,
) -> None:
    confidence = hundredths / 100
    least = least_performances(confidence)
    for count in range(least, least + 300):
        k = rank(count, confidence)
        # In whole numbers: k is the least with 100 k >= (N + 1) hundredths, and at most N.
        assert 100 * (k - 1) < (count + 1) * hundredths <= 100 * k
        assert 1 <= k <= count
    assert least == 1 or rank(least - 1, confidence) > least - 1


@pytest.fixture(scope="module")
def mapie_half_width() -> Callable[[np.ndarray, float], float]:
    """What MAPIE, another program, says for a prediction of zero."""
    from mapie.regression import SplitConformalRegressor
    from sklearn.dummy import DummyRegressor

    zero = DummyRegressor(strategy="constant", constant=0.0).fit([[0.0]], [0.0])

    def half(error_N: np.ndarray, confidence: float) -> float:
        regressor = SplitConformalRegressor(zero, confidence_level=confidence, prefit=True)
        regressor.conformalize(np.zeros((len(error_N), 1)), error_N)
        bounds = regressor.predict_interval([[0.0]], allow_infinite_bounds=True)[1]
        return float(bounds[0, 1, 0])

    return half


@pytest.mark.parametrize("confidence", [0.25, 0.5, 0.7, 0.8, 0.85, 0.9, 0.95])
def test_mapie_gives_the_same_widths(
    confidence: float, mapie_half_width: Callable[[np.ndarray, float], float]
) -> None:
    rng = np.random.default_rng(int(100 * confidence))
    for count in range(least_performances(confidence), 161):
        error_N = rng.exponential(size=count) * rng.choice([-1, 1], count)
        expected = mapie_half_width(error_N, confidence)
        calibration = calibrate(around(np.zeros((count, 1))), error_N[:, None])
        ours = calibration.intervals(around(np.zeros((1, 1))), confidence)[0, 0, 1]
        if ours != pytest.approx(expected):
            # Where (N + 1) confidence is whole, binary rounding may take MAPIE one rank further.
            assert ((count + 1) * Fraction(str(confidence))).denominator == 1
            assert expected == np.sort(np.abs(error_N))[rank(count, confidence)]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 90.0, -0.1, math.nan, 1e-300, math.inf])
def test_a_confidence_that_is_none_gets_a_sentence(confidence: float) -> None:
    with pytest.raises(CofinalError, match="expected more than 0 and less than 1"):
        check_possible(1000, confidence)


def test_a_calibration_comes_back_from_json_and_gives_the_same_intervals() -> None:
    predicted, scores = simulated(np.random.default_rng(1), 30)
    calibration = calibrate(around(predicted), scores)
    text = json.dumps(calibration.to_json(), allow_nan=False)
    again = Calibration.from_json(json.loads(text), "a file")
    assert again == calibration and hash(again) == hash(calibration)
    np.testing.assert_array_equal(
        again.intervals(around(predicted), 0.9), calibration.intervals(around(predicted), 0.9)
    )


def test_a_calibration_holds_no_order_of_performances_and_how_they_did() -> None:
    predicted, scores = simulated(np.random.default_rng(1), 30)
    calibration = calibrate(around(predicted), scores)
    shuffled = np.random.default_rng(2).permutation(30)
    again = calibrate(around(predicted[shuffled]), scores[shuffled])
    for k in range(2):
        np.testing.assert_array_equal(again.reach[k], calibration.reach[k])
        rank_correlation = scipy.stats.spearmanr(predicted[:, k], scores[:, k])[0]
        assert calibration.held_out[k].srcc == pytest.approx(rank_correlation)
        error = np.abs(predicted[:, k] - scores[:, k]).mean()
        assert calibration.held_out[k].mae == pytest.approx(error)


GOOD = {"reach": [[0.0, 0.25]], "held_out": [{"srcc": None, "mae": 1.0}]}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        3,
        {},
        {"reach": [[0.1]]},
        GOOD | {"reach": []},
        GOOD | {"reach": [[]]},
        GOOD | {"reach": [[0.2, 0.1]]},
        GOOD | {"reach": [[-0.1, 0.1]]},
        GOOD | {"reach": [[0.1, math.nan]]},
        GOOD | {"reach": [[0.1, math.inf]]},
        GOOD | {"reach": [[10**400]]},
        GOOD | {"reach": [[0.1, [0.2]]]},
        GOOD | {"reach": [0.1, 0.2]},
        GOOD | {"reach": [["a"]]},
        GOOD | {"reach": {"a": 1}},
        GOOD | {"reach": [[0.1], [0.2]]},
        GOOD | {"held_out": 3},
        GOOD | {"held_out": ["well"]},
        GOOD | {"held_out": [{"srcc": "high", "mae": 1.0}]},
        GOOD | {"held_out": [{"srcc": 0.5}]},
    ],
)
def test_a_file_that_is_no_calibration_gets_a_sentence(value: Any) -> None:
    with pytest.raises(CofinalError, match=r"^x\.json is no calibration \([^\n]+\)$"):
        Calibration.from_json(value, "x.json")


def test_huge_but_finite_values_give_finite_intervals() -> None:
    calibration = calibrate(around(np.zeros((20, 1))), np.full((20, 1), 1e300))
    assert np.isfinite(calibration.intervals(around([[1.0]]), 0.9)).all()


@pytest.mark.parametrize(
    ("predicted", "match"),
    [
        (np.zeros(3), r"shape \(3,\); the calibration has 2 targets"),
        (np.zeros((3, 1)), r"shape \(3, 1\); the calibration has 2 targets"),
        (np.full((3, 2), np.nan), "not finite"),
    ],
)
def test_predictions_that_do_not_fit_get_a_sentence(predicted: np.ndarray, match: str) -> None:
    known, scores = simulated(np.random.default_rng(0), 20)
    calibration = calibrate(around(known), scores)
    with pytest.raises(CofinalError, match=match):
        calibration.intervals(around(predicted), 0.9)


@pytest.mark.parametrize(
    ("predicted", "scores", "match"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), "expected the same"),
        (np.zeros((0, 1)), np.zeros((0, 1)), "expected the same"),
        (np.full((3, 1), np.nan), np.zeros((3, 1)), "not finite"),
        (np.zeros((3, 1)), np.full((3, 1), np.inf), "not finite"),
        (np.zeros((3, 1)), np.full((3, 1), np.nan), "not finite"),
    ],
)
def test_what_cannot_calibrate_gets_a_sentence(
    predicted: np.ndarray, scores: np.ndarray, match: str
) -> None:
    with pytest.raises(CofinalError, match=match):
        calibrate(around(predicted), scores)


def test_coverage_counts_ends_and_has_the_clopper_pearson_interval() -> None:
    intervals = np.zeros((20, 2, 2))
    intervals[..., 1] = np.arange(1, 21)[:, None] * [1.0, 2.0]
    scores = np.zeros((20, 2))
    scores[0, 0] = 1.0  # the upper end itself
    scores[:3, 1] = -0.1
    first, second = coverage(intervals, scores)
    assert (first.target, first.performances, first.coverage) == (0, 20, 1.0)
    assert [record.target for record in coverage(intervals, scores, ("TES", "PCS"))] == [
        "TES",
        "PCS",
    ]
    assert first.coverage_interval == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert (first.mean_width, second.mean_width) == (10.5, 21.0)
    beta = scipy.stats.beta
    assert second.coverage == 0.85
    assert second.coverage_interval == pytest.approx(
        (beta.ppf(0.025, 17, 4), beta.ppf(0.975, 18, 3))
    )


@pytest.mark.parametrize(
    ("intervals", "scores", "match"),
    [
        (np.zeros((3, 1, 2)), np.zeros((2, 1)), r"expected \(performances, targets, 2\)"),
        (np.zeros((3, 2)), np.zeros(3), r"expected \(performances, targets, 2\)"),
        (np.zeros((0, 1, 2)), np.zeros((0, 1)), r"shape \(0, 1, 2\)"),
        (np.zeros((3, 1, 2)), np.full((3, 1), np.nan), "not finite"),
    ],
)
def test_what_has_no_coverage_gets_a_sentence(
    intervals: np.ndarray, scores: np.ndarray, match: str
) -> None:
    with pytest.raises(CofinalError, match=match):
        coverage(intervals, scores)
