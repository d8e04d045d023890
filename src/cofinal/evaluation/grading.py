"""Are grade, place and probabilities right? Measured on performances not trained on.

Everything is read from the one distribution that a model answers with, performance by performance,
and then averaged: so intervals can draw whole groups of performances.

Letters: R repeats and seeds, N performances, n those of one fold, K targets, G grades, B bins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cofinal.distributions import ScoreDistribution
from cofinal.evaluation.bootstrap import mean_interval, within_group_samples
from cofinal.evaluation.metrics import within_group_srcc
from cofinal.evaluation.resampling import Interval, Resampling, percentile_interval
from cofinal.grades import grade_of

# Bins of the calibration error.
BINS = 10
# Least probability inside a logarithm.
TINY = 1e-12
# Half of the distribution's own interval whose coverage is measured: 90 %.
REACH = 0.45

# What was read of each performance: name -> (R, N, K), not a number where nothing was held out.
Told = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Grading:
    """How grade and probabilities of one target did; intervals are 95 % bootstrap intervals."""

    right: float
    """Share whose printed grade, the one that holds the score, is the true one."""
    right_interval: Interval | None
    within_one: float
    """Share whose printed grade is off by one or less."""
    within_one_interval: Interval | None
    ranked_probability_score: float
    """Sum over the G - 1 inner edges of (probability below - is below)^2, mean; 0 is best."""
    ranked_probability_score_interval: Interval | None
    log_loss: float
    """Mean of -log of the probability of the true grade, natural logarithm."""
    log_loss_interval: Interval | None
    calibration_error: float
    """Expected difference of the most probable grade's probability and how often it is right."""
    calibration_error_interval: Interval | None
    place_srcc: float | None
    """SRCC of the place that is expected in the true grade with the true place, inside grades and
    averaged by their size; None where no grade has enough performances."""
    place_srcc_interval: Interval | None
    coverage: float
    """Share of scores inside the distribution's own 90 %, which nothing calibrated."""
    coverage_interval: Interval | None
    width: float
    """Mean width of these 90 %, in points."""
    width_interval: Interval | None

    @classmethod
    def of(cls, told: Mapping[str, np.ndarray], drawn: Resampling) -> Grading:
        """Measures one target.

        Args:
            told: what `read_distributions` read of it, (R, N).
            drawn: how the bootstrap draws.
        """
        found: dict[str, Any] = {}
        for name, key in MEANS.items():
            found[name] = float(told[key].mean())
            found[f"{name}_interval"] = mean_interval(told[key], drawn)
        sure = told["sure"], told["sure_right"]
        place, place_interval = place_correlation(told, drawn)
        return cls(
            **found,
            calibration_error=calibration_error(*sure),
            calibration_error_interval=calibration_interval(*sure, drawn),
            place_srcc=place,
            place_srcc_interval=place_interval,
        )


# Measures that are means over performances -> what is averaged.
MEANS = {
    "right": "right",
    "within_one": "within_one",
    "ranked_probability_score": "ranked_probability_score",
    "log_loss": "log_loss",
    "coverage": "inside",
    "width": "width",
}


def read_distributions(distribution: ScoreDistribution, scores_nK: np.ndarray) -> Told:
    """What the answers (n, K) for one fold say of each score: name -> (n, K)."""
    edges_nKE = distribution.all_edges()
    chance_nKG = distribution.grade_probabilities
    true_nK = grade_of(scores_nK, edges_nKE)
    printed_nK = distribution.grade - 1
    ends_nK2 = distribution.interval(REACH)
    low_nK, high_nK = (of_grade(edges_nKE, true_nK + step) for step in (0, 1))
    return {
        "right": printed_nK == true_nK,
        "within_one": np.abs(printed_nK - true_nK) <= 1,
        "ranked_probability_score": ranked_probability_scores(chance_nKG, true_nK),
        "log_loss": -np.log(of_grade(chance_nKG, true_nK).clip(TINY)),
        "sure": chance_nKG.max(-1),
        "sure_right": chance_nKG.argmax(-1) == true_nK,
        "grade": true_nK,
        "place_expected": of_grade(distribution.mean_inside(), true_nK),
        "place": (scores_nK - low_nK) / (high_nK - low_nK),
        "inside": (ends_nK2[..., 0] <= scores_nK) & (scores_nK <= ends_nK2[..., 1]),
        "width": ends_nK2[..., 1] - ends_nK2[..., 0],
    }


