"""One record: everything read from it agrees, and with NumPy, SciPy and the closed form."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from cofinal.distributions import ScoreDistribution, interpolate, place_words
from cofinal.errors import CofinalError
from cofinal.layers.quantiles import QuantileFunction, of_cells, of_logistic, pool

SEEDS = st.integers(0, 10_000)


def parts(seed: int, B: int = 3, K: int = 2) -> list[QuantileFunction]:
    """Two members of cells and a logistic read-out, at random."""
    generator = torch.Generator().manual_seed(seed)
    edges_KL = torch.rand(K, 13, generator=generator).sort(-1).values
    sharp = 10 * torch.rand(1, generator=generator)
    masses = [(sharp * torch.randn(B, K, 12, generator=generator)).softmax(-1) for _ in range(2)]
    mean_BK, deviation_K = torch.randn(B, K, generator=generator), torch.full((K,), 0.2)
    return [
        *(of_cells(mass_BKL, edges_KL, 0.25) for mass_BKL in masses),
        of_logistic(mean_BK, deviation_K, 0.5),
    ]


def record(seed: int, grades: int = 4) -> ScoreDistribution:
    pooled = pool(parts(seed))
    edges_KG = np.sort(np.random.default_rng(seed).uniform(-0.2, 1.2, (2, grades + 1)))
    return ScoreDistribution(pooled.levels_BKU.numpy(), pooled.units_BKU.numpy(), edges_KG)


def mean(part: QuantileFunction) -> torch.Tensor:
    middle = (part.units_BKU[..., 1:] + part.units_BKU[..., :-1]) / 2
    return (part.levels_BKU.diff(dim=-1) * middle).sum(-1)


@given(SEEDS, st.integers(1, 7))
def test_score_grade_and_place_cannot_disagree(seed: int, grades: int) -> None:
    one = record(seed, grades)
    low, high = one.grade_ends()
    np.testing.assert_allclose(low + (high - low) * one.place, one.score, atol=1e-12)
    edges = np.broadcast_to(one.edges, (3, 2, grades + 1))
    for score, grade, edge in zip(
        one.score.ravel(), one.grade.ravel(), edges.reshape(6, -1), strict=True
    ):
        assert grade == 1 + sum(score >= inner for inner in edge[1:-1])
    inner = (one.grade > 1) & (one.grade < grades)
    assert ((one.place >= 0) & (one.place <= 1))[inner].all()
    np.testing.assert_allclose(one.grade_probabilities.sum(-1), 1.0)
    assert (one.grade_probabilities >= 0).all()
    own = np.take_along_axis(one.grade_probabilities, one.grade[..., None] - 1, -1)[..., 0]
    np.testing.assert_allclose(one.at_least + one.at_most - own, 1.0)


@given(SEEDS)
def test_means_pool_linearly(seed: int) -> None:
    several = parts(seed)
    expected = 0.25 * mean(several[0]) + 0.25 * mean(several[1]) + 0.5 * mean(several[2])
    torch.testing.assert_close(mean(pool(several)), expected, rtol=0, atol=1e-9)


@given(SEEDS)
def test_pooled_quantiles_are_the_average_of_the_parts_quantiles(seed: int) -> None:
    several, pooled = parts(seed), pool(parts(seed))
    at = np.linspace(0.01, 0.99, 37)
    for b in range(3):
        each = [
            np.interp(at, part.levels_BKU[b, 1].numpy(), part.units_BKU[b, 1].numpy())
            for part in several
        ]
        found = np.interp(at, pooled.levels_BKU[b, 1].numpy(), pooled.units_BKU[b, 1].numpy())
        np.testing.assert_allclose(found, np.average(each, axis=0, weights=[1, 1, 2]), atol=1e-9)


def test_a_logistic_is_scipys_up_to_its_far_ends() -> None:
    part = of_logistic(torch.tensor([[0.3]]), torch.tensor([0.2]))
    one = ScoreDistribution(
        part.levels_BKU[0, 0].numpy(), part.units_BKU[0, 0].numpy(), np.array([0.0, 0.3, 1.0])
    )
    known = stats.logistic(0.3, 0.2 * 3**0.5 / np.pi)
    assert known.std() == pytest.approx(0.2)
    assert float(one.score) == pytest.approx(0.3, abs=1e-7)
    at = np.array([0.05, 0.25, 0.5, 0.9])
    np.testing.assert_allclose(one.quantile(at), known.ppf(at), atol=2e-3)
    np.testing.assert_allclose(one.below(known.ppf(at)), at, atol=2e-3)


def test_cells_are_even_inside_and_keep_their_mass() -> None:
    part = of_cells(torch.tensor([[[0.2, 0.0, 0.8]]]), torch.tensor([[0.0, 0.5, 0.6, 1.0]]))
    one = ScoreDistribution(
        part.levels_BKU[0, 0].numpy(), part.units_BKU[0, 0].numpy(), np.array([0.0, 0.6, 1.0])
    )
    assert float(one.score) == pytest.approx(0.2 * 0.25 + 0.8 * 0.8, abs=1e-7)
    np.testing.assert_allclose(one.below([0.25, 0.55, 0.8]), [0.1, 0.2, 0.6], atol=1e-6)
    np.testing.assert_allclose(one.grade_probabilities, [0.2, 0.8], atol=1e-6)
    np.testing.assert_allclose(one.interval(0.4), [0.25, 0.95], atol=1e-6)
    assert float(one.reach(0.8)) == pytest.approx(0.1, abs=1e-6)


@given(SEEDS)
def test_mean_inside_a_grade_is_an_integral(seed: int) -> None:
    one = record(seed)[1, 0]
    found = one.mean_inside()
    for g, (low, high) in enumerate(zip(one.edges[:-1], one.edges[1:], strict=True)):
        if one.grade_probabilities[g] < 0.01 or g in (0, 3):
            continue
        at = np.linspace(low, high, 4001)
        cdf = one.below(at)
        # Integration by parts: the mean is the upper end less the integral of the rising share.
        share = (cdf - cdf[0]) / (cdf[-1] - cdf[0])
        expected = high - integrate.trapezoid(share, at)
        assert found[g] == pytest.approx((expected - low) / (high - low), abs=1e-3)


@given(SEEDS)
def test_many_functions_are_interpolated_as_numpy_does_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = np.sort(rng.normal(size=(4, 2, 9))), rng.normal(size=(4, 2, 9))
    at = rng.normal(scale=2, size=(4, 2, 5))
    found = interpolate(at, x, y)
    for i in np.ndindex(4, 2):
        np.testing.assert_allclose(found[i], np.interp(at[i], x[i], y[i]), atol=1e-12)


def test_places_are_told_in_thirds_and_beyond_training() -> None:
    assert place_words(0.2, 2, 4) == "lower third"
    assert place_words(0.5, 2, 4) == "middle third"
    assert place_words(1.0, 2, 4) == "upper third"
    assert place_words(1.2, 4, 4) == "above all training scores"
    assert place_words(-0.1, 1, 4) == "below all training scores"


def test_knots_that_do_not_fit_get_a_sentence() -> None:
    with pytest.raises(CofinalError, match="expected the same"):
        ScoreDistribution(np.zeros(3), np.zeros(4), np.zeros(2))
