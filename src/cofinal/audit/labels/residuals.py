"""How far labels usually lie from what is predicted of them, all targets jointly.

Labels follow a linear map of the predictions with errors of a multivariate t distribution, fitted
by expectation-maximisation (Lange, Little and Taylor, Robust statistical modeling using the t
distribution, JASA 1989): a few wrong labels hardly move it. The errors' covariance over targets
holds the relation between targets, so the density of one target given the other labels and all
predictions follows from it.

Differs: the degrees of freedom are fixed; the scatter never falls under the rounding of labels.

Letters: N performances, A any number of labels, K targets.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

# Heavy enough that one label in fifty may be anything; near what residuals of scores have.
FREEDOM = 4.0
STEPS = 200


@dataclass(frozen=True)
class ErrorModel:
    """The usual error of predictions."""

    coefficients: np.ndarray
    """(K + 1, K): offset and map from predictions to labels."""
    scatter_KK: np.ndarray
    """Scale matrix of the t distribution in squared points."""

    def expected(self, predicted_NK: np.ndarray) -> np.ndarray:
        """Labels expected for predictions: (N, K)."""
        return _with_offset(predicted_NK) @ self.coefficients

    def distance(self, errors_AK: np.ndarray) -> np.ndarray:
        """Mahalanobis distance of errors (label less expected label): (A,), 0 where as expected."""
        solved_KA = np.linalg.solve(self.scatter_KK, errors_AK.T)
        return np.sqrt(np.einsum("ak,ka->a", errors_AK, solved_KA))

    def log_density(self, errors_AK: np.ndarray) -> np.ndarray:
        """Natural logarithm of the density of errors: (A,)."""
        targets = errors_AK.shape[1]
        constant = gammaln((FREEDOM + targets) / 2) - gammaln(FREEDOM / 2)
        constant -= 0.5 * (targets * np.log(FREEDOM * np.pi) + _log_determinant(self.scatter_KK))
        tail = np.log1p(self.distance(errors_AK) ** 2 / FREEDOM)
        return constant - 0.5 * (FREEDOM + targets) * tail

    def without(self, target: int) -> ErrorModel:
        """The model of the other targets; for errors, not for `expected`."""
        scatter = np.delete(np.delete(self.scatter_KK, target, 0), target, 1)
        return ErrorModel(np.delete(self.coefficients, target, 1), scatter)


def fit_errors(
    scores_NK: np.ndarray, predicted_NK: np.ndarray, unit_K: np.ndarray | float = 0.01
) -> ErrorModel:
    """Fits the usual error.

    Args:
        scores_NK: labels in points.
        predicted_NK: predictions for them by models that have not seen them.
        unit_K: last digit that labels are written with; no error is known more exactly.
    """
    count, targets = scores_NK.shape
    design = _with_offset(predicted_NK)
    rounding_KK = np.diag(np.broadcast_to(np.square(unit_K) / 12, targets))
    weights_N = np.ones(count)
    for _ in range(STEPS):
        root_N1 = np.sqrt(weights_N)[:, None]
        coefficients = np.linalg.lstsq(root_N1 * design, root_N1 * scores_NK, rcond=None)[0]
        errors_NK = scores_NK - design @ coefficients
        scatter_KK = (weights_N * errors_NK.T) @ errors_NK / count + rounding_KK
        model = ErrorModel(coefficients, scatter_KK)
        before, weights_N = (
            weights_N,
            (FREEDOM + targets) / (FREEDOM + model.distance(errors_NK) ** 2),
        )
        if np.abs(weights_N - before).max() < 1e-10:
            break
    return model


def _with_offset(predicted_NK: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(predicted_NK)), predicted_NK])


def _log_determinant(matrix: np.ndarray) -> float:
    return float(np.linalg.slogdet(matrix)[1])
