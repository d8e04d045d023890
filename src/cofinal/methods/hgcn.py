"""Settings of `hgcn`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cofinal.settings import Between, Choices, Components, MethodSettings, Range, check


@dataclass(frozen=True)
class HgcnSettings(MethodSettings):
    """Settings of `hgcn`."""

    principal_components: Components = 256
    """Leading directions of the clip features that the network sees."""
    clips: Annotated[int, Between(2, 256)] = 32
    """Equal parts that a performance is resampled to, N; the graphs' learned matrices are of
    that size."""
    scenes: Annotated[int, Between(1, 100)] = 7
    """Scenes that the parts are put together to, S."""
    width: Annotated[int, Between(8, 4096)] = 128
    """Width of refined clips; shots are half as wide, the actions of scenes a quarter."""
    groups: Annotated[int, Between(1, 64)] = 1
    """Groups of channels that do not see each other in the maps; 1 for none."""

    search = {
        "model.clips": Choices(16, 32, 64),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
        "training.channel_dropout": Choices(0.0, 0.3),
    }
    # Published, for Rhythmic Gymnastics and Fis-V: Adam, rate 1e-4, weight decay 1e-4, 100 epochs,
    # 68 clips, seven scenes, batch 32 and 4, no groups. On the first two of Fis-V's five folds
    # without a common event, SRCC TES, PCS: 20 epochs .207, .428, 40 .264, .476, with 16 clips
    # .277, .467 (ridge-segments .347, .513). More epochs were not measured.
    training = {
        "epochs": 40,
        "batch_size": 32,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "view": "whole",
        "channel_dropout": 0.3,
        "mixing": 1.0,
        "members": 1,
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        # The narrowest map, between scenes, has an eighth of the channels.
        unit = 8 * self.groups
        check(self.width % unit == 0, "width", self.width, f"a multiple of {unit} at these groups")
