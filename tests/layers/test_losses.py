"""Losses against their equations, written as plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from cofinal.layers.losses import (
    dot_regression,
    grade_cross_entropy,
    group_cross_entropy,
    hardest_triplet,
    ranked_probability_score,
    scaled_squared_error,
)


def test_grade_cross_entropy_with_hard_targets_is_the_usual_one() -> None:
    probabilities = torch.rand(5, 1, 4).softmax(-1)
    grade = torch.tensor([0, 1, 2, 3, 1])
    mine = grade_cross_entropy(probabilities, F.one_hot(grade, 4).float().unsqueeze(1))
    assert mine.item() == pytest.approx(
        F.nll_loss(probabilities[:, 0].log(), grade).item(), abs=1e-4
    )


def test_group_cross_entropy_is_the_sum_of_torchs_binary_ones() -> None:
    torch.manual_seed(0)
    probabilities = torch.randn(5, 2, 4).softmax(-1)
    member = F.one_hot(torch.randint(4, (5, 2)), 4).float()
    expected = 4 * F.binary_cross_entropy(probabilities, member)
    mine = group_cross_entropy(probabilities, member)
    assert mine.item() == pytest.approx(expected.item(), rel=1e-4)


def test_dot_regression_equals_its_equation() -> None:
    direction = F.normalize(torch.randn(2, 1, 3, 5), dim=-1)
    target = F.normalize(torch.randn(2, 1, 3, 5), dim=-1)
    weight = torch.rand(2, 1, 3).softmax(-1)
    expected = 0.0
    for b in range(2):
        for g in range(3):
            cosine = float(direction[b, 0, g] @ target[b, 0, g])
            expected += float(weight[b, 0, g]) * 0.5 * (cosine - 1) ** 2 / 2
    cosine_BKG = (direction * target).sum(-1)
    assert dot_regression(cosine_BKG, weight).item() == pytest.approx(expected, rel=1e-5)


def test_ranked_probability_score_is_the_integral_over_the_scale() -> None:
    torch.manual_seed(0)
    edges_KL = torch.rand(2, 9, dtype=torch.float64).sort(-1).values
    mass_BKL = torch.randn(3, 2, 8, dtype=torch.float64).softmax(-1)
    unit_BK, error_K = torch.rand(3, 2, dtype=torch.float64), torch.tensor([0.5, 2.0]).double()
    expected = []
    for b, k in np.ndindex(3, 2):
        total = 0.0
        for i in range(1, 8):  # at every inner edge, for half of the cells on both its sides
            below = float(mass_BKL[b, k, :i].sum())
            truth = float(unit_BK[b, k] <= edges_KL[k, i])
            width = float(edges_KL[k, i + 1] - edges_KL[k, i - 1]) / 2
            total += (below - truth) ** 2 * width
        expected.append(total / float(error_K[k]))
    found = ranked_probability_score(mass_BKL, unit_BK, edges_KL, error_K)
    assert found.item() == pytest.approx(np.mean(expected))


def test_scaled_squared_error_equals_its_equation() -> None:
    predicted, target = torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0, 1.0]])
    scale = torch.tensor([2.0, 0.5])
    assert scaled_squared_error(predicted, target, scale).item() == pytest.approx((1 + 4) / 2)


def test_hardest_triplet_equals_a_search_over_all_triplets() -> None:
    torch.manual_seed(0)
    features = torch.randn(3, 4, 5)
    unit = F.normalize(features.reshape(12, 5), dim=-1).numpy()
    label = np.tile(np.arange(4), 3)
    losses = []
    for a in range(12):
        distances = 1 - unit @ unit[a]
        positive = max(distances[i] for i in range(12) if label[i] == label[a])
        negative = min(distances[i] for i in range(12) if label[i] != label[a])
        losses.append(max(0.0, positive - negative + 1.0))
    assert hardest_triplet(features).item() == pytest.approx(float(np.mean(losses)), rel=1e-5)
    assert hardest_triplet(features[:, :1]).item() == 0
