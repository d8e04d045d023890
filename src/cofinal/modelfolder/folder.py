"""A trained model on disk, whole or absent: weights, configuration, card, and what lies beside.

`config.json` is written last and lists every file that belongs to the model with its hash. So a
folder without it is no model, and what an earlier model left behind is never read.
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cofinal.brought import MissingError
from cofinal.devices import mind_fork
from cofinal.errors import CofinalError
from cofinal.evaluation.intervals import Calibration
from cofinal.files.atomic import atomic_path, json_text, sync
from cofinal.files.digests import file_sha256
from cofinal.files.reading import read_json
from cofinal.modelfolder.card import CARD, model_card
from cofinal.modelfolder.info import FORMAT, ModelInfo
from cofinal.modelfolder.weights import WEIGHTS, read_weights, weight_bytes
from cofinal.models.ensemble import Ensemble

if TYPE_CHECKING:
    from cofinal.explain.aligner import Aligner
    from cofinal.explain.neighbours import NeighbourIndex

CONFIG, CALIBRATION = "config.json", "calibration.json"
NEIGHBOURS, ALIGNER = "neighbours.safetensors", "aligner.safetensors"


def save_model(
    model: Ensemble,
    info: ModelInfo,
    folder: str | Path,
    neighbours: NeighbourIndex | None = None,
    aligner: Aligner | None = None,
    half: bool = False,
) -> None:
    """Writes a model folder. What another model left there goes; a kill leaves no mixture.

    Args:
        model: the trained members.
        info: what the folder says of them.
        folder: where; made if missing.
        neighbours: the training performances, where explanations may name them.
        aligner: what places elements in time.
        half: whether large tensors are kept as float16; scores are then rounded.
    """
    folder = Path(folder)
    contents = {WEIGHTS: weight_bytes(model, half)}
    if info.calibration:
        contents[CALIBRATION] = json_text(info.calibration.to_json()).encode()
    if neighbours is not None:
        from cofinal.modelfolder.neighbours import neighbour_bytes

        contents[NEIGHBOURS] = neighbour_bytes(neighbours)
    if aligner is not None:
        from cofinal.modelfolder.aligner import aligner_bytes

        contents[ALIGNER] = aligner_bytes(aligner)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    config = replace(info, files=hashes).to_json(len(model.members))
    contents |= {
        CONFIG: json_text(config).encode(),
        CARD: model_card(info, model, neighbours is not None).encode(),
    }
    write_together(folder, contents, last=CONFIG)


def write_together(folder: Path, contents: dict[str, bytes], last: str) -> None:
    """Writes files beside each other; a kill leaves the old ones, the new ones, or no `last`.

    Files of this room that are not among them are removed.
    """
    with ExitStack() as stack:
        # A stack closes from its end, so what is opened first is renamed last.
        names = [last, *(name for name in contents if name != last)]
        places = {name: stack.enter_context(atomic_path(folder / name)) for name in names}
        for name, place in places.items():
            place.write_bytes(contents[name])
            sync(place)  # a full disk shows before anything of the old model goes
        (folder / last).unlink(missing_ok=True)
        for name in {CALIBRATION, NEIGHBOURS, ALIGNER} - set(contents):
            (folder / name).unlink(missing_ok=True)


def is_model_folder(folder: str | Path) -> bool:
    """Whether a model was saved there, whole."""
    return (Path(folder) / CONFIG).exists()


def load_model(folder: str | Path) -> tuple[Ensemble, ModelInfo]:
    """Reads a model folder. Nothing is unpickled; nothing is built that its files do not fill.

    Raises:
        CofinalError: no model folder, damaged files, or a format this version does not know.
    """
    mind_fork()
    folder = Path(folder)
    if not is_model_folder(folder):
        raise CofinalError(
            f"{folder} is no model folder: it has no {CONFIG}; train one with `cofinal train`, "
            "or name the `model` folder inside a run"
        )
    config = read_json(folder / CONFIG, "a model's configuration")
    known = config.get("format") if isinstance(config, dict) else FORMAT
    if known != FORMAT:
        raise CofinalError(
            f"{folder} has model format {str(known)[:20]}; this version reads {FORMAT}, so train "
            "the model again, or update cofinal if the number is higher"
        )
    try:
        info, members = ModelInfo.from_json(config, CONFIG)
        model = read_weights(folder / WEIGHTS, info.preset, info.task, members)
        if file_sha256(folder / WEIGHTS) != info.files.get(WEIGHTS):
            raise CofinalError(f"{WEIGHTS} is not the file that was saved with {CONFIG}")
        if CALIBRATION in info.files:
            info = replace(info, calibration=read_calibration(folder, info))
    except MissingError as error:
        raise CofinalError(f"{folder}: {error}") from error
    except CofinalError as error:
        raise CofinalError(
            f"{folder} is a damaged model folder ({error}); copy it again or train anew"
        ) from error
    return model.eval(), info


def read_calibration(folder: Path, info: ModelInfo) -> Calibration:
    """Reads the calibration of a model folder.

    Raises:
        CofinalError: it is missing or damaged, or that of another model.
    """
    path = folder / CALIBRATION
    calibration = Calibration.from_json(read_json(path, "the calibration of a model"), CALIBRATION)
    found, expected = len(calibration.reach), len(info.task.targets)
    if found != expected:
        raise CofinalError(
            f"{CALIBRATION} calibrates {found} targets, the model predicts {expected}"
        )
    if file_sha256(path) != info.files[CALIBRATION]:
        raise CofinalError(f"{CALIBRATION} is not the file that was saved with {CONFIG}")
    return calibration
