"""Methods by name. Each is one file; `interface.py` says what all of them offer."""

from __future__ import annotations

from importlib import import_module

from cofinal.config import Preset, settings_class
from cofinal.models.interface import AssessmentModel, Task

# name -> (module, class); modules are imported when a method is asked for.
METHODS: dict[str, tuple[str, str]] = {
    "cofinal": ("cofinal", "CoFInAl"),
    "cofinal-released": ("released", "ReleasedCoFInAl"),
    "gdlt": ("released", "Gdlt"),
    "ridge": ("ridge", "Ridge"),
    "ridge-segments": ("ridge_segments", "RidgeSegments"),
    "svr": ("svr", "Svr"),
    "usdl": ("usdl", "Usdl"),
    "musdl": ("musdl", "Musdl"),
    "ms-lstm": ("ms_lstm", "MsLstm"),
    "mean": ("mean", "Mean"),
    "action-net": ("action_net", "ActionNet"),
    "core": ("core", "CoRe"),
}


def method_class(method: str) -> type[AssessmentModel]:
    """The class of a method; an unknown name gets a sentence."""
    settings_class(method)
    module, name = METHODS[method]
    cls: type[AssessmentModel] = getattr(import_module(f"cofinal.models.{module}"), name)
    return cls


def build_model(preset: Preset, task: Task) -> AssessmentModel:
    """A fresh, unprepared model of the preset's method."""
    return method_class(preset.method)(task, preset.model)
