"""Settings of `t2cr`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cofinal.settings import Between, Choices, Components, Count, MethodSettings, Range, check


@dataclass(frozen=True)
class T2crSettings(MethodSettings):
    """Settings of `t2cr`."""

    principal_components: Components = 256
    """Leading directions of the clip features that the network sees."""
    clips: Annotated[int, Between(2, 256)] = 16
    """Moments of a performance on the full path, N; the thin path has half as many."""
    width: Annotated[int, Between(4, 1024)] = 64
    """Width in which performances are compared, D."""
    heads: Annotated[int, Between(1, 64)] = 8
    """Heads of the attention between performances."""
    layers: Annotated[int, Between(1, 12)] = 3
    """Layers of the decoder."""
    exemplars: Count = 10
    """Training performances of known score that a performance is compared with, E."""

    search = {
        "model.clips": Choices(8, 16, 32),
        "training.learning_rate": Range(1e-4, 3e-3, log=True),
        "training.channel_dropout": Choices(0.0, 0.3),
    }
    # Published, for Rhythmic Gymnastics and Fis-V: Adam, rate 1e-4, weight decay 1e-4, batch 4, 100
    # epochs, 68 clips on the full path and 34 on the thin one, ten exemplars. At 3e-4 and batches
    # of 16 it has learned nothing of generated performances after 20 epochs. On the first two of
    # Fis-V's five folds without a common event, SRCC TES, PCS: .303, .499 (ridge-segments .347,
    # .513). The rest was not varied.
    training = {
        "epochs": 30,
        "batch_size": 8,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "view": "subset",
        "view_clips": 56,
        "channel_dropout": 0.3,
        "mixing": 0.0,
        "members": 1,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        check(
            self.width % self.heads == 0, "width", self.width, f"a multiple of {self.heads} heads"
        )
