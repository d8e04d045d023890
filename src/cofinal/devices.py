"""Where torch computes, by a name that people write."""

from __future__ import annotations

import torch

from cofinal.errors import CofinalError


def choose_device(name: str | torch.device, mps: bool = False) -> torch.device:
    """The device of a name; "auto" takes CUDA where it is there, else the CPU.

    Args:
        name: "auto", "cpu", "cuda", "cuda:1", "mps" ...
        mps: whether "auto" takes MPS before the CPU.

    Raises:
        CofinalError: no device, or one that is not there.
    """
    if name == "auto":
        there = {
            "cuda": torch.cuda.is_available(),
            "mps": mps and torch.backends.mps.is_available(),
        }
        return torch.device(next((kind for kind, is_there in there.items() if is_there), "cpu"))
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).cpu()
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        raise CofinalError(
            f"device {str(name)!r} is not available here; use 'cpu', or 'auto' to take a GPU if any"
        ) from error
    return device
