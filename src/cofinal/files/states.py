"""State dictionaries that strangers saved: tensors are read, nothing is executed."""

from __future__ import annotations

from pathlib import Path

import torch

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
