"""Tensors that lie beside a model and belong to it, as safetensors. No pickle."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cofinal.errors import CofinalError
from cofinal.files.atomic import atomic_path

Made = TypeVar("Made")
Arrays = dict[str, np.ndarray]
# Tensor -> the letters of its shape and the kind of its numbers.
Layout = Mapping[str, tuple[str, str]]


def write_beside(path: Path, arrays: Arrays, about: dict[str, Any], data_sha256: str) -> None:
    """Writes tensors and plain values, with the hash of the data that the model was trained on."""
    texts = {name: json.dumps(value) for name, value in about.items()}
    data = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    with atomic_path(path) as temporary:
        temporary.write_bytes(save(data, texts | {"data": data_sha256}))


def read_beside(
    path: Path,
    layout: Layout,
    data_sha256: str,
    what: str,
    make: Callable[[Arrays, dict[str, str]], Made],
) -> Made | None:
    """Reads what `write_beside` wrote; None if there is no such file.

    Args:
        path: the file.
        layout: the tensors it must hold.
        data_sha256: hash of the training data of the model beside it.
        what: what it should be, for messages, for example "index of training performances".
        make: builds the answer of tensors and texts; raises ValueError or KeyError for anything
            that was not written so.

    Raises:
        CofinalError: a damaged file, or one that belongs to another model.
    """
    if not path.exists():
        return None
    advice = "copy the model folder again, train anew, or remove the file"
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in layout}
        made = make(arrays, about)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        fault = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise CofinalError(f"{path} is no {what} ({fault.splitlines()[0]}); {advice}") from error
    if about.get("data") != data_sha256:
        raise CofinalError(
            f"{path} was made from other training data than the model beside it; {advice}"
        )
    return made


def check_layout(arrays: Arrays, layout: Layout, sizes: Mapping[str, int]) -> None:
    """Raises ValueError for tensors of another shape or kind, or with values not finite."""
    for name, (letters, kind) in layout.items():
        array, expected = arrays[name], tuple(sizes[letter] for letter in letters)
        if array.shape != expected or array.dtype.kind != kind:
            raise ValueError(f"{name} are {array.dtype} {array.shape}, expected {expected}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} hold a value that is not finite")


def names_in(text: str, least: int) -> list[str]:
    """A list of names from JSON; ValueError for anything else."""
    names = json.loads(text)
    if not isinstance(names, list) or len(names) < least or {type(n) for n in names} != {str}:
        raise ValueError(f"names are no list of {least} or more")
    return names
