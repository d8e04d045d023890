"""`aligner.safetensors` in a model folder: what places elements in time. No pickle.

Letters: C backbone channels, D width, F families and background.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from cofinal.data.sheets import read_sheets
from cofinal.explain.aligner import Aligner, Lengths
from cofinal.explain.elements import ElementSource
from cofinal.files.tensors import Arrays, check_layout, names_in, read_tensors, tensor_bytes
from cofinal.modelfolder.folder import ALIGNER
from cofinal.modelfolder.info import ModelInfo

LAYOUT = {
    "mean": ("C", "f"),
    "projection": ("CD", "f"),
    "family_means": ("FD", "f"),
    "precision": ("DD", "f"),
    "length_means": ("F", "f"),
    "length_spreads": ("F", "f"),
}


def aligner_bytes(aligner: Aligner) -> bytes:
    """The aligner as the content of a file."""
    arrays = {
        "mean": aligner.mean_C,
        "projection": aligner.projection_CD,
        "family_means": aligner.means_FD,
        "precision": aligner.precision_DD,
        "length_means": aligner.lengths.mean_F,
        "length_spreads": aligner.lengths.spread_F,
    }
    about = {"families": aligner.families, "trust": aligner.trust}
    return tensor_bytes(arrays, about)


def read_aligner(folder: str | Path, info: ModelInfo) -> Aligner | None:
    """Reads the aligner of a model folder; None if it was trained without a sheet.

    Raises:
        CofinalError: a damaged file, or the aligner of another model.
    """

    def make(arrays: Arrays, about: dict[str, str]) -> Aligner:
        families, trust = names_in(about["families"], 1), json.loads(about["trust"])
        sizes = {
            "C": info.task.channels,
            "D": arrays["projection"].shape[-1],
            "F": len(families) + 1,
        }
        check_layout(arrays, LAYOUT, sizes)
        lengths = Lengths(arrays["length_means"], arrays["length_spreads"])
        if (lengths.mean_F <= 0).any() or (lengths.spread_F <= 0).any():
            raise ValueError("lengths are not positive")
        if isinstance(trust, bool) or not isinstance(trust, int | float) or not 0 <= trust <= 1:
            raise ValueError(f"trust is {trust!r}, expected 0 to 1")
        np.linalg.cholesky(arrays["precision"])  # LinAlgError is a ValueError
        return Aligner(
            tuple(families),
            arrays["mean"],
            arrays["projection"],
            arrays["family_means"],
            arrays["precision"],
            lengths,
            float(trust),
        )

    return read_tensors(
        Path(folder) / ALIGNER, LAYOUT, info.files.get(ALIGNER), "aligner of elements", make
    )


def element_source(sheet: Path | None, model_folder: Path, info: ModelInfo) -> ElementSource | None:
    """Sheets from a file, and the aligner of a model folder; None without a file of sheets."""
    if sheet is None:
        return None
    return ElementSource(read_sheets(sheet), read_aligner(model_folder, info))
