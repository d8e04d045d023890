"""Every loss, one function with its equation.

Letters: B videos, G grades, S sub-grades, K targets, D model width, E embedding width, Q queries,
L score bins,
R attention rows, P attended parts.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

# Added inside logarithms of probabilities, which may round to zero.
TINY = 1e-6


def grade_cross_entropy(probabilities: Tensor, target: Tensor) -> Tensor:
    """Coarse term: mean of -sum_g t_g log p_g.

    Paper: CoFInAl section 3, coarse assessment. Differs: a soft target that spreads over
    neighbouring grades replaces the released program's regression of one coarse number.

    Args:
        probabilities: (B, K, G) predicted.
        target: (B, K, G) true membership, summing to one.
    """
    return -(target * (probabilities + TINY).log()).sum(-1).mean()


def divergences(log_predicted: Tensor, target: Tensor) -> Tensor:
    """Kullback-Leibler divergence sum_l t_l (log t_l - log p_l) of each distribution (..., L)."""
    return (torch.special.xlogy(target, target) - target * log_predicted).sum(-1)


def distribution_divergence(log_predicted: Tensor, target: Tensor) -> Tensor:
    """Mean of the divergences from the targets.

    Paper: Tang et al., CVPR 2020 (uncertainty-aware score distribution learning).

    Args:
        log_predicted: (B, K, L) logarithms of the predicted distribution over score bins.
        target: (B, K, L) distributions, each summing to one.
    """
    return divergences(log_predicted, target).mean()


def group_cross_entropy(probabilities: Tensor, member: Tensor) -> Tensor:
    """Mean of -sum_r [m_r log p_r + (1 - m_r) log(1 - p_r)]: each group as a question of its own.

    Paper: CoRe (Yu et al., ICCV 2021), classification term of the regression tree.

    Args:
        probabilities: (..., R) predicted, summing to one.
        member: (..., R) one at the true group, zero elsewhere.
    """
    right = member * (probabilities + TINY).log()
    return -(right + (1 - member) * (1 - probabilities + TINY).log()).sum(-1).mean()


def dot_regression(direction: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Fine term: mean of w/2 (<e, f> - 1)^2 over unit vectors f and their targets e.

    Paper: CoFInAl section 3, fine-grained scoring; Yang et al., NeurIPS 2022 (dot-regression loss
    for fixed simplex classifiers).

    Args:
        direction: (B, K, G, E) unit vectors.
        target: (B, K, G, E) unit vectors.
        weight: (B, K, G) how much each grade's vector counts, summing to one over grades.
    """
    similarity = (direction * target).sum(-1)
    return (weight * 0.5 * (similarity - 1).square()).sum(-1).mean()


def scaled_squared_error(predicted: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    """Score term: mean of ((prediction - score) / scale)^2; scale makes targets comparable."""
    return ((predicted - target) / scale).square().mean()


def prototype_separation(features_BKGD: Tensor, margin: float = 0.5) -> Tensor:
    """Keeps the features of different grade prototypes apart.

    For each feature the cosine distance to the batch mean of its own grade must be smaller, by the
    margin, than the distance to the nearest other grade's mean: mean of max(0, own - other + m).
    Paper: CoFInAl section 3, triplet term. Differs: means instead of the hardest pairs.
    """
    grades = features_BKGD.shape[2]
    if grades < 2:
        return features_BKGD.new_zeros(())
    unit_BKGD = F.normalize(features_BKGD, dim=-1)
    mean_KGD = F.normalize(unit_BKGD.mean(0), dim=-1)
    distance_BKGG = 1 - torch.einsum("bkgd,khd->bkgh", unit_BKGD, mean_KGD)
    own_BKG = distance_BKGG.diagonal(dim1=-2, dim2=-1)
    same_GG = torch.eye(grades, device=features_BKGD.device, dtype=torch.bool)
    nearest_BKG = distance_BKGG.masked_fill(same_GG, torch.inf).amin(-1)
    return F.relu(own_BKG - nearest_BKG + margin).mean()


def row_separation(attention_BRP: Tensor) -> Tensor:
    """Keeps rows of attention apart and sharp: mean over videos of |A A' - I|^2 (Frobenius).

    Paper: Lin et al., ICLR 2017 (structured self-attentive embedding), as Xu et al. use it.
    """
    likeness_BRR = attention_BRP @ attention_BRP.transpose(1, 2)
    same_RR = torch.eye(likeness_BRR.shape[-1], device=likeness_BRR.device)
    return (likeness_BRR - same_RR).square().sum((1, 2)).mean()


def hardest_triplet(features_BQD: Tensor, margin: float = 1.0) -> Tensor:
    """Triplet loss with the hardest pairs of a batch, as the released program trains with.

    Over all B x Q features, the label being the query: mean of max(0, farthest of the same query -
    nearest of another + margin), cosine distance.

    Source: the released CoFInAl and GDLT programs.
    """
    B, Q, D = features_BQD.shape
    unit_MD = F.normalize(features_BQD.reshape(B * Q, D), dim=-1)
    distance_MM = 1 - unit_MD @ unit_MD.T
    label_M = torch.arange(Q, device=features_BQD.device).repeat(B)
    same_MM = label_M[:, None] == label_M[None, :]
    if Q < 2:
        return distance_MM.new_zeros(())
    farthest_M = distance_MM.masked_fill(~same_MM, -torch.inf).amax(1)
    nearest_M = distance_MM.masked_fill(same_MM, torch.inf).amin(1)
    return F.relu(farthest_M - nearest_M + margin).mean()
