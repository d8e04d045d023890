"""CoRe's tree, groups and exemplars against plain loops and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from cofinal.errors import CofinalError
from cofinal.grades import to_unit_score
from cofinal.methods.core import CoReSettings
from cofinal.models.core import CoRe, GroupTree, difference_edges, even_choice, others
from cofinal.models.interface import Labels, ModelOutput, StagedClips, Task, pad_clips

CHANNELS, WIDTH, DEPTH, EXEMPLARS = 6, 4, 3, 5


def training_clips(count: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(5)
    return [torch.randn(7, CHANNELS, generator=generator) for _ in range(count)]


def prepared(scores_NK: np.ndarray, **changes: object) -> CoRe:
    torch.manual_seed(0)
    values = {"width": WIDTH, "depth": DEPTH, "exemplars": EXEMPLARS, "segments": 3} | changes
    task = Task(CHANNELS, tuple("abc"[: scores_NK.shape[1]]))
    model = CoRe(task, CoReSettings(**values))  # type: ignore[arg-type]
    model.prepare(training_clips(len(scores_NK)), Labels(scores_NK))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


@pytest.fixture(name="scores_NK")
def training_scores() -> np.ndarray:
    """Nine performances, two targets."""
    return np.random.default_rng(0).uniform(5, 25, (9, 2))


def walk(tree: GroupTree, feature_D: Tensor, k: int, leaf: int) -> tuple[float, float]:
    """Probability and place of one leaf, by going down to it decision by decision."""
    chance, node = 1.0, 0
    for level in range(DEPTH):
        side = leaf >> (DEPTH - 1 - level) & 1
        children = [
            (
                feature_D @ tree.branch[level][k, node, :, s] + tree.branch_bias[level][k, node, s]
            ).clamp(min=0)
            for s in (0, 1)
        ]
        logits = [float(children[s] @ tree.decide[level][k, node, s]) for s in (0, 1)]
        chance *= 1 / (1 + np.exp(logits[1 - side] - logits[side]))
        feature_D, node = children[side], 2 * node + side
    place = 1 / (1 + np.exp(-float(feature_D @ tree.to_place_KRD[k, leaf])))
    return chance, place


@torch.no_grad()
def test_leaves_are_the_products_of_decisions_on_their_path_and_sum_to_one() -> None:
    torch.manual_seed(0)
    tree, pair = GroupTree(2, WIDTH, DEPTH), 3 * torch.randn(3, 2, WIDTH)
    chance, place = tree(pair)
    torch.testing.assert_close(chance.sum(-1), torch.ones(3, 2))
    for b in range(3):
        for k in range(2):
            for leaf in range(2**DEPTH):
                expected = walk(tree, pair[b, k], k, leaf)
                found = (float(chance[b, k, leaf]), float(place[b, k, leaf]))
                assert found == pytest.approx(expected, rel=1e-4)


def test_groups_hold_equally_many_training_differences() -> None:
    scores = np.random.default_rng(1).normal(size=60)
    edges = difference_edges(scores, 8)
    differences = [a - b for i, a in enumerate(scores) for j, b in enumerate(scores) if i != j]
    counts, _ = np.histogram(differences, edges)
    assert counts.sum() == 60 * 59
    assert np.abs(counts - 60 * 59 / 8).max() <= 1
    np.testing.assert_allclose(edges, -edges[::-1], atol=1e-12)


def test_groups_of_very_many_performances_are_close_to_those_of_all() -> None:
    scores = np.random.default_rng(1).normal(size=3000)
    exact = np.quantile((scores[:, None] - scores)[~np.eye(3000, dtype=bool)], np.arange(1, 8) / 8)
    np.testing.assert_allclose(difference_edges(scores, 8)[1:-1], exact, atol=0.01)


@pytest.mark.parametrize("decision", ["most-probable", "expectation"])
@torch.no_grad()
def test_decoded_difference_lies_in_the_interval_it_should(
    decision: str, scores_NK: np.ndarray
) -> None:
    model = prepared(scores_NK, decision=decision)
    output = model(*pad_clips([torch.randn(length, CHANNELS) for length in (4, 9)]))
    edges = model.difference_edges_KR
    chance, difference = output.extras["chance_BEKR"], output.extras["difference_BEK"]
    assert difference.shape == (2, EXEMPLARS, 2)
    for k in range(2):
        group = chance[:, :, k].argmax(-1)
        exact = decision == "most-probable"
        low = edges[k][group] if exact else edges[k, 0]
        high = edges[k][group + 1] if exact else edges[k, -1]
        assert ((difference[..., k] >= low) & (difference[..., k] <= high)).all()


@pytest.mark.parametrize("rounded", [False, True])
@torch.no_grad()
def test_true_leaves_give_every_difference_back(rounded: bool, scores_NK: np.ndarray) -> None:
    """Whole scores leave groups without width, in which no difference may get lost."""
    scores_NK = np.round(scores_NK / 5) if rounded else scores_NK
    model = prepared(scores_NK)
    unit = to_unit_score(torch.from_numpy(scores_NK).float(), model.range_K2)
    difference = unit.unsqueeze(1) - unit
    member, place = model.leaves(difference)
    torch.testing.assert_close(member.sum(-1), torch.ones(9, 9, 2))
    torch.testing.assert_close(model.difference(member, place), difference, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_tree_that_knows_the_differences_gives_the_true_score(scores_NK: np.ndarray) -> None:
    model = prepared(scores_NK)
    true = torch.tensor([0.4, 0.6])
    leaves = model.leaves((true - model.exemplar_scores_EK).unsqueeze(0))
    model.compare = lambda *_: leaves  # type: ignore[assignment,method-assign]
    output = model(torch.randn(1, 4, CHANNELS), torch.ones(1, 4, dtype=torch.bool))
    torch.testing.assert_close(output.unit_score_BK[0], true)


def test_exemplars_are_those_nearest_to_even_levels() -> None:
    levels = np.array([[0.0], [0.1], [0.24], [0.5], [0.55], [0.7], [1.0]])
    assert even_choice(levels, 5).tolist() == [0, 2, 3, 5, 6]
    assert even_choice(levels[[0, 6]], 5).tolist() == [0, 0, 0, 1, 1]


@torch.no_grad()
def test_exemplars_are_training_performances_with_their_own_scores(scores_NK: np.ndarray) -> None:
    model = prepared(scores_NK)
    staged, mask = pad_clips([model.fixed_stage(clip) for clip in training_clips(9)])
    every = model.segments(staged, mask)
    points = model.score(ModelOutput(model.exemplar_scores_EK))
    for segments, score in zip(model.exemplar_segments_EPC, points, strict=True):
        index = int((every - segments).square().sum((1, 2)).argmin())
        torch.testing.assert_close(segments, every[index])
        np.testing.assert_allclose(score, scores_NK[index], rtol=1e-5)


@torch.no_grad()
def test_the_tree_reads_a_linear_map_of_both_features_and_the_exemplars_score(
    scores_NK: np.ndarray,
) -> None:
    model = prepared(scores_NK)
    own, exemplar, score = torch.randn(2, WIDTH), torch.randn(3, WIDTH), torch.rand(3, 2)
    chance, place = model.compare(own, exemplar, score)
    for b in range(2):
        for e in range(3):
            for k in range(2):
                rows = slice(k * WIDTH, (k + 1) * WIDTH)
                weight = [model.from_own.weight[rows], model.from_exemplar.weight[rows]]
                matrix = torch.cat([*weight, model.from_score_KD[k].unsqueeze(1)], 1)
                joined = torch.cat([own[b], exemplar[e], score[e, k : k + 1]])
                feature = (matrix @ joined + model.from_own.bias[rows]).clamp(min=0)
                expected = walk(model.tree, feature, k, 5)
                found = (float(chance[b, e, k, 5]), float(place[b, e, k, 5]))
                assert found == pytest.approx(expected, rel=1e-4)


@torch.no_grad()
def test_loss_is_the_mean_over_pairs_of_two_different_performances(scores_NK: np.ndarray) -> None:
    model = prepared(scores_NK)
    clips, mask = pad_clips([torch.randn(length, CHANNELS) for length in (4, 9, 6)])
    scores = torch.from_numpy(scores_NK[:3]).float()
    staged = model.fixed_stage(clips)
    losses = model.training_loss(StagedClips(staged, mask), Labels(scores))
    feature = model.features(model.segments(staged, mask))
    unit = to_unit_score(scores, model.range_K2)
    chance, place = model.compare(feature, feature, unit)
    group_terms, place_terms = [], []
    for b, e in ((b, e) for b in range(3) for e in range(3) if b != e):
        for k in range(2):
            edges = model.difference_edges_KR[k].numpy()
            difference = float(unit[b, k] - unit[e, k])
            group = int(np.clip(np.searchsorted(edges, difference, "right") - 1, 0, 7))
            p = chance[b, e, k].double().numpy()
            others_p = np.delete(p, group)
            group_terms.append(-np.log(p[group]) - np.log(1 - others_p).sum())
            true = (difference - edges[group]) / (edges[group + 1] - edges[group])
            place_terms.append((float(place[b, e, k, group]) - np.clip(true, 0, 1)) ** 2)
    assert losses["group"].item() == pytest.approx(np.mean(group_terms), rel=1e-3)
    assert losses["place"].item() == pytest.approx(np.mean(place_terms), rel=1e-3)


def test_every_performance_is_paired_with_all_others_and_never_with_itself() -> None:
    for row, found in enumerate(others(5, torch.device("cpu")).tolist()):
        assert sorted(found) == [b for b in range(5) if b != row]
    assert others(1, torch.device("cpu")).tolist() == [[0]]


def test_fewer_performances_than_exemplars_and_whole_scores_train() -> None:
    model = prepared(np.array([[1.0], [2.0], [2.0]]), exemplars=10)
    clips, mask = pad_clips([torch.randn(4, CHANNELS) for _ in range(3)])
    losses = model.training_loss(
        StagedClips(model.fixed_stage(clips), mask), Labels(torch.tensor([[1.0], [2.0], [2.0]]))
    )
    sum(losses.values()).backward()  # type: ignore[union-attr]
    for parameter in model.parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()
    answer = model.score(model(clips, mask))
    assert torch.isfinite(answer).all()


@pytest.mark.parametrize(
    "changes", [{"exemplars": 0}, {"depth": 0}, {"depth": 11}, {"decision": "best"}, {"dropout": 1}]
)
def test_impossible_settings_get_a_sentence(changes: dict[str, object]) -> None:
    with pytest.raises(CofinalError, match=f"setting {next(iter(changes))} is"):
        CoReSettings(**changes)  # type: ignore[arg-type]
