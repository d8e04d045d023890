"""Presets: a method with its settings and its training, read from TOML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from cofinal.config.training import TrainingSettings
from cofinal.errors import CofinalError
from cofinal.files.reading import read_toml
from cofinal.methods import BROUGHT, method_names, settings_class, use_method
from cofinal.settings import quoted, settings_from

PRESET_FOLDER = Path(__file__).parents[1] / "presets"


@dataclass(frozen=True)
class Preset:
    """A method with its settings and its training; what is left out is the method's own."""

    method: str = "cofinal"
    model: Any = None
    """The method's settings, an instance of `settings_class(method)`."""
    training: TrainingSettings = None  # type: ignore[assignment]  # filled in when built

    def __post_init__(self) -> None:
        declared = settings_class(self.method)
        if self.model is None:
            object.__setattr__(self, "model", declared())
        if self.training is None:
            object.__setattr__(self, "training", own_training(self.method) or TrainingSettings())
        if type(self.model) is not declared:
            raise CofinalError(
                f"settings of {self.method!r} are {type(self.model).__name__}; "
                f"expected {declared.__name__}"
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON, with what tells the state of a brought method's code."""
        code = BROUGHT.code(self.method)
        return asdict(self) | ({} if code is None else {"code": code})

    def __reduce__(self) -> tuple[Any, ...]:
        """For other processes, which know nothing of the methods that were brought to this one."""
        return _in_another_process, (asdict(self), BROUGHT.source(self.method))


def _in_another_process(values: dict[str, Any], source: str | type | None) -> Preset:
    if source is not None:
        use_method(source)
    return preset_from(values, "a preset")


def own_training(method: str) -> TrainingSettings | None:
    """How a method declares that it is trained; None where the data set's preset decides."""
    declared = settings_class(method).training
    if declared is None:
        return None
    training: TrainingSettings = settings_from(TrainingSettings, declared, f"method {method}")
    return training


def preset_from(values: dict[str, Any], where: str) -> Preset:
    """Builds a preset from plain values, as read from TOML or JSON."""
    unknown = set(values) - {"method", "model", "training", "code"}
    if unknown:
        raise CofinalError(
            f"{where}: {quoted(min(unknown))} is unknown; "
            "a preset has method, [model] and [training]"
        )
    for name in ("model", "training"):
        if not isinstance(values.get(name, {}), dict):
            raise CofinalError(
                f"{where}: {name} is {quoted(values[name])}; expected a table [{name}]"
            )
    method = values.get("method", "cofinal")
    if not isinstance(method, str):
        raise CofinalError(f"{where}: method is {quoted(method)}; expected a name")
    return Preset(
        method,
        settings_from(settings_class(method), values.get("model", {}), f"{where} [model]"),
        settings_from(TrainingSettings, values.get("training", {}), f"{where} [training]"),
    )


def preset_names() -> list[str]:
    """Names of the presets that come with the package: files, and methods with a training."""
    files = {path.stem for path in PRESET_FOLDER.glob("*.toml")}
    return sorted(files | {name for name in method_names() if own_training(name)})


def load_preset(name: str) -> Preset:
    """Reads a preset by its name, or from a TOML file by its path."""
    known = f"a .toml file or one of {', '.join(preset_names())}"
    if name.endswith(".toml"):
        return preset_from(read_toml(name, "preset", known), f"preset {name}")
    if name not in preset_names():
        raise CofinalError(f"preset {quoted(name)} not found; name {known}")
    path = PRESET_FOLDER / f"{name}.toml"
    return preset_from(read_toml(path, "preset"), name) if path.exists() else Preset(name)


def preset_text(preset: Preset, comment: str = "") -> str:
    """The TOML of a preset, all settings written out; `load_preset` reads it back.

    Args:
        preset: what is written.
        comment: lines for the top of the file.
    """
    lines = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
    return lines + tomli_w.dumps(asdict(preset))


def method_preset(method: str, otherwise: Preset) -> Preset:
    """How a method is trained: as it declares, if it does, else as another preset says."""
    if method == otherwise.method:
        return otherwise
    return Preset(method, training=own_training(method) or otherwise.training)


def override(preset: Preset, assignments: Mapping[str, Any]) -> Preset:
    """Replaces settings named "model.grades" or "training.epochs"; None leaves a setting alone.

    Raises:
        CofinalError: an unknown setting, or a value that it cannot have beside the others.
    """
    changes: dict[str, dict[str, Any]] = {"model": {}, "training": {}}
    for name, value in assignments.items():
        part, _, key = name.partition(".")
        if part not in changes:
            raise CofinalError(
                f"setting {quoted(name)} is unknown; expected a name such as 'training.epochs' or "
                "'model.grades'"
            )
        if value is not None:
            changes[part][key] = value
    # All changes of a part at once: two may be possible only together.
    changed: dict[str, Any] = {
        part: settings_from(
            type(getattr(preset, part)), asdict(getattr(preset, part)) | values, f"[{part}]"
        )
        for part, values in changes.items()
        if values
    }
    return replace(preset, **changed)
