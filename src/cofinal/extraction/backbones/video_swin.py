"""Video Swin transformer: clips to a map of features. Our own implementation.

Paper: Video Swin Transformer, Liu et al., CVPR 2022, arXiv 2106.13230. Reproduced: the network of
the authors' release (mmaction2 layout, names under `backbone.`), which torchvision's `swin3d_*`
shares; both load through one renaming function each, at the end of this file.
Letters: B clips, C channels, D H W depth, height and width of the map, N = D * H * W.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from cofinal.errors import CofinalError
from cofinal.extraction.backbones.window_attention import Size3, WindowAttention, window_layout

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class SwinConfig:
    """Size of a Video Swin transformer."""

    width: int
    """Channels after the patch embedding; doubled at each later stage."""
    depths: tuple[int, ...]
    """Blocks in each stage."""
    heads: tuple[int, ...]
    """Attention heads in each stage."""
    window: Size3 = (8, 7, 7)
    """Tokens in a window: depth, height, width."""
    patch: Size3 = (2, 4, 4)
    """Pixels in a patch: frames, rows, columns."""

    @property
    def output_width(self) -> int:
        """Channels of the last stage."""
        return self.width * 2 ** (len(self.depths) - 1)


SWIN_SIZES = {
    "t": SwinConfig(96, (2, 2, 6, 2), (3, 6, 12, 24)),
    "s": SwinConfig(96, (2, 2, 18, 2), (3, 6, 12, 24)),
    "b": SwinConfig(128, (2, 2, 18, 2), (4, 8, 16, 32)),
}


class PatchEmbedding(nn.Module):
    """Cuts clips into patches and projects each; pads at the end with zeros to whole patches."""

    def __init__(self, width: int, patch: Size3) -> None:
        super().__init__()
        self.patch = patch
        self.proj = nn.Conv3d(3, width, kernel_size=patch, stride=patch)
        self.norm = nn.LayerNorm(width)

    def forward(self, clips_BCTHW: torch.Tensor) -> torch.Tensor:
        """(B, 3, T, H, W) to (B, D, H, W, C)."""
        batch = clips_BCTHW.shape[0]
        frames, rows, columns = self.patch
        short = [-s % p for s, p in zip(clips_BCTHW.shape[2:], self.patch, strict=True)]
        if any(short):
            clips_BCTHW = F.pad(clips_BCTHW, (0, short[2], 0, short[1], 0, short[0]))
        depth, height, width = (
            s // p for s, p in zip(clips_BCTHW.shape[2:], self.patch, strict=True)
        )
        # Stride equals kernel, so the convolution is one matrix product over disjoint patches.
        cut = clips_BCTHW.reshape(batch, 3, depth, frames, height, rows, width, columns)
        patches = cut.permute(0, 2, 4, 6, 1, 3, 5, 7).flatten(4)
        return self.norm(F.linear(patches, self.proj.weight.flatten(1), self.proj.bias))


class PatchMerging(nn.Module):
    """Halves height and width by joining each 2 x 2 tokens; an odd side is padded with zeros."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x_BDHWC: torch.Tensor) -> torch.Tensor:
        """(B, D, H, W, C) to (B, D, ceil(H / 2), ceil(W / 2), 2C)."""
        height, width = x_BDHWC.shape[2:4]
        x_BDHWC = F.pad(x_BDHWC, (0, 0, 0, width % 2, 0, height % 2))
        corners = [x_BDHWC[:, :, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(corners, dim=-1)))


class Mlp(nn.Module):
    """Two linear maps with an exact GELU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., C) to (..., C)."""
        return self.fc2(linear_gelu(x, self.fc1))


def linear_gelu(x: torch.Tensor, linear: nn.Linear) -> torch.Tensor:
    """Exact GELU of a linear map, in one pass over memory where the processor has one.

    In bfloat16 on a CPU a separate GELU takes twice as long as the product before it; oneDNN
    applies it to each tile while that is still in cache. It is the operator that torch.compile
    emits, called by name so that no compiler is needed; builds without it go the long way.
    """
    plain = x.dtype is not torch.bfloat16 or x.device.type != "cpu" or torch.is_grad_enabled()
    if plain or not _has_fused_gelu():
        return F.gelu(linear(x))
    return torch.ops.mkldnn._linear_pointwise(x, linear.weight, linear.bias, "gelu", [], "none")


@functools.cache
def _has_fused_gelu() -> bool:
    names = ("_linear_pointwise", "_is_mkldnn_bf16_supported")
    if not torch.backends.mkldnn.is_available():
        return False
    return all(hasattr(torch.ops.mkldnn, name) for name in names) and bool(
        torch.ops.mkldnn._is_mkldnn_bf16_supported()
    )


