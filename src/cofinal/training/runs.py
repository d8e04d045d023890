"""The run folder: resolved settings, a line per epoch, a checkpoint; whole after a kill.

settings.json    what is trained on what; a run continues only if it is the same
metrics.jsonl    one line per finished epoch
checkpoint.pt    weights, averages, optimiser state after the last finished epoch
model/           the trained model, once finished
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cofinal.config import Preset
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.files.atomic import atomic_path, write_json, write_text
from cofinal.files.reading import read_json
from cofinal.files.states import load_saved
from cofinal.models import learns_from_judges
from cofinal.settings import quoted
from cofinal.version import __version__

SETTINGS = "settings.json"


def data_fingerprint(dataset: Dataset) -> dict[str, Any]:
    """What a result must say of its data: name, size, and a hash of ids, scores and features."""
    return {
        "name": dataset.name,
        "performances": len(dataset),
        "clips": sum(len(clips) for clips in dataset.clips),
        "targets": list(dataset.targets),
        "sha256": dataset.sha256,
        **({"given": list(map(str, dataset.given.rules))} if dataset.given else {}),
    }


def marks_fingerprint(dataset: Dataset, preset: Preset) -> dict[str, str | None]:
    """A hash of the judges' marks, for a method that learns from them; else nothing."""
    return {"marks_sha256": dataset.marks_sha256} if learns_from_judges(preset) else {}


def code_version() -> dict[str, str]:
    """Versions that a result depends on."""
    return {"cofinal": __version__, "torch": torch.__version__, "numpy": np.__version__}


class Run:
    """One training's folder on disk."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def checkpoint(self) -> Path:
        """Where the state after the last finished epoch lies."""
        return self.folder / "checkpoint.pt"

    def open(self, preset: Preset, dataset: Dataset, seeds: Sequence[int]) -> None:
        """Starts a new run, or makes sure that the one found is the same training.

        Raises:
            CofinalError: the folder holds a run with other settings, data or seeds.
        """
        wanted = {"preset": preset.to_json(), "seeds": seeds, "data": data_fingerprint(dataset)}
        begin(self.folder, {"command": "train"} | wanted | marks_fingerprint(dataset, preset))

    def save(self, epoch: int, state: dict[str, Any], metrics: list[dict[str, Any]]) -> None:
        """Writes log and checkpoint after an epoch; the checkpoint, which counts, comes last."""
        write_text(
            self.folder / "metrics.jsonl", "".join(json.dumps(line) + "\n" for line in metrics)
        )
        with atomic_path(self.checkpoint) as temporary:
            torch.save({"epoch": epoch, "state": state, "metrics": metrics}, temporary)

    def load(self) -> dict[str, Any] | None:
        """The checkpoint, or None if there is none yet.

        Raises:
            CofinalError: a file that is damaged or no checkpoint.
        """
        if not self.checkpoint.exists():
            return None
        try:
            saved: dict[str, Any] = load_saved(self.checkpoint)
            if not isinstance(saved, dict) or {"epoch", "state", "metrics"} - set(saved):
                raise CofinalError(f"{self.checkpoint} is no checkpoint of a run")
        except CofinalError as error:
            raise CofinalError(f"{error}; remove it to start again") from error
        return saved


def begin(folder: Path, wanted: dict[str, Any]) -> None:
    """Makes a folder that of a run, or makes sure that it is.

    A run that failed before it wrote anything may start anew.

    Args:
        folder: the run's folder.
        wanted: what is done with what, as plain values; the run found must have the same.

    Raises:
        CofinalError: the folder holds another run.
    """
    wanted = json.loads(json.dumps(wanted))
    path = folder / SETTINGS
    begun = path.exists() and any(
        not entry.name.startswith(".") and entry.name != SETTINGS for entry in folder.iterdir()
    )
    if not begun:
        write_json(path, wanted | {"code": code_version()})
        return
    difference = first_difference(read_json(path, "the settings of a run"), wanted)
    if difference:
        raise CofinalError(
            f"{folder} holds a run with {difference}; "
            "name another folder with --out, or remove this one"
        )


def first_difference(found: Any, wanted: Any, name: str = "") -> str | None:
    """Describes the first entry of `wanted` that `found` has otherwise, or None."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, value in wanted.items():
            difference = first_difference(
                found.get(key), value, f"{name}.{key}".removeprefix(".preset").lstrip(".")
            )
            if difference:
                return difference
        return None
    return None if found == wanted else f"{name} {quoted(found)} instead of {quoted(wanted)}"
