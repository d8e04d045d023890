"""Transformer blocks that see only valid clips and hand out their attention.

Written on matrix products alone, so that one call trains many models at once (`torch.func.vmap`).

Letters: B videos, T clips, D model width, H heads, Q queries.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from cofinal.errors import CofinalError
from cofinal.layers.summary import float_range


class Attention(nn.Module):
    """Multi-head attention of queries over a masked memory."""

    def __init__(self, width: int, heads: int, biases: bool = True) -> None:
        super().__init__()
        if width % heads:
            raise CofinalError(f"width {width} is not divisible by {heads} heads; change either")
        self.heads = heads
        self.to_query = nn.Linear(width, width, bias=biases)
        self.to_key_value = nn.Linear(width, 2 * width, bias=biases)
        self.to_output = nn.Linear(width, width)

    def forward(
        self, query_BQD: Tensor, memory_BTD: Tensor, mask_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Returns (B, Q, D) answers and the (B, Q, T) attention averaged over heads.

        `mask_BT` is True at valid clips; None means that all are valid.
        """
        B, Q, D = query_BQD.shape
        T = memory_BTD.shape[1]
        query = self.to_query(query_BQD).view(B, Q, self.heads, -1).transpose(1, 2)
        key, value = (
            self.to_key_value(memory_BTD).view(B, T, 2, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        logits_BHQT = query @ key.transpose(-1, -2) / math.sqrt(D // self.heads)
        if mask_BT is not None:
            logits_BHQT = logits_BHQT.masked_fill(~mask_BT[:, None, None, :], -math.inf)
        share_BHQT = logits_BHQT.softmax(dim=-1)
        answer_BQD = (share_BHQT @ value).transpose(1, 2).reshape(B, Q, D)
        return self.to_output(answer_BQD), share_BHQT.mean(1)


def feed_forward(width: int, dropout: float) -> nn.Sequential:
    """Two linear maps with a GELU between, twice as wide inside."""
    return nn.Sequential(
        nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
    )


class EncoderBlock(nn.Module):
    """Self-attention over clips, then a feed-forward network; pre-norm."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = feed_forward(width, dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, clips_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns fused clips (B, T, D)."""
        normed_BTD = self.norm_attention(clips_BTD)
        clips_BTD = clips_BTD + self.dropout(self.attention(normed_BTD, normed_BTD, mask_BT)[0])
        return clips_BTD + self.dropout(self.feed(self.norm_feed(clips_BTD)))


def relative_time_code(mask_BT: Tensor, width: int, periods: float = 8.0) -> Tensor:
    """Sine and cosine code of each clip's place in its performance, in [0, 1].

    Relative time, since a programme's parts (opening, step sequence, final spin) come at similar
    shares of routines of different length.

    Args:
        mask_BT: True at valid clips, which come first.
        width: D, even.
        periods: the slowest wave turns half a period in `periods` performances.

    Returns:
        (B, T, D); rows of padded clips are meaningless but finite.
    """
    clips_B1 = mask_BT.sum(1, keepdim=True)
    place_BT = (float_range(mask_BT.shape[1], mask_BT) + 0.5) / clips_B1
    speed = (float_range(width // 2, mask_BT) + 1) * (math.pi / periods)
    angle_BTF = place_BT.unsqueeze(-1) * speed
    return torch.cat([angle_BTF.sin(), angle_BTF.cos()], dim=-1)
