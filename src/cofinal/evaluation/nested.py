"""Nested choice of settings: by folds inside a training part, so that nothing leaks from outside.

Source: Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 1974.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from cofinal.config import Preset, ProtocolSettings, override
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.evaluate import evaluate


@dataclass(frozen=True)
class Choice:
    """Candidate settings and how they are compared."""

    candidates: tuple[dict[str, Any], ...]
    """Each a set of changes to the preset, for example {"model.segments": 4}."""
    folds: int = 3
    """Inner folds, of the same kind as the outer ones."""


def choose(
    training: Dataset, preset: Preset, choice: Choice, outer: ProtocolSettings
) -> tuple[Preset, dict[str, Any]]:
    """The candidate with the highest average SRCC over inner folds, and its changes.

    Args:
        training: the training part of one outer fold.
        preset: what the candidates change.
        choice: the candidates.
        outer: the outer protocol; inner folds keep the same groups together.
    """
    kind: Literal["group", "kfold"] = "group" if outer.protocol == "group" else "kfold"
    inner = ProtocolSettings(kind, folds=choice.folds, group=outer.group)
    averages = []
    for changes in choice.candidates:
        candidate = override(preset, changes)
        quick = replace(candidate, training=replace(candidate.training, members=1))
        average = evaluate(training, quick, inner).average_srcc
        averages.append(-np.inf if average is None else average)
    if not np.isfinite(averages).any():
        raise CofinalError(
            f"no setting of {preset.method} gives a defined SRCC on the inner folds; "
            "benchmark it without --nested"
        )
    best = choice.candidates[int(np.argmax(averages))]
    return override(preset, best), best
