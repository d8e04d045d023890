"""Which methods there are, and what can be set in each. Imports no torch.

A method is two files of one name: the one in this folder declares its settings, with help texts,
bounds, search space and training; the one in `models/` has the class that computes. Nothing lists
the methods: this folder is the list. Users bring methods of their own, as `use_method` tells.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from cofinal.brought import class_in_file, class_installed, installed, names_a_file, short_name
from cofinal.errors import CofinalError
from cofinal.settings import KINDS, MethodSettings, quoted

# Where other packages offer methods: name = "package.module:Class".
ENTRY_POINTS = "cofinal.methods"


class MissingMethodError(CofinalError):
    """A method that is unknown here, or that the user has not named."""


@dataclass(frozen=True)
class BroughtMethod:
    """A method that is no part of this package."""

    method_class: type
    source: str | type | None
    """By what another process can bring it again; None for what is installed there too."""
    code: str | None
    """What tells one state of its code from another: a file's hash, a package's version."""


_BROUGHT: dict[str, BroughtMethod] = {}


def method_names() -> tuple[str, ...]:
    """Names of the methods of this package, in the order of the alphabet."""
    return tuple(sorted(entry.name.replace("_", "-") for entry in iter_modules(__path__)))


def module_name(method: str) -> str:
    """Name of a method's two files, without their ending."""
    return method.replace("-", "_")


def settings_class(method: str) -> type[MethodSettings]:
    """The settings class of a method, or a sentence with the methods there are."""
    if method not in method_names():
        declared: type[MethodSettings] = brought_method(method).method_class.Settings  # type: ignore[attr-defined]
        return declared
    module = import_module(f"{__name__}.{module_name(method)}")
    (declared,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, MethodSettings)
        and value.__module__ == module.__name__
    )
    return declared


def use_method(method: str | type) -> str:
    """Makes a method of the user's own known to this process; returns the name it then has.

    Args:
        method: a class (see CONTRIBUTING.md for what it needs), or a text "PATH.py:CLASS", whose
            file is then run. Other texts are names already, and returned as they are.

    Raises:
        CofinalError: a file or class that is not there, or a class that is no method.

    Example:
        train(dataset, Preset(use_method(MyMethod)))
    """
    if isinstance(method, str) and not names_a_file(method):
        return method
    if isinstance(method, str):
        found, code = class_in_file(method)
        name = short_name(method)
        _BROUGHT[name] = BroughtMethod(_checked(found, name), method, code)
        return name
    _BROUGHT[method.__name__] = BroughtMethod(_checked(method, method.__name__), method, None)
    return method.__name__


def brought_method(method: str) -> BroughtMethod:
    """What is known of a method that is no part of this package.

    Raises:
        CofinalError: nobody brought it, nor is it installed.
    """
    if method not in _BROUGHT:
        offered = installed(ENTRY_POINTS)
        if method not in offered:
            raise MissingMethodError(_unknown(method, list(offered)))
        found, code = class_installed(offered[method])
        _BROUGHT[method] = BroughtMethod(_checked(found, method), None, code)
    return _BROUGHT[method]


def code_of(method: str) -> str | None:
    """What tells the state of a brought method's code; None where the version of cofinal does."""
    return None if method in method_names() else brought_method(method).code


def source_of(method: str) -> str | type | None:
    """By what `use_method` brings a method again in another process; None where it need not."""
    return None if method in method_names() else brought_method(method).source


def _unknown(method: str, offered: list[str]) -> str:
    if names_a_file(method):
        return (
            f"method {quoted(method)} is a class in a file, which is run only if you name it: "
            f"--method FOLDER/{method} where a method is trained, --model-class where a model is "
            "used, use_method(...) in Python"
        )
    known = ", ".join([*method_names(), *offered])
    return (
        f"method {quoted(method)} is unknown; choose one of {known}, or name a class of your own: "
        "my_method.py:MyMethod"
    )


def _checked(found: type, name: str) -> type:
    """Refuses classes that are no method, and settings that cannot become flags."""
    settings: Any = getattr(found, "Settings", None)
    if not (isinstance(settings, type) and issubclass(settings, MethodSettings)):
        raise CofinalError(
            f"method {name!r} has no settings class; let it have "
            "Settings = ... derived from cofinal.settings.MethodSettings"
        )
    if name in method_names():
        raise CofinalError(f"method {name!r} is one of cofinal's own; rename the class")
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
    return found
