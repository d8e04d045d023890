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
    half_width,
    least_performances,
    rank,
)

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
def test_the_half_width_is_the_order_statistic_of_the_closed_form(
    count: int, confidence: str
) -> None:
    rng = np.random.default_rng(count)
    predicted, scores = simulated(rng, count)
    new = rng.uniform(-10, 60, (7, 2))
    intervals = calibrate(predicted, scores).intervals(new, float(confidence))
    for k in range(2):
        half = closed_form(scores[:, k] - predicted[:, k], confidence)
        np.testing.assert_allclose(intervals[:, k, 0], new[:, k] - half, rtol=0, atol=1e-9)
        np.testing.assert_allclose(intervals[:, k, 1], new[:, k] + half, rtol=0, atol=1e-9)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e12])
def test_intervals_follow_the_scale_of_the_scores(scale: float) -> None:
    predicted, scores = simulated(np.random.default_rng(0), 30)
    unit = calibrate(predicted, scores).intervals(predicted, 0.9)
    scaled = calibrate(predicted * scale, scores * scale).intervals(predicted * scale, 0.9)
    np.testing.assert_allclose(scaled / scale, unit, rtol=1e-9)


@pytest.mark.parametrize("confidence", CONFIDENCES)
def test_coverage_over_many_draws_is_what_theory_says(confidence: float) -> None:
    # Over draws of calibration set and one new performance, coverage is exactly k / (N + 1).
    rng = np.random.default_rng(int(confidence * 100))
    count, draws = 57, 1500
    hits = np.zeros(2, dtype=int)
    for _ in range(draws):
        calibration = calibrate(*simulated(rng, count))
        predicted, scores = simulated(rng, 1)
        low, high = np.moveaxis(calibration.intervals(predicted, confidence), -1, 0)
        hits += ((low <= scores) & (scores <= high))[0]
    expected = math.ceil((count + 1) * Fraction(str(confidence))) / (count + 1)
    assert confidence <= expected < confidence + 1 / (count + 1)
    for hit in hits:
        assert scipy.stats.binomtest(int(hit), draws, expected).pvalue > RISK


