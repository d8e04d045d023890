"""A fixed first projection of clip features, learned from the training clips without gradients."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class ClipWhitening(nn.Module):
    """Principal components of the clips, partly whitened, scaled to unit average variance.

    Keeping the leading directions makes each epoch several times cheaper, and partial whitening
    (dividing by a power of each direction's standard deviation) evens out channels without blowing
    up noise. `exponent` 0 keeps variances as they are, 1 makes them all equal.
    """

    mean_C: Tensor
    projection_CD: Tensor

    def __init__(self, channels: int, width: int, exponent: float = 0.5) -> None:
        super().__init__()
        self.exponent = exponent
        self.width = min(width, channels)
        self.register_buffer("mean_C", torch.zeros(channels))
        self.register_buffer("projection_CD", torch.eye(channels, self.width))

    @torch.no_grad()
    def fit(self, clips: Iterable[Tensor]) -> None:
        """Sets mean and projection from training clips, each (T, C), looked at once."""
        mean_C, covariance_CC = mean_and_covariance(clips, len(self.mean_C))
        variance_C, direction_CC = torch.linalg.eigh(covariance_CC)
        # A direction without variance carries nothing; its scale is bounded instead of infinite.
        variance_D = variance_C[-self.width :].clamp(min=1e-6 * variance_C[-1].clamp(min=1e-12))
        # eigh leaves the sign of each direction open; fixing it keeps runs alike across machines.
        direction_CD = direction_CC[:, -self.width :]
        direction_CD = direction_CD * direction_CD.sum(0).sign().where(
            direction_CD.sum(0) != 0, torch.ones(())
        )
        scaled_CD = direction_CD / variance_D.pow(self.exponent / 2)
        spread = variance_D.pow(1 - self.exponent).mean().sqrt().clamp(min=1e-12)
        self.mean_C.copy_(mean_C)
        self.projection_CD.copy_(scaled_CD / spread)

    def forward(self, clips_BTC: Tensor) -> Tensor:
        """Returns (..., T, D) from (..., T, C)."""
        return (clips_BTC.to(self.mean_C.dtype) - self.mean_C) @ self.projection_CD


def mean_and_covariance(clips: Iterable[Tensor], channels: int) -> tuple[Tensor, Tensor]:
    """Mean (C,) and covariance (C, C) of all clips, float64, in the memory of one performance.

    Source: Chan, Golub and LeVeque, 1979 (updating formulae): each performance is centred on its
    own mean, so that no digits are lost where means are large beside deviations.
    """
    count = 0
    mean_C = torch.zeros(channels, dtype=torch.float64)
    scatter_CC = torch.zeros(channels, channels, dtype=torch.float64)
    for clips_TC in clips:
        centred_TC = clips_TC.double()
        own_C = centred_TC.mean(0)
        centred_TC = centred_TC - own_C
        scatter_CC.addmm_(centred_TC.T, centred_TC)
        step_C, share = own_C - mean_C, len(centred_TC) / (count + len(centred_TC))
        scatter_CC.addr_(step_C, step_C, alpha=count * share)
        mean_C += share * step_C
        count += len(centred_TC)
    return mean_C, scatter_CC / max(count - 1, 1)
