"""Prediction intervals from performances that took no part in training: conformal prediction.

A model's distribution says how likely a score is; held-out performances say how far to trust it.
The reach of a score is how far from the median of its distribution it lies, in probability. Of N
calibration performances and a new one, exchangeable with them, the new one's reach is among the k
smallest of all N + 1 with probability k / (N + 1) at least. So the interval reaches as far as the
k-th smallest of the calibration performances, k = ceil((N + 1) confidence), which asks k <= N: wide
where the model is unsure, narrow where it is sure.

Source: Chernozhukov et al., "Distributional conformal prediction", PNAS 2021; the rank: Lei et al.,
"Distribution-free predictive inference for regression", JASA 2018. Differs: beyond the knots of a
distribution, where its probability has ended, the reach goes on with the distance.

Letters: N calibration performances, B new performances, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.files.fields import record_from
from cofinal.records import Record

# What `cofinal score` promises unless told otherwise.
CONFIDENCE = 0.9
Numbers = np.ndarray | Sequence[Sequence[float]]


def rank(performances: int, confidence: float) -> int:
    """k, the rank of the reach that the interval has; beyond N where N is too small.

    In decimals: 10 x 0.9 is 9, but a little more in binary, which would take one rank too many.
    """
    return math.ceil((performances + 1) * Fraction(str(float(confidence))))


def least_performances(confidence: float) -> int:
    """The fewest calibration performances that give an interval of this confidence c.

    The k-th smallest reach exists if ceil((N + 1) c) <= N, that is (N + 1) c <= N, N being whole:
    N >= c / (1 - c) = 1 / (1 - c) - 1. So 9 for 0.9, 19 for 0.95, 99 for 0.99.

    Raises:
        CofinalError: a confidence that is not between 0 and 1.
    """
    if not 0 < 1 - confidence < 1:
        raise CofinalError(
            f"confidence is {confidence:g}; expected more than 0 and less than 1, for example 0.9"
        )
    return max(math.ceil(1 / (1 - Fraction(str(float(confidence))))) - 1, 1)


def check_possible(performances: int, confidence: float) -> None:
    """Refuses what no interval can come of: a confidence, or too few performances."""
    least = least_performances(confidence)
    if performances < least:
        raise CofinalError(
            f"{performances} calibration performances are too few for confidence {confidence:g}, "
            f"which needs {least}; calibrate on more, or ask for a lower confidence"
        )


def calibrate(distribution: ScoreDistribution, scores_NK: Numbers) -> Calibration:
    """Keeps what intervals are made of.

    Args:
        distribution: (N, K) distributions of performances that took no part in training.
        scores_NK: points given by the judges; not a number where they gave none.

    Raises:
        CofinalError: shapes that differ, values that are not finite, or a target without scores.
    """
    scores_NK = np.asarray(scores_NK, dtype=np.float64)
    shape = distribution.levels.shape[:-1]
    if len(shape) != 2 or 0 in shape or scores_NK.shape != shape:
        raise CofinalError(
            f"calibration distributions have shape {shape} and scores {scores_NK.shape}; "
            "expected the same (performances, targets)"
        )
    reach_NK = distribution.reach(scores_NK)
    given_NK = ~np.isnan(scores_NK)
    if not (np.isfinite(reach_NK) | ~given_NK).all() or not given_NK.any(0).all():
        raise CofinalError(
            "calibration distributions or scores hold a value that is not finite; "
            "calibrate on performances with scores"
        )
    return Calibration(
        tuple(np.sort(reach_N[~np.isnan(reach_N)]) for reach_N in reach_NK.T),
        tuple(map(HeldOut.of, distribution.score.T, scores_NK.T)),
    )


@dataclass(frozen=True)
class HeldOut:
    """How the predictions did that a calibration rests on, for one target."""

    srcc: float | None
    """Spearman's rank correlation with the judges; None where it is not defined."""
    mae: float | None
    """Mean absolute error in points."""

    @classmethod
    def of(cls, predicted_N: np.ndarray, score_N: np.ndarray) -> HeldOut:
        """Measures predictions; scores that are not a number were not given."""
        from cofinal.evaluation.metrics import mae, srcc  # they need SciPy, which scoring does not

        given_N = ~np.isnan(score_N)
        predicted_N, score_N = predicted_N[given_N], score_N[given_N]
        return cls(srcc(predicted_N, score_N), mae(predicted_N, score_N))


@dataclass(frozen=True, eq=False)
class Calibration(Record):
    """How far scores of performances that were not trained on lay from the median: no more."""

    reach: tuple[np.ndarray, ...] = field(repr=False)
    """For each of K targets the reaches of its N calibration performances, sorted."""
    held_out: tuple[HeldOut, ...] = ()
    """How these predictions did, for each target; empty where it is not known."""

    def __post_init__(self) -> None:
        for reach_N in self.reach:
            if reach_N.ndim != 1 or not len(reach_N) or reach_N.dtype != np.float64:
                raise CofinalError("reaches are no list of numbers for each target")
            if not np.isfinite(reach_N).all() or reach_N[0] < 0 or (np.diff(reach_N) < 0).any():
                raise CofinalError("reaches are not finite, below zero, or not in order")
        if not self.reach or len(self.held_out) not in (0, len(self.reach)):
            raise CofinalError("there are no reaches, or measures of other targets")

    def __len__(self) -> int:
        """The fewest performances that a target's intervals rest on."""
        return min(map(len, self.reach))

    def intervals(self, distribution: ScoreDistribution, confidence: float) -> np.ndarray:
        """Intervals (B, K, 2) in points: lower and upper end for each distribution (B, K).

        They are not clipped to the model's score range: judges may leave it, and an end beyond it
        says how little is known there.

        Args:
            distribution: what the model says of new performances.
            confidence: share of exchangeable performances whose interval holds their score.

        Raises:
            CofinalError: other shapes, or a confidence that N performances cannot give.
        """
        check_possible(len(self), confidence)
        shape, targets = distribution.levels.shape[:-1], len(self.reach)
        if len(shape) != 2 or shape[1] != targets:
            raise CofinalError(
                f"distributions have shape {shape}; the calibration has {targets} targets, "
                f"expected (performances, {targets})"
            )
        if not np.isfinite(distribution.score).all():
            raise CofinalError(
                "distributions hold a value that is not finite; give intervals to finite ones only"
            )
        ranks = [rank(len(reach_N), confidence) - 1 for reach_N in self.reach]
        reach_K = np.array([reach_N[k] for reach_N, k in zip(self.reach, ranks, strict=True)])
        return distribution.interval(reach_K)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON; `from_json` reads them back."""
        return {
            "reach": [reach_N.tolist() for reach_N in self.reach],
            "held_out": [asdict(entry) for entry in self.held_out],
        }

    @classmethod
    def from_json(cls, value: Any, where: str) -> Calibration:
        """Reads what `to_json` wrote.

        Raises:
            CofinalError: anything else; `where` names the file.
        """
        try:
            held_out = [record_from(HeldOut, entry, "held_out") for entry in value["held_out"]]
            reach = [np.array(reach_N, dtype=np.float64) for reach_N in value["reach"]]
            return cls(tuple(reach), tuple(held_out))
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            fault = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise CofinalError(f"{where} is no calibration ({fault.splitlines()[0]})") from error
