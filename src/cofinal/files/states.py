"""State dictionaries that strangers saved: tensors are read, nothing is executed.

Training programs note their best measure beside the weights as a NumPy scalar; that is let through
and dropped, everything else but tensors and plain values is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import scalar

from cofinal.errors import CofinalError
from cofinal.files.reading import check_plain


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint by name; nothing in it is executed.

    Takes a plain state dictionary or one under "state_dict", from `torch.save` or safetensors.

    Raises:
        CofinalError: no such file, not a checkpoint, or one that holds more than tensors.
    """
    content = load_saved(path, _safetensors if path.suffix == ".safetensors" else None)
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    tensors = isinstance(content, dict) and all(torch.is_tensor(v) for v in content.values())
    if not tensors or any(not isinstance(name, str) for name in content):
        raise CofinalError(f"{path} holds no state dictionary; expected names with tensors")
    state: dict[str, torch.Tensor] = content
    return state


def load_saved(path: Path, read: Callable[[Path], Any] | None = None) -> Any:
    """Tensors and plain values of a file; each tensor has as many numbers as its shape says.

    A tensor whose strides are zero is a few bytes in its file, and any size once it is copied.

    Args:
        path: the file.
        read: reads it; `torch.load` if left out.

    Raises:
        CofinalError: no plain file, or another one than `torch.save` or safetensors write.
    """
    path = check_plain(path, "a checkpoint of weights")
    try:
        content = (read or _torch_load)(path)
        for value in _values(content):
            if torch.is_tensor(value):
                _check_dense(value)
    except OSError as error:
        raise CofinalError(f"cannot read weights {path} ({error.strerror or error})") from error
    except Exception as error:
        # torch raises half a dozen kinds for what is not a checkpoint; none of them is ours.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CofinalError(
            f"{path} is no checkpoint of plain tensors ({reason[:120]}); "
            "expected one saved by torch.save or safetensors"
        ) from error
    return content


def _safetensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(path)


def _torch_load(path: Path) -> Any:
    with torch.serialization.safe_globals(_numpy_scalars()):
        return torch.load(path, map_location="cpu", weights_only=True)


def _values(content: Any) -> Iterator[Any]:
    """All values in dictionaries and lists, however deep; each container once."""
    seen: set[int] = set()
    waiting = [content]
    while waiting:
        value = waiting.pop()
        yield value
        if isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(value.values() if isinstance(value, dict) else value)


def _check_dense(tensor: torch.Tensor) -> None:
    plain = tensor.layout is torch.strided and tensor.device.type == "cpu"
    if not plain or tensor.is_quantized:
        raise ValueError(f"a tensor is {tensor.layout} on {tensor.device}")
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise ValueError(f"a tensor of shape {tuple(tensor.shape)} has too few numbers")


def _numpy_scalars() -> list[Any]:
    """What a pickled NumPy number is made of, under the names of NumPy 1 and 2."""
    kinds = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [*((scalar, name) for name in names), np.dtype, *kinds]
