"""Where torch computes: on a device, by a name that people write; in a fork, on one thread."""

from __future__ import annotations

import os
from functools import cache

import torch

from cofinal.errors import CofinalError

# Whose threads torch may have started before a fork.
FIRST_PROCESS = os.getpid()


def mind_fork() -> None:
    """In a forked process: one thread for torch, whose others are gone and would be waited for."""
    if os.getpid() != FIRST_PROCESS:
        _one_thread(os.getpid())


@cache  # once a process: whoever sets more threads later has a reason
def _one_thread(process: int) -> None:
    torch.set_num_threads(1)


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
