"""What a method learned of performances of which something is known beforehand.

The method learns from the video alone; what is given comes in afterwards, the same way for every
method. For targets with covariates a ridge is fitted on the given numbers and on what the method
says of training performances that it was not trained on: five more trainings.

Letters: S seeds, N performances, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofinal.config import Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.evaluation.folds import Fold, make_folds
from cofinal.models.ensemble import Ensemble
from cofinal.models.given_readout import GivenReadout
from cofinal.models.inference import predict_distributions, predict_scores
from cofinal.training.held_out import group_column
from cofinal.training.loop import train_seeds

INNER_FOLDS = 5


@dataclass(frozen=True, eq=False)
class Learned:
    """A trained method, and what it makes of given numbers."""

    model: Ensemble
    readout: GivenReadout | None = None
    """For targets with covariates."""

    def distributions(self, dataset: Dataset) -> ScoreDistribution:
        """Distributions (N, K) of the execution, or of the score where nothing is given."""
        video = predict_distributions(self.model, dataset.clips)
        if self.readout is None or dataset.given is None:
            return video
        return self.readout.answer(video, dataset.given)


def learn(
    dataset: Dataset,
    preset: Preset,
    seeds: Sequence[int],
    folder: str | Path | None = None,
    show_progress: bool = True,
    group: str | None = None,
) -> list[Learned]:
    """Trains a method once for each seed, and fits what is given to its answers.

    Args:
        dataset: the training performances.
        preset: method, its settings, and how to train it; its own seed is replaced.
        seeds: one or more.
        folder: run folder; a run found there continues.
        show_progress: whether to show progress on standard error.
        group: group column that inner folds keep together; event, skater or the like if not named.

    Raises:
        CofinalError: what training refuses.
    """
    models = train_seeds(dataset, preset, seeds, folder, show_progress)
    given = dataset.given
    if given is None or not given.any_covariate:
        return [Learned(model) for model in models]
    video_SNK: list[np.ndarray] | list[None] = [None] * len(models)
    if models[0].first.sees_clips:
        video_SNK = out_of_fold(dataset, preset, seeds, folder, show_progress, group)
    return [
        Learned(model, GivenReadout.fit(given, video_NK, dataset.scores))
        for model, video_NK in zip(models, video_SNK, strict=True)
    ]


def out_of_fold(
    dataset: Dataset,
    preset: Preset,
    seeds: Sequence[int],
    folder: str | Path | None,
    show_progress: bool,
    group: str | None,
) -> list[np.ndarray]:
    """For each seed points (N, K) that models say of performances they were not trained on."""
    found = [np.empty_like(dataset.scores) for _ in seeds]
    for fold in inner_folds(dataset, group):
        place = None if folder is None else Path(folder) / "given" / fold.name
        training, held_out = dataset.subset(fold.train), dataset.subset(fold.held_out)
        models = train_seeds(training, preset, seeds, place, show_progress)
        for video_NK, model in zip(found, models, strict=True):
            video_NK[fold.held_out] = predict_scores(model, held_out.clips)
    return found


def inner_folds(dataset: Dataset, group: str | None) -> list[Fold]:
    """Folds of the training performances that keep groups together, where there are any."""
    column = group or group_column(dataset)
    different = len(set(dataset.groups.get(column or "", ())))
    if 2 <= different < len(dataset):
        folds = min(INNER_FOLDS, different)
        return make_folds(dataset, ProtocolSettings("group", folds=folds, group=column))
    return make_folds(dataset, ProtocolSettings("kfold", folds=min(INNER_FOLDS, len(dataset))))
