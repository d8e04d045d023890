"""Settings of `ridge-segments`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass

from cofinal.methods.ridge import RidgeSettings
from cofinal.settings import Choices, Count


@dataclass(frozen=True)
class RidgeSegmentsSettings(RidgeSettings):
    """Settings of `ridge-segments`; its strength is chosen by leave-one-out error."""

    segments: Count = 4
    """Equal parts of a performance, each with an average of its own."""

    search = {"model.segments": Choices(1, 2, 4, 8)}
