"""Score distributions: the Gaussian target, the divergence, the expectation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import entropy, norm

from cofinal.config import Preset
from cofinal.errors import CofinalError
from cofinal.layers.losses import distribution_divergence
from cofinal.methods.usdl import UsdlSettings
from cofinal.models import build_model
from cofinal.models.interface import AssessmentModel, Labels, StagedClips, Task, pad_clips
from cofinal.models.usdl import score_distribution


def test_target_is_the_normal_density_at_the_bins() -> None:
    bins_L = torch.linspace(0, 1, 101)
    unit_BK = torch.tensor([[0.5, 0.031], [1.0, -0.2]])
    mine = score_distribution(unit_BK, bins_L, 0.05).numpy()
    density = norm.pdf(bins_L.numpy(), unit_BK.numpy()[..., None], 0.05)
    np.testing.assert_allclose(mine, density / density.sum(-1, keepdims=True), atol=1e-6)


@pytest.mark.parametrize("unit_score", [0.2, 0.333, 0.5, 0.8])
def test_expectation_of_the_target_is_the_score_away_from_the_ends(unit_score: float) -> None:
    bins_L = torch.linspace(0, 1, 101)
    target_BKL = score_distribution(torch.tensor([[unit_score]]), bins_L, 0.05)
    assert float(target_BKL @ bins_L) == pytest.approx(unit_score, abs=1e-4)


def test_divergence_is_scipys() -> None:
    rng = np.random.default_rng(0)
    predicted, target = rng.dirichlet(np.ones(7), (2, 5, 3))
    target[0, 0] = np.eye(7)[2]  # a bin that is certain: the others add nothing
    mine = distribution_divergence(torch.from_numpy(predicted).log(), torch.from_numpy(target))
    assert mine.item() == pytest.approx(entropy(target, predicted, axis=-1).mean())


@pytest.fixture
def model() -> AssessmentModel:
    torch.manual_seed(0)
    fresh = build_model(Preset("usdl", UsdlSettings(bins=21, width=8)), Task(6, ("a", "b")))
    clips = [torch.randn(length, 6) for length in (9, 5, 12)]
    fresh.prepare(clips, Labels(np.array([[5.0, 100.0], [9.0, 300.0], [25.0, 200.0]])))
    return fresh.eval()


def test_score_is_the_expectation_over_bins_in_points(model: AssessmentModel) -> None:
    with torch.no_grad():
        output = model(*pad_clips([torch.randn(7, 6), torch.randn(3, 6)]))
    chance_BKL = output.extras["distribution_BKL"].numpy()
    assert chance_BKL.shape == (2, 2, 21)
    np.testing.assert_allclose(chance_BKL.sum(-1), 1, atol=1e-6)
    # Training scores 5 to 25 and 100 to 300, with a tenth of the range on either side.
    points = [np.linspace(3, 27, 21), np.linspace(80, 320, 21)]
    expected = np.stack([chance_BKL[:, k] @ points[k] for k in range(2)], 1)
    np.testing.assert_allclose(model.score(output).numpy(), expected, rtol=1e-5)


def test_loss_is_zero_for_the_target_itself(model: AssessmentModel) -> None:
    """A last layer that answers the target whatever it sees has no divergence from it."""
    score = torch.tensor([[15.0, 200.0]])
    target_KL = score_distribution(torch.tensor([0.5, 0.5]), torch.linspace(0, 1, 21), 0.05)
    with torch.no_grad():
        model.to_bins.weight.zero_()  # type: ignore[union-attr]
        model.to_bins.bias.copy_((target_KL + 1e-30).log().flatten())  # type: ignore[union-attr]
        staged = model.fixed_stage(torch.randn(7, 6))
        right, wrong = (
            model.training_loss(StagedClips(*pad_clips([staged])), Labels(shifted))[
                "divergence"
            ].item()
            for shifted in (score, score + torch.tensor([[2.4, 0.0]]))
        )
    assert right == pytest.approx(0, abs=1e-5)
    # Two Gaussians of deviation s at distance d diverge by d^2 / 2 s^2; mean over two targets.
    assert wrong == pytest.approx((0.1 / 0.05) ** 2 / 2 / 2, rel=1e-2)


@pytest.mark.parametrize(("name", "value"), [("bins", 1), ("spread", 0.0), ("width", 1)])
def test_impossible_settings_get_a_sentence(name: str, value: float) -> None:
    with pytest.raises(CofinalError, match=f"setting {name} is {value}"):
        UsdlSettings(**{name: value})  # type: ignore[arg-type]
