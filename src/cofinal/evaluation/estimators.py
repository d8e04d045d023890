"""Measuring estimators: scikit-learn's splitters decide who is held out, the measures are ours.

Letters: R times that a performance is held out, N performances, K targets.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, overload

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.model_selection import check_cv

from cofinal.config import Preset, ProtocolSettings
from cofinal.data.arrays import described
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.evaluate import evaluate as evaluate_method
from cofinal.evaluation.evaluate import summarise
from cofinal.evaluation.folds import make_folds
from cofinal.evaluation.predictions import refuse_not_finite
from cofinal.evaluation.result import EvaluationResult


@overload
def evaluate(
    dataset: Dataset, preset: Preset, protocol: ProtocolSettings, *more: Any, **keywords: Any
) -> EvaluationResult: ...


@overload
def evaluate(
    estimator: BaseEstimator,
    clips: Any,
    scores: Any,
    *,
    cv: Any = 5,
    groups: Any = None,
    ids: Any = None,
    targets: Sequence[str] | None = None,
    given: Any = None,
) -> EvaluationResult: ...


def evaluate(*arguments: Any, **keywords: Any) -> EvaluationResult:
    """Measures a method on performances that it was not trained on.

    Either a data set, a preset and a protocol, as `cofinal.evaluation.evaluate.evaluate` takes
    them (it keeps finished folds in a folder), or an estimator with performances in memory:

    Args:
        estimator: a method (`CoFInAlRegressor`, `create_method`), or any scikit-learn regressor or
            pipeline that takes lists of arrays.
        clips: N arrays (T, C).
        scores: (N,) or (N, K) points; a pandas table brings the names of its targets.
        cv: who is held out: a scikit-learn splitter, pairs of training and held-out positions,
            `ProtocolSettings`, or a number of folds, which keep groups together where they are
            given and else are drawn by chance.
        groups: N groups, or columns by name (dictionary, table); "event" among them gives the
            within-event SRCC.
        ids: N names, for the result.
        targets: K names.
        given: what is known beforehand, a dictionary or table of columns by rule, for example
            {"difficulty:multiply": numbers}; for methods of this package.

    Raises:
        CofinalError: performances, scores or folds that do not fit.
    """
    first = next(iter([*arguments, *keywords.values()]), None)
    if isinstance(first, Dataset):
        return evaluate_method(*arguments, **keywords)
    if hasattr(first, "fit") and hasattr(first, "predict"):
        return evaluate_estimator(*arguments, **keywords)
    raise CofinalError(
        f"what to evaluate is {described(first)}; expected an estimator with clips and scores, or "
        "a Dataset (see load_dataset and Dataset.from_arrays) with a preset and a protocol"
    )


def evaluate_estimator(
    estimator: Any,
    clips: Any,
    scores: Any,
    *,
    cv: Any = 5,
    groups: Any = None,
    ids: Any = None,
    targets: Sequence[str] | None = None,
    given: Any = None,
) -> EvaluationResult:
    """Measures an estimator; see `evaluate`."""
    started = time.monotonic()
    dataset = Dataset.from_arrays(clips, scores, ids, targets, groups, given=given)
    name, preset = type(estimator).__name__, getattr(estimator, "preset", None)
    if dataset.given and preset is None:
        raise CofinalError(
            f"{name} is no method of this package, so nothing can be given to it; leave out given"
        )
    if isinstance(cv, int | np.integer):
        cv = _protocol(dataset, int(cv))
    if isinstance(cv, ProtocolSettings) and preset is not None:
        return evaluate_method(dataset, preset(), cv)
    if isinstance(cv, ProtocolSettings):
        if cv.repeats > 1 or cv.per_category or cv.protocol == "best-on-test":
            raise CofinalError(
                "repeats, per_category and best-on-test are for this package's own methods; "
                f"measure {name} with a scikit-learn splitter"
            )
        protocol, folds = cv, [(fold.train, fold.held_out) for fold in make_folds(dataset, cv)]
    else:
        folds = _split(dataset, cv)
        protocol = _protocol(dataset, max(len(folds), 2))
    predictions = _held_out(estimator, dataset, folds, np.ndim(scores) == 1)
    measured = summarise(dataset, predictions, Preset(), protocol, {})
    told = {"estimator": repr(estimator), "seconds": round(time.monotonic() - started, 1)}
    return replace(
        measured,
        method=getattr(estimator, "method", name),
        protocol=measured.protocol | {"splitter": repr(cv)},
        settings={k: v for k, v in measured.settings.items() if k != "preset"} | told,
    )


def _protocol(dataset: Dataset, folds: int) -> ProtocolSettings:
    """Folds that keep the groups together, if there are any."""
    if not dataset.groups:
        return ProtocolSettings("kfold", folds=folds)
    return ProtocolSettings("group", folds=folds, group=_only_column(dataset))


def _only_column(dataset: Dataset) -> str:
    if len(dataset.groups) > 1:
        raise CofinalError(
            f"groups have columns {', '.join(dataset.groups)}; name the one that folds keep "
            "together: cv=ProtocolSettings('group', group=...)"
        )
    return next(iter(dataset.groups))


def _split(dataset: Dataset, cv: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Training and held-out positions of a scikit-learn splitter, or as they are given."""
    groups = dataset.groups[_only_column(dataset)] if dataset.groups else None
    scores = dataset.scores[:, 0] if len(dataset.targets) == 1 else dataset.scores
    try:
        parts = list(check_cv(cv).split(np.zeros(len(dataset)), scores, groups))
        folds = [(np.arange(len(dataset))[a], np.arange(len(dataset))[b]) for a, b in parts]
    except (TypeError, ValueError, IndexError) as error:
        raise CofinalError(
            f"cv={cv!r:.80} cannot part {len(dataset)} performances ({error}); expected a "
            "scikit-learn splitter, ProtocolSettings, or a number of folds"
        ) from error
    for train, held_out in folds:
        both = np.intersect1d(train, held_out)
        if len(both):
            raise CofinalError(
                f"cv={cv!r:.80} trains on performance {dataset.ids[both[0]]}, which it holds out; "
                "give folds whose parts share nobody"
            )
    return folds