class SwinBlock(nn.Module):
    """Window attention, then an MLP, each on normalised input and added to it."""

    def __init__(self, width: int, heads: int, window: Size3, shifted: bool) -> None:
        super().__init__()
        self.window, self.shifted = window, shifted
        self.norm1 = nn.LayerNorm(width)
        self.attn = WindowAttention(width, heads, window)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width)

    def forward(self, x_BNC: torch.Tensor, size: Size3) -> torch.Tensor:
        """Applies the block to a map of `size`, its tokens in row-major order."""
        layout = window_layout(size, self.window, self.shifted, x_BNC.device)
        normed_BNC = self.norm1(x_BNC)
        if layout.padded:
            # Padding is zero after the norm, and is attended to: both released programs do so.
            normed_BNC = F.pad(normed_BNC, (0, 0, 0, 1))
        attended_BMC = self.attn(normed_BNC.index_select(1, layout.window_tokens), layout)
        x_BNC = x_BNC + attended_BMC.index_select(1, layout.token_places)
        return x_BNC + self.mlp(self.norm2(x_BNC))


class SwinStage(nn.Module):
    """Blocks of one width, every second one with shifted windows."""

    def __init__(self, width: int, depth: int, heads: int, window: Size3, merge: bool) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            SwinBlock(width, heads, window, shifted=number % 2 == 1) for number in range(depth)
        )
        self.downsample = PatchMerging(width) if merge else None

    def forward(self, x_BDHWC: torch.Tensor) -> torch.Tensor:
        """(B, D, H, W, C) to the next stage's input."""
        shape = x_BDHWC.shape
        x_BNC = x_BDHWC.flatten(1, 3)
        for block in self.blocks:
            x_BNC = block(x_BNC, (shape[1], shape[2], shape[3]))
        x_BDHWC = x_BNC.view(shape)
        return x_BDHWC if self.downsample is None else self.downsample(x_BDHWC)


class VideoSwin(nn.Module):
    """Video Swin transformer without a head.

    Args:
        config: sizes, for example `SWIN_SIZES["b"]`.
    """

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        self.config = config
        self.patch_embed = PatchEmbedding(config.width, config.patch)
        last = len(config.depths) - 1
        self.layers = nn.ModuleList(
            SwinStage(config.width * 2**i, depth, heads, config.window, merge=i < last)
            for i, (depth, heads) in enumerate(zip(config.depths, config.heads, strict=True))
        )
        self.norm = nn.LayerNorm(config.output_width)

    def feature_map(self, clips_BCTHW: torch.Tensor) -> torch.Tensor:
        """Normalised clips (B, 3, T, H, W) to the last map (B, D, H, W, C), normed."""
        x_BDHWC = self.patch_embed(clips_BCTHW)
        for layer in self.layers:
            x_BDHWC = layer(x_BDHWC)
        return self.norm(x_BDHWC)

    def forward(self, clips_BCTHW: torch.Tensor) -> torch.Tensor:
        """Normalised clips (B, 3, T, H, W) to features (B, C), averaged over time and space."""
        return self.feature_map(clips_BCTHW).float().mean(dim=(1, 2, 3))


def _rename_each(state: State, rename: Callable[[str], str | None]) -> State:
    named = ((rename(name), value) for name, value in state.items())
    return {name: value for name, value in named if name is not None}


def rename_official(state: State) -> State:
    """Names of the authors' release to ours: drops `backbone.`, the head and the index buffers."""

    def rename(name: str) -> str | None:
        if not name.startswith("backbone.") or name.endswith("relative_position_index"):
            return None
        return name.removeprefix("backbone.")

    return _rename_each(state, rename)


def rename_torchvision(state: State) -> State:
    """Names of torchvision's `swin3d_*` to ours.

    `features.0.1.mlp.3` is `layers.0.blocks.1.mlp.fc2`. Even entries of `features` are stages,
    odd ones the merging after the stage before.
    """

    def rename(name: str) -> str | None:
        if name.startswith("head.") or name.endswith("relative_position_index"):
            return None
        if match := re.match(r"features\.(\d+)\.(norm|reduction)\.", name):
            return name.replace(
                f"features.{match[1]}.", f"layers.{int(match[1]) // 2}.downsample.", 1
            )
        if match := re.match(r"features\.(\d+)\.(\d+)\.", name):
            ours = f"layers.{int(match[1]) // 2}.blocks.{match[2]}."
            name = name.replace(match[0], ours, 1)
        return name.replace(".mlp.0.", ".mlp.fc1.").replace(".mlp.3.", ".mlp.fc2.")

    return _rename_each(state, rename)


def rename_state(state: State) -> State:
    """Recognises whose names a state dictionary has and gives it ours.

    Raises:
        CofinalError: neither the authors' names nor torchvision's.
    """
    if any(name.startswith("backbone.patch_embed.") for name in state):
        return rename_official(state)
    if any(name.startswith("features.0.0.") for name in state):
        return rename_torchvision(state)
    raise CofinalError(
        f"no Video Swin weights: the first name is {next(iter(state), 'none')!r}; expected the "
        "authors' 'backbone.patch_embed...' or torchvision's 'features.0.0...', so check the file"
    )
