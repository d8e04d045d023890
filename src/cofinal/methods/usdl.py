"""Settings of `usdl`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cofinal.settings import Between, Choices, Components, MethodSettings, Range


@dataclass(frozen=True)
class UsdlSettings(MethodSettings):
    """Settings of `usdl`."""

    principal_components: Components = 256
    """Leading directions of the clip features that the network sees."""
    bins: Annotated[int, Between(2, 1001)] = 101
    """Score bins, evenly spaced over the range of the training scores with a margin."""
    spread: Annotated[float, Between(0, 100, "low")] = 0.05
    """Standard deviation of the target distribution, as a share of that range."""
    width: Annotated[int, Between(2, 4096)] = 256
    """Width of the first hidden layer; the second is half as wide."""

    search = {
        "model.spread": Choices(0.03, 0.05, 0.1),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
        "training.channel_dropout": Choices(0.0, 0.3),
    }
    # Published, though not checked against the paper's text: Adam, learning rate 1e-4, weight decay
    # 1e-5, target deviation 5 of 100 bins, a backbone trained along, segments of the whole video.
    # Epochs and batch size not known. Without a backbone to train, that rate has learned nothing
    # after 20 epochs; these values were chosen by folds without a common event of Fis-V.
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