def of_grade(values: np.ndarray, grade: np.ndarray) -> np.ndarray:
    """The entry of (..., G) at each grade (...), counted from 0."""
    return np.take_along_axis(values, grade[..., None], -1)[..., 0]


def read_folds(
    parts: Sequence[tuple[int, np.ndarray, ScoreDistribution]], scores_NK: np.ndarray
) -> Told:
    """The same of several folds, put together; empty if there are none.

    Args:
        parts: repeat, positions of the held-out performances and answers for these.
        scores_NK: points given to all performances.
    """
    repeats = max((row for row, _, _ in parts), default=-1) + 1
    told: dict[str, np.ndarray] = {}
    for row, positions, distribution in parts:
        for name, found_nK in read_distributions(distribution, scores_NK[positions]).items():
            whole = told.setdefault(name, np.full((repeats, *scores_NK.shape), np.nan))
            whole[row, positions] = found_nK
    return told


def ranked_probability_scores(chance_G: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Epstein's score (...): a miss by two grades costs more than one by one.

    Args:
        chance_G: (..., G) probabilities, summing to one.
        true: (...) the grade that holds the judges' score, from 0.
    """
    below_E = chance_G.cumsum(-1)[..., :-1]
    truth_E = true[..., None] <= np.arange(chance_G.shape[-1] - 1)
    scores: np.ndarray = np.square(below_E - truth_E).sum(-1)
    return scores


def calibration_error(sure_RN: np.ndarray, right_RN: np.ndarray) -> float:
    """Expected calibration error of the most probable grade, in ten bins of equal width.

    Source: Guo et al., "On calibration of modern neural networks", ICML 2017.

    Args:
        sure_RN: probability of the most probable grade.
        right_RN: 1 where that is the true one.
    """
    return float(np.abs(calibration_gaps(sure_RN, right_RN).sum(0)).sum() / sure_RN.size)


def calibration_gaps(sure_RN: np.ndarray, right_RN: np.ndarray) -> np.ndarray:
    """What each performance adds to the gap of each bin: (N, B)."""
    bin_RN = np.minimum((sure_RN * BINS).astype(int), BINS - 1)
    gap_RN = sure_RN - right_RN
    return np.stack([(gap_RN * (bin_RN == b)).sum(0) for b in range(BINS)], axis=1)


def calibration_interval(
    sure_RN: np.ndarray, right_RN: np.ndarray, drawn: Resampling
) -> Interval | None:
    """95 % bootstrap interval of the calibration error.

    Chance gaps count as errors, in the data and once more in every sample of them; so this is the
    bootstrap's basic interval, twice the value less the samples' quantiles, and not below 0. Of
    400 simulated answers that boast by .2 it holds .2 in 95 %, but of calibrated ones, where chance
    gaps are all there is, 0 in 60 %.
    """
    size_N1 = np.full((sure_RN.shape[1], 1), float(len(sure_RN)))
    gap_NB = calibration_gaps(sure_RN, right_RN)
    sums_SB = drawn.sums(np.concatenate([gap_NB, size_N1], axis=1))
    ends = percentile_interval(np.abs(sums_SB[:, :-1]).sum(1) / sums_SB[:, -1])
    twice = 2 * calibration_error(sure_RN, right_RN)
    return ends and (max(0.0, twice - ends[1]), max(0.0, twice - ends[0]))


def place_correlation(
    told: Mapping[str, np.ndarray], drawn: Resampling
) -> tuple[float | None, Interval | None]:
    """SRCC of expected with true place inside the true grades, mean over repeats."""
    values, samples = [], []
    for expected_N, place_N, grade_N in zip(
        told["place_expected"], told["place"], told["grade"].astype(int), strict=True
    ):
        grades = list(map(str, grade_N))
        value = within_group_srcc(expected_N, place_N, grades)
        samples_S1 = within_group_samples(expected_N[None], place_N, grades, drawn)
        if value is None or samples_S1 is None:
            return None, None
        values.append(value)
        samples.append(samples_S1[:, 0])
    return float(np.mean(values)), percentile_interval(np.mean(samples, axis=0))
