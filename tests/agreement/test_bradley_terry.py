"""Worths against published estimates, an independent optimiser, and known truths."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import norm, spearmanr

from cofinal.agreement.bradley_terry import Comparison, worths
from cofinal.errors import CofinalError

# American League 1987: games that the row's team won against the column's, of 13 each; Agresti,
# "Categorical Data Analysis", 2nd edition, section 10.6.
TEAMS = ("Milwaukee", "Detroit", "Toronto", "New York", "Boston", "Cleveland", "Baltimore")
WON = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]
# Abilities and standard errors against Baltimore: Turner and Firth, "Bradley-Terry Models in R: The
# BradleyTerry2 Package", Journal of Statistical Software 2012, section 2.
ABILITY = {
    "Boston": (1.1077, 0.3339),
    "Cleveland": (0.6839, 0.3319),
    "Detroit": (1.4364, 0.3396),
    "Milwaukee": (1.5814, 0.3433),
    "New York": (1.2476, 0.3359),
    "Toronto": (1.2945, 0.3367),
}


def test_published_abilities_and_errors() -> None:
    games: list[Comparison] = [
        (i, j, 1.0) for i, row in enumerate(WON) for j, won in enumerate(row) for _ in range(won)
    ]
    found = worths(7, games, prior_deviation=1e4)
    covariance = found.covariance_NN
    last = TEAMS.index("Baltimore")
    for team, (ability, error) in ABILITY.items():
        i = TEAMS.index(team)
        assert found.worth_N[i] - found.worth_N[last] == pytest.approx(ability, abs=6e-5)
        variance = covariance[i, i] + covariance[last, last] - 2 * covariance[i, last]
        assert np.sqrt(variance) == pytest.approx(error, abs=6e-5)
    assert list(found.count_N) == [78] * 7


def test_an_optimiser_finds_the_same_with_ties_and_prior() -> None:
    rng = np.random.default_rng(0)
    pairs = [tuple(rng.choice(6, 2, replace=False)) for _ in range(40)]
    games: list[Comparison] = [(int(i), int(j), float(rng.choice([0, 0.5, 1]))) for i, j in pairs]

    def loss(w: np.ndarray) -> float:
        told = sum(
            y * -np.logaddexp(0, w[j] - w[i]) + (1 - y) * -np.logaddexp(0, w[i] - w[j])
            for i, j, y in games
        )
        return float(-told - norm.logpdf(w, scale=2).sum())

    best = minimize(loss, np.zeros(6), tol=1e-12).x
    assert worths(6, games, 2.0).worth_N == pytest.approx(best - best.mean(), abs=1e-4)


def test_intervals_hold_what_they_promise() -> None:
    rng = np.random.default_rng(1)
    inside, drawn = 0, 0
    for _ in range(60):
        truth = rng.normal(0, 1.5, 8)
        pairs = [tuple(map(int, rng.choice(8, 2, replace=False))) for _ in range(120)]
        chances = [1 / (1 + np.exp(truth[j] - truth[i])) for i, j in pairs]
        games = [(i, j, float(rng.random() < p)) for (i, j), p in zip(pairs, chances, strict=True)]
        found = worths(8, games)
        gap = np.abs(found.worth_N - (truth - truth.mean()))
        inside += int((gap < 1.96 * found.deviations).sum())
        drawn += 8
    assert 0.92 < inside / drawn < 0.98


def test_asking_for_what_tells_most_needs_fewer_comparisons() -> None:
    errors = {"told": [], "chance": []}
    for seed in range(8):
        rng = np.random.default_rng(seed)
        truth = rng.normal(0, 2, 12)
        for way, found_errors in errors.items():
            games: list[Comparison] = []
            for number in range(50):
                pair = worths(12, games).next_pair((), number) if way == "told" else None
                i, j = pair or tuple(map(int, rng.choice(12, 2, replace=False)))
                games.append((i, j, float(rng.random() < 1 / (1 + np.exp(truth[j] - truth[i])))))
            found_errors.append(1 - spearmanr(worths(12, games).worth_N, truth).statistic)
    assert np.mean(errors["told"]) < np.mean(errors["chance"])


def test_who_always_wins_has_a_finite_worth_and_points() -> None:
    found = worths(3, [(0, 1, 1.0), (0, 2, 1.0), (1, 2, 1.0)] * 5)
    assert np.isfinite(found.worth_N).all()
    assert list(np.argsort(-found.points)) == [0, 1, 2]
    assert ((found.intervals >= 0) & (found.intervals <= 100)).all()
    assert (found.intervals[:, 0] < found.points).all()
    assert (found.points < found.intervals[:, 1]).all()
    # Points are what the model says of one comparison with each other one.
    chance = [1 / (1 + np.exp(found.worth_N[j] - found.worth_N[0])) for j in (1, 2)]
    assert found.points[0] == pytest.approx(100 * np.mean(chance))


def test_pairs_end_when_all_are_done() -> None:
    found = worths(3, [])
    first = found.next_pair((), 0)
    assert first is not None
    done = [frozenset(first)]
    while (pair := found.next_pair(done, 0)) is not None:
        assert frozenset(pair) not in done
        done.append(frozenset(pair))
    assert len(done) == 3
    assert worths(1, []).next_pair((), 0) is None
    assert worths(0, []).next_pair((), 0) is None


@pytest.mark.parametrize("wrong", [(0, 0, 1.0), (0, 3, 1.0), (-1, 0, 1.0)])
def test_comparisons_of_nothing(wrong: Comparison) -> None:
    with pytest.raises(CofinalError, match="two different performances"):
        worths(3, [wrong])
