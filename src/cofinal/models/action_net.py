"""ACTION-NET, dynamic stream: clips are weighed in the light of the clips that resemble them.

Paper: Zeng et al., "Hybrid dynamic-static context-aware attention network for action assessment in
long videos", ACM MM 2020, https://arxiv.org/abs/2008.05977.
Reproduced: of the dynamic stream, the context-aware attention module - a graph convolution over
clips whose edges are learned similarities, then an attention unit that weighs each clip by what it
is and what its context is - the weighted mean, and a regression of the score by squared error.
Differs: no static stream, for which clip features alone have no picture; the backbone stays frozen
and its leading principal components are read; padding is invisible; one attention and one
regression per target over one common graph; scores are regressed in training deviations from the
training mean. Where the paper's text was not at hand (scale of similarities, residual sum, form of
the attention unit), the form here is the plainest.

Letters: B videos, T clips, C backbone channels, D model width, K targets, N performances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.grades import to_unit_score
from cofinal.layers.losses import scaled_squared_error
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.action_net import ActionNetSettings
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, StagedClips, Task


class ClipGraph(nn.Module):
    """Temporal instance-wise graph convolution: each clip gathers from clips similar to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_asker = nn.Linear(width, width)
        self.to_asked = nn.Linear(width, width)
        self.to_message = nn.Linear(width, width)

    def edges(self, clips_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Weights (B, T, T): row t is clip t's neighbourhood, zero on padding, summing to one."""
        similarity_BTT = self.to_asker(clips_BTD) @ self.to_asked(clips_BTD).transpose(-1, -2)
        similarity_BTT = similarity_BTT / math.sqrt(clips_BTD.shape[-1])
        return similarity_BTT.masked_fill(~mask_BT[:, None, :], -math.inf).softmax(-1)

    def forward(self, clips_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns the context (B, T, D) of each clip."""
        return self.to_message(self.edges(clips_BTD, mask_BT) @ clips_BTD).relu()


class ContextAttention(nn.Module):
    """Attention unit: a share of attention for each clip, from the clip and its context."""

    def __init__(self, width: int, targets: int) -> None:
        super().__init__()
        self.to_weight = nn.Sequential(
            nn.Linear(2 * width, width), nn.Tanh(), nn.Linear(width, targets)
        )

    def forward(self, clips_BTD: Tensor, context_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns shares (B, K, T), zero on padding, summing to one over clips."""
        logits_BTK = self.to_weight(torch.cat([clips_BTD, context_BTD], dim=-1))
        return logits_BTK.masked_fill(~mask_BT[..., None], -math.inf).softmax(1).transpose(1, 2)


class ActionNet(AssessmentModel):
    """Clips -> graph -> attention -> weighted mean -> score."""

    Settings = ActionNetSettings
    mean_K: Tensor
    spread_K: Tensor

    def __init__(self, task: Task, settings: ActionNetSettings) -> None:
        super().__init__(task, settings)
        K, D = len(task.targets), settings.width
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        self.project = nn.Sequential(
            nn.Linear(self.whitening.width, D), nn.ReLU(), nn.Dropout(settings.dropout)
        )
        self.graph = ClipGraph(D)
        self.attention = ContextAttention(D, K)
        self.dropout = nn.Dropout(settings.dropout)
        self.regressor_KD = nn.Parameter(torch.randn(K, D) / math.sqrt(D))
        self.bias_K = nn.Parameter(torch.zeros(K))
        self.register_buffer("mean_K", torch.full((K,), 0.5))
        self.register_buffer("spread_K", torch.ones(K))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the score range, mean and deviation of unit scores, and principal components."""
        self.learn_range(labels.scores_NK)
        unit_NK = to_unit_score(labels.scores_NK, self.range_K2.double().numpy())
        self.mean_K.copy_(torch.from_numpy(unit_NK.mean(0)))
        self.spread_K.copy_(torch.from_numpy(unit_NK.std(0)))
        self.whitening.fit(clips)

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Leading principal components of the clips."""
        return self.whitening(clips)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        return self.look(self.fixed_stage(clips_BTC), mask_BT)

    def look(self, staged_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Everything behind the fixed stage."""
        clips_BTD = self.project(staged_BTC)
        context_BTD = self.graph(clips_BTD, mask_BT)
        share_BKT = self.attention(clips_BTD, context_BTD, mask_BT)
        pooled_BKD = self.dropout(share_BKT @ (clips_BTD + context_BTD))
        deviation_BK = (pooled_BKD * self.regressor_KD).sum(-1) + self.bias_K
        unit_BK = self.mean_K + self.spread_K * deviation_BK
        return ModelOutput(unit_BK, attention_BKGT=share_BKT.unsqueeze(2))

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Squared error of the score, in training deviations."""
        predicted_BK = self.look(staged.values_BTC, staged.mask_BT).unit_score_BK
        unit_BK = to_unit_score(labels.scores_NK, self.range_K2)
        return {"score": scaled_squared_error(predicted_BK, unit_BK, self.spread_K)}
