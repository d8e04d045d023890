"""Settings of `dae`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cofinal.settings import Between, Choices, Components, MethodSettings, Range


@dataclass(frozen=True)
class DaeSettings(MethodSettings):
    """Settings of `dae`."""

    principal_components: Components = 256
    """Leading directions of the clip features that the network sees."""
    width: Annotated[int, Between(2, 4096)] = 256
    """Width of the first hidden layer; the second is half as wide."""
    loss: Literal["likelihood", "squared"] = "likelihood"
    """The paper's likelihood, which learns mean and spread, or the released programs' squared error
    of a draw, which drives the spread to nothing."""

    search = {
        "model.loss": Choices("likelihood", "squared"),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
        "training.channel_dropout": Choices(0.0, 0.3),
    }
    # Published, for Rhythmic Gymnastics and Fis-V: Adam, rate 1e-3, weight decay 1e-4, batch 4, 100
    # epochs, squared error of points. On the first two of Fis-V's five folds without a common
    # event, SRCC TES, PCS: 15 epochs .225, .448, 40 .227, .530, 80 .169, .520 (ridge-segments
    # .347, .513); the squared loss with 15 epochs .227, .452. The rest is as in usdl.
    training = {
        "epochs": 40,
        "batch_size": 32,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 0.05,
        "averaging": 0.9,
        "view": "whole",
        "channel_dropout": 0.3,
        "mixing": 1.0,
        "members": 1,
    }
