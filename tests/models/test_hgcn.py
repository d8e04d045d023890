"""HGCN's graphs against loops, the published numbers of parameters, and draws of scenes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cofinal.errors import CofinalError
from cofinal.methods.hgcn import HgcnSettings
from cofinal.models.hgcn import (
    ActionAggregation,
    Adjacency,
    ClipRefinement,
    Hgcn,
    Hierarchy,
    SceneConstruction,
)
from cofinal.models.interface import Labels, StagedClips, Task, pad_clips

C, D, N, S = 8, 16, 6, 3


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("groups", "parameters"), [(1, 1_250_508), (2, 693_452), (4, 414_924), (8, 275_660)]
)
def test_the_published_sizes_give_the_published_number_of_parameters(
    groups: int, parameters: int
) -> None:
    network = Hierarchy(1024, 512, clips=10, scenes=7, targets=1, groups=groups)
    # The paper prints 1.2500, .6935, .4149 and .2757 million.
    assert sum(value.numel() for value in network.parameters()) == parameters


def mapped(layer: nn.Conv1d, vector: Tensor) -> Tensor:
    """A map of one node, by its matrix."""
    answer = layer.weight[:, :, 0] @ vector
    return answer if layer.bias is None else answer + layer.bias


@torch.no_grad()
def test_a_clip_takes_from_its_neighbours_by_how_they_differ() -> None:
    module, clips_CN = ClipRefinement(C, D, N, groups=1), torch.randn(C, N)
    refined_DN = module(clips_CN[None])[0]
    seen = [mapped(module.compare, clips_CN[:, i]).clamp(min=0) for i in range(N)]
    for j in range(N):
        total = clips_CN[:, j].clone()
        for i in (j - 1, j + 1):
            if 0 <= i < N:
                total += (seen[i] - seen[j]).tanh().mean() * clips_CN[:, i]
        expected = mapped(module.to_output, total).clamp(min=0)
        torch.testing.assert_close(refined_DN[:, j], expected)


def affinity(module: Adjacency, nodes_CN: Tensor, i: int, j: int) -> Tensor:
    """One learned affinity, by hand."""
    asker, asked = mapped(module.to_asker, nodes_CN[:, i]), mapped(module.to_asked, nodes_CN[:, j])
    return module.strength * (asker @ asked) / len(asker) ** 0.5 + module.place_NN[i, j]


def shares(
    module: Adjacency, nodes_CN: Tensor, i: int, logit: dict[int, float]
) -> dict[int, Tensor]:
    """How node i shares itself out over the nodes of `logit`, which is added to the affinity."""
    weights = {j: (affinity(module, nodes_CN, i, j) + more).exp() for j, more in logit.items()}
    total = torch.stack(list(weights.values())).sum()
    return {j: weight / total for j, weight in weights.items()}


def gathered(module: Adjacency, nodes_CN: Tensor) -> Tensor:
    """What arrives at every node when each shares itself out, neighbours two away favoured."""
    arrived = torch.zeros_like(nodes_CN)
    for i in range(nodes_CN.shape[1]):
        logit = {j: float(abs(i - j) <= 2) for j in range(nodes_CN.shape[1])}
        for j, share in shares(module, nodes_CN, i, logit).items():
            arrived[:, j] += share * nodes_CN[:, i]
    return arrived


@torch.no_grad()
def test_shots_and_scenes_by_loops() -> None:
    module, clips_DN = SceneConstruction(D, N, S, groups=1), torch.randn(D, N)
    module.strength.fill_(0.7)
    module.usual_SN.normal_()
    module.affinity.place_NN.normal_()
    scenes_DS = module(clips_DN[None])[0]
    near_shots = gathered(module.affinity, clips_DN)
    shots = [mapped(module.to_shot, near_shots[:, n]).clamp(min=0) for n in range(N)]
    arrived = gathered(module.scene_affinity, clips_DN)
    own = [mapped(module.to_scene, arrived[:, n]).clamp(min=0) for n in range(N)]
    for s in range(S):
        weights = [(module.usual_SN[s, n] + 0.7 * own[n][s]) / N for n in range(N)]
        expected = sum(weight * shot for weight, shot in zip(weights, shots, strict=True))
        torch.testing.assert_close(scenes_DS[:, s], expected)


@torch.no_grad()
def test_a_scene_gathers_from_itself_and_those_before_it() -> None:
    module, scenes_DS = ActionAggregation(D, S, groups=1), torch.randn(D, S)
    actions_DS = module(scenes_DS[None])[0]
    arrived = torch.zeros_like(scenes_DS)
    for i in range(S):
        logit = dict.fromkeys(range(i, S), 0.0)
        for j, share in shares(module.affinity, scenes_DS, i, logit).items():
            arrived[:, j] += share * scenes_DS[:, i]
    for s in range(S):
        expected = mapped(module.to_output, arrived[:, s]).clamp(min=0)
        torch.testing.assert_close(actions_DS[:, s], expected)


@torch.no_grad()
def test_grouped_channels_do_not_see_each_other() -> None:
    module, clips_BCN = ClipRefinement(C, D, N, groups=2), torch.zeros(1, C, N)
    quiet = module.to_output(clips_BCN).relu()
    clips_BCN[:, : C // 2] = torch.randn(1, C // 2, N)
    refined = module(clips_BCN)
    torch.testing.assert_close(refined[:, D // 2 :], quiet[:, D // 2 :])
    assert not torch.allclose(refined[:, : D // 2], quiet[:, : D // 2])


def small(**changes: object) -> tuple[Hgcn, tuple[Tensor, Tensor], np.ndarray]:
    settings = HgcnSettings(principal_components=C, clips=N, scenes=S, width=D, **changes)  # type: ignore[arg-type]
    model = Hgcn(Task(C, ("a", "b")), settings)
    clips = [torch.randn(4 + i, C) for i in range(9)]
    scores_NK = np.random.default_rng(0).uniform(5, 25, (9, 2))
    model.prepare(clips, Labels(scores_NK))
    return model.eval(), pad_clips([model.fixed_stage(c) for c in clips]), scores_NK


@torch.no_grad()
def test_the_loss_is_what_draws_of_the_scenes_give_on_average() -> None:
    model, batch, scores_NK = small()
    terms = model.training_loss(StagedClips(*batch), Labels(torch.from_numpy(scores_NK).float()))
    mean_BKS, variance_BKS = model.scenes(*batch)
    drawn = mean_BKS + variance_BKS.sqrt() * torch.randn(20_000, *mean_BKS.shape)
    true_BK = (scores_NK - scores_NK.mean(0)) / scores_NK.std(0)
    expected = ((drawn.mean(-1).numpy() - true_BK) ** 2).mean()
    assert float(sum(terms.values())) == pytest.approx(expected, rel=0.01)


def test_groups_that_do_not_divide_get_a_sentence() -> None:
    with pytest.raises(CofinalError, match="width is 24; expected a multiple of 16 at these"):
        HgcnSettings(width=24, groups=2)
    with pytest.raises(CofinalError, match="7 channels of clips cannot be shared by 2 groups; set"):
        Hgcn(Task(7, ("a",)), HgcnSettings(groups=2))
