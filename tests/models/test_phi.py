"""PHI's reconstruction: attention by loops, a flow with a known way, the list-wise term by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from cofinal.layers.losses import list_divergence
from cofinal.methods.phi import PhiSettings
from cofinal.models.interface import Labels, StagedClips, Task, pad_clips
from cofinal.models.phi import Flow, LowRankAttention, Phi

C, D, R, T = 6, 8, 3, 5


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@torch.no_grad()
def test_low_rank_attention_by_loops() -> None:
    module, clips_TD = LowRankAttention(D, R), torch.randn(T, D)
    mask_BT = torch.tensor([[True] * 4 + [False]])
    query, key, value = (
        layer(clips_TD) for layer in (module.to_query, module.to_key, module.to_value)
    )
    rows = []
    for row in module.rows_RD:
        weights = [math.exp(float(row @ key[t]) / D**0.5) for t in range(4)]
        rows.append(sum(w / sum(weights) * value[t] for t, w in enumerate(weights)))
    for t in range(T):
        weights = [math.exp(float(query[t] @ row) / D**0.5) for row in module.rows_RD]
        answer = sum(w / sum(weights) * row for w, row in zip(weights, rows, strict=True))
        expected = module.to_output(answer)
        torch.testing.assert_close(module(clips_TD[None], mask_BT)[0, t], expected)


class Known(Flow):
    """A flow whose velocity is known: a constant, or growing with time."""

    def __init__(self, growing: bool) -> None:
        super().__init__(D, 0.0)
        self.growing = growing

    def forward(self, clips_BTD: Tensor, time_B11: Tensor) -> Tensor:
        """2, or 2 times the time."""
        return 2 * (time_B11 if self.growing else torch.ones_like(time_B11)).expand_as(clips_BTD)


@pytest.mark.parametrize("steps", [1, 4])
def test_the_flow_follows_its_velocity_in_euler_steps(steps: int) -> None:
    start = torch.randn(2, T, D)
    torch.testing.assert_close(Known(False).refine(start, steps), start + 2)
    # The sum of 2 s / steps over s = 0 .. steps - 1, each for 1 / steps.
    expected = start + (steps - 1) / steps
    torch.testing.assert_close(Known(True).refine(start, steps), expected)


def prepared(**changes: object) -> tuple[Phi, tuple[Tensor, Tensor], Tensor]:
    settings = PhiSettings(principal_components=C, width=D, rank=R, steps=3, **changes)  # type: ignore[arg-type]
    model = Phi(Task(C, ("a", "b")), settings)
    clips = [torch.randn(4 + i, C) for i in range(7)]
    scores_NK = np.random.default_rng(0).uniform(5, 25, (7, 2))
    model.prepare(clips, Labels(scores_NK))
    return model.eval(), pad_clips([model.fixed_stage(c) for c in clips]), torch.tensor(scores_NK)


@torch.no_grad()
def test_matching_is_the_error_of_the_velocity_on_real_clips() -> None:
    model, (staged_BTC, mask_BT), _ = prepared()
    model.flow = Known(False)
    initial, desired, _ = model.features(staged_BTC, mask_BT)
    errors = []
    for b, length in enumerate(mask_BT.sum(1)):
        gap = (desired - initial)[b, :length]
        errors.append(float(((2 - gap) ** 2).mean()))
    assert float(model.matching(initial, desired, mask_BT)) == pytest.approx(np.mean(errors))


def test_matching_teaches_the_flow_alone_and_the_flow_learns_a_known_gap() -> None:
    model, batch, scores_NK = prepared(list_weight=0.0)
    model.training_loss(StagedClips(*batch), Labels(scores_NK))["flow"].backward()
    taught = {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None}
    assert taught == {"flow"}
    initial = torch.randn(64, T, D)
    optimizer = torch.optim.Adam(model.flow.parameters(), 1e-2)
    mask_BT = torch.ones(64, T, dtype=torch.bool)
    for _ in range(200):
        optimizer.zero_grad()
        model.matching(initial, initial + 1.5, mask_BT).backward()
        optimizer.step()
    refined = model.flow.refine(initial, 4)
    torch.testing.assert_close(refined, initial + 1.5, atol=0.3, rtol=0)


@torch.no_grad()
def test_the_list_wise_term_by_hand() -> None:
    features, scores = torch.randn(4, D), torch.randn(4, 2)
    terms = []
    for i in range(4):
        others = [j for j in range(4) if j != i]
        cosine = [float(torch.cosine_similarity(features[i], features[j], dim=0)) for j in others]
        alike = np.exp(np.array(cosine) / 0.1)
        near = np.exp([-float((scores[i] - scores[j]).abs().mean()) for j in others])
        alike, near = alike / alike.sum(), near / near.sum()
        terms.append((near * np.log(near / alike)).sum())
    assert float(list_divergence(features, scores)) == pytest.approx(np.mean(terms), rel=1e-4)
    assert float(list_divergence(features[:2], scores[:2])) == 0


@torch.no_grad()
def test_both_readings_of_the_paper_are_told_and_weights_count() -> None:
    model, batch, scores_NK = prepared()
    initial, desired, refined = model.features(*batch)
    output = model(torch.nn.utils.rnn.pad_sequence([torch.zeros(1, C)]), torch.ones(1, 1).bool())
    assert output.extras["desired_BK"].shape == output.unit_score_BK.shape == (1, 2)
    assert not torch.allclose(desired, refined) and not torch.allclose(initial, refined)
    heavy = prepared(flow_weight=0.0, list_weight=1.0)[0]
    heavy.load_state_dict(model.state_dict())
    terms, other = (
        model.training_loss(StagedClips(*batch), Labels(scores_NK)),
        heavy.training_loss(StagedClips(*batch), Labels(scores_NK)),
    )
    assert float(other["flow"]) == 0
    assert float(other["list"]) == pytest.approx(100 * float(terms["list"]), rel=1e-4)
    assert float(other["score"]) == pytest.approx(float(terms["score"]))
