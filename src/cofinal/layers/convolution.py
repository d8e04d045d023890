"""Convolution over time that several members can train at once, in any precision.

Letters: B videos, T steps, C channels in, D channels out.
"""

from __future__ import annotations

from torch import Tensor, nn


class Conv1d(nn.Conv1d):
    """PyTorch's convolution, in the precision of its input: under `vmap` autocast knows none."""

    def forward(self, input_BCT: Tensor) -> Tensor:
        """Returns (B, D, T')."""
        bias_D = None if self.bias is None else self.bias.to(input_BCT.dtype)
        return self._conv_forward(input_BCT, self.weight.to(input_BCT.dtype), bias_D)
