"""Presets: a method with its settings and its training, read from TOML."""

from __future__ import annotations

import json
import tomllib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from cofinal.config.checks import settings_from
from cofinal.config.methods import CoFInAlSettings, settings_class
from cofinal.config.training import TrainingSettings
from cofinal.errors import CofinalError

PRESET_FOLDER = Path(__file__).parents[1] / "presets"


@dataclass(frozen=True)
class Preset:
    """A method with its settings and its training."""

    method: str = "cofinal"
    model: Any = field(default_factory=CoFInAlSettings)
    """An instance of `SETTINGS[method]`."""
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON; `preset_from` reads them back."""
        return asdict(self)


def preset_from(values: dict[str, Any], where: str) -> Preset:
    """Builds a preset from plain values, as read from TOML or JSON."""
    unknown = set(values) - {"method", "model", "training"}
    if unknown:
        raise CofinalError(
            f"{where}: {sorted(unknown)[0]!r} is unknown; "
            "a preset has method, [model] and [training]"
        )
    for name in ("model", "training"):
        if not isinstance(values.get(name, {}), dict):
            raise CofinalError(f"{where}: {name} is {values[name]!r}; expected a table [{name}]")
    method = values.get("method", "cofinal")
    if not isinstance(method, str):
        raise CofinalError(f"{where}: method is {method!r}; expected a name")
    return Preset(
        method,
        settings_from(settings_class(method), values.get("model", {}), f"{where} [model]"),
        settings_from(TrainingSettings, values.get("training", {}), f"{where} [training]"),
    )


def preset_names() -> list[str]:
    """Names of the presets that come with the package."""
    return sorted(path.stem for path in PRESET_FOLDER.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """Reads a preset by its name, or from a TOML file by its path."""
    path = Path(name) if name.endswith(".toml") else PRESET_FOLDER / f"{name}.toml"
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise CofinalError(f"preset {path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise CofinalError(
            f"preset {name!r} not found; name a .toml file or one of {', '.join(preset_names())}"
        ) from error
    try:
        return preset_from(tomllib.loads(text), f"preset {name}")
    except tomllib.TOMLDecodeError as error:
        raise CofinalError(f"preset {path} is not TOML: {error}") from error


def preset_text(preset: Preset, comment: str = "") -> str:
    """The TOML of a preset, all settings written out; `load_preset` reads it back.

    Args:
        preset: what is written.
        comment: lines for the top of the file.
    """
    lines = [f"# {line}".rstrip() for line in comment.splitlines()]
    lines.append(f"method = {_toml_value(preset.method)}")
    for name in ("model", "training"):
        values = asdict(getattr(preset, name))
        lines += ["", f"[{name}]", *(f"{key} = {_toml_value(v)}" for key, v in values.items())]
    return "\n".join(lines) + "\n"


def _toml_value(value: bool | int | float | str) -> str:
    """A setting as TOML writes it, which differs from JSON in nothing that settings hold."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def method_preset(method: str, otherwise: Preset) -> Preset:
    """How a method is trained: by its own preset, if there is one, else as another preset says."""
    if method == otherwise.method:
        return otherwise
    settings = settings_class(method)()
    if method in preset_names():
        return load_preset(method)
    return Preset(method, settings, otherwise.training)


def override(preset: Preset, assignments: dict[str, Any]) -> Preset:
    """Replaces settings named "model.grades" or "training.epochs"; None leaves a setting alone.

    Raises:
        CofinalError: an unknown setting, or a value that it cannot have.
    """
    for name, value in assignments.items():
        part, _, key = name.partition(".")
        if part not in ("model", "training"):
            raise CofinalError(
                f"setting {name!r} is unknown; expected a name such as 'training.epochs' or "
                "'model.grades'"
            )
        if value is not None:
            settings = getattr(preset, part)
            values = asdict(settings) | {key: value}
            changed: Any = {part: settings_from(type(settings), values, f"[{part}]")}
            preset = replace(preset, **changed)
    return preset
