"""Is the difference real? Paired bootstrap over whole groups, and Holm's correction.

Sources: Efron and Tibshirani, "An Introduction to the Bootstrap", 1993; Holm, "A simple
sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 1979.

Letters: R repeats and seeds, N performances, S bootstrap samples, M methods.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cofinal.evaluation.bootstrap import interval_and_p, srcc_samples
from cofinal.evaluation.metrics import mean_srcc
from cofinal.evaluation.resampling import Resampling


@dataclass(frozen=True)
class Comparison:
    """One method against the best baseline, on the same performances."""

    label: str
    baseline: str
    difference: float
    """SRCC of the method minus SRCC of the baseline, each averaged over repeats and seeds."""
    interval: tuple[float, float]
    """95 % bootstrap interval of the difference."""
    p_value: float
    """Two-sided; how easily resampling turns the sign of the difference."""
    least_p: float
    """The smallest p-value that so many samples can give."""
    p_holm: float | None
    """`p_value` corrected for the number of methods under test; None for another baseline, which
    is not one of them."""


def best_label(
    predicted: Mapping[str, np.ndarray], score_N: np.ndarray, among: Collection[str]
) -> str | None:
    """The label with the highest SRCC over all repeats; None where no SRCC is defined."""
    ranks = {label: mean_srcc(predicted[label], score_N) for label in among}
    defined = {label: value for label, value in ranks.items() if np.isfinite(value)}
    return max(defined, key=lambda label: defined[label]) if defined else None


def compare(
    predicted: Mapping[str, np.ndarray],
    score_N: np.ndarray,
    baseline: str,
    drawn: Resampling,
    baselines: Collection[str] = (),
) -> list[Comparison]:
    """Compares every method with a baseline; all see the same bootstrap samples.

    Args:
        predicted: label -> (R, N) points.
        score_N: points given.
        baseline: a label of `predicted`.
        drawn: how the samples are drawn.
        baselines: labels that are not under test.

    Returns:
        One comparison for each other method whose SRCC is defined, in their order.
    """
    whole = {label: mean_srcc(rows_RN, score_N) for label, rows_RN in predicted.items()}
    labels = [label for label, value in whole.items() if np.isfinite(value)]
    samples_SR = srcc_samples(np.concatenate([predicted[one] for one in labels]), score_N, drawn)
    ends = np.cumsum([len(predicted[label]) for label in labels])[:-1]
    parts = np.split(samples_SR, ends, axis=1)
    mean = {label: part_SR.mean(1) for label, part_SR in zip(labels, parts, strict=True)}
    found = []
    for label in labels:
        if label == baseline:
            continue
        interval, p = interval_and_p(mean[label] - mean[baseline])
        difference = whole[label] - whole[baseline]
        found.append(Comparison(label, baseline, difference, interval, p, drawn.least_p, None))
    return corrected(found, baselines)


def corrected(found: Sequence[Comparison], baselines: Collection[str]) -> list[Comparison]:
    """Comparisons with Holm's p for those that are under test."""
    tested = [entry for entry in found if entry.label not in baselines]
    labels = [entry.label for entry in tested]
    p_holm = dict(zip(labels, holm([entry.p_value for entry in tested]), strict=True))
    return [replace(entry, p_holm=p_holm.get(entry.label)) for entry in found]


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's correction: the i-th smallest of M is multiplied by M - i + 1, and never falls."""
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    raised = np.maximum.accumulate(np.asarray(p_values, dtype=float)[order] * factors)
    found = np.empty(len(p_values))
    found[order] = np.minimum(raised, 1.0)
    return [float(value) for value in found]
