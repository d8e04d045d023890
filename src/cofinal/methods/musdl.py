"""Settings of `musdl`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cofinal.methods.usdl import UsdlSettings
from cofinal.settings import Between


@dataclass(frozen=True)
class MusdlSettings(UsdlSettings):
    """Settings of `musdl`; searched and trained as `usdl` is."""

    seats: Annotated[int, Between(1, 100)] = 11
    """Most judges that a panel may have; each has a distribution of its own."""