def _held_out(
    estimator: Any,
    dataset: Dataset,
    folds: list[tuple[np.ndarray, np.ndarray]],
    one_target: bool,
) -> np.ndarray:
    """Predictions (R, N, K) of fresh copies of the estimator; NaN for those never held out."""
    times_N = np.zeros(len(dataset), dtype=int)
    for _, held_out in folds:
        times_N[held_out] += 1
    repeats = int(times_N.max(initial=0))
    if not repeats or set(times_N) - {0, repeats}:
        few = int(np.flatnonzero(times_N < repeats)[0]) if repeats else 0
        raise CofinalError(
            f"performance {dataset.ids[few]} is held out {times_N[few]} times, others {repeats}; "
            "give folds that hold out all equally often, or never"
        )
    predictions = np.full((repeats, *dataset.scores.shape), np.nan)
    times_N[:] = 0
    totals = dataset.of_totals().scores
    for train, held_out in folds:
        scores = totals[train, 0] if one_target else totals[train]
        clips, others = ([dataset.clips[i] for i in part] for part in (train, held_out))
        # Other estimators than this package's know nothing of given numbers.
        told, asked = (given_columns(dataset, part) for part in (train, held_out))
        fitted = clone(estimator).fit(clips, scores, **told)
        read = fitted.predict_execution if asked else fitted.predict
        answer = np.asarray(read(others, **asked), dtype=float)
        shape = (len(held_out), len(dataset.targets))
        if answer.size != shape[0] * shape[1]:
            raise CofinalError(
                f"{type(estimator).__name__} answers {answer.shape} values; expected {shape}"
            )
        answer = answer.reshape(shape)
        refuse_not_finite(answer, dataset.subset(held_out), type(estimator).__name__)
        predictions[times_N[held_out], held_out] = answer
        times_N[held_out] += 1
    return predictions


def given_columns(dataset: Dataset, index: np.ndarray) -> dict[str, Any]:
    """What is given of some performances, as an argument of `fit` and `predict`."""
    if dataset.given is None:
        return {}
    part = dataset.given.subset(index)
    return {"given": {str(rule): part.numbers[rule.name] for rule in part.rules}}
