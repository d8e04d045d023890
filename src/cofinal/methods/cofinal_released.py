"""Settings of `cofinal-released`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cofinal.methods.gdlt import GdltSettings
from cofinal.settings import Between, Choices


@dataclass(frozen=True)
class ReleasedSettings(GdltSettings):
    """Settings of `cofinal-released`: what the authors' program lets one choose.

    Trained as `gdlt` is: SGD, windows of 68 clips, one network a target. The released program's
    epochs by data: Ball 250, Clubs 400, Hoop 300, Ribbon 150, Fis-V 200. Weights: Ball and Hoop 2,
    Clubs, Ribbon and Fis-V 3; Ribbon without the reverse head.
    """

    score_unit: Annotated[float, Between(0, 1e6)] = 25.0
    """Points that the unit score 1 stands for; 25 for every data set in the released program. 0 for
    the range of the training scores."""
    weights: Literal[0, 1, 2, 3] = 3
    """Fixed weights of the four coarse outputs, by the released program's number."""
    reverse_head: bool = True
    """Whether a second coarse head predicts the reversed score."""

    search = {
        "model.weights": Choices(0, 1, 2, 3),
        "model.reverse_head": Choices(True, False),
        **GdltSettings.search,
    }
