"""The rows of a benchmark with something given: given only, and of each method video only, both.

The given-only row is `mean`, which sees no video: it answers the mean execution, or the ridge on
given numbers alone.

Letters: R repeats and seeds, N performances, K targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from cofinal.benchmark.plan import Entry
from cofinal.config import Preset
from cofinal.data.dataset import Dataset
from cofinal.evaluation.resampling import Units
from cofinal.evaluation.result import EvaluationResult, execution_measures

GIVEN_ONLY, VIDEO_ONLY, BOTH = "given only", "video only", "both"
BASELINE = "mean"


def with_given(entries: Sequence[Entry]) -> list[Entry]:
    """The entries of a benchmark without given as those of one with."""
    found = [Entry(GIVEN_ONLY, Preset(BASELINE))]
    for entry in entries:
        if entry.preset.method != BASELINE:
            found += [
                replace(entry, label=f"{entry.label}, {VIDEO_ONLY}", video_only=True),
                replace(entry, label=f"{entry.label}, {BOTH}"),
            ]
    return found


def three_by_three(labels: Iterable[str]) -> Iterator[str]:
    """Labels in the order of the table: the given-only row before the two of every method."""
    labels = list(labels)
    for label in labels:
        if label.endswith(f", {VIDEO_ONLY}"):
            yield GIVEN_ONLY
        if label != GIVEN_ONLY or len(labels) == 1:
            yield label


def add_execution(
    result: EvaluationResult, dataset: Dataset, totals: np.ndarray, units: Units
) -> EvaluationResult:
    """Adds what a method that saw videos only says of the execution.

    Args:
        result: its measures of the total.
        dataset: all performances, with what is given.
        totals: (R, N, K) points of the total.
        units: what the bootstrap draws.
    """
    if dataset.given is None:
        return result
    executions = dataset.given.executions(totals)
    measured = execution_measures(dataset, executions, result.within, units)
    return replace(result, execution=measured)
