"""State dictionaries that strangers saved: tensors are read, nothing is executed.

Training programs note their best measure beside the weights as a NumPy scalar; that is let through
and dropped, everything else but tensors and plain values is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy._core.multiarray import scalar

from cofinal.errors import CofinalError


def load_state(path: Path) -> dict[str, torch.Tensor]:
    """Tensors of a checkpoint by name; nothing in it is executed.

    Takes a plain state dictionary or one under "state_dict", from `torch.save` or safetensors.

    Raises:
        CofinalError: no such file, not a checkpoint, or one that holds more than tensors.
    """
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        with torch.serialization.safe_globals(_numpy_scalars()):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CofinalError(f"cannot read weights {path} ({error.strerror or error})") from error
    except Exception as error:
        # torch raises half a dozen kinds for what is not a checkpoint; none of them is ours.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CofinalError(
            f"{path} is no checkpoint of plain tensors ({reason[:120]}); "
            "expected one saved by torch.save or safetensors"
        ) from error
    if isinstance(content, dict) and isinstance(content.get("state_dict"), dict):
        content = content["state_dict"]
    tensors = isinstance(content, dict) and all(torch.is_tensor(v) for v in content.values())
    if not tensors:
        raise CofinalError(f"{path} holds no state dictionary; expected names with tensors")
    return content


def _numpy_scalars() -> list[Any]:
    """What a pickled NumPy number is made of, under the names of NumPy 1 and 2."""
    kinds = [type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "i4", "i8", "?")]
    names = ("numpy.core.multiarray.scalar", "numpy._core.multiarray.scalar")
    return [*((scalar, name) for name in names), np.dtype, *kinds]
