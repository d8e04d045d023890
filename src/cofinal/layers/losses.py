"""Every loss, one function with its equation.

Letters: B videos, G grades, S sub-grades, K targets, D model width, E embedding width, Q queries,
L score bins, M both views of B videos,
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


def dot_regression(cosine_BKG: Tensor, weight_BKG: Tensor) -> Tensor:
    """Fine term: mean of w/2 (<e, f> - 1)^2, of unit vectors f and the prototypes e that they mean.

    Paper: CoFInAl section 3, fine-grained scoring; Yang et al., NeurIPS 2022 (dot-regression loss
    for fixed simplex classifiers).

    Args:
        cosine_BKG: cosine of each grade's vector and the prototype of the true sub-grade.
        weight_BKG: how much each grade's vector counts, summing to one over grades.
    """
    return (weight_BKG * 0.5 * (cosine_BKG - 1).square()).sum(-1).mean()


def ranked_probability_score(
    mass_BKL: Tensor, unit_BK: Tensor, edges_KL: Tensor, error_K: Tensor
) -> Tensor:
    """Distribution term: integral of (F(y) - 1[score <= y])^2 over unit scores y, a sum over cells.

    Source: Epstein, "A scoring system for probability forecasts of ranked categories", Journal of
    Applied Meteorology 1969. In units of the error, so that targets weigh alike.

    Args:
        mass_BKL: probability of each cell, summing to one.
        unit_BK: true unit scores.
        edges_KL: (K, L + 1) edges of the cells as unit scores.
        error_K: the unit.
    """
    inner_KL = edges_KL[:, 1:-1]
    width_KL = (edges_KL[:, 2:] - edges_KL[:, :-2]) / 2
    below_BKL = mass_BKL.cumsum(-1)[..., :-1]
    truth_BKL = (unit_BK.unsqueeze(-1) <= inner_KL).to(below_BKL.dtype)
    integral_BK = ((below_BKL - truth_BKL).square() * width_KL).sum(-1)
    return (integral_BK / error_K).mean()


def scaled_squared_error(predicted: Tensor, target: Tensor, scale: Tensor) -> Tensor:
    """Score term: mean of ((prediction - score) / scale)^2; scale makes targets comparable."""
    return ((predicted - target) / scale).square().mean()


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


def gaussian_likelihood(
    mean: Tensor, log_variance: Tensor, target: Tensor, error: float = 0.6, spread: float = 0.4
) -> Tensor:
    """Mean of a (target - mean)^2 / variance + b log variance, with weights a and b.

    With a = b = 1/2 it is the negative logarithm of a Gaussian's density, less a constant.
    Source: DAE (Zhang et al. 2023) as its authors tell it, with a = .6 and b = .4.
    """
    return (error * (target - mean).square() / log_variance.exp() + spread * log_variance).mean()


def path_contrast(first_BD: Tensor, second_BD: Tensor, temperature: float = 0.1) -> Tensor:
    """Two views of one video are alike, those of different videos are not (NT-Xent).

    Over all 2B vectors: mean of -log softmax over the others of cosine / temperature, at the other
    view. 0 for one video. Source: Chen et al., ICML 2020, as T2CR uses it.
    """
    unit_MD = F.normalize(torch.cat([first_BD, second_BD]), dim=-1)
    own_MM = torch.eye(len(unit_MD), device=unit_MD.device, dtype=torch.bool)
    logits_MM = (unit_MD @ unit_MD.T / temperature).masked_fill(own_MM, -torch.inf)
    log_share_MM = logits_MM.log_softmax(-1)
    partner = [log_share_MM.diagonal(offset) for offset in (len(first_BD), -len(first_BD))]
    return -torch.cat(partner).mean()


def list_divergence(features_BD: Tensor, scores_BK: Tensor, temperature: float = 0.1) -> Tensor:
    """Videos are alike in features as they are in quality: mean over videos of the divergence of
    softmax over the others of cosine / temperature, from softmax of -mean |difference of scores|.

    0 for fewer than three videos. Ours, for PHI's list-wise term, whose form is not known.

    Args:
        features_BD: features of videos.
        scores_BK: their scores, in training deviations.
        temperature: of the cosines; differences of scores are taken as they are.
    """
    if len(features_BD) < 3:
        return features_BD.new_zeros(())
    unit_BD = F.normalize(features_BD, dim=-1)
    apart_BB = (scores_BK[:, None] - scores_BK[None, :]).abs().mean(-1)
    log_alike_BB, log_near_BB = (
        others_only(logits_BB).log_softmax(-1)
        for logits_BB in (unit_BD @ unit_BD.T / temperature, -apart_BB)
    )
    return divergences(log_alike_BB, log_near_BB.exp()).mean()


def others_only(square_BB: Tensor) -> Tensor:
    """A square without its diagonal: (B, B - 1)."""
    B = len(square_BB)
    return square_BB.flatten()[1:].view(B - 1, B + 1)[:, :-1].reshape(B, B - 1)
