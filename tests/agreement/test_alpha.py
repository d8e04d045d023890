"""Krippendorff's alpha against the package of that name, brute force and simulated truth."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest
from simulated_marks import simulated, with_gaps

from cofinal.agreement.alpha import Level, krippendorff
from cofinal.evaluation.resampling import Resampling, alone

reference = pytest.importorskip("krippendorff", reason="krippendorff (extra test) is absent")

# Krippendorff's own example: four observers, twelve units, 0 where there is no value.
EXAMPLE = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
        [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
    ],
    float,
).T
EXAMPLE[EXAMPLE == 0] = np.nan


def test_the_published_example() -> None:
    assert krippendorff(EXAMPLE)[0] == pytest.approx(0.849, abs=5e-4)
    assert krippendorff(EXAMPLE, "ordinal")[0] == pytest.approx(0.815, abs=5e-4)


def brute_force(marks_NJ: np.ndarray) -> float:
    """Observed over expected mean squared difference, pair by pair."""
    units = [row[np.isfinite(row)] for row in marks_NJ]
    units = [unit for unit in units if len(unit) > 1]
    pooled = np.concatenate(units)
    observed = sum(
        sum((a - b) ** 2 for a, b in permutations(unit, 2)) / (len(unit) - 1) for unit in units
    ) / len(pooled)
    expected = sum((a - b) ** 2 for a, b in product(pooled, pooled))
    return float(1 - observed / (expected / (len(pooled) * (len(pooled) - 1))))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6])
def test_squared_differences_pair_by_pair(share: float) -> None:
    marks_NJ = with_gaps(simulated(20, 4, seed=1), share, seed=2)
    assert krippendorff(marks_NJ, drawn=alone(len(marks_NJ), 2))[0] == pytest.approx(
        brute_force(marks_NJ)
    )


@pytest.mark.parametrize("level", ["interval", "ordinal"])
@pytest.mark.parametrize("seed", range(4))
def test_the_package_of_that_name_gives_alpha_and_each_bootstrap_sample(
    level: Level, seed: int
) -> None:
    marks_NJ = with_gaps(simulated(40, 5, seed).round(), 0.25, seed)
    expected = reference.alpha(marks_NJ.T, level_of_measurement=level)
    events = Resampling.of_groups(np.arange(40) // 3, "event")
    for samples in (alone(40, 5), replace(events, samples=5)):
        alpha, interval = krippendorff(marks_NJ, level, samples)
        assert alpha == pytest.approx(expected)
        drawn = [
            reference.alpha(
                np.repeat(marks_NJ, weight_N.astype(int), axis=0).T, level_of_measurement=level
            )
            for weight_N in np.concatenate(list(samples.weights()))
        ]
        assert interval == pytest.approx(np.quantile(drawn, [0.025, 0.975]))


def test_simulated_judges_have_the_alpha_they_were_given() -> None:
    marks_NJ = with_gaps(simulated(3000, 6, seed=5, deviations=(2.0, 0.0, 1.0)), 0.3, seed=5)
    assert krippendorff(marks_NJ, drawn=alone(len(marks_NJ), 2))[0] == pytest.approx(0.8, abs=0.02)
    chance = np.random.default_rng(0).integers(5, size=(3000, 4)).astype(float)
    for level in ("interval", "ordinal"):
        assert krippendorff(chance, level, alone(len(chance), 2))[0] == pytest.approx(0, abs=0.02)


def test_order_alone_counts_for_ordinal_marks() -> None:
    marks_NJ = simulated(30, 3, seed=6)
    assert krippendorff(np.exp(marks_NJ), "ordinal") == krippendorff(marks_NJ, "ordinal")


@pytest.mark.parametrize(
    "marks", [np.full((4, 3), 2.0), np.array([[1.0, np.nan], [np.nan, 2.0]]), np.ones((5, 1))]
)
def test_alpha_of_marks_that_tell_nothing_is_undefined(marks: np.ndarray) -> None:
    assert krippendorff(marks) == (None, None)
