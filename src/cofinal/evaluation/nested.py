"""Nested choice of settings: by folds inside a training part, so that nothing leaks from outside.

Source: Stone, "Cross-validatory choice and assessment of statistical predictions", JRSS B 1974.

Letters: n held-out performances, K targets.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from cofinal.config import Preset, ProtocolSettings, override
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.folds import make_folds
from cofinal.evaluation.result import average_srcc

# Trains on the first data set and gives points (n, K) for the second.
Predict = Callable[[Dataset, Dataset, Preset], np.ndarray]


@dataclass(frozen=True)
class Choice:
    """Candidate settings and how they are compared."""

    candidates: tuple[dict[str, Any], ...]
    """Each a set of changes to the preset, for example {"model.segments": 4}."""
    folds: int = 3
    """Inner folds, of the same kind as the outer ones."""


def choose(
    training: Dataset, preset: Preset, choice: Choice, outer: ProtocolSettings, predict: Predict
) -> tuple[Preset, dict[str, Any]]:
    """The candidate with the highest average SRCC over inner folds, and its changes.

    Args:
        training: the training part of one outer fold.
        preset: what the candidates change.
        choice: the candidates.
        outer: the outer protocol; inner folds keep the same groups together.
        predict: trains a candidate on a part and predicts the rest.
    """
    kind: Literal["group", "kfold"] = "group" if outer.protocol == "group" else "kfold"
    inner = ProtocolSettings(kind, folds=choice.folds, group=outer.group)
    averages = []
    for changes in choice.candidates:
        candidate = override(preset, changes)
        quick = replace(candidate, training=replace(candidate.training, members=1))
        predicted_NK = np.empty_like(training.scores)
        for fold in make_folds(training, inner):
            parts = training.subset(fold.train), training.subset(fold.held_out)
            predicted_NK[fold.held_out] = predict(*parts, quick)
        average = average_srcc(training, predicted_NK)
        averages.append(-np.inf if average is None else average)
    if not np.isfinite(averages).any():
        raise CofinalError(
            f"no setting of {preset.method} gives a defined SRCC on the inner folds; "
            "benchmark it without --nested"
        )
    best = choice.candidates[int(np.argmax(averages))]
    return override(preset, best), best
