"""`neighbours.safetensors` in a model folder: the index of training performances. No pickle.

Letters: N training performances, K targets, F features, E embedding width.
"""

from __future__ import annotations

from pathlib import Path

from cofinal.explain.neighbours import SEGMENTS, Embedding, NeighbourIndex
from cofinal.files.tensors import Arrays, check_layout, names_in, read_tensors, tensor_bytes
from cofinal.modelfolder.folder import NEIGHBOURS
from cofinal.modelfolder.info import ModelInfo

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


def neighbour_bytes(index: NeighbourIndex) -> bytes:
    """The index as the content of a file."""
    tensors = {
        "scores": index.scores_NK,
        "grades": index.grades_NK.astype(int),
        "vectors": index.vectors_NE,
        "held_out": index.held_out_N,
        "mean": index.embedding.mean_F,
        "scale": index.embedding.scale_F,
        "basis": index.embedding.basis_FE,
    }
    return tensor_bytes(tensors, {"ids": index.ids})


def read_neighbours(folder: str | Path, info: ModelInfo) -> NeighbourIndex | None:
    """Reads the index of a model folder; None if there is none, as in imported models and those
    trained with `--no-neighbours`.

    Raises:
        CofinalError: a damaged file, or the index of another model.
    """

    def make(arrays: Arrays, about: dict[str, str]) -> NeighbourIndex:
        ids = names_in(about["ids"], 2)
        _check(ids, arrays, info)
        embedding = Embedding(arrays["mean"], arrays["scale"], arrays["basis"])
        scores_NK, grades_NK, vectors_NE = (arrays[n] for n in ("scores", "grades", "vectors"))
        return NeighbourIndex(
            tuple(ids),
            info.task.targets,
            scores_NK,
            grades_NK,
            vectors_NE,
            embedding,
            arrays["held_out"],
        )

    path = Path(folder) / NEIGHBOURS
    sha256 = info.files.get(NEIGHBOURS)
    return read_tensors(path, LAYOUT, sha256, "index of training performances", make)


def _check(ids: list[str], arrays: Arrays, info: ModelInfo) -> None:
    """Raises ValueError for anything that `neighbour_bytes` cannot have written."""
    sizes = {
        "N": len(ids),
        "K": len(info.task.targets),
        "F": info.task.channels * (1 + SEGMENTS),
        "E": arrays["vectors"].shape[-1],
    }
    check_layout(arrays, LAYOUT, sizes)
    if (arrays["grades"] < 0).any() or (arrays["scale"] <= 0).any():
        raise ValueError("grades or scales are negative")
