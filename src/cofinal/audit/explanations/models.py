"""The models whose explanations are judged: one a fold and seed, kept on disk once trained.

Source of the two that know nothing: Adebayo et al., "Sanity checks for saliency maps", NeurIPS
2018. Reproduced: random weights, and training on labels that were dealt out anew. Differs: what a
method learns in closed form (read-outs, score edges) is learned from dealt-out labels as well,
since it is no weight that could be drawn.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import numpy as np

from cofinal.data.dataset import Dataset
from cofinal.evaluation.cells import Job, protocol_slug
from cofinal.modelfolder.folder import is_model_folder, load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import Task
from cofinal.training.loop import ensembles, prepare_members, train_seeds

Kind = Literal["trained", "randomised", "shuffled"]
# Added to a seed for what should have nothing in common with the model of that seed.
OTHER_SEED = 7_919


def fold_model(dataset: Dataset, job: Job, kind: Kind, folder: Path) -> Ensemble:
    """A model of a job's fold and first seed, from disk if it was trained before.

    Args:
        dataset: all performances.
        job: the fold, with one seed.
        kind: "trained"; "randomised": fresh weights, nothing trained; "shuffled": trained on scores
            that were dealt out anew among the training performances.
        folder: the benchmark's folder.
    """
    training = dataset.subset(job.fold.train)
    seed = job.seeds[0]
    if kind != "trained":
        order = np.random.default_rng(seed + OTHER_SEED).permutation(len(training))
        dealt = training.subset(order)
        training = replace(training, scores=dealt.scores, marks=dealt.marks)
    if kind == "randomised":
        return ensembles(prepare_members(training, job.preset, (seed + OTHER_SEED,)), 1)[0]
    place = kept_at(job, folder) / kind
    info = ModelInfo(
        job.preset,
        Task(dataset.channels, dataset.targets),
        dataset.recipe,
        data={"identity": job.identities[0]},
    )
    if is_model_folder(place):
        model, found = load_model(place)
        if found.data == info.data:
            return model
    unfinished = job.unfinished_folder(folder) / kind
    seeds = (seed if kind == "trained" else seed + OTHER_SEED,)
    model = train_seeds(training, job.preset, seeds, unfinished, show_progress=False)[0]
    save_model(model, info, place)
    shutil.rmtree(unfinished, ignore_errors=True)
    return model


def kept_at(job: Job, folder: Path) -> Path:
    """Where everything of a fold and seed is kept."""
    fold = f"{quote(job.part, safe=' ')}-{job.fold.name}-seed{job.seeds[0]}"
    return folder / "explanations" / quote(job.label, safe=" ") / protocol_slug(job.protocol) / fold
