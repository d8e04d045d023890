"""Shifted 3-D windows as index maps, and the attention inside them.

The plain way rolls the map, copies it into windows, adds a mask per window to explicit attention
scores, and copies everything back. Here one gather per direction does pad, roll and partition
together, windows that share a mask are neighbours, and fused attention runs once per mask, so that
neither scores nor one mask per window are ever stored.

Letters: N tokens of a map (D * H * W), M tokens of the padded map, V tokens of one window,
C channels, A heads.
Paper: Video Swin Transformer, Liu et al. 2021, section 3.1 and equation 3.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

Size3 = tuple[int, int, int]


@dataclass(frozen=True)
class WindowLayout:
    """Where the tokens of a map go when it is cut into (shifted) windows."""

    window: Size3
    """Window size (depth, height, width), shrunk to the map where the map is smaller."""
    window_tokens: torch.Tensor
    """(M,) token of the map at each place of the windows; N stands for padding."""
    token_places: torch.Tensor
    """(N,) place in the windows of each token of the map: the inverse of `window_tokens`."""
    group_windows: tuple[int, ...]
    """How many neighbouring windows share each mask."""
    group_masks: torch.Tensor | None
    """(G, V, V), 0 where two tokens may see each other and -100 elsewhere; None if unshifted."""
    padded: bool
    """Whether the windows hold places that no token of the map fills."""


@functools.lru_cache(maxsize=64)
def window_layout(size: Size3, window: Size3, shifted: bool, device: torch.device) -> WindowLayout:
    """Computes the layout for a map of `size` (depth, height, width); kept for the next clip.

    A direction in which the map is no larger than the window gets one window of the map's size and
    is not shifted; other directions are padded at their end to whole windows and, if `shifted`,
    rolled by half a window.
    """
    fitted = _per_axis(min, size, window)
    shift = _per_axis(lambda s, w: w // 2 if shifted and s > w else 0, size, window)
    padded = _per_axis(lambda s, w: -(-s // w) * w, size, fitted)
    tokens = size[0] * size[1] * size[2]
    place = torch.full(padded, tokens)
    place[: size[0], : size[1], : size[2]] = torch.arange(tokens).view(size)
    place = torch.roll(place, tuple(-s for s in shift), dims=(0, 1, 2))
    place_WV = _partition(place, fitted)
    group_masks, counts = None, (place_WV.shape[0],)
    if any(shift):
        region_WV = _partition(_regions(padded, fitted, shift), fitted)
        patterns_GV, group_W = _group_by_pattern(region_WV)
        order_W = torch.argsort(group_W, stable=True)
        place_WV = place_WV[order_W]
        counts = tuple(torch.bincount(group_W).tolist())
        group_masks = (patterns_GV[:, :, None] != patterns_GV[:, None, :]).float() * -100.0
    window_tokens = place_WV.reshape(-1)
    token_places = torch.empty(tokens + 1, dtype=torch.long)
    token_places[window_tokens] = torch.arange(window_tokens.numel())
    has_padding = bool(window_tokens.numel() > tokens)
    return WindowLayout(
        fitted,
        window_tokens.to(device),
        token_places[:tokens].to(device),
        counts,
        None if group_masks is None else group_masks.to(device),
        has_padding,
    )


def _per_axis(rule: Callable[[int, int], int], sizes: Size3, windows: Size3) -> Size3:
    d, h, w = (rule(size, window) for size, window in zip(sizes, windows, strict=True))
    return d, h, w


def _partition(grid: torch.Tensor, window: Size3) -> torch.Tensor:
    d, h, w = window
    depth, height, width = grid.shape
    cut = grid.view(depth // d, d, height // h, h, width // w, w)
    return cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, d * h * w)


def _regions(padded: Size3, window: Size3, shift: Size3) -> torch.Tensor:
    """Numbers the regions that a roll brought together although they are no neighbours."""
    region = torch.zeros(padded, dtype=torch.long)
    for axis in range(3):
        part = torch.zeros(padded[axis], dtype=torch.long)
        if shift[axis]:
            part[-window[axis] :] = 1
            part[-shift[axis] :] = 2
        shape = [1, 1, 1]
        shape[axis] = -1
        region = region * 3 + part.view(shape)
    return region


def _group_by_pattern(region_WV: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Windows whose tokens are split alike share a mask, whatever the regions are called."""
    first_WV = (region_WV[:, :, None] == region_WV[:, None, :]).int().argmax(dim=2)
    patterns_GV, group_W = torch.unique(first_WV, dim=0, return_inverse=True)
    return patterns_GV, group_W


