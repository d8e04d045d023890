"""Prediction intervals from performances that took no part in training: split conformal.

Of N calibration performances and a new one, exchangeable with them, the new one's absolute error is
among the k smallest of all N + 1 with probability k / (N + 1) at least. So the interval reaches the
k-th smallest calibration error to both sides, k = ceil((N + 1) confidence), which asks k <= N.

Source: Lei et al., "Distribution-free predictive inference for regression", JASA 2018; by grade:
Vovk et al., "Algorithmic learning in a random world", 2005 (Mondrian); computed by MAPIE.
Differs: nothing. Where (N + 1) confidence is whole, rounding may make MAPIE take one rank more.

Letters: N calibration performances, B new performances, K targets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from cofinal.errors import CofinalError
from cofinal.extras import import_extra

# What `cofinal score` promises unless told otherwise.
CONFIDENCE = 0.9


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
    # As decimals, as MAPIE does: 1 / (1 - 0.9) is a little above 10 in binary.
    return max(math.ceil(1 / (1 - Fraction(str(float(confidence))))) - 1, 1)


def check_possible(performances: int, confidence: float) -> None:
    """Refuses what no interval can come of: a confidence, too few performances, no MAPIE."""
    least = least_performances(confidence)
    if performances < least:
        raise CofinalError(
            f"{performances} calibration performances are too few for confidence {confidence:g}, "
            f"which needs {least}; calibrate on more, or ask for a lower confidence"
        )
    import_extra("mapie.regression", "prediction intervals need MAPIE", "intervals")


class _Identity(RegressorMixin, BaseEstimator):
    """Predicts its input: MAPIE is given predictions where others give it features."""

    is_fitted = True

    def fit(self, X: np.ndarray, y: np.ndarray) -> _Identity:
        """There is nothing to fit."""
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The only column of (B, 1)."""
        return X[:, 0]


def conformal_intervals(error_N: np.ndarray, predicted_B: np.ndarray, confidence: float) -> Any:
    """Intervals (B, 2) around predictions of one target.

    Args:
        error_N: score minus prediction of each calibration performance; only sizes count.
        predicted_B: new predictions, in points.
        confidence: see `least_performances`, which N must not be below.
    """
    from mapie.regression import SplitConformalRegressor

    regressor = SplitConformalRegressor(_Identity(), confidence_level=confidence, prefit=True)
    # As errors around zero, MAPIE's check of its own rounding holds on any scale of scores.
    regressor.conformalize(np.zeros((len(error_N), 1)), error_N)
    # Infinite bounds cannot occur; allowed, they spare one performance more than theory asks.
    bounds = regressor.predict_interval(predicted_B[:, None], allow_infinite_bounds=True)[1]
    return bounds[:, :, 0]


@dataclass(frozen=True, eq=False)
class Calibration:
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
            CofinalError: other shapes, a confidence that N performances cannot give, grades asked
                of a calibration without, or MAPIE missing.
        """
        predicted_BK = np.asarray(predicted_BK, dtype=np.float64)
        grades_BK = None if grades_BK is None else np.asarray(grades_BK)
        check_possible(len(self), confidence)
        self._check_new(predicted_BK, grades_BK)
        answer = np.empty((*predicted_BK.shape, 2))
        if not len(predicted_BK):
            return answer
        for k, predicted_B in enumerate(predicted_BK.T):
            error_N = self.errors[:, k]
            answer[:, k] = conformal_intervals(error_N, predicted_B, confidence)
            if grades_BK is None or self.grades_NK is None:
                continue
            for grade in np.unique(grades_BK[:, k]):
                own_N, own_B = self.grades_NK[:, k] == grade, grades_BK[:, k] == grade
                if own_N.sum() >= least_performances(confidence):
                    own = conformal_intervals(error_N[own_N], predicted_B[own_B], confidence)
                    answer[own_B, k] = own
        return answer

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
            raise CofinalError(
                f"{where} is no calibration ({fault.splitlines()[0]}); "
                "copy the model folder again or train anew"
            ) from error


def _check_grades(grades: np.ndarray, shape: tuple[int, ...]) -> None:
    if grades.shape != shape or grades.dtype.kind not in "iu" or (grades < 0).any():
        raise CofinalError(
            f"grades are {grades.dtype} of shape {grades.shape}; "
            f"expected whole numbers from 0 on, of shape {shape}"
        )
