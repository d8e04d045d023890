"""How far is neural collapse reached? Cosines of what CoFInAl's prototypes gather, as a figure.

    python benchmarks/neural_collapse.py --data FOLDER_OF_FISV

The paper's fine-grained scoring rests on neural collapse (Papyan et al., PNAS 2020): the features
of a class gather at their mean, and the means at the corners of a simplex. Measured on performances
that were trained on and on those of events that were not: cosines between the mean grade features
(a simplex has -1 / (G - 1) beside the diagonal), and between the fine vectors of performances of
each sub-grade and the sub-grade prototypes (1 on the diagonal, -1 / (S - 1) beside it).

Letters: N performances, K targets, G grades, S sub-grades, D model width, E embedding width.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from torch.nn import functional as F

from cofinal.config import DataSource, ProtocolSettings, load_preset, override
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.evaluation.folds import make_folds
from cofinal.files.atomic import write_json
from cofinal.files.figures import figure
from cofinal.grades import grade_of, place_in_grades
from cofinal.models.cofinal import CoFInAl
from cofinal.models.interface import pad_clips
from cofinal.training.loop import train

HERE = Path(__file__).parent


@dataclass
class Arguments:
    """Draw cosines of grade features, and of fine vectors with sub-grade prototypes."""

    data: Path
    """Folder of Fis-V."""
    out: Path = HERE / "neural_collapse"
    """The figure and its numbers, as .png and .json."""


@torch.no_grad()
def cosines(model: CoFInAl, dataset: Dataset, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (G, G) of mean grade features and (S, S) of true sub-grades with prototypes.

    Only the true grade of a performance counts; a sub-grade without performances is not a number.
    """
    edges_G = model.edges_KG[target].double().numpy()
    grade_N = grade_of(dataset.scores[:, target], edges_G)
    place_NG = place_in_grades(dataset.scores[:, target], edges_G)
    S = model.settings.sub_grades
    features, fine = [], []
    for clips, grade in zip(dataset.clips, grade_N, strict=True):
        staged, mask = pad_clips([model.fixed_stage(torch.from_numpy(clips).float())])
        view = model.look(staged, mask)
        share_T = view.attention_BKGT[0, target, grade]
        features.append(share_T @ view.values_BTD[0])
        fine.append(F.normalize(view.fine_BKGE[0, target, grade], dim=-1))
    feature_ND, fine_NE = torch.stack(features), torch.stack(fine)
    mean_GD = torch.stack(
        [feature_ND[torch.from_numpy(grade_N == g)].mean(0) for g in range(len(edges_G) - 1)]
    )
    centred_GD = F.normalize(mean_GD - mean_GD.mean(0), dim=-1)
    own_N = place_NG[np.arange(len(grade_N)), grade_N]
    cell_N = torch.from_numpy((own_N * S).astype(int).clip(0, S - 1))
    near_NS = fine_NE @ model.etf_SE.T
    rows = [near_NS[cell_N == s].mean(0) for s in range(S)]
    return (centred_GD @ centred_GD.T).numpy(), torch.stack(rows).numpy()


def draw(f: Any, found: dict[str, list[tuple[np.ndarray, np.ndarray]]], targets: Any) -> None:
    """A row for each part of the data, two panels a target."""
    axes = f.subplots(len(found), 2 * len(targets), squeeze=False)
    for row, (part, several) in zip(axes, found.items(), strict=True):
        for k, (target, pair) in enumerate(zip(targets, several, strict=True)):
            names = ("mean grade features", "fine vectors (rows: true sub-grade)")
            for ax, values, name in zip(row[2 * k : 2 * k + 2], pair, names, strict=True):
                shown = ax.imshow(values, vmin=-1, vmax=1, cmap="RdBu_r")
                ax.set_title(f"{target}, {part}: {name}", fontsize=7)
                for axis in (ax.xaxis, ax.yaxis):
                    axis.set_ticks(range(len(values)), range(1, len(values) + 1), fontsize=6)
    f.colorbar(shown, ax=axes.ravel().tolist(), shrink=0.6, label="cosine")


def beside(values: np.ndarray) -> dict[str, float]:
    """Means on and beside the diagonal."""
    same = np.eye(len(values), dtype=bool)
    return {"diagonal": float(np.nanmean(values[same])), "beside": float(np.nanmean(values[~same]))}


def main() -> None:
    """Trains one member on four fifths of the events and looks at both parts."""
    arguments = tyro.cli(Arguments)
    dataset = load_dataset(DataSource("fisv", arguments.data))
    preset = override(load_preset("fisv"), {"training.members": 1})
    fold = make_folds(dataset, ProtocolSettings("group", group="event"))[0]
    model = train(dataset.subset(fold.train), preset, show_progress=False).first
    assert isinstance(model, CoFInAl)
    parts = {"trained on": fold.train, "events not seen": fold.held_out}
    found = {
        part: [cosines(model, dataset.subset(rows), k) for k in range(len(dataset.targets))]
        for part, rows in parts.items()
    }
    with figure(arguments.out.with_suffix(".png"), (4 * len(dataset.targets) + 5, 8)) as f:
        draw(f, found, dataset.targets)
    numbers = {
        part: {
            target: {"grade features": beside(pair[0]), "fine vectors": beside(pair[1])}
            for target, pair in zip(dataset.targets, several, strict=True)
        }
        for part, several in found.items()
    }
    write_json(arguments.out.with_suffix(".json"), numbers)
    print(numbers)


if __name__ == "__main__":
    main()
