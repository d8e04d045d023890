"""The model of usual errors against SciPy: densities, margins, and the fit's likelihood."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats

from cofinal.audit.labels.residuals import FREEDOM, ErrorModel, fit_errors

SCATTER = np.array([[4.0, 1.0, 0.5], [1.0, 2.0, 0.3], [0.5, 0.3, 1.0]])


def model(targets: int) -> ErrorModel:
    """Errors of known scatter."""
    return ErrorModel(np.zeros((targets + 1, targets)), SCATTER[:targets, :targets])


def sample(count: int, wrong: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Predictions and labels 2 + 1.5 x + correlated error; the first labels are nonsense."""
    rng = np.random.default_rng(seed)
    predicted = rng.normal(30, 5, (count, 2))
    errors = rng.multivariate_normal([0, 0], SCATTER[:2, :2], count)
    scores = 2 + 1.5 * predicted + errors
    scores[:wrong] += [60, -40]
    return scores, predicted


@pytest.mark.parametrize("targets", [1, 2, 3])
def test_the_density_is_scipys_multivariate_t(targets: int) -> None:
    errors = np.random.default_rng(0).normal(0, 5, (50, targets))
    reference = scipy.stats.multivariate_t(shape=SCATTER[:targets, :targets], df=FREEDOM)
    np.testing.assert_allclose(model(targets).log_density(errors), reference.logpdf(errors))


def test_the_distance_is_mahalanobis() -> None:
    errors = np.random.default_rng(1).normal(0, 5, (9, 3))
    inverse = np.linalg.inv(SCATTER)
    np.testing.assert_allclose(
        model(3).distance(errors), [np.sqrt(e @ inverse @ e) for e in errors]
    )


@pytest.mark.parametrize("target", [0, 1])
def test_without_a_target_the_density_is_the_integral_over_it(target: int) -> None:
    def density(value: float) -> float:
        point = np.insert([1.3], target, value)
        return float(np.exp(model(2).log_density(point[None])[0]))

    integral, _ = scipy.integrate.quad(density, -np.inf, np.inf)
    margin = model(2).without(target).log_density(np.array([[1.3]]))[0]
    assert np.exp(margin) == pytest.approx(integral, rel=1e-6)


def test_the_fit_has_the_greatest_likelihood() -> None:
    scores, predicted = sample(60, 2, seed=2)
    fitted = fit_errors(scores, predicted, unit_K=0.0)

    def loss(values: np.ndarray) -> float:
        root = np.array([[values[6], 0.0], [values[7], values[8]]])
        other = ErrorModel(values[:6].reshape(3, 2), root @ root.T)
        return -float(other.log_density(scores - other.expected(predicted)).sum())

    root = np.linalg.cholesky(fitted.scatter_KK)
    start = np.array([*fitted.coefficients.ravel(), root[0, 0], root[1, 0], root[1, 1]])
    rng = np.random.default_rng(3)
    for _ in range(3):
        moved = start * rng.normal(1, 0.05, start.shape)
        best = scipy.optimize.minimize(loss, moved, method="BFGS", options={"gtol": 1e-3})
        assert loss(start) <= best.fun + 1e-4


def test_wrong_labels_hardly_move_the_fit() -> None:
    clean = fit_errors(*sample(400, 0, seed=4))
    spoilt = fit_errors(*sample(400, 12, seed=4))
    grid = np.array([[20.0, 20.0], [30.0, 35.0], [40.0, 30.0]])
    np.testing.assert_allclose(clean.expected(grid), 2 + 1.5 * grid, atol=0.8)
    np.testing.assert_allclose(spoilt.expected(grid), clean.expected(grid), atol=0.4)
    np.testing.assert_allclose(spoilt.scatter_KK, clean.scatter_KK, rtol=0.3, atol=0.3)


def test_no_error_is_known_better_than_labels_are_rounded() -> None:
    predicted = np.random.default_rng(5).normal(20, 3, (30, 1))
    fitted = fit_errors(predicted, predicted, unit_K=0.01)
    assert fitted.scatter_KK[0, 0] == pytest.approx(0.01**2 / 12, rel=1e-3)
    assert np.isfinite(fitted.log_density(np.zeros((1, 1)))).all()
