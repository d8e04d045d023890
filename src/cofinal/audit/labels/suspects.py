"""Ranks labels by how much they look like mistakes, next to predictions by models that never
saw them.

Three things speak against a label: it lies far from the prediction; it does not fit the labels of
the other targets; and a typical slip explains it. All three are one ratio of likelihoods, of
"something went wrong here" to "this is the label meant", under the model of `residuals`.

Differs from confident learning and its kin (Northcutt et al., JAIR 2021): scores, not classes; and
the ways in which labels go wrong are spelt out.

Letters: N performances, A alternatives, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import logsumexp

from cofinal.audit.labels.residuals import ErrorModel, fit_errors
from cofinal.audit.labels.slips import KINDS, Slip, possible_slips, usual_decimals
from cofinal.config import Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.evaluate import OnProgress, evaluate
from cofinal.records import natural_key

# Fewer performances do not tell the usual error of all targets together.
FEWEST = 20


@dataclass(frozen=True)
class Suspect:
    """One label with what speaks against it."""

    id: str
    given: dict[str, float]
    """Target -> points in the label file."""
    predicted: dict[str, float]
    """Target -> points expected of the clips, by models that have not seen this performance."""
    surprise: float
    """Decimal logarithm of the likelihood ratio of any mistake to none; ranks the labels."""
    distance: float
    """Robust Mahalanobis distance of the label from the prediction, all targets jointly."""
    slip: str | None
    """The likeliest typical slip, or None if any other wrong value is likelier."""
    corrected: dict[str, float] | None
    """What the label would have been before that slip."""
    slip_evidence: float | None
    """Decimal logarithm of that slip's likelihood ratio, after its share of the prior."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return asdict(self)


def audit_labels(
    dataset: Dataset,
    preset: Preset,
    folds: int = 10,
    repeats: int = 3,
    per_category: bool = False,
    on_progress: OnProgress | None = None,
) -> list[Suspect]:
    """All performances, the most suspicious label first. The order of the data does not matter.

    Args:
        dataset: the performances of all splits.
        preset: the method that predicts; a quick one suffices.
        folds: parts of the data, each predicted by a model trained on the others.
        repeats: partitions whose predictions are averaged.
        per_category: one model for each category.
        on_progress: called after each training, for progress.

    Raises:
        CofinalError: too few performances, or data that the method refuses.
    """
    if len(dataset) < FEWEST:
        raise CofinalError(
            f"{len(dataset)} performances; an audit needs at least {FEWEST} "
            "to know how far labels usually lie from predictions"
        )
    order = sorted(range(len(dataset)), key=lambda i: natural_key(dataset.ids[i]))
    dataset = dataset.subset(order)
    # Labels of the split "test" may be wrong too, and nothing is claimed of the method.
    protocol = ProtocolSettings(
        "kfold", folds, repeats=repeats, per_category=per_category, include_test=True
    )
    result = evaluate(dataset, preset, protocol, on_progress=on_progress)
    return rank_labels(dataset.ids, dataset.targets, dataset.scores, result.predictions.mean(0))


def rank_labels(
    ids: Sequence[str],
    targets: Sequence[str],
    scores_NK: np.ndarray,
    predicted_NK: np.ndarray,
) -> list[Suspect]:
    """Ranks labels (N, K) by predictions (N, K) of models that have not seen them."""
    decimals = [usual_decimals(column) for column in scores_NK.T]
    errors = fit_errors(scores_NK, predicted_NK, unit_K=10.0 ** -np.array(decimals))
    expected_NK = errors.expected(predicted_NK)
    other_N = any_other_value(errors, scores_NK, expected_NK)
    suspects = [
        _suspect(
            identifier,
            errors,
            (scores_NK[i], expected_NK[i]),
            float(other_N[i]),
            possible_slips(scores_NK[i], targets, decimals),
            targets,
        )
        for i, identifier in enumerate(ids)
    ]
    return sorted(suspects, key=lambda suspect: (-suspect.surprise, natural_key(suspect.id)))


def any_other_value(
    errors: ErrorModel, scores_NK: np.ndarray, expected_NK: np.ndarray
) -> np.ndarray:
    """Log likelihood of one target, any of them, holding a value that has nothing to do with it.

    Such a value may be anything in the range of the target's labels; the other targets' labels are
    right. Less the density of the whole label, this is how badly a target fits all else.

    Returns:
        (N,)
    """
    difference_NK = scores_NK - expected_NK
    targets = scores_NK.shape[1]
    parts = []
    for k in range(targets):
        others = np.zeros(len(scores_NK))
        if targets > 1:
            others = errors.without(k).log_density(np.delete(difference_NK, k, axis=1))
        parts.append(others - np.log(max(np.ptp(scores_NK[:, k]), 1e-9)))
    return logsumexp(parts, axis=0) - np.log(targets)


def _suspect(
    identifier: str,
    errors: ErrorModel,
    label: tuple[np.ndarray, np.ndarray],
    other: float,
    slips: list[Slip],
    targets: Sequence[str],
) -> Suspect:
    given, expected = label
    difference = (given - expected)[None]
    meant = float(errors.log_density(difference)[0])
    evidence_A = slip_evidence(errors, slips, expected) - meant
    named = [*evidence_A, other - meant - np.log(len(KINDS) + 1)]
    best = int(np.argmax(named))
    slip = slips[best] if best < len(slips) else None
    return Suspect(
        identifier,
        _named(targets, given),
        _named(targets, expected),
        float(logsumexp(named) / np.log(10)),
        float(errors.distance(difference)[0]),
        str(slip) if slip else None,
        _named(targets, slip.corrected) if slip else None,
        float(named[best] / np.log(10)) if slip else None,
    )


def slip_evidence(errors: ErrorModel, slips: Sequence[Slip], expected_K: np.ndarray) -> np.ndarray:
    """Log likelihood of each slip: density of the label before it, times its share of the prior.

    Kinds of mistakes are equally likely, "any other value" among them, and a kind's alternatives
    share its part; so a label with many alternatives is not the more suspicious for it.

    Returns:
        (A,)
    """
    if not slips:
        return np.empty(0)
    corrected_AK = np.array([slip.corrected for slip in slips])
    shares = [sum(other.kind == slip.kind for other in slips) for slip in slips]
    prior_A = -np.log(np.array(shares)) - np.log(len(KINDS) + 1)
    return errors.log_density(corrected_AK - expected_K) + prior_A


def _named(targets: Sequence[str], values: Sequence[float] | np.ndarray) -> dict[str, float]:
    return {target: float(value) for target, value in zip(targets, values, strict=True)}
