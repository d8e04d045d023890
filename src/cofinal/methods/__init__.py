"""Which methods there are, and what can be set in each. Imports no torch.

A method is two files of one name: the one in this folder declares its settings, with help texts,
bounds, search space and training; the one in `models/` has the class that computes. Nothing lists
the methods: this folder is the list. Users bring methods of their own, as `use_method` tells.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from cofinal.brought import Kind
from cofinal.errors import CofinalError
from cofinal.settings import KINDS, MethodSettings


@cache
def method_names() -> tuple[str, ...]:
    """Names of the methods of this package, in the order of the alphabet."""
    return tuple(sorted(entry.name.replace("_", "-") for entry in iter_modules(__path__)))


def module_name(method: str) -> str:
    """Name of a method's two files, without their ending."""
    return method.replace("-", "_")


def settings_class(method: str) -> type[MethodSettings]:
    """The settings class of a method, or a sentence with the methods there are."""
    if method not in method_names():
        declared: Any = BROUGHT.find(method).found
        settings: type[MethodSettings] = declared.Settings
        return settings
    module = import_module(f"{__name__}.{module_name(method)}")
    (settings,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, MethodSettings)
        and value.__module__ == module.__name__
    )
    return settings


def use_method(method: str | type) -> str:
    """Makes a method of the user's own known to this process; returns the name it then has.

    Args:
        method: a class (docs/own_methods.md tells what it needs), or a text "PATH.py:CLASS", whose
            file is then run. Other texts are names already, and returned as they are.

    Raises:
        CofinalError: a file or class that is not there, or a class that is no method.

    Example:
        train(dataset, Preset(use_method(MyMethod)))
    """
    return BROUGHT.use(method)


def _check(found: type, name: str) -> None:
    """Refuses classes that are no method, and settings that cannot become flags."""
    settings: Any = getattr(found, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, MethodSettings)):
        raise CofinalError(
            f"method {name!r} has no settings class; let it have "
            "Settings = ... derived from cofinal.settings.MethodSettings"
        )
    if not is_dataclass(settings) or "__init__" not in vars(settings):
        raise CofinalError(
            f"{settings.__name__} of method {name!r} is no dataclass; write @dataclass(frozen=True)"
        )
    for entry in fields(settings):
        if type(entry.default) not in KINDS:
            raise CofinalError(
                f"setting {entry.name} of method {name!r} has no plain default; "
                f"give it {', '.join(KINDS.values())}"
            )


BROUGHT = Kind(
    "method",
    "cofinal.methods",
    method_names,
    _check,
    "--method FOLDER/my_method.py:MyMethod where a method is trained, --model-class where a model "
    "is used, use_method(...) in Python",
)
