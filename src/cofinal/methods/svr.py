"""Settings of `svr`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from cofinal.settings import Between, Choices, MethodSettings


@dataclass(frozen=True)
class SvrSettings(MethodSettings):
    """Settings of `svr`; the defaults did well on folds without a common event of Fis-V."""

    cost: Annotated[float, Between(0, 1e6, "low")] = 30.0
    """Price of an error beyond the tolerance (C); the larger, the closer the fit."""
    epsilon: Annotated[float, Between(0, 1000)] = 0.3
    """Tolerance within which errors cost nothing, in standard deviations of the scores."""
    gamma: Annotated[float, Between(0, 1e6, "low")] = 0.1
    """Narrowness of the Gaussian kernel, times 1 / channels; 1 is scikit-learn's "scale"."""

    search = {
        "model.cost": Choices(1.0, 10.0, 30.0),
        "model.epsilon": Choices(0.1, 0.3),
        "model.gamma": Choices(0.1, 0.3, 1.0),
    }
