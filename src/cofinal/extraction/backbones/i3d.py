"""I3D: Inception-v1 inflated to three dimensions, RGB stream, without its classifier.

Paper: Quo Vadis, Action Recognition?, Carreira and Zisserman, CVPR 2017, arXiv 1705.07750.
Reproduced: the network as ported to PyTorch by piergiaj, whose parameter names are ours
(`rgb_imagenet.pt`); hassony2's port (`model_rgb.pth`, used on diving) loads by renaming. That one
pads by fixed amounts, which is the same wherever sizes halve evenly, as 32 x 224 x 224 does.
Differs: features are the mean over the last inception block, not its 2 x 7 x 7 pooling, so that
clips of any length and size give one vector.
"""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import nn

from cofinal.errors import CofinalError

Size3 = tuple[int, int, int]
State = dict[str, torch.Tensor]
# Of batch norm: in the original and in piergiaj's port, and in hassony2's.
EPSILON, OTHER_EPSILON = 1e-3, 1e-5

# Output channels of each inception block: 1x1; 1x1 then 3x3; 1x1 then 3x3; pool then 1x1.
INCEPTION = {
    "Mixed_3b": (192, (64, 96, 128, 16, 32, 32)),
    "Mixed_3c": (256, (128, 128, 192, 32, 96, 64)),
    "Mixed_4b": (480, (192, 96, 208, 16, 48, 64)),
    "Mixed_4c": (512, (160, 112, 224, 24, 64, 64)),
    "Mixed_4d": (512, (128, 128, 256, 24, 64, 64)),
    "Mixed_4e": (512, (112, 144, 288, 32, 64, 64)),
    "Mixed_4f": (528, (256, 160, 320, 32, 128, 128)),
    "Mixed_5b": (832, (256, 160, 320, 32, 128, 128)),
    "Mixed_5c": (832, (384, 192, 384, 48, 128, 128)),
}


def pad_same(x_BCTHW: torch.Tensor, kernel: Size3, stride: Size3) -> torch.Tensor:
    """Pads with zeros as TensorFlow's SAME does: by the input's size, more at the end if odd."""
    pads: list[int] = []
    for size, k, s in zip(x_BCTHW.shape[2:], kernel, stride, strict=True):
        total = max(k - (s if size % s == 0 else size % s), 0)
        pads = [total // 2, total - total // 2, *pads]
    return F.pad(x_BCTHW, pads) if any(pads) else x_BCTHW


class ConvUnit(nn.Module):
    """Convolution without bias, batch norm, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, outputs, self.kernel, self.stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=EPSILON)

    def forward(self, x_BCTHW: torch.Tensor) -> torch.Tensor:
        """(B, C, T, H, W) to (B, outputs, ceil(T / stride), ...)."""
        return F.relu(self.bn(self.conv3d(pad_same(x_BCTHW, self.kernel, self.stride))))


class InceptionBlock(nn.Module):
    """Four branches, concatenated along the channels."""

    def __init__(self, inputs: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.b0 = ConvUnit(inputs, widths[0], 1)
        self.b1a = ConvUnit(inputs, widths[1], 1)
        self.b1b = ConvUnit(widths[1], widths[2], 3)
        self.b2a = ConvUnit(inputs, widths[3], 1)
        self.b2b = ConvUnit(widths[3], widths[4], 3)
        self.b3b = ConvUnit(inputs, widths[5], 1)

    def forward(self, x_BCTHW: torch.Tensor) -> torch.Tensor:
        """(B, inputs, T, H, W) to (B, sum of the branches, T, H, W)."""
        branches = (
            self.b0(x_BCTHW),
            self.b1b(self.b1a(x_BCTHW)),
            self.b2b(self.b2a(x_BCTHW)),
            self.b3b(max_pool_same(x_BCTHW, (3, 3, 3), (1, 1, 1))),
        )
        return torch.cat(branches, dim=1)


def max_pool_same(x_BCTHW: torch.Tensor, kernel: Size3, stride: Size3) -> torch.Tensor:
    """Max pooling over zero padding; inputs are never negative here, so zeros change nothing."""
    return F.max_pool3d(pad_same(x_BCTHW, kernel, stride), kernel, stride)


class I3D(nn.Module):
    """The convolutional part of I3D."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = ConvUnit(3, 64, 7, stride=2)
        self.Conv3d_2b_1x1 = ConvUnit(64, 64, 1)
        self.Conv3d_2c_3x3 = ConvUnit(64, 192, 3)
        for name, (inputs, widths) in INCEPTION.items():
            self.add_module(name, InceptionBlock(inputs, widths))

    def feature_map(self, clips_BCTHW: torch.Tensor) -> torch.Tensor:
        """Normalised clips (B, 3, T, H, W) to the last block's map (B, 1024, T/8, H/32, W/32)."""
        x = max_pool_same(self.Conv3d_1a_7x7(clips_BCTHW), (1, 3, 3), (1, 2, 2))
        x = self.Conv3d_2c_3x3(self.Conv3d_2b_1x1(x))
        x = max_pool_same(x, (1, 3, 3), (1, 2, 2))
        for name in INCEPTION:
            if name == "Mixed_4b":
                x = max_pool_same(x, (3, 3, 3), (2, 2, 2))
            if name == "Mixed_5b":
                x = max_pool_same(x, (2, 2, 2), (2, 2, 2))
            x = self.get_submodule(name)(x)
        return x

    def forward(self, clips_BCTHW: torch.Tensor) -> torch.Tensor:
        """Normalised clips (B, 3, T, H, W) to features (B, 1024), averaged over time and space."""
        return self.feature_map(clips_BCTHW).float().mean(dim=(2, 3, 4))


def rename_state(state: State) -> State:
    """Recognises whose names a state dictionary has, gives it ours, drops the classifier.

    Raises:
        CofinalError: neither port's names.
    """
    if "conv3d_1a_7x7.conv3d.weight" in state:
        state = rename_lower_case(state)
    if "Conv3d_1a_7x7.conv3d.weight" not in state:
        raise CofinalError(
            f"no I3D weights: the first name is {next(iter(state), 'none')!r}; expected "
            "'Conv3d_1a_7x7.conv3d.weight' as in rgb_imagenet.pt or 'conv3d_1a_7x7...' as in "
            "model_rgb.pth, so check the file"
        )
    return {name: value for name, value in state.items() if not name.startswith("logits.")}


# Branches of the other port: a convolution alone, or a sequence of two, or of a pool and one.
BRANCHES = {"0": "b0", "1.0": "b1a", "1.1": "b1b", "2.0": "b2a", "2.1": "b2b", "3.1": "b3b"}


def rename_lower_case(state: State) -> State:
    """Names of hassony2's port to ours; its batch norm epsilon 1e-5 goes into the scale.

    w / sqrt(v + 1e-5) = w' / sqrt(v + 1e-3) with w' = w sqrt((v + 1e-3) / (v + 1e-5)).
    """
    renamed: State = {}
    for name, value in state.items():
        if name.startswith("conv3d_0c_1x1."):
            continue
        ours = re.sub(r"\.branch_(\d(?:\.\d)?)\.", lambda m: f".{BRANCHES.get(m[1], m[1])}.", name)
        ours = ours[0].upper() + ours[1:].replace(".batch3d.", ".bn.")
        renamed[ours] = value
        if ours.endswith(".bn.weight"):
            variance = state[name.removesuffix("weight") + "running_var"].double()
            scale = ((variance + EPSILON) / (variance + OTHER_EPSILON)).sqrt()
            renamed[ours] = (value * scale).float()
    return renamed
