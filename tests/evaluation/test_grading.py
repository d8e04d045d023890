"""Measures of grades against scikit-learn, a plain loop, and what is known beforehand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from cofinal.evaluation.grading import Grading, calibration_error, ranked_probability_scores


def drawn(n: int = 300, grades: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and grades that are drawn by them."""
    rng = np.random.default_rng(0)
    chance_nG = rng.dirichlet(np.ones(grades), size=n)
    true_n = np.array([rng.choice(grades, p=row) for row in chance_nG])
    return chance_nG, true_n


def test_measures_equal_scikit_learns_and_a_loop() -> None:
    chance_nG, true_n = drawn()
    printed_n = chance_nG.argmax(1)
    found = Grading.of("TES", chance_nG, printed_n, true_n)
    assert found.right == pytest.approx(accuracy_score(true_n, printed_n))
    assert found.log_loss == pytest.approx(log_loss(true_n, chance_nG))
    assert found.within_one == np.mean(
        [abs(a - b) < 2 for a, b in zip(printed_n, true_n, strict=True)]
    )
    score = 0.0
    for chances, true in zip(chance_nG, true_n, strict=True):
        for edge in range(1, 4):
            score += (chances[:edge].sum() - (true < edge)) ** 2
    assert found.ranked_probability_score == pytest.approx(score / len(true_n))
    assert found.right_interval is not None
    assert found.right_interval[0] < found.right < found.right_interval[1]


def test_a_uniform_forecast_of_four_even_grades_scores_five_eighths() -> None:
    scores_n = ranked_probability_scores(np.full((4, 4), 0.25), np.arange(4))
    assert scores_n.mean() == pytest.approx(0.625)
    assert ranked_probability_scores(np.eye(4), np.arange(4)).max() == 0


def test_probabilities_that_are_true_are_calibrated_and_boasts_are_not() -> None:
    chance_nG, true_n = drawn(20_000)
    assert calibration_error(chance_nG, true_n) < 0.015
    boast_nG = np.eye(4)[chance_nG.argmax(1)]
    expected = 1 - np.mean(chance_nG.argmax(1) == true_n)
    assert calibration_error(boast_nG, true_n) == pytest.approx(expected)
