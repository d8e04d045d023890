"""Turning checkpoints of the authors' programs into model folders; `weights_only` throughout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from torch import Tensor

from cofinal.config import Preset
from cofinal.data.cards import load_card
from cofinal.errors import CofinalError
from cofinal.files.states import load_state
from cofinal.methods.cofinal_released import ReleasedSettings
from cofinal.methods.gdlt import GdltSettings
from cofinal.modelfolder.folder import save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.modelfolder.weights import build_within
from cofinal.models.ensemble import Ensemble
from cofinal.models.gdlt import Gdlt
from cofinal.models.interface import Task


def read_state(path: str | Path) -> dict[str, Tensor]:
    """Reads an authors' state dictionary; names that data-parallel training prefixed lose that."""
    state = load_state(Path(path))
    return {str(name).removeprefix("module."): tensor for name, tensor in state.items()}


def import_checkpoint(
    path: str | Path,
    folder: str | Path,
    weights: Literal[0, 1, 2, 3] | None = None,
    target: str = "score",
    score_unit: float = 25.0,
) -> ModelInfo:
    """Turns an authors' checkpoint into a model folder.

    Args:
        path: the `.pkl` or `.pth` file of CoFInAl (either variant) or GDLT.
        folder: where the model folder is written.
        weights: preset of the coarse weights that it was trained with; the file does not say.
            Needed for CoFInAl.
        target: name of the predicted score.
        score_unit: points that the unit score 1 stands for.

    Raises:
        CofinalError: no such file, no state dictionary, tensors missing or of other shapes.
    """
    state = read_state(path)
    try:
        channels = state["in_proj.0.weight"].shape[1]
        queries, width = state["prototype.weight"].shape
    except (KeyError, ValueError, IndexError) as error:
        raise CofinalError(
            f"{path} is neither a CoFInAl nor a GDLT checkpoint: it has no {error}"
        ) from error
    preset = _preset(path, state, weights, score_unit, queries, width)
    numbers = sum(tensor.numel() for tensor in state.values())
    model = build_within(numbers, preset, Task(channels, (target,)))
    assert isinstance(model, Gdlt)
    try:
        model.networks[0].load_state_dict(state)
    except RuntimeError as error:
        raise CofinalError(
            f"{path} does not fit {preset.method}: {str(error).splitlines()[1].strip()}"
        ) from error
    # Checkpoints do not say how features were made; the authors' data sets do.
    recipe = load_card("fisv").recipe
    info = ModelInfo(preset, model.task, recipe, {"name": f"imported from {Path(path).name}"})
    save_model(Ensemble([model]), info, folder)
    return info


def _preset(
    path: str | Path,
    state: dict[str, Tensor],
    weights: Literal[0, 1, 2, 3] | None,
    score_unit: float,
    queries: int,
    width: int,
) -> Preset:
    """The method and settings that a state dictionary shows."""
    if "etf_vec1" not in state:
        return Preset("gdlt", GdltSettings(score_unit=score_unit, queries=queries, width=width))
    if weights is None:
        raise CofinalError(
            f"{path} does not say which coarse weights it was trained with; name them with "
            "--weights (released: Ball and Hoop 2; Clubs, Ribbon, TES and PCS 3)"
        )
    settings = ReleasedSettings(
        weights=weights,
        reverse_head="regressor_revert.weight" in state,
        score_unit=score_unit,
        queries=queries,
        width=width,
    )
    return Preset("cofinal-released", settings)
