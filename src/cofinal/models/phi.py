"""PHI, a reconstruction: initial features of clips flow to those that scoring desires.

Paper: Zhou et al., "PHI: Bridging domain shift in long-term action quality assessment via
progressive hierarchical instruction", IEEE TIP 2025, https://arxiv.org/abs/2505.19972. Its text was
not at hand, and the published program lacks network and losses, so this is a reconstruction.
Known and reproduced: an encoder whose attention runs through a learned matrix of low rank leads
to desired features, taught by the score alone; a flow is matched to the gap between initial and
desired features; a perceptron reads the score; a list-wise term compares every pair of a batch in
features and in quality.
Ours, for want of knowledge: one head, pre-norm, and no softmax beyond two; matching at a random
time on the straight way between both features, without gradients into them; a few Euler steps from
the initial features; the score read from the refined features, with that of the desired ones beside
it, by one perceptron; the list-wise term as a Kullback-Leibler divergence of softmaxes; one
optimiser for all. Left out: stages over several classes, the triplet term and the simplex frame
that the program's settings name. The backbone's principal components are read, and padding is
invisible.

Letters: B videos, T clips, C backbone channels, D width, R rank, K targets.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.layers.attention import feed_forward
from cofinal.layers.losses import list_divergence
from cofinal.layers.summary import time_average
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.phi import PhiSettings
from cofinal.models.deviation import DeviationModel
from cofinal.models.interface import Labels, ModelOutput, StagedClips, Task


class LowRankAttention(nn.Module):
    """Clips attend to R learned rows, and these to the clips: R times T steps, not T squared."""

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.to_query, self.to_key, self.to_value, self.to_output = (
            nn.Linear(width, width) for _ in range(4)
        )
        self.rows_RD = nn.Parameter(torch.randn(rank, width))

    def forward(self, clips_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns answers (B, T, D); padded clips are not attended to."""
        scale = 1 / math.sqrt(clips_BTD.shape[-1])
        to_rows_BTR = (self.to_query(clips_BTD) @ self.rows_RD.T * scale).softmax(-1)
        from_clips_BRT = self.rows_RD @ self.to_key(clips_BTD).transpose(-1, -2) * scale
        from_clips_BRT = from_clips_BRT.masked_fill(~mask_BT.unsqueeze(-2), -math.inf).softmax(-1)
        answer: Tensor = self.to_output(to_rows_BTR @ (from_clips_BRT @ self.to_value(clips_BTD)))
        return answer


class EncoderLayer(nn.Module):
    """Low-rank attention among clips, then a feed-forward network; pre-norm."""

    def __init__(self, width: int, rank: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention, self.norm_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = LowRankAttention(width, rank)
        self.feed = feed_forward(width, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, clips_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns clips (B, T, D) that know of each other."""
        answer_BTD = self.attention(self.norm_attention(clips_BTD), mask_BT)
        clips_BTD = clips_BTD + self.dropout(answer_BTD)
        return clips_BTD + self.dropout(self.feed(self.norm_feed(clips_BTD)))


class Flow(nn.Module):
    """Velocity of features at a time between 0 (initial) and 1 (desired), clip by clip."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.velocity = nn.Sequential(
            nn.Linear(width + 1, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
        )

    def forward(self, clips_BTD: Tensor, time_B11: Tensor) -> Tensor:
        """Returns velocities (B, T, D)."""
        time_BT1 = time_B11.expand(*clips_BTD.shape[:-1], 1)
        velocity_BTD: Tensor = self.velocity(torch.cat([clips_BTD, time_BT1], dim=-1))
        return velocity_BTD

    def refine(self, initial_BTD: Tensor, steps: int) -> Tensor:
        """Follows the velocity from the initial features in Euler steps: (B, T, D)."""
        clips_BTD = initial_BTD
        for step in range(steps):
            time_B11 = torch.full_like(clips_BTD[:, :1, :1], step / steps)
            clips_BTD = clips_BTD + self(clips_BTD, time_B11) / steps
        return clips_BTD


class Phi(DeviationModel):
    """Initial features -> flow -> refined features -> score; an encoder shows what is desired."""

    Settings = PhiSettings

    def __init__(self, task: Task, settings: PhiSettings) -> None:
        super().__init__(task, settings)
        D = settings.width
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        self.project = nn.Sequential(
            nn.Linear(self.whitening.width, D), nn.Dropout(settings.dropout)
        )
        self.encoder = nn.ModuleList(
            EncoderLayer(D, settings.rank, settings.dropout) for _ in range(settings.layers)
        )
        self.flow = Flow(D, settings.dropout)
        self.to_score = nn.Sequential(
            nn.LayerNorm(D), nn.Linear(D, D), nn.GELU(), nn.Linear(D, len(task.targets))
        )

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the scale of the scores and the principal components."""
        self.learn_scale(labels.scores_NK)
        self.whitening.fit(clips)

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Leading principal components of the clips."""
        return self.whitening(clips)

    def features(self, staged_BTC: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Initial, desired and refined features of the clips, each (B, T, D)."""
        initial_BTD = self.project(staged_BTC)
        desired_BTD = initial_BTD
        for layer in self.encoder:
            desired_BTD = layer(desired_BTD, mask_BT)
        return initial_BTD, desired_BTD, self.flow.refine(initial_BTD, self.settings.steps)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch; the score from the desired features is in `extras`."""
        _, desired_BTD, refined_BTD = self.features(self.fixed_stage(clips_BTC), mask_BT)
        refined_BK, desired_BK = (
            self.to_score(time_average(features_BTD, mask_BT))
            for features_BTD in (refined_BTD, desired_BTD)
        )
        return self.assessed(refined_BK, desired_BK=self.mean_K + self.spread_K * desired_BK)

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Scores of both features, the flow's matching, and the list-wise comparison."""
        initial_BTD, desired_BTD, refined_BTD = self.features(staged.values_BTC, staged.mask_BT)
        refined_BD, desired_BD = (
            time_average(features_BTD, staged.mask_BT)
            for features_BTD in (refined_BTD, desired_BTD)
        )
        true_BK = self.deviation(labels.scores_NK)
        return {
            "desired": (self.to_score(desired_BD) - true_BK).square().mean(),
            "score": (self.to_score(refined_BD) - true_BK).square().mean(),
            "flow": self.settings.flow_weight
            * self.matching(initial_BTD.detach(), desired_BTD.detach(), staged.mask_BT),
            "list": self.settings.list_weight * list_divergence(refined_BD, true_BK),
        }

    def matching(self, initial_BTD: Tensor, desired_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Squared error of the velocity at a random time of each video, mean over its clips."""
        time_B11 = torch.rand_like(initial_BTD[:, :1, :1])
        between_BTD = (1 - time_B11) * initial_BTD + time_B11 * desired_BTD
        error_BTD = self.flow(between_BTD, time_B11) - (desired_BTD - initial_BTD)
        return time_average(error_BTD.square(), mask_BT).mean()
