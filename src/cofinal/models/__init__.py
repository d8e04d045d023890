"""Methods by name: the classes that compute. `interface.py` says what all of them offer."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module

from cofinal.config import Preset
from cofinal.errors import CofinalError
from cofinal.methods import BROUGHT, method_names, module_name, settings_class
from cofinal.models.interface import AssessmentModel, Task


def method_class(method: str) -> type[AssessmentModel]:
    """The class of a method: that of its file whose `Settings` are the method's."""
    if method not in method_names():
        found = BROUGHT.find(method).found
        if not issubclass(found, AssessmentModel):
            raise CofinalError(
                f"method {method!r} is no AssessmentModel; derive the class from "
                "cofinal.models.interface.AssessmentModel"
            )
        return found
    settings = settings_class(method)
    module = import_module(f"{__name__}.{module_name(method)}")
    (own,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, AssessmentModel)
        and vars(value).get("Settings") is settings
    )
    return own


def learns_from_judges(preset: Preset) -> bool:
    """Whether the preset's method learns from the mark of each judge."""
    return method_class(preset.method).learns_from_judges


def build_model(preset: Preset, task: Task) -> AssessmentModel:
    """A fresh, unprepared model of the preset's method.

    Where the task's labels are grades themselves, a setting of their number gives way.
    """
    settings = preset.model
    if task.grades and hasattr(settings, "grades"):
        settings = replace(settings, grades=task.grades)
    return method_class(preset.method)(task, settings)
