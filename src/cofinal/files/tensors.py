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
from cofinal.files.digests import file_sha256
from cofinal.files.reading import check_plain

Made = TypeVar("Made")
Arrays = dict[str, np.ndarray]
# Tensor -> the letters of its shape and the kind of its numbers.
Layout = Mapping[str, tuple[str, str]]


def tensor_bytes(arrays: Arrays, about: dict[str, Any]) -> bytes:
    """Tensors and plain values as the content of a file."""
    texts = {name: json.dumps(value) for name, value in about.items()}
    return save({name: np.ascontiguousarray(array) for name, array in arrays.items()}, texts)


def read_tensors(
    path: Path,
    layout: Layout,
    sha256: str | None,
    what: str,
    make: Callable[[Arrays, dict[str, str]], Made],
) -> Made | None:
    """Reads a file of `tensor_bytes`; None if there is none, or the model knows of none.

    Args:
        path: the file.
        layout: the tensors it must hold.
        sha256: hash of the file that was saved with the model; None if there was none.
        what: what it should be, for messages, for example "index of training performances".
        make: builds the answer of tensors and texts; raises ValueError or KeyError for anything
            that was not written so.

    Raises:
        CofinalError: a damaged file, or one that belongs to another model.
    """
    if sha256 is None or not path.exists():
        return None
    advice = "copy the model folder again, train anew, or remove the file"
    try:
        with safe_open(check_plain(path, f"an {what}"), framework="numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in layout}
        made = make(arrays, about)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        fault = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise CofinalError(f"{path} is no {what} ({fault.splitlines()[0]}); {advice}") from error
    if file_sha256(path) != sha256:
        raise CofinalError(f"{path} was not saved with the model beside it; {advice}")
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
