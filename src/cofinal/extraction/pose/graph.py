"""A network of ten kinds of steps, read from a converted file and run by torch.

Letters: B pictures, C channels, H W pixels.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import nn

from cofinal.errors import CofinalError
from cofinal.files.reading import check_plain
from cofinal.settings import quoted

# Pixels of a picture's side, of which published networks take 256.
LARGEST_SIDE = 1024


class Graph(nn.Module):
    """The published network, step by step.

    Attributes:
        side: of the square picture it takes, in pixels.
    """

    def __init__(self, side: int, outputs: list[str], steps: list[dict[str, Any]]) -> None:
        super().__init__()
        steps = _merged(steps, outputs)
        self.side, self.outputs, self.steps = side, outputs, steps
        self._last = {name: number for number, step in enumerate(steps) for name in step["inputs"]}

    def take(self, tensors: dict[str, torch.Tensor]) -> None:
        """Takes the weights over, laid out as torch has them."""
        for step in self.steps:
            for name in step["weights"]:
                value = tensors[name].float()
                if step["kind"] == "conv_2d" and value.ndim == 4:
                    value = value.permute(0, 3, 1, 2).contiguous()
                elif step["kind"] == "depthwise_conv_2d" and value.ndim == 4:
                    value = value.permute(3, 0, 1, 2).contiguous()
                if f"w{name}" not in self._buffers:
                    self.register_buffer(f"w{name}", value)

    def forward(self, pictures_BCHW: torch.Tensor) -> list[torch.Tensor]:
        """Pictures (B, 3, side, side), levels as the network wants them, to its outputs."""
        values = {self.steps[0]["inputs"][0]: pictures_BCHW}
        for number, step in enumerate(self.steps):
            inputs = [values[name] for name in step["inputs"]]
            weights = [self.get_buffer(f"w{name}") for name in step["weights"]]
            values[step["output"]] = _activated(_run(step, inputs, weights), step.get("activation"))
            for name in step["inputs"]:
                if self._last[name] == number and name not in self.outputs:
                    del values[name]
        return [values[name] for name in self.outputs]


def load_graph(path: Path) -> Graph:
    """Reads what `conversion.convert` wrote.

    Raises:
        CofinalError: another file.
    """
    try:
        with safe_open(check_plain(path, "a pose network"), framework="pt") as file:
            told = json.loads((file.metadata() or {})["graph"])
            graph = Graph(told["side"], told["outputs"], told["steps"])
            graph.take({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        if not 0 < graph.side <= LARGEST_SIDE:
            raise ValueError(f"pictures of {quoted(graph.side)} pixels")
        with torch.inference_mode():
            graph(torch.zeros(1, 3, graph.side, graph.side))
    except Exception as error:  # a graph that is none raises many kinds when it is run
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CofinalError(
            f"{path} is no converted pose network ({reason}); remove it, so that it is made again"
        ) from error
    return graph.eval().requires_grad_(False)


def _activated(x: torch.Tensor, activation: str | None) -> torch.Tensor:
    # In place: every step but the activation has just made a tensor of its own.
    if activation is None:
        return x
    return x.clamp_(0.0, 6.0) if activation == "relu6" else x.relu_()


def _run(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    return _KINDS[step["kind"]](step, inputs, weights)


def _convolve(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    x, kernel = inputs[0], weights[0].shape[2]
    groups = x.shape[1] if step["kind"] == "depthwise_conv_2d" else 1
    pads = _pads(x, step, kernel)
    alike = len(set(pads)) == 1
    x, weight, bias = x if alike else F.pad(x, pads), *weights
    return F.conv2d(x, weight, bias, step["stride"], pads[0] if alike else 0, 1, groups)


def _pool(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    pads = _pads(inputs[0], step, step["kernel"])
    x = F.pad(inputs[0], pads, value=float("-inf"))
    return F.max_pool2d(x, step["kernel"], step["stride"])


def _add(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    return inputs[0] + (inputs[1] if len(inputs) > 1 else weights[0])


def _pad(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    _, rows, columns, channels = step["size"]
    return F.pad(inputs[0], (*columns, *rows, *channels))


def _resize(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    size = tuple(step["size"])
    return F.interpolate(inputs[0], size=size, mode="bilinear", align_corners=False)


def _depth_to_space(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    """Channels become pixels; a pixel's channels are neighbours, unlike in `F.pixel_shuffle`."""
    x, block = inputs[0], step["block"]
    batch, channels, height, width = x.shape
    cut = x.view(batch, block, block, channels // block**2, height, width)
    cut = cut.permute(0, 3, 4, 1, 5, 2)
    return cut.reshape(batch, channels // block**2, height * block, width * block)


def _reshape(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    """As of a map whose channels come last."""
    return inputs[0].permute(0, 2, 3, 1).reshape(len(inputs[0]), *step["size"][1:])


def _join(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    return torch.cat(inputs, dim=step["axis"])


def _logistic(
    step: dict[str, Any], inputs: list[torch.Tensor], weights: list[torch.Tensor]
) -> torch.Tensor:
    return inputs[0].sigmoid()


_KINDS = {
    "conv_2d": _convolve,
    "depthwise_conv_2d": _convolve,
    "max_pool_2d": _pool,
    "add": _add,
    "pad": _pad,
    "resize_bilinear": _resize,
    "depth_to_space": _depth_to_space,
    "reshape": _reshape,
    "concatenation": _join,
    "logistic": _logistic,
}


def _pads(x: torch.Tensor, step: dict[str, Any], kernel: int) -> list[int]:
    """Pixels to add left, right, above and below.

    For SAME as much as the last window lacks, an odd pixel at the end; for VALID none; for a number
    that number everywhere.
    """
    if step["padding"] != "same":
        return [0 if step["padding"] == "valid" else step["padding"]] * 4
    pads: list[int] = []
    for size in x.shape[2:]:
        lacks = max((-(-size // step["stride"]) - 1) * step["stride"] + kernel - size, 0)
        pads = [lacks // 2, lacks - lacks // 2, *pads]
    return pads


def _merged(steps: list[dict[str, Any]], outputs: list[str]) -> list[dict[str, Any]]:
    """Padding steps that one convolution alone uses become that convolution's own padding."""
    users: dict[str, list[dict[str, Any]]] = {}
    for step in steps:
        for name in step["inputs"]:
            users.setdefault(name, []).append(step)
    kept: list[dict[str, Any]] = []
    for step in steps:
        after = users.get(step["output"], [])
        sides = (
            {side for edge in step.get("size", [])[1:3] for side in edge}
            if (step["kind"] == "pad")
            else set()
        )
        alone = len(sides) == 1 and step["size"][3] == [0, 0] and step["output"] not in outputs
        if alone and after and all(_takes_padding(user) for user in after):
            for user in after:
                user |= {"padding": sides.copy().pop(), "inputs": step["inputs"]}
        else:
            kept.append(step)
    return kept


def _takes_padding(step: dict[str, Any]) -> bool:
    return step["kind"].endswith("conv_2d") and step["padding"] == "valid"
