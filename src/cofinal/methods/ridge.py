"""Settings of `ridge`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass

from cofinal.settings import MethodSettings


@dataclass(frozen=True)
class RidgeSettings(MethodSettings):
    """`ridge` has no settings: its strength is chosen by leave-one-out error."""
