"""The ways to explain a score, by name: "votes", "attention", "gradients", "occlusion-3", "mean-3".

A number is the width: clips left out together. "occlusion" takes them out of the sequence, "mean"
puts the performance's mean clip in their place.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from cofinal.errors import CofinalError
from cofinal.explain.evidence import Evidence, attention, integrated_gradients, occlusion, votes
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import ModelOutput
from cofinal.records import ClipFeatures

EXPECTED = 'expected "votes", "attention", "gradients", "occlusion-WIDTH" or "mean-WIDTH"'


@dataclass(frozen=True)
class Way:
    """One way to explain a score."""

    name: str
    kind: str
    """"votes", "attention", "gradients", "occlusion" or "mean"."""
    width: int = 1

    @property
    def signed(self) -> bool:
        """Whether it tells what raised a score from what lowered it."""
        return self.kind != "attention"

    def explain(
        self, model: Ensemble, features: ClipFeatures, output: ModelOutput | None = None
    ) -> Evidence | None:
        """Evidence of one performance; None for votes or attention of a method without.

        Args:
            model: the trained members.
            features: what they saw.
            output: what they said of it alone, where that is at hand; votes then need no pass.

        Raises:
            CofinalError: a performance shorter than the width, or gradients that do not add up.
        """
        if self.kind == "votes":
            return votes(model, features, output)
        if self.kind == "attention":
            return attention(model, features)
        if self.kind == "gradients":
            return integrated_gradients(model, features)
        return occlusion(model, features, self.width, "mean" if self.kind == "mean" else "remove")


def read_way(name: str) -> Way:
    """The way that a name means.

    Raises:
        CofinalError: a name that means none.
    """
    kind, dash, width = name.partition("-")
    if kind in ("votes", "attention", "gradients") and not dash:
        return Way(name, kind)
    if kind in ("occlusion", "mean") and re.fullmatch("[1-9][0-9]{0,3}", width):
        return Way(name, kind, int(width))
    raise CofinalError(f"evidence {name!r} is unknown; {EXPECTED}")
