"""Inputs and weights that the fixtures define by formula."""

from __future__ import annotations

import numpy as np
import torch


def formula_clip(frames: int, height: int, width: int) -> torch.Tensor:
    """sin(0.7c + 0.31t + 0.05h(1 + 0.1c) - 0.043w + 0.0007hw) as (1, 3, T, H, W), float32."""
    c, t, h, w = np.ogrid[:3, :frames, :height, :width]
    clip = np.sin(0.7 * c + 0.31 * t + 0.05 * h * (1 + 0.1 * c) - 0.043 * w + 0.0007 * h * w)
    return torch.from_numpy(clip.astype(np.float32))[None]


def formula_weights(layout: dict[str, list[int]]) -> dict[str, torch.Tensor]:
    """The weights of the I3D fixture, as its README defines them."""
    state = {}
    for number, name in enumerate(sorted(layout)):
        shape = layout[name]
        i = np.arange(int(np.prod(shape)), dtype=np.float64)
        w = np.sin(0.37 * i + 0.11 * number + 0.5) + 0.3 * np.cos(0.0101 * i)
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(0)
            continue
        if name.endswith("running_var"):
            w = 1 + 0.2 * w / 1.3
        elif name.endswith("bn.weight"):
            w = 1 + 0.1 * w
        elif len(shape) == 1:
            w = 0.05 * w
        else:
            w = w * np.sqrt(2 / np.prod(shape[1:]))
        state[name] = torch.from_numpy(w.reshape(shape).astype(np.float32))
    return state
