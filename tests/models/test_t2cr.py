"""T2CR's gates, decoder and losses by hand, and its exemplars."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cofinal.errors import CofinalError
from cofinal.layers.losses import path_contrast
from cofinal.methods.t2cr import T2crSettings
from cofinal.models.interface import Labels, StagedClips, Task, pad_clips
from cofinal.models.t2cr import (
    ClipGate,
    CrossLayer,
    Decoder,
    FeatureGate,
    Regressor,
    SeparableAttention,
    T2cr,
)

C, N, D, E = 6, 4, 8, 5


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def linear(layer: nn.Module, vector: Tensor) -> Tensor:
    """A linear layer by its matrix."""
    assert isinstance(layer, nn.Linear)
    answer = layer.weight @ vector
    return answer if layer.bias is None else answer + layer.bias


def through(layers: nn.Sequential, vector: Tensor) -> Tensor:
    """Two linear maps with a ReLU between."""
    return linear(layers[2], linear(layers[0], vector).clamp(min=0))


@torch.no_grad()
def test_the_feature_gate_is_squeeze_and_excitation() -> None:
    gate, clips_NC = FeatureGate(32), torch.randn(N, 32)
    assert gate.to_share[0].out_features == 2
    share = 1 / (1 + (-through(gate.to_share, clips_NC.mean(0))).exp())
    torch.testing.assert_close(gate(clips_NC[None])[0], clips_NC * share)


@torch.no_grad()
def test_the_clip_gate_weighs_clips_and_then_features_and_adds_what_came_in() -> None:
    gate, clips_NC = ClipGate(N), torch.randn(N, C)
    logit = through(gate.to_clip_share, clips_NC.max(1).values)
    logit = logit + through(gate.to_clip_share, clips_NC.mean(1))
    gated = clips_NC / (1 + (-logit).exp())[:, None]
    kernel, bias = gate.to_feature_share.weight[0], gate.to_feature_share.bias
    assert bias is not None
    extremes = torch.stack([gated.max(0).values, gated.mean(0)])
    for c in range(C):
        value = bias[0]
        for offset in (-1, 0, 1):
            if 0 <= c + offset < C:
                value = value + kernel[:, offset + 1] @ extremes[:, c + offset]
        expected = clips_NC[:, c] + gated[:, c] / (1 + (-value).exp())
        torch.testing.assert_close(gate(clips_NC[None])[0, :, c], expected)


@torch.no_grad()
def test_separable_attention_multiplies_every_clip_by_one_context() -> None:
    module, clips_ND = SeparableAttention(D), torch.randn(N, D)
    assert float(module.to_key.weight.abs().max()) < 0.01
    for value in module.parameters():
        value.normal_()
    logits = [float(linear(module.to_logit, clip)) for clip in clips_ND]
    total = sum(math.exp(value) for value in logits)
    context = sum(
        math.exp(value) / total * linear(module.to_key, clip)
        for value, clip in zip(logits, clips_ND, strict=True)
    )
    for n in range(N):
        expected = linear(module.to_output, linear(module.to_value, clips_ND[n]) * context)
        torch.testing.assert_close(module(clips_ND[None])[0, n], expected)


@torch.no_grad()
def test_a_cross_layer_is_pytorchs_attention_and_perceptron() -> None:
    layer, own, other = CrossLayer(D, 2), torch.randn(3, N, D), torch.randn(3, 7, D)
    assert layer.attention.to_query.bias is None and layer.attention.to_key_value.bias is None
    reference = nn.MultiheadAttention(D, 2, batch_first=True)
    weight = torch.cat([layer.attention.to_query.weight, layer.attention.to_key_value.weight])
    reference.in_proj_weight.copy_(weight)
    reference.in_proj_bias.zero_()
    reference.out_proj.load_state_dict(layer.attention.to_output.state_dict())
    looked = own + reference(*[layer.norm_own(own)], *[layer.norm_other(other)] * 2)[0]
    expected = looked + layer.feed(layer.norm_feed(looked))
    torch.testing.assert_close(layer(own, other), expected)


@torch.no_grad()
def test_the_decoder_maps_halves_of_two_paths_and_whole_single_ones() -> None:
    decoder = Decoder(N, D, heads=2, layers=1)
    for value in decoder.within.parameters():
        value.zero_()
    first, second = decoder.over_first, decoder.over_second
    own, other = torch.randn(2 * N, D), torch.randn(2 * N, D)

    def over(layer: nn.Linear, clips: Tensor) -> Tensor:
        return layer.weight @ clips + layer.bias[:, None]

    halves = [torch.cat([over(first, x[:N]), over(second, x[N:])]) for x in (own, other)]
    expected = decoder.layers[0](*[half[None] for half in halves])
    torch.testing.assert_close(decoder(own[None], other[None]), expected)
    single = decoder.layers[0](over(first, own[:N])[None], over(second, other[:N])[None])
    torch.testing.assert_close(decoder(own[None, :N], other[None, :N]), single)


@pytest.mark.parametrize("videos", [1, 2, 5])
def test_the_contrast_of_paths_by_loops(videos: int) -> None:
    first, second = torch.randn(videos, D), torch.randn(videos, D)
    views = [*first, *second]
    terms = []
    for i, view in enumerate(views):
        cosines = [float(nn.functional.cosine_similarity(view, other, dim=0)) for other in views]
        chances = {j: math.exp(c / 0.1) for j, c in enumerate(cosines) if j != i}
        terms.append(-math.log(chances[(i + videos) % (2 * videos)] / sum(chances.values())))
    expected = pytest.approx(np.mean(terms), rel=1e-4, abs=1e-6)
    assert float(path_contrast(first, second)) == expected


def prepared() -> tuple[T2cr, list[Tensor], np.ndarray]:
    settings = T2crSettings(
        principal_components=C, clips=N, width=D, heads=2, layers=2, exemplars=E
    )
    model = T2cr(Task(C, ("a", "b")), settings)
    clips = [torch.randn(5 + i, C) for i in range(9)]
    scores_NK = np.random.default_rng(0).uniform(5, 25, (9, 2))
    model.prepare(clips, Labels(scores_NK))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval(), clips, scores_NK


@torch.no_grad()
def test_the_answer_is_the_mean_of_exemplars_and_of_the_full_path_alone() -> None:
    model, clips, scores_NK = prepared()
    level_N = ((scores_NK - scores_NK.mean(0)) / scores_NK.std(0)).mean(1)
    chosen = [
        int(np.abs(level_N - wanted).argmin())
        for wanted in np.linspace(level_N.min(), level_N.max(), E)
    ]
    one = clips[3]
    own = model.features(*model.paths(*pad_clips([model.fixed_stage(one)])))
    said = []
    for index in chosen:
        staged = pad_clips([model.fixed_stage(clips[index])])
        other = model.features(*model.paths(*staged))
        decoded = model.decoder(torch.cat(own, 1), torch.cat(other, 1))
        said.append(
            model.deviation(torch.from_numpy(scores_NK[[index]])) + model.regressor(decoded)
        )
    expected = (torch.stack(said).mean(0) + model.regressor(own[0])) / 2
    points = torch.from_numpy(scores_NK.mean(0) + scores_NK.std(0) * expected.numpy())
    found = model.score(model(*pad_clips([one])))
    torch.testing.assert_close(found, points.float(), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_every_loss_term_by_hand() -> None:
    model, clips, scores_NK = prepared()
    batch = pad_clips([model.fixed_stage(clip) for clip in clips])
    terms = model.training_loss(StagedClips(*batch), Labels(torch.from_numpy(scores_NK).float()))
    true = (scores_NK - scores_NK.mean(0)) / scores_NK.std(0)
    full, thin = model.features(*model.paths(*batch))
    assert float(terms["agreement"]) == pytest.approx(float(((full - thin) ** 2).mean()), rel=1e-4)
    gaps, own = [], []
    for b in range(9):
        x = (b + 1) % 9
        pair = [torch.cat([full[[i]], thin[[i]]], 1) for i in (b, x)]
        gaps.append(model.regressor(model.decoder(*pair)).numpy()[0] - (true[b] - true[x]))
        own.append(model.regressor(model.decoder(full[[b]], thin[[b]])).numpy()[0])
    assert float(terms["difference"]) == pytest.approx(np.mean(np.square(gaps)), rel=1e-4)
    assert float(terms["own"]) == pytest.approx(10 * np.mean(np.square(own)), rel=1e-4)
    for name, read in (
        ("score", model.regressor),
        ("helper", lambda path: model.to_helper(path).mean(1)),
    ):
        errors = [((read(path).numpy() - true) ** 2).mean() for path in (full, thin)]
        assert float(terms[name]) == pytest.approx(sum(errors), rel=1e-4)
    contrast = path_contrast(full.mean(1), thin.mean(1))
    assert float(terms["contrast"]) == pytest.approx(float(contrast), rel=1e-4)


@torch.no_grad()
def test_the_regressor_reads_the_mean_of_its_moments() -> None:
    regressor, clips_BND = Regressor(D, 2), torch.randn(3, N, D)
    hidden = regressor.hidden(clips_BND)
    expected = torch.stack(
        [regressor.to_score(regressor.gate(hidden)[:, n]) for n in range(N)]
    ).mean(0)
    torch.testing.assert_close(regressor(clips_BND), expected)


def test_heads_that_do_not_divide_the_width_get_a_sentence() -> None:
    with pytest.raises(CofinalError, match="width is 9; expected a multiple of 2 heads"):
        T2crSettings(width=9, heads=2)
