"""Which methods there are, and what can be set in each. Imports no torch.

A method is two files of one name: the one in this folder declares its settings, with help texts,
bounds, search space and training; the one in `models/` has the class that computes. Nothing lists
the methods: this folder is the list.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from cofinal.errors import CofinalError
from cofinal.settings import MethodSettings, quoted


def method_names() -> tuple[str, ...]:
    """Names of all methods, in the order of the alphabet."""
    return tuple(sorted(entry.name.replace("_", "-") for entry in iter_modules(__path__)))


def module_name(method: str) -> str:
    """Name of a method's two files, without their ending."""
    return method.replace("-", "_")


def settings_class(method: str) -> type[MethodSettings]:
    """The settings class of a method, or a sentence with the methods there are."""
    names = method_names()
    if method not in names:
        raise CofinalError(f"method {quoted(method)} is unknown; choose one of {', '.join(names)}")
    module = import_module(f"{__name__}.{module_name(method)}")
    (declared,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, MethodSettings)
        and value.__module__ == module.__name__
    )
    return declared