def test_intervals_per_grade_mend_what_pooled_ones_break_where_noise_differs() -> None:
    rng = np.random.default_rng(5)
    spread = np.array([0.5, 1.0, 4.0])

    def draw(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        grades = rng.integers(3, size=(count, 1))
        predicted = 10.0 * grades + rng.uniform(0, 10, (count, 1))
        return predicted, predicted + rng.normal(0, spread[grades]), grades

    shares: dict[str, list[np.ndarray]] = {"pooled": [], "graded": []}
    for _ in range(40):
        calibration = calibrate(*draw(300))
        predicted, scores, grades = draw(600)
        for name, given in (("pooled", None), ("graded", grades)):
            low, high = np.moveaxis(calibration.intervals(predicted, 0.9, given), -1, 0)
            inside = (low <= scores) & (scores <= high)
            shares[name].append(np.array([inside[grades == g].mean() for g in range(3)]))
    pooled, graded = (np.mean(shares[name], axis=0) for name in ("pooled", "graded"))
    assert pooled[0] > 0.99 and pooled[2] < 0.8
    # About 100 calibration performances a grade spread coverage by 0.03; the mean of 40 by 0.005.
    np.testing.assert_allclose(graded, 0.9, atol=0.02)


def test_a_grade_with_too_few_performances_is_served_by_all() -> None:
    predicted, scores = simulated(np.random.default_rng(2), 59)
    grades = np.zeros((59, 2), dtype=int)
    grades[:9], grades[9:17] = 1, 2  # 9 are enough for 0.9, 8 are not
    calibration = calibrate(predicted, scores, grades)
    new, asked = np.zeros((4, 2)), np.repeat([[0], [1], [2], [7]], 2, axis=1)
    half = calibration.intervals(new, 0.9, asked)[..., 1]
    errors = scores - predicted
    for k in range(2):
        everybody = closed_form(errors[:, k], "0.9")
        expected = [closed_form(errors[17:, k], "0.9"), closed_form(errors[:9, k], "0.9")]
        np.testing.assert_allclose(half[:, k], [*expected, everybody, everybody], atol=1e-12)
        assert len(set(half[:3, k])) == 3


@pytest.mark.parametrize(
    ("confidence", "least"), [(0.5, 1), (0.8, 4), (0.9, 9), (0.95, 19), (0.99, 99), (0.001, 1)]
)
def test_the_least_number_is_enough_and_one_less_is_not(confidence: float, least: int) -> None:
    assert least_performances(confidence) == least
    errors = np.arange(1.0, least + 1)[:, None]
    calibration = calibrate(np.zeros_like(errors), errors)
    # All calibration errors are needed, save for confidences that one performance gives anyway.
    assert calibration.intervals(np.zeros((1, 1)), confidence)[0, 0, 1] == least
    if least > 1:
        fewer = calibrate(np.zeros((least - 1, 1)), errors[1:])
        with pytest.raises(CofinalError, match=f"^{least - 1} calibration .* which needs {least};"):
            fewer.intervals(np.zeros((1, 1)), confidence)


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
        ours = half_width(error_N, confidence)
        if ours != expected:
            # Where (N + 1) confidence is whole, binary rounding may take MAPIE one rank further.
            assert ((count + 1) * Fraction(str(confidence))).denominator == 1
            assert expected == np.sort(np.abs(error_N))[rank(count, confidence)]


@pytest.mark.parametrize("confidence", [0.0, 1.0, 90.0, -0.1, math.nan, 1e-300, math.inf])
def test_a_confidence_that_is_none_gets_a_sentence(confidence: float) -> None:
    with pytest.raises(CofinalError, match="expected more than 0 and less than 1"):
        check_possible(1000, confidence)


def test_a_calibration_comes_back_from_json_and_gives_the_same_intervals() -> None:
    predicted, scores = simulated(np.random.default_rng(1), 30)
    grades = np.random.default_rng(1).integers(2, size=(30, 2))
    for given in (grades, None):
        calibration = calibrate(predicted, scores, given)
        text = json.dumps(calibration.to_json(), allow_nan=False)
        again = Calibration.from_json(json.loads(text), "a file")
        assert again == calibration and hash(again) == hash(calibration)
        np.testing.assert_array_equal(
            again.intervals(predicted, 0.9, given), calibration.intervals(predicted, 0.9, given)
        )


GOOD = {"predicted": [[1.0], [2.0]], "scores": [[1.0], [3.0]], "grades": [[0], [1]]}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        3,
        {},
        {"predicted": [[1.0]], "scores": [[1.0]]},
        GOOD | {"scores": [[1.0]]},
        GOOD | {"scores": [[1.0], [math.nan]]},
        GOOD | {"predicted": [[1.0], [math.inf]]},
        GOOD | {"predicted": [[1e308], [0.0]], "scores": [[-1e308], [0.0]]},
        GOOD | {"predicted": [[10**400], [0.0]]},
        GOOD | {"predicted": [[1.0], [2.0, 3.0]]},
        GOOD | {"predicted": [1.0, 2.0], "scores": [1.0, 2.0]},
        GOOD | {"predicted": [], "scores": [], "grades": []},
        GOOD | {"predicted": [["a"], ["b"]]},
        GOOD | {"predicted": {"a": 1}},
        GOOD | {"grades": [[0]]},
        GOOD | {"grades": [[0], [-1]]},
        GOOD | {"grades": [[0.5], [1.0]]},
        GOOD | {"grades": [[10**30], [1]]},
        GOOD | {"grades": "many"},
    ],
)
def test_a_file_that_is_no_calibration_gets_a_sentence(value: Any) -> None:
    with pytest.raises(CofinalError, match=r"^x\.json is no calibration \([^\n]+\)$"):
        Calibration.from_json(value, "x.json")


def test_huge_but_finite_values_give_finite_intervals() -> None:
    errors = np.full((20, 1), 1e300)
    assert np.isfinite(calibrate(np.zeros((20, 1)), errors).intervals([[1.0]], 0.9)).all()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("predicted", "grades", "match"),
    [
        (np.zeros(3), None, r"shape \(3,\); the calibration has 2 targets"),
        (np.zeros((3, 1)), None, r"shape \(3, 1\); the calibration has 2 targets"),
        (np.full((3, 2), np.nan), None, "not finite"),
        (np.zeros((3, 2)), np.zeros((3, 2), dtype=int), "knows no grades"),
    ],
)
def test_predictions_that_do_not_fit_get_a_sentence(
    predicted: np.ndarray, grades: np.ndarray | None, match: str
) -> None:
    calibration = calibrate(*simulated(np.random.default_rng(0), 20))
    with pytest.raises(CofinalError, match=match):
        calibration.intervals(predicted, 0.9, grades)


def test_grades_of_another_shape_get_a_sentence() -> None:
    predicted, scores = simulated(np.random.default_rng(0), 20)
    calibration = calibrate(predicted, scores, np.zeros((20, 2), dtype=int))
    with pytest.raises(CofinalError, match="grades are int64 of shape"):
        calibration.intervals(predicted, 0.9, np.zeros((3, 2), dtype=int))


def test_nothing_to_score_gives_nothing() -> None:
    calibration = calibrate(*simulated(np.random.default_rng(0), 20))
    assert calibration.intervals(np.zeros((0, 2)), 0.9).shape == (0, 2, 2)


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
