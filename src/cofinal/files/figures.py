"""Figures as PNG files that are whole or absent (matplotlib, extra `report`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cofinal.extras import import_extra
from cofinal.files.atomic import atomic_path

INK, ACCENT, PALE = "#1f2933", "#c2410c", "#94a3b8"


@contextmanager
def figure(path: Path, inches: tuple[float, float]) -> Iterator[Any]:
    """A matplotlib figure that is written when the block ends; no window, no global state.

    Raises:
        CofinalError: matplotlib is not installed.
    """
    pictures = import_extra("matplotlib.figure", "figures need matplotlib", "report")
    made = pictures.Figure(figsize=inches, layout="constrained")
    yield made
    with atomic_path(path) as temporary:
        made.savefig(temporary, dpi=150, format="png")
