"""What a skeleton file says, before it is known which joint is which."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class RawSkeleton:
    """What a file says; what it does not say is None."""

    positions: np.ndarray
    """(F, J, 2 or 3), NaN where not seen."""
    visibility: np.ndarray | None = None
    """(F, J), 0 to 1."""
    seconds: np.ndarray | None = None
    """(F,) times."""
    layout: str | None = None
    """Name of the tool's joints."""
    names: tuple[str, ...] = ()
    """Names of the joints, lower case, of a table with a header."""
    fps: float | None = None
    """Frames per second."""
    up: str | None = None
    """Axis that points up."""
    picture: tuple[int, int] | None = None
    """Width and height of the picture, where positions are pixels of it."""
