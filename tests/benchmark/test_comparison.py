"""Comparing methods: what the tests say of simulated data whose truth is known."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from cofinal.benchmark.comparison import best_label, compare, holm
from cofinal.evaluation.resampling import SAMPLES, Resampling, alone

PERFORMANCES = 80
DRAWS = 100
ALONE = alone(PERFORMANCES)


def draw(rng: np.random.Generator, noise: dict[str, float]) -> tuple[np.ndarray, dict]:
    """Scores, and predictions that see them through noise of known size."""
    score = rng.normal(size=PERFORMANCES)
    seen = {k: (score + rng.normal(0, s, PERFORMANCES))[None] for k, s in noise.items()}
    return score, seen


def rank_correlation(noise: float) -> float:
    """Spearman's correlation of a bivariate normal pair, from Pearson's in closed form."""
    return float(6 / np.pi * np.arcsin(1 / np.sqrt(1 + noise**2) / 2))


def test_equally_good_methods_are_rarely_called_different() -> None:
    rng = np.random.default_rng(0)
    p_values = []
    for _ in range(DRAWS):
        score, seen = draw(rng, {"base": 1.0, "other": 1.0})
        p_values.append(compare(seen, score, "base", alone(PERFORMANCES, 200))[0].p_value)
    falsely = int((np.array(p_values) < 0.05).sum())
    # 5 % are expected; more than 10 % would be a wrong test (probability below .01).
    assert scipy.stats.binomtest(falsely, DRAWS, 0.05).pvalue > 0.005
    assert np.mean(p_values) == pytest.approx(0.5, abs=0.1)


def test_intervals_of_the_difference_hold_the_true_difference_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    truth = rank_correlation(0.7) - rank_correlation(1.5)
    inside = 0
    for _ in range(DRAWS):
        score, seen = draw(rng, {"base": 1.5, "better": 0.7})
        low, high = compare(seen, score, "base", alone(PERFORMANCES, 200))[0].interval
        inside += low <= truth <= high
    assert 0.89 <= inside / DRAWS <= 0.99


def test_a_clear_difference_is_found_and_has_its_sign() -> None:
    score, seen = draw(np.random.default_rng(2), {"base": 1.0, "better": 0.3, "worse": 20.0})
    better, worse = compare(seen, score, "base", ALONE)
    assert (better.label, worse.label) == ("better", "worse")
    assert better.difference > 0 > worse.difference
    assert better.p_holm is not None and worse.p_holm is not None
    assert max(better.p_holm, worse.p_holm) < 0.01
    assert better.interval[0] < better.difference < better.interval[1]


def test_differences_are_those_of_scipys_correlations() -> None:
    rng = np.random.default_rng(3)
    score = rng.normal(size=40).round(1)
    seen = {name: rng.normal(size=(2, 40)).round(1) for name in ("base", "other")}
    expected = [
        np.mean([scipy.stats.spearmanr(row, score).statistic for row in seen[name]])
        for name in ("other", "base")
    ]
    assert compare(seen, score, "base", alone(40))[0].difference == pytest.approx(
        expected[0] - expected[1]
    )


def test_pairing_narrows_the_interval_of_methods_that_err_alike() -> None:
    rng = np.random.default_rng(4)
    score = rng.normal(size=PERFORMANCES)
    shared = score + rng.normal(size=PERFORMANCES)
    seen = {
        "base": shared[None],
        "alike": (shared + 0.05 * rng.normal(size=PERFORMANCES))[None],
        "apart": (score + rng.normal(size=PERFORMANCES))[None],
    }
    alike, apart = compare(seen, score, "base", ALONE)
    assert np.diff(alike.interval) < 0.3 * np.diff(apart.interval)


def test_a_constant_method_takes_no_part() -> None:
    score, seen = draw(np.random.default_rng(5), {"base": 1.0})
    assert compare(seen | {"constant": np.zeros((1, PERFORMANCES))}, score, "base", ALONE) == []


def test_equally_good_methods_of_grouped_errors_are_rarely_called_different() -> None:
    """Each method errs by event; single performances as units would see differences everywhere."""
    rng, event = np.random.default_rng(7), np.repeat(np.arange(25), 8)
    false = {"groups": 0, "alone": 0}
    for _ in range(DRAWS):
        score = rng.normal(size=200)
        seen = {
            name: (score + rng.normal(size=25)[event] + 0.3 * rng.normal(size=200))[None]
            for name in ("base", "other")
        }
        whole = replace(Resampling.of_groups(event, "event"), samples=200)
        for name, drawn in (("groups", whole), ("alone", alone(200, 200))):
            false[name] += compare(seen, score, "base", drawn)[0].p_value < 0.05
    assert false["groups"] <= 12
    assert false["alone"] > 20


def test_fifty_perfect_methods_are_all_significant() -> None:
    score, seen = draw(np.random.default_rng(8), {"base": 3.0})
    perfect = {f"m{i}": score[None] for i in range(51)}
    found = compare(seen | perfect, score, "base", ALONE)
    assert len(found) == 51
    assert {entry.least_p for entry in found} == {2 / (SAMPLES + 1)}
    assert all(entry.p_holm is not None and entry.p_holm < 0.01 for entry in found)


def test_holm_counts_the_methods_under_test_and_no_baseline() -> None:
    score, seen = draw(np.random.default_rng(9), {"base": 1.0, "mean": 9.0, "a": 0.8, "b": 1.2})
    mean, a, b = compare(seen, score, "base", ALONE, ["base", "mean"])
    assert mean.p_holm is None and mean.p_value < 0.01
    assert [a.p_holm, b.p_holm] == pytest.approx(holm([a.p_value, b.p_value]))


def test_the_best_baseline_is_the_best_over_all_repeats() -> None:
    score = np.arange(10.0)
    lucky = np.stack([score, -score, -score])
    steady = np.stack([score[[1, 0, *range(2, 10)]]] * 3)
    rows = {"lucky": lucky, "steady": steady, "trained": np.stack([score] * 3)}
    assert best_label(rows, score, ["lucky", "steady"]) == "steady"
    assert best_label({"constant": np.zeros((1, 10))}, score, ["constant"]) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_equals_its_definition(p_values: list[float]) -> None:
    """Rejected at a level exactly if all smaller ones are rejected at level / (left to test)."""
    corrected = holm(p_values)
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    for level in (0.01, 0.05, 0.2, 0.6):
        steps = [p_values[i] * (len(p_values) - rank) <= level for rank, i in enumerate(order)]
        rejected = set(order[: len(list(itertools.takewhile(bool, steps)))])
        assert {i for i, p in enumerate(corrected) if p <= level} == rejected
