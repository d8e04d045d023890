"""ACTION-NET's graph and attention against their equations, written as plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cofinal.errors import CofinalError
from cofinal.methods.action_net import ActionNetSettings
from cofinal.models.action_net import ActionNet, ClipGraph, ContextAttention
from cofinal.models.interface import Labels, StagedClips, Task

MASK = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])


@pytest.fixture
def model() -> ActionNet:
    torch.manual_seed(0)
    model = ActionNet(Task(6, ("a", "b")), ActionNetSettings(width=4, principal_components=6))
    rng = np.random.default_rng(0)
    model.prepare([torch.randn(7, 6) for _ in range(8)], Labels(rng.uniform(5, 25, (8, 2))))
    return model.eval()


@torch.no_grad()
def test_edges_of_the_graph_are_shares_among_valid_clips_alike_or_not() -> None:
    torch.manual_seed(1)
    graph, clips = ClipGraph(4), torch.randn(2, 5, 4)
    edges = graph.edges(clips, MASK)
    torch.testing.assert_close(edges.sum(-1), torch.ones(2, 5))
    assert (edges[1, :, 3:] == 0).all()
    asker, asked = graph.to_asker(clips).numpy(), graph.to_asked(clips).numpy()
    for b, length in enumerate((5, 3)):
        for t in range(length):
            raw = np.exp([asker[b, t] @ asked[b, s] / 2 for s in range(length)])
            np.testing.assert_allclose(edges[b, t, :length], raw / raw.sum(), rtol=1e-5)
            gathered = sum(share * clips[b, s] for s, share in enumerate(raw / raw.sum()))
            expected = graph.to_message(gathered.float()).clamp(min=0)
            torch.testing.assert_close(graph(clips, MASK)[b, t], expected, rtol=1e-4, atol=1e-6)


@torch.no_grad()
def test_attention_sees_the_context_and_sums_to_one_over_valid_clips() -> None:
    torch.manual_seed(2)
    unit, clips = ContextAttention(4, 3), torch.randn(2, 5, 4)
    share = unit(clips, torch.randn(2, 5, 4), MASK)
    torch.testing.assert_close(share.sum(-1), torch.ones(2, 3))
    assert (share[1, :, 3:] == 0).all()
    assert not torch.allclose(share, unit(clips, torch.randn(2, 5, 4), MASK))


@torch.no_grad()
def test_equal_clips_get_equal_attention_and_count_as_one(model: ActionNet) -> None:
    one = torch.randn(1, 1, 6)
    single = model(one, torch.ones(1, 1, dtype=torch.bool))
    many = model(one.expand(1, 4, 6), torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(many.attention_BKGT, torch.full((1, 2, 1, 4), 0.25))
    torch.testing.assert_close(many.unit_score_BK, single.unit_score_BK)


@torch.no_grad()
def test_scores_are_regressed_in_deviations_from_the_training_mean(model: ActionNet) -> None:
    model.regressor_KD.zero_()
    clips, scores = torch.randn(2, 5, 6), torch.tensor([[10.0, 12.0], [20.0, 8.0]])
    rng = np.random.default_rng(0)
    training = torch.from_numpy(rng.uniform(5, 25, (8, 2))).float()
    mean, spread = training.mean(0), training.std(0, correction=0)
    answer = model.score(model(clips, MASK))
    torch.testing.assert_close(answer, mean.expand(2, 2), rtol=1e-5, atol=1e-4)
    loss = model.training_loss(StagedClips(model.fixed_stage(clips), MASK), Labels(scores))["score"]
    torch.testing.assert_close(
        loss, ((scores - mean) / spread).square().mean(), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("changes", [{"width": 0}, {"dropout": 1.0}, {"principal_components": 0}])
def test_impossible_settings_get_a_sentence(changes: dict[str, float]) -> None:
    with pytest.raises(CofinalError, match=f"setting {next(iter(changes))} is"):
        ActionNetSettings(**changes)  # type: ignore[arg-type]
