"""Members trained at once are what each would have become alone."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from cofinal.config import Preset, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.methods import settings_class
from cofinal.models.inference import predict_scores
from cofinal.models.interface import AssessmentModel, Labels
from cofinal.training.batches import Batch, PackedClips, draw_batch
from cofinal.training.loop import fit, prepare_members, stage_clips, train_seeds
from cofinal.training.optim import build_optimizer, learning_rate
from cofinal.training.stack import MemberStack

MEMBERS = 3


@pytest.fixture
def still(tiny_preset: Preset) -> Preset:
    """CoFInAl without dropout, in which members see the same and nothing random happens."""
    training = replace(
        tiny_preset.training, members=MEMBERS, channel_dropout=0.0, clip_gradient=0.5
    )
    return replace(tiny_preset, model=replace(tiny_preset.model, dropout=0.0), training=training)


def prepared(dataset: Dataset, preset: Preset) -> tuple[list[AssessmentModel], PackedClips]:
    """Untrained members and what they are trained on."""
    members = prepare_members(dataset, preset, (0,))
    return members, stage_clips(dataset, members[0])


def fitted(
    members: list[AssessmentModel], staged: PackedClips, dataset: Dataset, settings: Any
) -> list[AssessmentModel]:
    """Trained copies of the members."""
    copies = deepcopy(members)
    fit(copies, staged, dataset, settings, (settings.seed,), None, False, None)
    return copies


def first_batch(staged: PackedClips, dataset: Dataset, settings: TrainingSettings) -> Batch:
    """A batch of eight."""
    scores = torch.from_numpy(dataset.scores).float()
    return draw_batch(
        staged, Labels(scores), torch.arange(8), settings, torch.Generator().manual_seed(0)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "adamw"},
        {"optimizer": "sgd", "learning_rate": 0.01},
        {"optimizer": "adamw", "clip_gradient": 0.0, "averaging": 0.0, "mixing": 0.0},
    ],
    ids=["adamw", "sgd", "plain"],
)
def test_members_trained_at_once_equal_each_trained_alone(
    generated: Dataset, still: Preset, changes: dict[str, Any]
) -> None:
    settings = replace(still.training, **changes)
    members, staged = prepared(generated, replace(still, training=settings))
    together = fitted(members, staged, generated, settings)
    for index in range(MEMBERS):
        (alone,) = fitted([members[index]], staged, generated, settings)
        for name, tensor in alone.state_dict().items():
            if name.endswith(("to_key.bias", "to_key_value.bias")):
                continue  # a key's bias has no gradient; Adam makes steps of its rounding errors
            difference = (together[index].state_dict()[name] - tensor).abs().max()
            assert difference < 1e-5, f"member {index}, {name}"


@pytest.mark.parametrize("view", ["subset", "whole"])
def test_seeds_trained_at_once_equal_each_trained_alone(
    generated: Dataset, still: Preset, view: str
) -> None:
    settings = replace(still.training, view=view, mixing=0.5)
    preset, seeds = replace(still, training=settings), (0, 3)
    together = train_seeds(generated, preset, seeds, show_progress=False)
    for seed, model in zip(seeds, together, strict=True):
        (alone,) = train_seeds(generated, preset, (seed,), show_progress=False)
        np.testing.assert_allclose(
            predict_scores(model, generated.clips),
            predict_scores(alone, generated.clips),
            rtol=1e-4,
        )
    assert not np.allclose(*(predict_scores(model, generated.clips) for model in together))


def test_training_moves_every_parameter_of_every_member(generated: Dataset, still: Preset) -> None:
    members, staged = prepared(generated, still)
    for before, after in zip(
        members, fitted(members, staged, generated, still.training), strict=True
    ):
        trained = dict(after.named_parameters())
        unmoved = [n for n, p in before.named_parameters() if torch.equal(p, trained[n])]
        assert unmoved == []


@pytest.mark.parametrize(
    "method", ["cofinal", "gdlt", "usdl", "musdl", "ms-lstm", "action-net", "core"]
)
def test_losses_of_the_stack_are_those_of_each_member(
    generated: Dataset, still: Preset, method: str
) -> None:
    preset = replace(still, method=method, model=settings_class(method)())
    members, staged = prepared(generated, preset)
    members = [_without_dropout(member) for member in members]
    batch = first_batch(staged, generated, preset.training)
    losses = MemberStack(members, 0.0).loss([batch])
    for index, member in enumerate(members):
        alone = batch.loss(member.train())
        assert losses.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(losses[name][index], value, rtol=1e-4, atol=1e-5)


def _without_dropout(member: AssessmentModel) -> AssessmentModel:
    for module in member.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
        if isinstance(module, torch.nn.MultiheadAttention):
            module.dropout = 0.0
    return member


def test_gradients_are_clipped_per_member_as_torch_clips_them(
    generated: Dataset, still: Preset
) -> None:
    stack = MemberStack(prepare_members(generated, still, (0,)), 0.0)
    size_M = torch.tensor([1e-3, 1.0, 100.0])
    generator = torch.Generator().manual_seed(0)
    for parameter in stack.parameters.values():
        noise = torch.randn(parameter.shape, generator=generator)
        parameter.grad = noise * size_M.view(-1, *[1] * (parameter.dim() - 1))
    alone = []
    for index in range(MEMBERS):
        one = [p.detach()[index].clone().requires_grad_() for p in stack.parameters.values()]
        for parameter, stacked in zip(one, stack.parameters.values(), strict=True):
            assert stacked.grad is not None
            parameter.grad = stacked.grad[index].clone()
        torch.nn.utils.clip_grad_norm_(one, 0.7)
        alone.append([parameter.grad for parameter in one])
    stack.clip_gradients(0.7)
    for index in range(MEMBERS):
        for stacked, expected in zip(stack.parameters.values(), alone[index], strict=True):
            assert stacked.grad is not None
            torch.testing.assert_close(stacked.grad[index], expected, rtol=1e-4, atol=1e-7)


def test_the_average_follows_the_weights_with_its_decay(generated: Dataset, still: Preset) -> None:
    stack = MemberStack(prepare_members(generated, still, (0,)), averaging=0.9)
    name = next(iter(stack.parameters))
    expected = stack.parameters[name].detach().clone()
    for step in (0, 1, 500):
        with torch.no_grad():
            stack.parameters[name] += 1.0
        stack.update_average(step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * stack.parameters[name].detach()
        torch.testing.assert_close(stack.average[name], expected)


def test_without_averaging_the_average_is_the_weights(generated: Dataset, still: Preset) -> None:
    stack = MemberStack(prepare_members(generated, still, (0,)), averaging=0.0)
    with torch.no_grad():
        for parameter in stack.parameters.values():
            parameter.add_(1.0)
    stack.update_average(0)
    for name, parameter in stack.parameters.items():
        assert torch.equal(stack.average[name], parameter.detach())


def test_the_stack_does_not_share_memory_with_the_members(
    generated: Dataset, still: Preset
) -> None:
    members = prepare_members(generated, still, (0,))
    before = deepcopy(members[0].state_dict())
    stack = MemberStack(members, 0.0)
    with torch.no_grad():
        for parameter in stack.parameters.values():
            parameter.add_(1.0)
    for name, tensor in members[0].state_dict().items():
        assert torch.equal(tensor, before[name])


def test_a_state_taken_over_continues_the_same(generated: Dataset, still: Preset) -> None:
    members, staged = prepared(generated, still)
    trained = MemberStack(fitted(members, staged, generated, still.training), 0.5)
    fresh = MemberStack(members, 0.5)
    fresh.load_state(deepcopy(trained.state()))
    batch = first_batch(staged, generated, still.training)
    for name, value in trained.loss([batch]).items():
        assert torch.equal(fresh.loss([batch])[name], value)


def test_predictions_are_the_mean_over_members(generated: Dataset, still: Preset) -> None:
    from cofinal.models.ensemble import Ensemble

    members, staged = prepared(generated, still)
    members = fitted(members, staged, generated, still.training)
    clips = generated.clips[:5]
    together = predict_scores(Ensemble(members).eval(), clips)
    each = [predict_scores(Ensemble([member]).eval(), clips) for member in members]
    np.testing.assert_allclose(together, np.mean(each, axis=0), rtol=1e-5)


def test_the_rate_rises_in_a_line_and_falls_along_half_a_cosine() -> None:
    settings = TrainingSettings(learning_rate=2.0, final_rate=0.1, warmup=0.1)
    rates = [learning_rate(step, 1000, settings) for step in range(1001)]
    assert int(np.argmax(rates)) in range(90, 101)
    np.testing.assert_allclose(rates[49], 2.0 * 0.5 * _cosine(49), rtol=1e-9)
    np.testing.assert_allclose(rates[400], 2.0 * _cosine(400), rtol=1e-9)
    assert rates[1000] == pytest.approx(0.2)
    assert all(a >= b for a, b in pairwise(rates[100:]))


def _cosine(step: int) -> float:
    return 0.1 + 0.9 * (1 + math.cos(math.pi * step / 1000)) / 2


def test_adamw_decays_matrices_only() -> None:
    stacked = {"matrix": torch.ones(2, 3, 3), "vector": torch.ones(2, 3)}
    parameters = {name: value.requires_grad_() for name, value in stacked.items()}
    optimizer = build_optimizer(parameters, TrainingSettings(weight_decay=0.5, learning_rate=0.1))
    for parameter in parameters.values():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    torch.testing.assert_close(parameters["matrix"].detach(), torch.full((2, 3, 3), 0.95))
    torch.testing.assert_close(parameters["vector"].detach(), torch.ones(2, 3))
