"""Settings of `mean`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass

from cofinal.settings import MethodSettings


@dataclass(frozen=True)
class MeanSettings(MethodSettings):
    """`mean` has no settings."""
