"""A closed-form read-out of what a performance is on average, whole and in segments of time.

Letters: B videos, T clips, C backbone channels, K targets, N performances, F features, P segments.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.layers.summary import segment_weights, whole_and_segments
from cofinal.models.interface import summarise_each
from cofinal.models.ridge import RidgeReadout, solve_ridge

# How much of the weight the time average has; the segments share the rest.
WHOLE = 0.3


class SummaryReadout(nn.Module):
    """Linear in time average and soft segments, so every clip has its share of the answer."""

    mean_F: Tensor

    def __init__(self, channels: int, targets: int, segments: int) -> None:
        super().__init__()
        self.segments = segments
        features = channels * (1 + segments)
        self.readout = RidgeReadout(features, targets)
        self.register_buffer("mean_F", torch.zeros(features))

    def features(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns (B, C * (1 + segments))."""
        return whole_and_segments(clips_BTC, mask_BT, self.segments)

    def fit(self, clips: Sequence[Tensor], scores_NK: np.ndarray) -> np.ndarray:
        """Solves the read-out; returns the root mean square leave-one-out error per target."""
        features_NF = summarise_each(self.features, clips)
        channels = features_NF.shape[1] // (1 + self.segments)
        importance_F = np.full(features_NF.shape[1], ((1 - WHOLE) / max(self.segments, 1)) ** 0.5)
        importance_F[:channels] = WHOLE**0.5
        solution = solve_ridge(features_NF, scores_NK, importance_F)
        self.readout.set(solution)
        self.mean_F.copy_(torch.from_numpy(solution.mean_F))
        return solution.held_out_error_K

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns points (B, K)."""
        return self.readout(self.features(clips_BTC, mask_BT))

    def clip_points(self, clips_TC: Tensor) -> tuple[Tensor, Tensor]:
        """The answer (K,) at the average training performance, and what each clip adds: (K, T).

        Exact, since features are weighted sums over clips: a clip adds its weight times what
        distinguishes it from the average. Float64.
        """
        clips_TC = clips_TC.double()
        mean_PC = self.mean_F.double().view(1 + self.segments, -1)
        weights_KPC = self.readout.weights_KF.double().unflatten(1, (1 + self.segments, -1))
        whole_1T = torch.full((1, len(clips_TC)), 1 / len(clips_TC)).to(clips_TC)
        mask_1T = torch.ones(1, len(clips_TC), dtype=torch.bool, device=clips_TC.device)
        parts_PT = segment_weights(mask_1T, self.segments)[0].to(clips_TC)
        share_PT = torch.cat([whole_1T, parts_PT])
        own_KPT = torch.einsum("kpc,tc->kpt", weights_KPC, clips_TC)
        usual_KP1 = (weights_KPC * mean_PC).sum(-1, keepdim=True)
        average_K = self.readout.bias_K.double() + usual_KP1.sum((1, 2))
        return average_K, ((own_KPT - usual_KP1) * share_PT).sum(1)
