"""Settings of `core`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cofinal.settings import (
    BelowOne,
    Between,
    Choices,
    Components,
    Count,
    MethodSettings,
    Range,
    check,
)

# The tree's largest layer has a matrix of the model's width for each of its nodes.
MOST_WEIGHTS = 2**27


@dataclass(frozen=True)
class CoReSettings(MethodSettings):
    """Settings of `core`."""

    exemplars: Count = 10
    """Training performances of known score that a performance is compared with, E."""
    # More than a thousand groups cannot be told apart, and the tree doubles with every level.
    depth: Annotated[int, Between(1, 10)] = 4
    """Decisions from the root of the tree to a leaf; there are 2 to the power of it groups."""
    decision: Literal["most-probable", "expectation"] = "most-probable"
    """Whether the score difference is the most probable group's, or the expectation over all."""
    segments: Count = 10
    """Time segments that a performance's feature is averaged over, P."""
    principal_components: Components = 256
    """Leading directions of the clip features that the network sees."""
    width: Annotated[int, Between(1, 2048)] = 32
    """Width of features and tree, D."""
    dropout: BelowOne = 0.3
    """Dropout of segment features."""

    search = {
        "model.depth": Choices(2, 3, 4, 5),
        "training.learning_rate": Range(3e-4, 3e-3, log=True),
    }
    # Published, as far as known: Adam without weight decay, rate 1e-3 for the tree and 1e-4 for the
    # backbone that it trains along, 10 exemplars, a tree of five levels (16 groups). Here the
    # backbone is frozen. Chosen on Fis-V's training part, no event in two folds (SRCC TES, PCS;
    # R-l2): 40 epochs .428, .614; 2.70, 2.45. 15 epochs .419, .586; 3.02, 2.56. The expectation
    # over groups instead of the most probable one .417, .616; 2.61, 2.42. The rest was not varied.
    training = {
        "epochs": 40,
        "batch_size": 32,
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
        largest = int((MOST_WEIGHTS / 2**self.depth) ** 0.5)
        check(self.width <= largest, "width", self.width, f"{largest} or less at this depth")
