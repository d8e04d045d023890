"""From a data source to a model folder with its held-out result: what `cofinal train` does."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cofinal.config import DataSource, Preset, ProtocolSettings
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.evaluation.evaluate import summarise
from cofinal.evaluation.result import EvaluationResult
from cofinal.modelfiles import ModelInfo, save_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.models.interface import Task
from cofinal.training.loop import train
from cofinal.training.runs import data_fingerprint


@dataclass(frozen=True)
class Outcome:
    """What a training left behind."""

    model_folder: Path
    result: EvaluationResult | None
    """Measures on the test split; None if the data has none."""


def train_model(
    source: DataSource, preset: Preset, folder: str | Path, show_progress: bool = True
) -> Outcome:
    """Trains on the split "train", saves the model, and measures it on the split "test".

    Args:
        source: the data.
        preset: method, settings, training.
        folder: run folder; a killed run found there continues.
        show_progress: whether to show progress on standard error.

    Raises:
        CofinalError: unfit data, or `folder` holds another run.
    """
    dataset = load_dataset(source)
    training = dataset.split("train")
    model = train(training, preset, folder, show_progress)
    task = Task(training.channels, training.targets)
    info = ModelInfo(preset, task, training.recipe, data_fingerprint(training))
    model_folder = Path(folder) / "model"
    if "test" not in dataset.splits:
        save_model(model, info, model_folder)
        return Outcome(model_folder, None)
    held_out = dataset.split("test")
    result = measure_model(model, held_out, info)
    save_model(model, replace(info, measured=result.to_json()), model_folder)
    result.save(folder, held_out)  # last: a run with a result is a finished run
    return Outcome(model_folder, result)


def measure_model(model: Ensemble, dataset: Dataset, info: ModelInfo) -> EvaluationResult:
    """Measures a trained model on performances that took part in no choice."""
    predictions = predict_scores(model, dataset.clips)[np.newaxis]
    protocol = ProtocolSettings(protocol="final")
    return summarise(dataset, predictions, info.preset, protocol, {"trained_on": info.data})
