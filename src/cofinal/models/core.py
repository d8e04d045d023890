"""CoRe: a score is an exemplar's known score plus the difference to it.

Paper: Yu et al., "Group-aware contrastive regression for action quality assessment", ICCV 2021,
https://arxiv.org/abs/2108.07797.
Reproduced: a performance is paired with an exemplar of known score; the group-aware regression
tree (GART) decides in which group the difference of their scores lies, and regresses the place
inside each group; groups hold equally many training differences; binary cross-entropy over the
groups plus the squared error of the place in the true group; features averaged over the segments
of a performance; the mean over several exemplars.
Differs: the backbone stays frozen, and a small network on principal components of its clips learns
in its place; all performances are one action, so exemplars are training performances evenly over
the score range, the same for every performance; in training, every other performance of the batch
is an exemplar, not one; one tree per target.

Letters: B videos, E exemplars, T clips, C channels, P segments, D model width, K targets, R groups
(leaves), S the two sides of a decision, L nodes of a level, N performances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.grades import expected_score, grade_of, to_unit_score
from cofinal.layers.losses import TINY, group_cross_entropy
from cofinal.layers.summary import soft_segments
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.core import CoReSettings
from cofinal.models.interface import (
    AssessmentModel,
    Labels,
    ModelOutput,
    StagedClips,
    Task,
    pad_clips,
)

# Quantiles of training scores stand for the scores themselves where there are more than this.
MOST_SCORES = 1000


def difference_edges(scores_N: np.ndarray, groups: int) -> np.ndarray:
    """Edges (R + 1,) of groups that hold equally many differences between training scores.

    Few different scores leave some groups with no width; no difference belongs to these.
    """
    kept = np.quantile(scores_N, np.linspace(0, 1, min(len(scores_N), MOST_SCORES)))
    differences = (kept[:, None] - kept[None, :])[~np.eye(len(kept), dtype=bool)]
    return np.quantile(differences, np.linspace(0, 1, groups + 1))


def even_choice(unit_NK: np.ndarray, count: int) -> np.ndarray:
    """Which performances are nearest to `count` levels that divide the score range evenly.

    The level is the mean over targets. A performance can be chosen more than once.
    """
    level_N = unit_NK.mean(1)
    wanted_E = np.linspace(level_N.min(), level_N.max(), count)
    return np.abs(level_N[None, :] - wanted_E[:, None]).argmin(1)


def uniform(*shape: int, inputs: int) -> nn.Parameter:
    """Random weights in the range that PyTorch's own linear layers start in."""
    bound = 1 / math.sqrt(inputs)
    return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))


class GroupTree(nn.Module):
    """GART, one tree per target: a binary tree whose leaves are groups of the score difference.

    At every node the feature passes to two children, and a decision divides the node's
    probability between them. All trees and all nodes of a level are one product.
    """

    def __init__(self, targets: int, width: int, depth: int) -> None:
        super().__init__()
        K, D = targets, width
        levels = [2**level for level in range(depth)]
        self.branch = nn.ParameterList(uniform(K, L, D, 2, D, inputs=D) for L in levels)
        self.branch_bias = nn.ParameterList(uniform(K, L, 2, D, inputs=D) for L in levels)
        self.decide = nn.ParameterList(uniform(K, L, 2, D, inputs=D) for L in levels)
        self.to_place_KRD = uniform(K, 2**depth, D, inputs=D)

    def forward(self, pair_KD: Tensor) -> tuple[Tensor, Tensor]:
        """Returns group probabilities (..., K, R), summing to one, and places (..., K, R).

        Args:
            pair_KD: (..., K, D) features of pairs.
        """
        node_KLD = pair_KD.unsqueeze(-2)
        log_chance_KL = torch.zeros_like(node_KLD[..., 0])
        for branch, bias, decide in zip(self.branch, self.branch_bias, self.decide, strict=True):
            child_KLSD = (torch.einsum("...kld,kldse->...klse", node_KLD, branch) + bias).relu()
            side_KLS = (child_KLSD * decide).sum(-1).log_softmax(-1)
            log_chance_KL = (log_chance_KL.unsqueeze(-1) + side_KLS).flatten(-2)
            node_KLD = child_KLSD.flatten(-3, -2)
        return log_chance_KL.exp(), (node_KLD * self.to_place_KRD).sum(-1).sigmoid()


