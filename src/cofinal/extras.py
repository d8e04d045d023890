"""Libraries that only some uses need: each belongs to an extra of the package."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from cofinal.errors import CofinalError


def import_extra(module: str, what_for: str, extra: str) -> Any:
    """A module of an extra.

    Args:
        module: its name, for example "av".
        what_for: the beginning of the message, for example "videos are read and written with PyAV".
        extra: the extra of this package that installs it.

    Raises:
        CofinalError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise CofinalError(
            f"{what_for}, which is not installed; run: pip install 'cofinal[{extra}]'"
        ) from error
