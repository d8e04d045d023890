"""Measures of grades against scikit-learn, SciPy, a plain loop, and what is known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import accuracy_score, log_loss

from cofinal.config import Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.evaluation.evaluate import evaluate
from cofinal.evaluation.grading import (
    Grading,
    calibration_error,
    calibration_interval,
    place_correlation,
    ranked_probability_scores,
    read_distributions,
    read_folds,
)
from cofinal.evaluation.resampling import Resampling, alone
from cofinal.methods.ridge import RidgeSettings

EDGES = np.array([0.0, 4.0, 5.0, 7.0, 10.0])


def answers(n: int, seed: int = 0) -> tuple[ScoreDistribution, np.ndarray]:
    """Even distributions (n, 1) of different place and width, and scores drawn from them."""
    rng = np.random.default_rng(seed)
    low_n, width_n = rng.uniform(0, 8, n), rng.uniform(0.5, 6, n)
    points = np.stack([low_n, low_n + width_n], -1)[:, None]
    levels = np.broadcast_to([0.0, 1.0], points.shape)
    return ScoreDistribution(levels, points, EDGES), rng.uniform(points[..., 0], points[..., 1])


def told_of(distribution: ScoreDistribution, scores: np.ndarray) -> dict[str, np.ndarray]:
    return {name: v.T for name, v in read_distributions(distribution, scores).items()}


def test_measures_equal_scikit_learns_and_a_loop() -> None:
    distribution, scores = answers(300)
    chance_nG = distribution.grade_probabilities[:, 0]
    true_n = np.digitize(scores[:, 0], EDGES[1:-1])
    printed_n = np.digitize(distribution.score[:, 0], EDGES[1:-1])
    found = Grading.of(told_of(distribution, scores), alone(300))
    assert found.right == pytest.approx(accuracy_score(true_n, printed_n))
    assert found.log_loss == pytest.approx(log_loss(true_n, chance_nG, labels=range(4)))
    assert found.within_one == np.mean(
        [abs(a - b) < 2 for a, b in zip(printed_n, true_n, strict=True)]
    )
    score = inside = 0.0
    for n, (chances, true) in enumerate(zip(chance_nG, true_n, strict=True)):
        for edge in range(1, 4):
            score += (chances[:edge].sum() - (true < edge)) ** 2
        low, high = distribution.points[n, 0]
        inside += low + 0.05 * (high - low) <= scores[n, 0] <= high - 0.05 * (high - low)
    assert found.ranked_probability_score == pytest.approx(score / 300)
    assert found.coverage == pytest.approx(inside / 300) == pytest.approx(0.9, abs=0.05)
    width_n = np.diff(distribution.points[:, 0], axis=1)
    assert found.width == pytest.approx(0.9 * width_n.mean())
    for name in ("right", "log_loss", "ranked_probability_score", "coverage", "width"):
        low, high = getattr(found, f"{name}_interval")
        assert low < getattr(found, name) < high


def test_a_uniform_forecast_of_four_even_grades_scores_five_eighths() -> None:
    scores_n = ranked_probability_scores(np.full((4, 4), 0.25), np.arange(4))
    assert scores_n.mean() == pytest.approx(0.625)
    assert ranked_probability_scores(np.eye(4), np.arange(4)).max() == 0


def calibrated(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of the likeliest grade (1, n), and whether it came, drawn by them."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.25, 1, size=(1, n))
    return sure, rng.uniform(size=sure.shape) < sure


def test_probabilities_that_are_true_are_calibrated_and_boasts_are_not() -> None:
    sure, right = calibrated(0, 20_000)
    assert calibration_error(sure, right) < 0.015
    assert calibration_error(np.ones_like(sure), right) == pytest.approx(1 - right.mean())


def test_the_interval_of_the_calibration_error_holds_the_truth_beyond_chance_gaps() -> None:
    """Of a boast by .2 the interval holds .2; of calibrated answers 0 less often, as it says."""
    held = {0.0: 0, 0.2: 0}
    for trial in range(100):
        rng = np.random.default_rng(trial)
        for boast in held:
            honest = rng.uniform(0.25, 1 - boast, size=(1, 400))
            came = rng.uniform(size=honest.shape) < honest
            said = honest + boast
            interval = calibration_interval(said, came, alone(400, 400, trial))
            assert interval is not None
            held[boast] += interval[0] <= boast <= interval[1]
    assert held[0.0] >= 50 and 90 <= held[0.2] <= 99, held


def test_place_is_ranked_inside_the_true_grades() -> None:
    distribution, scores = answers(200, seed=1)
    told = told_of(distribution, scores)
    value, interval = place_correlation(told, alone(200))
    inside, true_n = distribution.mean_inside()[:, 0], np.digitize(scores[:, 0], EDGES[1:-1])
    expected = [
        scipy.stats.spearmanr(inside[true_n == g, g], scores[true_n == g, 0]).statistic
        for g in range(4)
    ]
    sizes = np.bincount(true_n)
    assert sizes.min() >= 6
    assert value == pytest.approx(np.average(expected, weights=sizes))
    assert interval is not None and interval[0] < value < interval[1]
    assert place_correlation({k: v[:, :3] for k, v in told.items()}, alone(3)) == (None, None)


def test_folds_and_seeds_are_put_together_and_whole_groups_widen_the_interval() -> None:
    several = [answers(60, seed) for seed in range(2)]
    scores = several[0][1]
    half = (np.arange(30), np.arange(30, 60))
    parts = [(r, index, one[index]) for r, (one, _) in enumerate(several) for index in half]
    told = read_folds(parts, scores)
    assert told["right"].shape == (2, 60, 1)
    for r, (one, _) in enumerate(several):
        for name, values in read_distributions(one, scores).items():
            np.testing.assert_allclose(told[name][r], values)
    blocks = {k: np.repeat(v[:, ::5, 0], 5, axis=1) for k, v in told.items()}
    whole = replace(Resampling.of_groups(np.repeat(np.arange(12), 5), "event"), samples=2000)
    ends = [Grading.of(blocks, drawn).right_interval for drawn in (whole, alone(60, 2000))]
    assert ends[0] is not None and ends[1] is not None
    assert np.diff(ends[0]) > 1.5 * np.diff(ends[1])


def test_an_evaluation_tells_grades_of_every_cell(generated: Dataset) -> None:
    names = tuple("ab"[i % 2] for i in range(len(generated)))
    apart = replace(generated, categories=names)
    result = evaluate(apart, Preset("ridge", RidgeSettings()), ProtocolSettings("kfold", folds=3))
    assert len(result.measures) == 4
    for row in result.measures:
        assert row.grading is not None and 0 <= row.grading.right <= row.grading.within_one <= 1
    assert "SRCC of place" in result.table()
    assert result.to_json()["measures"][0]["grading"]["coverage_interval"]
