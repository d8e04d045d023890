"""How many numbers the building of a model may ask for: no more than its file can fill.

Building without storage (torch's device "meta") would tell as much, and takes a second of imports.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from cofinal.errors import CofinalError

SHAPED = (torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn, torch.full)
STEPPED = (torch.linspace, torch.logspace)


class Budget(TorchFunctionMode):
    """While it is entered, this thread's new tensors have so many numbers together, or are refused.

    Raises:
        CofinalError: from the constructor that asks for more, before it takes memory.
    """

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.left = numbers

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Counts what constructors ask for, then lets them."""
        kwargs = kwargs or {}
        self.left -= asked(func, args, kwargs)
        if self.left < 0:
            raise CofinalError("its configuration asks for more numbers than its file holds")
        return func(*args, **kwargs)


def asked(func: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> int:
    """How many numbers a call of torch asks for; 0 for what makes no tensor of a named size."""
    if func in SHAPED:
        size = kwargs.get("size", args)
        nested = len(size) > 0 and isinstance(size[0], Sequence)
        return prod(size[0] if nested else size)
    if func in STEPPED:
        return int(kwargs["steps"] if "steps" in kwargs else args[2])
    if func is torch.eye:
        return int(args[0] * args[-1])
    if func is torch.Tensor.repeat:
        return int(args[0].numel() * prod(args[1:]))
    return 0
