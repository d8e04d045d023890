"""Settings of `gdlt`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cofinal.settings import Between, Choices, Count, MethodSettings, Range, Weight


@dataclass(frozen=True)
class GdltSettings(MethodSettings):
    """Settings of `gdlt`, the parent of CoFInAl."""

    triplet_weight: Weight = 0.5
    """Weight of the triplet term (alpha)."""
    score_unit: Annotated[float, Between(0, 1e6)] = 0.0
    """Points that the unit score 1 stands for; 25 for every data set in the released programs. 0
    for the range of the training scores: a single head cannot reach scores beyond the unit."""
    queries: Count = 4
    """Number of learned queries; the released CoFInAl program crashes on any other than 4."""
    width: Annotated[int, Between(1, 2048)] = 256
    """Model width; the released CoFInAl program crashes on any other than 256."""

    search = {
        "model.triplet_weight": Choices(0.0, 0.5, 1.0),
        "training.learning_rate": Range(3e-3, 3e-2, log=True),
        "training.epochs": Choices(100, 200, 300, 400),
        "training.weight_decay": Choices(0.0, 1e-4, 1e-3, 1e-2),
        "training.view_clips": Choices(48, 68, 96),
    }
    # The released GDLT program's training, with the settings that the released CoFInAl program has
    # for Fis-V: SGD, windows of 68 clips, one network a target. But scores are not divided by 25:
    # most of Fis-V's are larger, the network answers 0 to 1, and so it would learn to say 25 to
    # everything.
    training = {
        "epochs": 200,
        "batch_size": 32,
        "optimizer": "sgd",
        "learning_rate": 0.01,
        "final_rate": 0.01,
        "warmup": 0.0,
        "weight_decay": 1e-4,
        "clip_gradient": 0.0,
        "averaging": 0.0,
        "view": "window",
        "view_clips": 68,
        "channel_dropout": 0.0,
        "mixing": 0.0,
        "members": 1,
    }
