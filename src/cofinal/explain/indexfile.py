"""`neighbours.safetensors` in a model folder: the index of training performances. No pickle.

Letters: N training performances, K targets, F features, E embedding width.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from cofinal.errors import CofinalError
from cofinal.explain.neighbours import SEGMENTS, Embedding, NeighbourIndex
from cofinal.modelfiles import ModelInfo
from cofinal.storage import atomic_path

NEIGHBOURS = "neighbours.safetensors"
# Tensor -> its letters and the kind of its numbers.
LAYOUT = {
    "scores": ("NK", "f"),
    "grades": ("NK", "i"),
    "vectors": ("NE", "f"),
    "held_out": ("N", "f"),
    "mean": ("F", "f"),
    "scale": ("F", "f"),
    "basis": ("FE", "f"),
}


def write_neighbours(index: NeighbourIndex, info: ModelInfo, folder: str | Path) -> None:
    """Writes the index beside the model that was trained on its performances."""
    tensors = {
        "scores": index.scores_NK,
        "grades": index.grades_NK.astype(np.int64),
        "vectors": index.vectors_NE,
        "held_out": index.held_out_N,
        "mean": index.embedding.mean_F,
        "scale": index.embedding.scale_F,
        "basis": index.embedding.basis_FE,
    }
    about = {"ids": json.dumps(index.ids), "data": str(info.data.get("sha256"))}
    with atomic_path(Path(folder) / NEIGHBOURS) as temporary:
        data = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
        temporary.write_bytes(save(data, about))


def read_neighbours(folder: str | Path, info: ModelInfo) -> NeighbourIndex | None:
    """Reads the index of a model folder; None if there is none, as in imported models.

    Raises:
        CofinalError: a damaged file, or the index of another model.
    """
    path = Path(folder) / NEIGHBOURS
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            about = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in LAYOUT}
        ids = json.loads(about["ids"])
        _check(ids, arrays, info)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RecursionError) as error:
        fault = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise CofinalError(
            f"{path} is no index of training performances ({fault.splitlines()[0]}); "
            "copy the model folder again, train anew, or remove the file"
        ) from error
    if about.get("data") != str(info.data.get("sha256")):
        raise CofinalError(
            f"{path} was made from other training data than the model beside it; "
            "copy the model folder again, train anew, or remove the file"
        )
    embedding = Embedding(arrays["mean"], arrays["scale"], arrays["basis"])
    return NeighbourIndex(
        tuple(ids),
        info.task.targets,
        arrays["scores"],
        arrays["grades"],
        arrays["vectors"],
        embedding,
        arrays["held_out"],
    )


def _check(ids: Any, arrays: dict[str, np.ndarray], info: ModelInfo) -> None:
    """Raises ValueError or KeyError for anything that `write_neighbours` cannot have written."""
    if not isinstance(ids, list) or len(ids) < 2 or {type(name) for name in ids} != {str}:
        raise ValueError("ids are no list of two or more names")
    sizes = {
        "N": len(ids),
        "K": len(info.task.targets),
        "F": info.task.channels * (1 + SEGMENTS),
        "E": arrays["vectors"].shape[-1],
    }
    for name, (letters, kind) in LAYOUT.items():
        array, expected = arrays[name], tuple(sizes[letter] for letter in letters)
        if array.shape != expected or array.dtype.kind != kind:
            raise ValueError(f"{name} are {array.dtype} {array.shape}, expected {expected}")
        if not np.isfinite(array).all():
            raise ValueError(f"{name} hold a value that is not finite")
    if (arrays["grades"] < 0).any() or (arrays["scale"] <= 0).any():
        raise ValueError("grades or scales are negative")
