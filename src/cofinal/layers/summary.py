"""Summaries of a whole performance: averages of its clips over time, whole and in segments.

Letters: B videos, T clips, C channels, P segments.
"""

from __future__ import annotations

import torch
from torch import Tensor


def float_range(count: int, like: Tensor) -> Tensor:
    """0, 1, ... (count,) in float32, whatever the process computes in by default."""
    return torch.arange(count, device=like.device, dtype=torch.float32)


def time_average(clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
    """Mean over the valid clips: (B, C)."""
    weights_BT = mask_BT.to(clips_BTC.dtype)
    total_BC = torch.einsum("bt,btc->bc", weights_BT, clips_BTC)
    return total_BC / weights_BT.sum(1, keepdim=True)


def segment_weights(mask_BT: Tensor, segments: int) -> Tensor:
    """Shares (B, P, T) of the clips in `segments` evenly spaced moments; each sums to one.

    Gaussians over relative time, one segment wide (standard deviation), so that any number of
    clips, even one, fills every segment, and a shift by one clip changes little.
    """
    clips_B1 = mask_BT.sum(1, keepdim=True)
    place_BT = (float_range(mask_BT.shape[1], mask_BT) + 0.5) / clips_B1
    centres_P = (float_range(segments, mask_BT) + 0.5) / max(segments, 1)
    distance_BPT = (place_BT[:, None, :] - centres_P[None, :, None]) * segments
    logits_BPT = (-0.5 * distance_BPT.square()).masked_fill(~mask_BT[:, None, :], -torch.inf)
    return logits_BPT.softmax(-1)


def soft_segments(clips_BTC: Tensor, mask_BT: Tensor, segments: int) -> Tensor:
    """Weighted means (B, P, C) around evenly spaced moments; see `segment_weights`."""
    share_BPT = segment_weights(mask_BT, segments).to(clips_BTC.dtype)
    return torch.einsum("bpt,btc->bpc", share_BPT, clips_BTC)


def whole_and_segments(clips_BTC: Tensor, mask_BT: Tensor, segments: int) -> Tensor:
    """Time average and soft segments end to end: (B, C * (1 + P)), float32."""
    clips_BTC = clips_BTC.float()
    average_BC = time_average(clips_BTC, mask_BT)
    parts_BPC = soft_segments(clips_BTC, mask_BT, segments)
    return torch.cat([average_BC, parts_BPC.flatten(1)], dim=-1)


def equal_segments(clips_BTC: Tensor, mask_BT: Tensor, segments: int) -> Tensor:
    """Means over `segments` equally long parts of each performance, without overlap.

    A clip on the border of two parts counts in each with the share of it that lies there, so that
    any number of clips, even one, fills every part, and the mean of the parts is the time average.

    Returns:
        (B, P, C).
    """
    length_B11 = mask_BT.sum(1)[:, None, None].float() / segments
    start_T = float_range(mask_BT.shape[1], mask_BT)
    from_BP1 = float_range(segments, mask_BT)[None, :, None] * length_B11
    overlap_BPT = (start_T + 1).minimum(from_BP1 + length_B11) - start_T.maximum(from_BP1)
    weight_BPT = (overlap_BPT.clamp(min=0) / length_B11).to(clips_BTC.dtype)
    return torch.einsum("bpt,btc->bpc", weight_BPT, clips_BTC)
