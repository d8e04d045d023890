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
    prototype_separation,
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
    assert dot_regression(direction, target, weight).item() == pytest.approx(expected, rel=1e-5)


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


def test_separation_is_zero_for_grades_far_apart_and_positive_for_equal_ones() -> None:
    apart = torch.eye(3, 6).expand(4, 2, 3, 6)
    assert prototype_separation(apart).item() == 0
    equal = torch.ones(4, 2, 3, 6)
    assert prototype_separation(equal).item() == pytest.approx(0.5)
    assert prototype_separation(apart[:, :, :1]).item() == 0
