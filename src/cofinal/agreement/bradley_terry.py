"""Scores from comparisons: which of two performances is better, many times.

Model: i is judged better than j with probability s(w_i - w_j), s the logistic function. An equal
verdict counts as half a win of each. Worths w have a wide normal prior, so that they stay finite
where a performance always wins; intervals are those of the normal curve at the posterior's top.

Source: Bradley and Terry, "Rank analysis of incomplete block designs", Biometrika 1952. The next
pair is the one whose answer is expected to tell most of the worths: p (1 - p) times the variance of
their difference, to first order what it adds to the log determinant of the information, as in
D-optimal designs.

Letters: N performances, M comparisons.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from cofinal.errors import CofinalError

# Of worths, in logits: a performance one deviation up beats a mean one in 95 % of comparisons.
PRIOR_DEVIATION = 3.0
CONFIDENT = 1.959964
STEPS, TOLERANCE = 100, 1e-10
# First, second, and what was said: 1 for the first, 0 for the second, 0.5 for equal.
Comparison = tuple[int, int, float]


@dataclass(frozen=True)
class Worths:
    """What comparisons tell of N performances."""

    worth_N: np.ndarray
    """Logits, with mean 0."""
    covariance_NN: np.ndarray
    """Of the worths, likewise around their mean."""
    count_N: np.ndarray
    """Comparisons in which each took part."""

    @property
    def deviations(self) -> np.ndarray:
        """Standard error of each worth (N,)."""
        return np.sqrt(np.diag(self.covariance_NN))

    @property
    def points(self) -> np.ndarray:
        """Percentage of the others that each would be judged better than, one by one (N,)."""
        return self._points(self.worth_N)

    @property
    def intervals(self) -> np.ndarray:
        """95 % interval of the points (N, 2)."""
        reach_N = CONFIDENT * self.deviations
        ends = (self._points(self.worth_N - reach_N), self._points(self.worth_N + reach_N))
        return np.stack(ends, 1)

    def _points(self, own_N: np.ndarray) -> np.ndarray:
        wins_NN = _logistic(own_N[:, None] - self.worth_N[None, :])
        others = len(own_N) - 1
        return 100 * (wins_NN.sum(1) - np.diag(wins_NN)) / max(others, 1)

    def next_pair(self, done: Collection[frozenset[int]], seed: int) -> tuple[int, int] | None:
        """The pair whose comparison would tell most; None if all are done.

        Args:
            done: pairs not to be asked for again.
            seed: of the choice among pairs that would tell as much.
        """
        rng = np.random.default_rng(seed)
        variance_N = np.diag(self.covariance_NN)
        spread_NN = variance_N[:, None] + variance_N[None, :] - 2 * self.covariance_NN
        chance_NN = _logistic(self.worth_N[:, None] - self.worth_N[None, :])
        gain_NN = chance_NN * (1 - chance_NN) * spread_NN
        gain_NN = np.triu(gain_NN, 1) - np.tril(np.ones_like(gain_NN))
        for pair in done:
            i, j = sorted(pair)
            gain_NN[i, j] = -1
        best = gain_NN.max(initial=-1)
        if best < 0:
            return None
        pairs = np.argwhere(gain_NN >= best - 1e-9 * max(best, 1.0))
        i, j = pairs[rng.integers(len(pairs))]
        return (int(i), int(j)) if rng.random() < 0.5 else (int(j), int(i))


def worths(
    count: int, comparisons: Sequence[Comparison], prior_deviation: float = PRIOR_DEVIATION
) -> Worths:
    """Finds the worths of `count` performances.

    Args:
        count: N.
        comparisons: of different performances, by their numbers from 0.
        prior_deviation: standard deviation of worths before anything is known, in logits.

    Raises:
        CofinalError: a performance compared with itself, or a number that there is not.
    """
    first_M = np.array([one[0] for one in comparisons], dtype=int)
    second_M = np.array([one[1] for one in comparisons], dtype=int)
    won_M = np.array([one[2] for one in comparisons], dtype=float)
    numbers = np.concatenate([first_M, second_M])
    if np.any(first_M == second_M) or np.any((numbers < 0) | (numbers >= count)):
        raise CofinalError("a comparison is of two different performances; compare again")
    worth_N = np.zeros(count)
    for _ in range(STEPS):
        chance_M = _logistic(worth_N[first_M] - worth_N[second_M])
        slope_N = -worth_N / prior_deviation**2
        np.add.at(slope_N, first_M, won_M - chance_M)
        np.add.at(slope_N, second_M, chance_M - won_M)
        precision_NN = np.eye(count) / prior_deviation**2
        weight_M = chance_M * (1 - chance_M)
        for rows, columns, sign in (
            (first_M, first_M, 1), (second_M, second_M, 1),
            (first_M, second_M, -1), (second_M, first_M, -1),
        ):  # fmt: skip
            np.add.at(precision_NN, (rows, columns), sign * weight_M)
        step_N = np.linalg.solve(precision_NN, slope_N)
        worth_N = worth_N + step_N * min(1.0, 1.0 / max(np.abs(step_N).max(initial=0.0), 1e-12))
        if np.abs(step_N).max(initial=0.0) < TOLERANCE:
            break
    centre_NN = np.eye(count) - 1 / max(count, 1)
    covariance_NN = centre_NN @ np.linalg.inv(precision_NN) @ centre_NN
    counts_N = np.bincount(numbers, minlength=count)
    return Worths(worth_N - worth_N.mean() if count else worth_N, covariance_NN, counts_N)


def _logistic(logit: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(logit, -500, 500)))
