"""Optimiser and learning-rate schedule from settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from cofinal.config import TrainingSettings
from cofinal.settings import quoted

# What an optimiser keeps of each parameter.
KEPT = {
    torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.SGD: {"momentum_buffer"},
}


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


def take_state(optimizer: torch.optim.Optimizer, state: Any) -> None:
    """Takes over what a checkpoint holds of an optimiser.

    Raises:
        ValueError: other options, or values that are not of these parameters.
    """
    own = optimizer.state_dict()["param_groups"]
    for mine, theirs in zip(own, state["param_groups"], strict=True):
        for name, value in mine.items():
            if name != "lr" and theirs[name] != value:  # each step sets the rate anew
                raise ValueError(f"its optimiser has another {name}")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for number, entries in state["state"].items():
        if set(entries) != KEPT[type(optimizer)]:
            raise ValueError(f"its optimiser kept {quoted(sorted(entries))} of parameter {number}")
        for name, value in entries.items():
            shape = () if name == "step" else parameters[number].shape
            if not torch.is_tensor(value) or value.shape != shape or not value.isfinite().all():
                raise ValueError(f"its optimiser's {name} does not fit parameter {number}")
    optimizer.load_state_dict(state)
