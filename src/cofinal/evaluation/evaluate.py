"""Evaluating a method under a protocol, one training per fold; continues after a kill.

Letters: R repeats, N performances, K targets.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from cofinal.config import Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.folds import Fold, group_values, make_folds
from cofinal.evaluation.metrics import srcc
from cofinal.evaluation.result import EvaluationResult, measure
from cofinal.files.atomic import read_json, write_json
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.training.loop import train
from cofinal.training.runs import Run, code_version, data_fingerprint

# Told what is done: name of the part, parts done, parts in all.
OnProgress = Callable[[str, int, int], None]
# Told the held-out performances of a finished part and their predictions (N, K).
AfterFold = Callable[[Dataset, np.ndarray], None]


def evaluate(
    dataset: Dataset,
    preset: Preset,
    protocol: ProtocolSettings,
    folder: str | Path | None = None,
    on_progress: OnProgress | None = None,
    after_fold: AfterFold | None = None,
) -> EvaluationResult:
    """Trains on each fold's training part and measures the predictions for its held-out part.

    Args:
        dataset: all performances.
        preset: the method; repeat r adds r to its seed.
        protocol: the folds.
        folder: where finished folds are kept, so that a killed evaluation continues, and where
            the result is written; None keeps nothing.
        on_progress: called after each training, for progress.
        after_fold: called before `on_progress` with what the training predicts; whoever has seen
            enough raises.

    Raises:
        CofinalError: the protocol does not fit the data; see `make_folds`.
    """
    started = time.monotonic()
    if protocol.within:
        group_values(dataset, protocol.within, "--within")
    plan = [
        (repeat, name, index, fold)
        for repeat in range(protocol.repeats)
        for name, index in category_parts(dataset, protocol.per_category).items()
        for fold in make_folds(dataset.subset(index), protocol, repeat)
    ]
    predictions = np.full((protocol.repeats, *dataset.scores.shape), np.nan)
    for done, (repeat, name, index, fold) in enumerate(plan, 1):
        training = replace(preset.training, seed=preset.training.seed + repeat)
        place = fold_folder(folder, name, fold) if folder else None
        held_out = index[fold.held_out]
        predictions[repeat, held_out] = predict_fold(
            dataset.subset(index), fold, replace(preset, training=training), protocol, place
        )
        if after_fold:
            after_fold(dataset.subset(held_out), predictions[repeat, held_out])
        if on_progress:
            on_progress(f"{name} {fold.name}", done, len(plan))
    seconds = round(time.monotonic() - started, 1)
    result = summarise(dataset, predictions, preset, protocol, {"seconds": seconds})
    if folder:
        result.save(folder, dataset)
    return result


def summarise(
    dataset: Dataset,
    predictions: np.ndarray,
    preset: Preset,
    protocol: ProtocolSettings,
    settings: dict[str, Any],
) -> EvaluationResult:
    """Measures predictions (R, N, K) and adds everything needed to repeat them.

    Args:
        dataset: the performances; those without a prediction hold NaN.
        predictions: points for performances that were not trained on.
        preset: the method that predicted.
        protocol: how training and held-out part were chosen.
        settings: further entries of the result, for example what the model was trained on.
    """
    # Nobody asked for events: those that are missing or single then take no part, silently.
    within = protocol.within or ("event" if "event" in dataset.groups else None)
    measures, average = measure(dataset, predictions, within)
    return EvaluationResult(
        method=preset.method,
        protocol=asdict(protocol),
        optimistic=protocol.protocol == "best-on-test",
        within=within,
        measures=measures,
        average_srcc=average,
        ids=dataset.ids,
        scores=dataset.scores,
        predictions=predictions,
        settings={
            "preset": preset.to_json(),
            "data": data_fingerprint(dataset),
            "code": code_version(),
            **settings,
        },
    )


def fold_folder(folder: str | Path, category: str, fold: Fold) -> Path:
    """Where a fold's run lies; a category is one's own text, so it is quoted to one folder name."""
    return Path(folder) / "folds" / f"{quote(category, safe=' ')}-{fold.name}"


def category_parts(dataset: Dataset, per_category: bool) -> dict[str, np.ndarray]:
    """Positions of the performances that share a model: all, or each category's own."""
    if not per_category:
        return {"all": np.arange(len(dataset))}
    if None in dataset.categories:
        raise CofinalError(
            f"{dataset.name} has performances without a category; leave out --per-category"
        )
    categories = np.array(dataset.categories)
    return {str(name): np.flatnonzero(categories == name) for name in np.unique(categories)}


def predict_fold(
    dataset: Dataset,
    fold: Fold,
    preset: Preset,
    protocol: ProtocolSettings,
    folder: Path | None,
) -> np.ndarray:
    """Predictions (held out, K) of one fold, from disk if it was finished before."""
    training, held_out = dataset.subset(fold.train), dataset.subset(fold.held_out)
    judged = held_out.sha256
    finished = folder / "predictions.json" if folder else None
    if folder and finished:
        Run(folder).open(preset, training)  # refuses the folds of other settings or data
        if finished.exists():
            saved = read_json(finished, "the predictions of a fold")
            if saved.get("held_out") == judged:
                return np.array(saved["predictions"])
    if protocol.protocol == "best-on-test":
        predicted = best_epoch(training, held_out, preset)
    else:
        model = train(training, preset, folder, show_progress=False)
        predicted = predict_scores(model, held_out.clips)
    if folder and finished:
        answer = {"ids": list(held_out.ids), "predictions": predicted.tolist()}
        write_json(finished, {"held_out": judged, **answer})
        Run(folder).checkpoint.unlink(missing_ok=True)  # the fold is done; only its answer is kept
    return predicted


def best_epoch(training: Dataset, held_out: Dataset, preset: Preset) -> np.ndarray:
    """Predictions of the epoch that ranks the held-out performances best, target by target.

    This is how most published numbers were chosen. They flatter: the test set made a choice.
    """
    best = np.full(held_out.scores.shape, np.nan)
    highest = np.full(len(training.targets), -np.inf)

    def look(models: list[Ensemble]) -> None:
        [model] = models
        predicted = predict_scores(model, held_out.clips, model.first.edges_KG.device)
        for k, column in enumerate(predicted.T):
            value = srcc(column, held_out.scores[:, k])
            value = -1.0 if value is None else value
            if value > highest[k]:
                highest[k], best[:, k] = value, column

    look([train(training, preset, show_progress=False, after_epoch=look)])
    return best
