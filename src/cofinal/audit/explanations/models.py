"""The models whose explanations are judged: one a fold and seed, kept on disk once trained.

Source of the two that know nothing: Adebayo et al., "Sanity checks for saliency maps", NeurIPS
2018. Reproduced: random weights, and training on labels that were dealt out anew. Differs: what a
method learns in closed form (read-outs, score edges) is learned from dealt-out labels as well,
since it is no weight that could be drawn.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from cofinal.data.dataset import Dataset
from cofinal.evaluation.predictions import FoldJob
from cofinal.modelfolder.folder import is_model_folder, load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import Task
from cofinal.training.loop import ensembles, prepare_members, train_seeds

Kind = Literal["trained", "randomised", "shuffled"]
# Added to a seed for what should have nothing in common with the model of that seed.
OTHER_SEED = 7_919


def fold_model(
    dataset: Dataset, job: FoldJob, kind: Kind, folder: Path, unfinished: Path | None = None
) -> Ensemble:
    """A model of a job's fold and first seed, from disk if it was trained before.

    Args:
        dataset: all performances.
        job: the fold, with one seed.
        kind: "trained"; "randomised": fresh weights, nothing trained; "shuffled": trained on scores
            that were dealt out anew among the training performances.
        folder: the benchmark's folder.
        unfinished: where the training is kept for a kill.
    """
    training = dataset.subset(job.fold.train)
    seed = job.seeds[0]
    if kind != "trained":
        order = np.random.default_rng(seed + OTHER_SEED).permutation(len(training))
        dealt = training.subset(order)
        training = replace(training, scores=dealt.scores, marks=dealt.marks)
    if kind == "randomised":
        return ensembles(prepare_members(training, job.preset, (seed + OTHER_SEED,)), 1)[0]
    place = job.keys[0].place(folder / "models") / kind
    info = ModelInfo(
        job.preset,
        Task(dataset.channels, dataset.targets),
        dataset.recipe,
        data={"identity": job.keys[0].identity},
    )
    if is_model_folder(place):
        model, found = load_model(place)
        if found.data == info.data:
            return model
    seeds = (seed if kind == "trained" else seed + OTHER_SEED,)
    way = unfinished / kind if unfinished else None
    model = train_seeds(training, job.preset, seeds, way, show_progress=False)[0]
    save_model(model, info, place)
    return model
