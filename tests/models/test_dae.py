"""DAE's likelihood against SciPy, its network by hand, and a planted spread that it should find."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from torch import Tensor

from cofinal.layers.losses import gaussian_likelihood
from cofinal.methods.dae import DaeSettings
from cofinal.models.dae import Dae
from cofinal.models.interface import Labels, StagedClips, Task, pad_clips

CHANNELS = 6


def prepared(**changes: object) -> tuple[Dae, list[Tensor], np.ndarray]:
    torch.manual_seed(0)
    clips = [torch.randn(5 + i, CHANNELS) for i in range(12)]
    scores_NK = np.random.default_rng(0).uniform(5, 25, (12, 2))
    model = Dae(Task(CHANNELS, ("a", "b")), DaeSettings(width=8, **changes))  # type: ignore[arg-type]
    model.prepare(clips, Labels(scores_NK))
    return model.eval(), clips, scores_NK


def test_the_loss_is_the_density_of_a_gaussian_in_the_papers_weights() -> None:
    rng = np.random.default_rng(0)
    mean, log_variance, target = rng.normal(size=(3, 50, 2))
    tensors = [torch.from_numpy(x) for x in (mean, log_variance, target)]
    density = scipy.stats.norm.logpdf(target, mean, np.exp(log_variance / 2))
    expected = -(density + 0.5 * np.log(2 * np.pi)).mean()
    assert float(gaussian_likelihood(*tensors, 0.5, 0.5)) == pytest.approx(expected)
    # log density = -error / 2 - spread / 2 - constant, weighed anew.
    error, spread = ((target - mean) ** 2 / np.exp(log_variance)).mean(), log_variance.mean()
    assert float(gaussian_likelihood(*tensors)) == pytest.approx(0.6 * error + 0.4 * spread)


@torch.no_grad()
def test_the_answer_is_the_mean_in_points_and_the_spread_is_told() -> None:
    model, clips, scores_NK = prepared()
    output = model(*pad_clips(clips))
    for clip, unit_K, spread_K in zip(
        clips, output.unit_score_BK, output.extras["spread_BK"], strict=True
    ):
        hidden = model.whitening(clip).mean(0)
        for layer in (model.hidden[0], model.hidden[2]):
            hidden = (layer.weight @ hidden + layer.bias).clamp(min=0)
        mean = model.to_mean.weight @ hidden + model.to_mean.bias
        log_variance = model.to_log_variance.weight @ hidden + model.to_log_variance.bias
        low, high = model.range_K2[:, 0], model.range_K2[:, -1]
        points = torch.from_numpy(scores_NK.mean(0)) + torch.from_numpy(scores_NK.std(0)) * mean
        torch.testing.assert_close(
            low + (high - low) * unit_K, points.float(), rtol=1e-4, atol=1e-4
        )
        spread = scores_NK.std(0) * np.exp(log_variance.numpy() / 2)
        np.testing.assert_allclose(((high - low) * spread_K).numpy(), spread, rtol=1e-4)


def test_the_variance_is_bounded() -> None:
    model, clips, _ = prepared()
    with torch.no_grad():
        for bias, expected in ((100.0, 2.0), (-100.0, -8.0)):
            model.to_log_variance.bias.fill_(bias)
            _, log_variance_BK = model.gaussian(*pad_clips([model.fixed_stage(c) for c in clips]))
            assert (log_variance_BK == expected).all()


@torch.no_grad()
def test_the_squared_loss_is_what_draws_give_on_average() -> None:
    model, clips, scores_NK = prepared(loss="squared")
    batch = pad_clips([model.fixed_stage(c) for c in clips])
    terms = model.training_loss(StagedClips(*batch), Labels(torch.from_numpy(scores_NK).float()))
    mean_BK, log_variance_BK = model.gaussian(*batch)
    true_BK = (scores_NK - scores_NK.mean(0)) / scores_NK.std(0)
    drawn = mean_BK + (log_variance_BK / 2).exp() * torch.randn(20_000, *mean_BK.shape)
    expected = ((drawn.numpy() - true_BK) ** 2).mean()
    assert float(sum(terms.values())) == pytest.approx(expected, rel=0.01)


def planted(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Performances of one clip whose first channel is the score and whose second its spread."""
    clips_BTC = torch.randn(count, 1, CHANNELS, generator=generator)
    spread_B = torch.where(clips_BTC[:, 0, 1] > 0, 2.0, 0.2)
    noise_B = spread_B * torch.randn(count, generator=generator)
    return clips_BTC, 15 + 2 * clips_BTC[:, 0, 0] + noise_B, spread_B


@pytest.mark.parametrize("loss", ["likelihood", "squared"])
def test_the_likelihood_finds_the_spread_and_the_squared_error_drives_it_to_nothing(
    loss: str,
) -> None:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    clips_BTC, score_B, spread_B = planted(2000, generator)
    model = Dae(Task(CHANNELS, ("a",)), DaeSettings(width=32, loss=loss))  # type: ignore[arg-type]
    model.prepare(list(clips_BTC), Labels(score_B[:, None].double().numpy()))
    staged_BTC, mask_BT = model.fixed_stage(clips_BTC), torch.ones(2000, 1, dtype=torch.bool)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        sum(
            model.training_loss(StagedClips(staged_BTC, mask_BT), Labels(score_B[:, None])).values()
        ).backward()  # type: ignore[union-attr]
        optimizer.step()
    with torch.no_grad():
        fresh_BTC, _, spread_B = planted(500, generator)
        told_B = model(fresh_BTC, mask_BT[:500]).extras["spread_BK"][:, 0]
    points_B = (told_B * (model.range_K2[0, 1] - model.range_K2[0, 0])).numpy()
    if loss == "squared":
        assert np.median(points_B) < 0.2
        return
    # Weights of .6 and .4 make the spread sqrt(1.5) times too wide.
    wide, narrow = (np.median(points_B[spread_B.numpy() == s]) for s in (2.0, 0.2))
    assert wide == pytest.approx(2 * 1.5**0.5, rel=0.2)
    assert narrow < 1