class CoRe(AssessmentModel):
    """Segments -> features -> pairs with exemplars -> tree -> mean over exemplars."""

    Settings = CoReSettings
    holds_performances = True
    difference_edges_KR: Tensor
    """(K, R + 1) edges of the groups, as differences of unit scores."""
    exemplar_segments_EPC: Tensor
    exemplar_scores_EK: Tensor
    """Unit scores."""

    def __init__(self, task: Task, settings: CoReSettings) -> None:
        super().__init__(task, settings)
        K, D, E = len(task.targets), settings.width, settings.exemplars
        groups = 2**settings.depth
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        C = self.whitening.width
        self.embed = nn.Sequential(nn.Linear(C, D), nn.ReLU(), nn.Dropout(settings.dropout))
        # A linear map of (own feature, exemplar's feature, exemplar's score) in three summands.
        self.from_own = nn.Linear(D, K * D)
        self.from_exemplar = nn.Linear(D, K * D, bias=False)
        self.from_score_KD = uniform(K, D, inputs=2 * D + 1)
        self.tree = GroupTree(K, D, settings.depth)
        self.register_buffer("difference_edges_KR", torch.linspace(-1, 1, groups + 1).repeat(K, 1))
        self.register_buffer("exemplar_segments_EPC", torch.zeros(E, settings.segments, C))
        self.register_buffer("exemplar_scores_EK", torch.zeros(E, K))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns score range, groups of differences and principal components; picks exemplars."""
        self.learn_range(labels.scores_NK)
        # In the arithmetic of training, so that a difference that is an edge stays one.
        unit_NK = to_unit_score(labels.scores_NK.astype(np.float32), self.range_K2.numpy())
        groups = 2**self.settings.depth
        difference_KR = np.stack([difference_edges(column, groups) for column in unit_NK.T])
        self.difference_edges_KR.copy_(torch.from_numpy(difference_KR))
        self.whitening.fit(clips)
        for place, index in enumerate(even_choice(unit_NK, self.settings.exemplars)):
            staged_BTC, mask_BT = pad_clips([self.fixed_stage(clips[index])])
            self.exemplar_segments_EPC[place] = self.segments(staged_BTC, mask_BT)[0]
            self.exemplar_scores_EK[place] = torch.from_numpy(unit_NK[index])

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Leading principal components of the clips."""
        return self.whitening(clips)

    def segments(self, staged_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Means of the clips around evenly spaced moments (B, P, C)."""
        return soft_segments(staged_BTC, mask_BT, self.settings.segments)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Each performance against every stored exemplar; the mean of what they say."""
        own_BD = self.features(self.segments(self.fixed_stage(clips_BTC), mask_BT))
        exemplar_ED = self.features(self.exemplar_segments_EPC)
        chance_BEKR, place_BEKR = self.compare(own_BD, exemplar_ED, self.exemplar_scores_EK)
        difference_BEK = self.difference(chance_BEKR, place_BEKR)
        return ModelOutput(
            (self.exemplar_scores_EK + difference_BEK).mean(1),
            extras={"difference_BEK": difference_BEK, "chance_BEKR": chance_BEKR},
        )

    def features(self, segments_BPC: Tensor) -> Tensor:
        """One feature (B, D) of a performance: the mean over its segments."""
        features_BD: Tensor = self.embed(segments_BPC).mean(1)
        return features_BD

    def compare(
        self, own_BD: Tensor, exemplar_ED: Tensor, scores_EK: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Group probabilities and places (B, E, K, R) of performances beside their exemplars.

        Args:
            own_BD: features of the performances.
            exemplar_ED: features of exemplars, the same for all (E, D) or each its own (B, E, D).
            scores_EK: the exemplars' unit scores, (E, K) or (B, E, K).
        """
        K, D = self.from_score_KD.shape
        own_BKD = self.from_own(own_BD).unflatten(-1, (K, D))
        exemplar_EKD = self.from_exemplar(exemplar_ED).unflatten(-1, (K, D))
        exemplar_EKD = exemplar_EKD + scores_EK.unsqueeze(-1) * self.from_score_KD
        answer: tuple[Tensor, Tensor] = self.tree((own_BKD.unsqueeze(1) + exemplar_EKD).relu())
        return answer

    def difference(self, chance_BEKR: Tensor, place_BEKR: Tensor) -> Tensor:
        """Difference of unit scores (B, E, K) that a tree's leaves stand for."""
        if self.settings.decision == "most-probable":
            chance_BEKR = one_hot(chance_BEKR.argmax(-1), chance_BEKR)
        difference_BEK: Tensor = expected_score(chance_BEKR, place_BEKR, self.difference_edges_KR)
        return difference_BEK

    def leaves(self, difference_BEK: Tensor) -> tuple[Tensor, Tensor]:
        """What the tree should answer: one at a difference's group (B, E, K, R), and its place."""
        edges_KR = self.difference_edges_KR
        width_KR = edges_KR.diff(dim=-1).clamp(min=TINY)
        place_BEKR = (difference_BEK.unsqueeze(-1) - edges_KR[:, :-1]) / width_KR
        return one_hot(grade_of(difference_BEK, edges_KR), place_BEKR), place_BEKR.clamp(0, 1)

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Group and place terms; the exemplars of a performance are all others of the batch."""
        own_BD = self.features(self.segments(staged.values_BTC, staged.mask_BT))
        unit_BK = to_unit_score(labels.scores_NK, self.range_K2)
        other_BE = others(len(own_BD), own_BD.device)
        chance_BEKR, place_BEKR = self.compare(own_BD, own_BD[other_BE], unit_BK[other_BE])
        member_BEKR, true_BEKR = self.leaves(unit_BK.unsqueeze(1) - unit_BK[other_BE])
        error_BEKR = member_BEKR * (place_BEKR - true_BEKR)
        return {
            "group": group_cross_entropy(chance_BEKR, member_BEKR),
            "place": error_BEKR.square().sum(-1).mean(),
        }


def one_hot(index: Tensor, like_R: Tensor) -> Tensor:
    """One at `index` (...), zeros elsewhere: (..., R) of the kind of `like_R`."""
    position_R = torch.arange(like_R.shape[-1], device=index.device)
    return (index.unsqueeze(-1) == position_R).to(like_R.dtype)


def others(count: int, device: torch.device) -> Tensor:
    """For each of `count` performances all others (B, B - 1); a single one has but itself."""
    own_B1 = torch.arange(count, device=device).unsqueeze(1)
    return (own_B1 + torch.arange(1, max(count, 2), device=device)) % count
