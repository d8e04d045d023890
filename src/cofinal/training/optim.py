"""Optimiser and learning-rate schedule from settings."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from cofinal.config import TrainingSettings


def build_optimizer(
    parameters: Mapping[str, Tensor], settings: TrainingSettings
) -> torch.optim.Optimizer:
    """AdamW that decays matrices only, or SGD with momentum that decays everything.

    Parameters are stacked, so a matrix has three dimensions and a vector two.
    """
    if settings.optimizer == "sgd":
        return torch.optim.SGD(
            parameters.values(),
            lr=settings.learning_rate,
            momentum=0.9,
            weight_decay=settings.weight_decay,
        )
    matrices = [p for p in parameters.values() if p.dim() > 2]
    vectors = [p for p in parameters.values() if p.dim() <= 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate)


def learning_rate(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then half a cosine down to `final_rate`; a function of the step alone."""
    rise = min(1.0, (step + 1) / max(1.0, settings.warmup * steps))
    fall = 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0)))
    share = settings.final_rate + (1 - settings.final_rate) * fall
    return settings.learning_rate * rise * share