def relative_position_index(window: Size3) -> torch.Tensor:
    """Row of the bias table for each pair of tokens of a full window: (V, V), long.

    Paper: equation 3; the table has (2d-1)(2h-1)(2w-1) rows, depth varying slowest.
    """
    axes = torch.meshgrid(*(torch.arange(s) for s in window), indexing="ij")
    place_3V = torch.stack([axis.reshape(-1) for axis in axes])
    apart_3VV = place_3V[:, :, None] - place_3V[:, None, :]
    d, h, w = (apart_3VV[axis] + window[axis] - 1 for axis in range(3))
    return (d * (2 * window[1] - 1) + h) * (2 * window[2] - 1) + w


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows with a relative position bias."""

    def __init__(self, width: int, heads: int, window: Size3) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        rows = (2 * window[0] - 1) * (2 * window[1] - 1) * (2 * window[2] - 1)
        self.relative_position_bias_table = nn.Parameter(torch.zeros(rows, heads))
        index_VV = relative_position_index(window)
        self.register_buffer("relative_position_index", index_VV, persistent=False)
        self._kept: tuple[WindowLayout, tuple[object, ...], torch.Tensor] | None = None

    def forward(self, x_BMC: torch.Tensor, layout: WindowLayout) -> torch.Tensor:
        """Attends inside each window.

        Args:
            x_BMC: tokens in the order of `layout.window_tokens`.
            layout: of the map.

        Returns:
            (B, M, C) in the same order.
        """
        batch, tokens, width = x_BMC.shape
        volume = layout.window[0] * layout.window[1] * layout.window[2]
        qkv = self.qkv(x_BMC).view(batch, tokens // volume, volume, 3, self.heads, -1)
        bias_GAVV = self._position_bias(layout, x_BMC.dtype)
        out = torch.empty_like(x_BMC).view(batch, tokens // volume, volume, self.heads, -1)
        start = 0
        for group, count in enumerate(layout.group_windows):
            part = qkv[:, start : start + count].flatten(0, 1)
            q, k, v = part.permute(2, 0, 3, 1, 4)
            attended = F.scaled_dot_product_attention(q, k, v, attn_mask=bias_GAVV[group][None])
            out[:, start : start + count] = attended.transpose(1, 2).unflatten(0, (batch, count))
            start += count
        return self.proj(out.view(batch, tokens, width))

    def _position_bias(self, layout: WindowLayout, dtype: torch.dtype) -> torch.Tensor:
        """Bias plus mask per group, (G, A, V, V); kept between clips while no gradient is.

        Differs from the paper's idea, as both released programs do: for a window shrunk to the
        map, the table is read at the first V x V places of the full window's index.
        """
        table = self.relative_position_bias_table
        # Weights made in inference mode count no versions; nobody trains those.
        version = None if table.is_inference() else table._version
        key = (dtype, table.device, table.data_ptr(), version)
        if self._kept is None or self._kept[0] is not layout or self._kept[1] != key:
            volume = layout.window[0] * layout.window[1] * layout.window[2]
            index_VV = self.get_buffer("relative_position_index")[:volume, :volume]
            bias_GAVV = table[index_VV].permute(2, 0, 1)[None]
            if layout.group_masks is not None:
                bias_GAVV = bias_GAVV + layout.group_masks.to(bias_GAVV)[:, None]
            bias_GAVV = bias_GAVV.to(dtype).contiguous()
            if torch.is_grad_enabled():
                return bias_GAVV
            self._kept = (layout, key, bias_GAVV)
        return self._kept[2]
