"""A trained model on disk: `model.safetensors`, `config.json`, `card.md`, `calibration.json`.

Letters: M members; saved tensors are named "members.0.…", "members.1.…".
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save

from cofinal.config import Preset, preset_from
from cofinal.errors import CofinalError
from cofinal.evaluation.intervals import Calibration
from cofinal.files.atomic import atomic_path, read_json, write_json, write_text
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import Task
from cofinal.records import FeatureRecipe
from cofinal.version import __version__

WEIGHTS, CONFIG, CARD = "model.safetensors", "config.json", "card.md"
CALIBRATION = "calibration.json"
FORMAT = 1


@dataclass(frozen=True)
class ModelInfo:
    """What a model folder says of its model."""

    preset: Preset
    task: Task
    recipe: FeatureRecipe = field(default_factory=FeatureRecipe)
    """How the features were made that it was trained on."""
    data: dict[str, Any] = field(default_factory=dict)
    """Name, size and hash of the training data."""
    measured: dict[str, Any] = field(default_factory=dict)
    """Measures on performances that took no part in training; empty if there were none."""
    calibration: Calibration | None = None
    """What prediction intervals are made of; None if the model was not calibrated."""

    @property
    def data_sha256(self) -> str:
        """Hash of the training data, by which files beside the weights know their model."""
        return str(self.data.get("sha256"))


def save_model(model: Ensemble, info: ModelInfo, folder: str | Path) -> None:
    """Writes a model folder; `config.json` last, since a folder without it is no model."""
    folder = Path(folder)
    with atomic_path(folder / WEIGHTS) as temporary:
        tensors = {name: t.detach().cpu().contiguous() for name, t in model.state_dict().items()}
        temporary.write_bytes(save(tensors))
    write_text(folder / CARD, model_card(info, model))
    if info.calibration:
        write_json(folder / CALIBRATION, info.calibration.to_json())
    config = {
        "format": FORMAT,
        "cofinal": __version__,
        "members": len(model.members),
        "preset": info.preset.to_json(),
        "task": {"channels": info.task.channels, "targets": list(info.task.targets)},
        "features": asdict(info.recipe),
        "data": info.data,
        "measured": info.measured,
        "calibrated": info.calibration is not None,
    }
    write_json(folder / CONFIG, config)
    if not info.calibration:
        (folder / CALIBRATION).unlink(missing_ok=True)  # of a model that lay here before


def load_model(folder: str | Path) -> tuple[Ensemble, ModelInfo]:
    """Reads a model folder. Nothing is unpickled.

    Raises:
        CofinalError: no model folder, damaged files, or a format this version does not know.
    """
    folder = Path(folder)
    if not (folder / CONFIG).exists():
        raise CofinalError(
            f"{folder} is no model folder: it has no {CONFIG}; train one with `cofinal train`, "
            "or name the `model` folder inside a run"
        )
    config = read_json(folder / CONFIG, "a model's configuration")
    try:
        if config["format"] != FORMAT:
            raise CofinalError(
                f"{folder} has model format {config['format']}; this version reads {FORMAT}, "
                "update cofinal"
            )
        info = ModelInfo(
            preset_from(config["preset"], str(folder / CONFIG)),
            Task(int(config["task"]["channels"]), tuple(config["task"]["targets"])),
            FeatureRecipe.from_json(config["features"]),
            config["data"],
            config.get("measured", {}),
        )
        if config.get("calibrated", False):
            info = replace(info, calibration=read_calibration(folder, info.task))
        model = Ensemble([build_model(info.preset, info.task) for _ in range(config["members"])])
        model.load_state_dict(load_file(folder / WEIGHTS))
    except CofinalError:
        raise
    except (KeyError, TypeError, ValueError, OSError, RuntimeError, SafetensorError) as error:
        if isinstance(error, KeyError):
            first_line = f"{CONFIG} lacks {error}"
        elif isinstance(error, RuntimeError):
            first_line = f"the tensors in {WEIGHTS} are not those of {CONFIG}"
        else:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CofinalError(
            f"{folder} is a damaged model folder ({first_line}); copy it again or train anew"
        ) from error
    return model.eval(), info


def read_calibration(folder: Path, task: Task) -> Calibration:
    """Reads the calibration of a model folder.

    Raises:
        CofinalError: it is missing or damaged, or that of a model with other targets.
    """
    path = folder / CALIBRATION
    calibration = Calibration.from_json(read_json(path, "the calibration of a model"), str(path))
    found, expected = calibration.predicted_NK.shape[1], len(task.targets)
    if found != expected:
        raise CofinalError(
            f"{path} calibrates {found} targets, the model predicts {expected}; "
            "copy the model folder again or train anew"
        )
    return calibration


def model_card(info: ModelInfo, model: Ensemble) -> str:
    """A short description for people: what it is, what it was trained on, its limits."""
    low_high = [(float(e[0]), float(e[-1])) for e in model.first.edges_KG]
    ranges = "\n".join(
        f"- {target}: {low:.2f} to {high:.2f} points"
        for target, (low, high) in zip(info.task.targets, low_high, strict=True)
    )
    count = sum(p.numel() for p in model.parameters())
    data = info.data.get("name", "unknown data")
    return (
        f"# {info.preset.method} trained on {data}\n\n"
        f"- Training performances: {info.data.get('performances', 'unknown')}\n"
        f"- Backbone of the features: {info.recipe.backbone or 'not recorded'}, "
        f"{info.task.channels} channels a clip\n"
        f"- Members averaged: {len(model.members)}; trained parameters: {count:,}\n"
        f"- Seed: {info.preset.training.seed}; cofinal {__version__}, torch {torch.__version__}\n\n"
        f"Score range the model can express:\n\n{ranges}\n\n"
        f"## Measured\n\n{measured_text(info.measured)}\n\n"
        f"## Prediction intervals\n\n{calibration_text(info.calibration)}\n\n"
        "## Limits\n\n"
        "Scores are comparable with the training data's judges only. Performances of another kind, "
        "camera or backbone are outside of what it was trained on. Its accuracy on unseen "
        "performances is what `cofinal evaluate` measures, not what it reaches in training.\n"
    )


def measured_text(measured: dict[str, Any]) -> str:
    """The measures of a model card, a line per target and category."""
    if not measured:
        return "Not measured: the data had no test split. `cofinal evaluate` measures by folds."
    lines = []
    for row in measured["measures"]:
        interval = row["srcc_interval"]
        rank = "undefined" if row["srcc"] is None else f"{row['srcc']:.3f}"
        if interval:
            rank += f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f})"
        of = f"{row['target']}, {row['category']}" if row["category"] else row["target"]
        error = "undefined" if row["mae"] is None else f"{row['mae']:.2f} points"
        lines.append(
            f"- {of}: SRCC {rank}, mean absolute error {error}, "
            f"{row['performances']} held-out performances"
        )
    return "\n".join(lines + [f"- {line}" for line in coverage_lines(measured)])


def coverage_lines(measured: dict[str, Any]) -> list[str]:
    """What the intervals reached on held-out performances, a line per target."""
    return [
        f"{entry['target']}: {100 * entry['confidence']:g} % intervals hold the score of "
        f"{entry['coverage']:.1%} of {entry['performances']} held-out performances (95 % interval "
        f"{entry['coverage_interval'][0]:.1%} to {entry['coverage_interval'][1]:.1%}), "
        f"mean width {entry['mean_width']:.2f} points"
        for entry in measured.get("intervals", [])
    ]


def calibration_text(calibration: Calibration | None) -> str:
    """What a model card says of prediction intervals."""
    if calibration is None:
        return "Not calibrated: train with `--calibration folds` for prediction intervals."
    return (
        f"Calibrated on {len(calibration)} performances that took no part in training the model "
        "which predicted them. A named share of performances exchangeable with these has its score "
        "inside; not of other events, cameras or kinds of performances."
    )
