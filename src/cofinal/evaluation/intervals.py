"""Prediction intervals from performances that took no part in training: split conformal.

Of N calibration performances and a new one, exchangeable with them, the new one's absolute error is
among the k smallest of all N + 1 with probability k / (N + 1) at least. So the interval reaches the
k-th smallest calibration error to both sides, k = ceil((N + 1) confidence), which asks k <= N.

Source: Lei et al., "Distribution-free predictive inference for regression", JASA 2018; by grade:
Vovk et al., "Algorithmic learning in a random world", 2005 (Mondrian). Differs: nothing.

Letters: N calibration performances, B new performances, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from cofinal.errors import CofinalError
from cofinal.records import Record

# What `cofinal score` promises unless told otherwise.
CONFIDENCE = 0.9
Numbers = np.ndarray | Sequence[Sequence[float]]


def rank(performances: int, confidence: float) -> int:
    """k, the rank of the error that the interval reaches; beyond N where N is too small.

    In decimals: 10 x 0.9 is 9, but a little more in binary, which would take one rank too many.
    """
    return math.ceil((performances + 1) * Fraction(str(float(confidence))))


def least_performances(confidence: float) -> int:
    """The fewest calibration performances that give an interval of this confidence c.

    The k-th smallest error exists if ceil((N + 1) c) <= N, that is (N + 1) c <= N, N being whole:
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


def half_width(error_N: np.ndarray, confidence: float) -> float:
    """How far an interval reaches to both sides, in points.

    Args:
        error_N: score minus prediction of each calibration performance; only sizes count.
        confidence: see `least_performances`, which N must not be below.
    """
    k = rank(len(error_N), confidence)
    return float(np.partition(np.abs(error_N), k - 1)[k - 1])


def calibrate(
    predicted_NK: Numbers, scores_NK: Numbers, grades_NK: np.ndarray | None = None
) -> Calibration:
    """Keeps what intervals are made of.

    Args:
        predicted_NK: points predicted for performances that took no part in training.
        scores_NK: points given by the judges.
        grades_NK: predicted grades, 0 the lowest, for intervals per grade.

    Raises:
        CofinalError: shapes that differ, or values that are not finite.
    """
    return Calibration(
        np.asarray(predicted_NK, dtype=np.float64),
        np.asarray(scores_NK, dtype=np.float64),
        None if grades_NK is None else np.asarray(grades_NK),
    )


@dataclass(frozen=True, eq=False)
class Calibration(Record):
    """Predictions for performances that took no part in training, with the judges' scores."""

    predicted_NK: np.ndarray = field(repr=False)
    """Points, float64."""
    scores_NK: np.ndarray = field(repr=False)
    """Points, float64."""
    grades_NK: np.ndarray | None = field(default=None, repr=False)
    """Predicted grade of each, 0 the lowest; None where the method has no grades."""

    def __post_init__(self) -> None:
        shape = np.shape(self.predicted_NK)
        if len(shape) != 2 or 0 in shape or np.shape(self.scores_NK) != shape:
            raise CofinalError(
                f"calibration predictions have shape {shape} and scores "
                f"{np.shape(self.scores_NK)}; expected the same (performances, targets)"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            if not np.isfinite(self.errors).all():
                raise CofinalError(
                    "calibration predictions or scores hold a value that is not finite; "
                    "calibrate on performances with scores"
                )
        if self.grades_NK is not None:
            _check_grades(self.grades_NK, shape)

    def __len__(self) -> int:
        return len(self.predicted_NK)

    @property
    def errors(self) -> np.ndarray:
        """Score minus prediction (N, K), in points."""
        return self.scores_NK - self.predicted_NK

    def intervals(
        self, predicted_BK: np.ndarray, confidence: float, grades_BK: np.ndarray | None = None
    ) -> np.ndarray:
        """Intervals (B, K, 2) in points: lower and upper end around each prediction.

        They are not clipped to the model's score range: judges may leave it, and an end beyond it
        says how little is known there.

        Args:
            predicted_BK: new predictions, in points.
            confidence: share of exchangeable performances whose interval holds their score.
            grades_BK: predicted grades, 0 the lowest; given, errors of calibration performances of
                the same predicted grade count alone, and the promise holds in each such grade. A
                grade with too few of them (see `least_performances`) is served by all.

        Raises:
            CofinalError: other shapes, a confidence that N performances cannot give, or grades
                asked of a calibration without.
        """
        predicted_BK = np.asarray(predicted_BK, dtype=np.float64)
        grades_BK = None if grades_BK is None else np.asarray(grades_BK)
        check_possible(len(self), confidence)
        self._check_new(predicted_BK, grades_BK)
        half_BK = np.empty(predicted_BK.shape)
        for k, error_N in enumerate(self.errors.T):
            half_BK[:, k] = half_width(error_N, confidence)
            if grades_BK is None or self.grades_NK is None:
                continue
            for grade in np.unique(grades_BK[:, k]):
                own_N = self.grades_NK[:, k] == grade
                if own_N.sum() >= least_performances(confidence):
                    half = half_width(error_N[own_N], confidence)
                    half_BK[grades_BK[:, k] == grade, k] = half
        return np.stack([predicted_BK - half_BK, predicted_BK + half_BK], axis=-1)

    def _check_new(self, predicted_BK: np.ndarray, grades_BK: np.ndarray | None) -> None:
        targets = self.predicted_NK.shape[1]
        if predicted_BK.ndim != 2 or predicted_BK.shape[1] != targets:
            raise CofinalError(
                f"predictions have shape {predicted_BK.shape}; the calibration has {targets} "
                f"targets, expected (performances, {targets})"
            )
        if not np.isfinite(predicted_BK).all():
            raise CofinalError(
                "predictions hold a value that is not finite; give intervals to finite ones only"
            )
        if grades_BK is None:
            return
        if self.grades_NK is None:
            raise CofinalError(
                "the calibration knows no grades, so there are no intervals per grade; "
                "train a method that has grades, or ask for intervals over all performances"
            )
        _check_grades(grades_BK, predicted_BK.shape)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON; `from_json` reads them back."""
        grades = None if self.grades_NK is None else self.grades_NK.tolist()
        return {
            "predicted": self.predicted_NK.tolist(),
            "scores": self.scores_NK.tolist(),
            "grades": grades,
        }

    @classmethod
    def from_json(cls, value: Any, where: str) -> Calibration:
        """Reads what `to_json` wrote.

        Raises:
            CofinalError: anything else; `where` names the file.
        """
        try:
            grades = value["grades"]
            return cls(
                np.array(value["predicted"], dtype=np.float64),
                np.array(value["scores"], dtype=np.float64),
                None if grades is None else np.array(grades),
            )
        except (KeyError, TypeError, ValueError, OverflowError, CofinalError) as error:
            fault = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise CofinalError(f"{where} is no calibration ({fault.splitlines()[0]})") from error


def _check_grades(grades: np.ndarray, shape: tuple[int, ...]) -> None:
    if grades.shape != shape or grades.dtype.kind not in "iu" or (grades < 0).any():
        raise CofinalError(
            f"grades are {grades.dtype} of shape {grades.shape}; "
            f"expected whole numbers from 0 on, of shape {shape}"
        )
