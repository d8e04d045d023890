"""Leaving out whole elements: what each is worth, for every held-out performance of a fold.

A few sequences a performance instead of one a clip, so all performances can be looked at.

Letters: K targets, E elements.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cofinal.audit.explanations.models import fold_model, kept_at
from cofinal.data.dataset import Dataset
from cofinal.evaluation.cells import Job
from cofinal.explain.elements import stretch_points
from cofinal.files.atomic import read_json, write_json
from cofinal.times import Stretch


def left_out(
    dataset: Dataset,
    job: Job,
    folder: Path,
    name: str,
    stretches: Mapping[int, Sequence[Stretch]],
) -> dict[int, np.ndarray]:
    """Position -> points (K, E) of a fold's held-out performances; kept on disk.

    Args:
        dataset: all performances.
        job: the fold, with one seed.
        folder: the benchmark's folder.
        name: of the placement, for the file.
        stretches: position in the data set -> its elements' stretches.
    """
    wanted = {
        int(i): [list(map(int, one)) for one in stretches[int(i)]]
        for i in job.fold.held_out
        if int(i) in stretches and max(n for _, n in stretches[int(i)]) < len(dataset.clips[i])
    }
    text = json.dumps([job.identities[0], sorted(wanted.items())])
    identity = hashlib.sha256(text.encode()).hexdigest()
    path = kept_at(job, folder) / f"stretches-{name}.json"
    if path.exists():
        saved = read_json(path, "points of elements left out")
        if saved.get("identity") == identity:
            return {int(i): np.array(points) for i, points in saved["points"].items()}
    model = fold_model(dataset, job, "trained", folder)
    points = {i: stretch_points(model, dataset.clips[i], wanted[i]) for i in wanted}  # type: ignore[arg-type]
    plain = {str(i): values.tolist() for i, values in points.items()}
    write_json(path, {"identity": identity, "points": plain})
    return points
