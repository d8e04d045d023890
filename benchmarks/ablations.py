"""Which parts of `cofinal` earn their place? The ablations of docs/recipe.md.

    python benchmarks/ablations.py --data FOLDER_OF_FISV

Folds without a shared event of the 400 Fis-V training performances; one member, three seeds. Some
variants are trained anew; others read a trained model in another way. Finished trainings are kept
in the work folder, so a stopped run continues.

Letters: S seeds, N performances, n held-out ones, K targets, G grades, E embedding width.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional as F

from cofinal.benchmark.comparison import compare
from cofinal.config import DataSource, Preset, ProtocolSettings, load_preset, override
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.distributions import ScoreDistribution
from cofinal.evaluation.folds import make_folds
from cofinal.evaluation.grading import calibration_error, ranked_probability_scores
from cofinal.evaluation.metrics import mean_srcc, r_l2
from cofinal.evaluation.resampling import Units
from cofinal.evaluation.store import identity_of
from cofinal.files.atomic import atomic_path, write_text
from cofinal.files.tables import markdown_table
from cofinal.grades import grade_of
from cofinal.methods import use_method
from cofinal.models.cofinal import CoFInAl
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_distributions
from cofinal.models.interface import Task
from cofinal.training.loop import train_seeds

HERE = Path(__file__).parent
EVENTS = ProtocolSettings("group", group="event")
SEEDS = (0, 1, 2)
BASE = "as it is"
ABOUT = (
    "`python benchmarks/ablations.py --data DATA/fis-v`: folds without a shared event of the 400 "
    "training performances, one member,",
    "three seeds; differences of SRCC with 95 % intervals by drawing whole events (38). "
    "[recipe.md](../docs/recipe.md#what-each-part-brings)",
    "says what follows.",
)


class LearnedFrame(CoFInAl):
    """Sub-grade prototypes are parameters; they start as the simplex frame."""

    def __init__(self, task: Task, settings: Any) -> None:
        super().__init__(task, settings)
        start_SE = self.etf_SE.clone()
        del self.etf_SE
        self.etf_SE = nn.Parameter(start_SE)

    def cosines(self, fine_BKGE: Tensor) -> Tensor:
        """Likeness to the learned prototypes."""
        return F.normalize(fine_BKGE, dim=-1) @ F.normalize(self.etf_SE, dim=-1).T


class OrthogonalFrame(CoFInAl):
    """Sub-grade prototypes stand at right angles."""

    def __init__(self, task: Task, settings: Any) -> None:
        super().__init__(task, settings)
        drawn = torch.randn(self.etf_SE.T.shape, generator=torch.Generator().manual_seed(0))
        self.etf_SE.copy_(torch.linalg.qr(drawn)[0].T)


class ScalarPlace(CoFInAl):
    """No prototypes of sub-grades: a place from 0 to 1, and the likeness of a cell to it."""

    def cosines(self, fine_BKGE: Tensor) -> Tensor:
        """1 at the place, falling with the squared distance."""
        S = self.settings.sub_grades
        middle_S = (torch.arange(S, device=fine_BKGE.device) + 0.5) / S
        return 1 - 2 * (fine_BKGE[..., :1].sigmoid() - middle_S).square()


class EvenGrades(CoFInAl):
    """Nothing is said inside a grade."""

    def cosines(self, fine_BKGE: Tensor) -> Tensor:
        """The same for every sub-grade."""
        return fine_BKGE.sum(-1, keepdim=True) * torch.zeros_like(self.etf_SE[:, 0])


# Variants that are trained: what differs from the preset, and the class.
TRAINED: dict[str, tuple[dict[str, Any], type]] = {
    BASE: ({}, CoFInAl),
    "no encoder": ({"model.encoder_layers": 0}, CoFInAl),
    "an encoder": ({"model.encoder_layers": 1}, CoFInAl),
    "1 grade of 40 sub-grades": (
        {"model.embedding_width": 40, "model.sub_grades": 40, "model.grades": 1},
        CoFInAl,
    ),
    "40 grades, nothing inside": ({"model.sub_grades": 3, "model.grades": 40}, EvenGrades),
    "trained without the fine stage": ({}, EvenGrades),
    "no dot regression": ({"model.place_weight": 0.0}, CoFInAl),
    "frame: learned": ({}, LearnedFrame),
    "frame: orthogonal": ({}, OrthogonalFrame),
    "frame: a scalar place": ({}, ScalarPlace),
}


def changed(model: Ensemble, change: Callable[[Any], None]) -> Ensemble:
    """A copy of a model whose members are changed."""
    copy = deepcopy(model)
    with torch.no_grad():
        for member in copy.members:
            change(member)
    return copy


def share(value: float) -> Callable[[Any], None]:
    """Another share of the summary in the pool."""

    def change(member: Any) -> None:
        member.settings = replace(member.settings, summary_share=value)

    return change


def permute(member: Any) -> None:
    """Every grade is asked for with its neighbour's prototype."""
    member.parsing.prototypes_KGD.copy_(member.parsing.prototypes_KGD.roll(1, dims=1))


def flatten_coarse(member: Any) -> None:
    """All grades alike."""
    member.vote_KGD.zero_()
    member.bias_KG.zero_()


def flatten_fine(member: Any) -> None:
    """All sub-grades alike."""
    member.log_sharpness_K.fill_(-50.0)


# Variants that read the trained base model after a change.
CHANGES: dict[str, Callable[[Any], None]] = {
    "network alone": share(0.0),
    "summary alone": share(1.0),
    "prototypes permuted": permute,
    "coarse stage flattened": flatten_coarse,
    "fine stage flattened": flatten_fine,
}


def chances(said: ScoreDistribution, edges_KG: np.ndarray) -> np.ndarray:
    """Probabilities (n, K, G) of grades with these edges, whatever cells a variant has."""
    edges = np.broadcast_to(edges_KG, (*said.score.shape, edges_KG.shape[-1]))
    return replace(said, edges=edges).grade_probabilities


def readings(model: Ensemble, said: ScoreDistribution, clips: Any) -> dict[str, np.ndarray]:
    """Points (n, K) that are read from the base model instead of its mean."""
    best = said.grade_probabilities.argmax(-1)[..., None]
    edges = said.all_edges()
    ends = [np.take_along_axis(edges, best + step, -1)[..., 0] for step in (0, 1)]
    network, summary = (predict_distributions(changed(model, share(s)), clips) for s in (0.0, 1.0))
    part = model.first.settings.summary_share
    return {
        "read as the median": said.quantile(np.full((*said.score.shape, 1), 0.5))[..., 0],
        "read as the middle of the most probable grade": (ends[0] + ends[1]) / 2,
        # What is left of the rank is what the grade alone, and the summary, know.
        "votes exchanged inside grades": part * summary.score
        + (1 - part) * exchanged(network.score, said.grade),
    }


def exchanged(points_nK: np.ndarray, grade_nK: np.ndarray) -> np.ndarray:
    """Each performance gets the points of the next one of the same printed grade."""
    answer = points_nK.copy()
    for k in range(points_nK.shape[1]):
        for grade in np.unique(grade_nK[:, k]):
            same = np.flatnonzero(grade_nK[:, k] == grade)
            answer[same, k] = points_nK[np.roll(same, 1), k]
    return answer


@dataclass
class Arguments:
    """Measure what each part of the method brings."""

    data: Path
    """Folder of Fis-V."""
    work: Path = Path("runs/ablations")
    """Where finished trainings are kept."""
    out: Path = HERE / "ablations"
    """The result, as .json and .md."""
    members: int = 1
    """Members of each model."""
    epochs: int | None = None
    """Another number of epochs, to try the script."""


def preset_of(name: str, arguments: Arguments) -> Preset:
    """A variant that is trained."""
    changes, method = TRAINED[name]
    epochs = {"training.epochs": arguments.epochs} if arguments.epochs else {}
    base = override(load_preset("fisv"), {"training.members": arguments.members, **epochs})
    return replace(override(base, changes), method=use_method(method))


def answers_of(name: str, preset: Preset, dataset: Dataset) -> dict[str, np.ndarray]:
    """Trains on each fold; every reading's out-of-fold points (S, N, K), and chances (S, N, K, G)
    under "LABEL|chances"."""
    found: dict[str, np.ndarray] = {}

    def keep(label: str, seed: int, held_out: np.ndarray, values: np.ndarray) -> None:
        shape = (len(SEEDS), len(dataset), *values.shape[1:])
        found.setdefault(label, np.full(shape, np.nan))[seed, held_out] = values

    for fold in make_folds(dataset, EVENTS):
        training, clips = dataset.subset(fold.train), dataset.subset(fold.held_out).clips
        edges_KG = quarters(training)
        for seed, model in enumerate(train_seeds(training, preset, SEEDS, None, False)):
            said = {name: predict_distributions(model, clips)}
            if name == BASE:
                said |= {
                    label: predict_distributions(changed(model, change), clips)
                    for label, change in CHANGES.items()
                }
                for label, points in readings(model, said[BASE], clips).items():
                    keep(label, seed, fold.held_out, points)
            for label, one in said.items():
                keep(label, seed, fold.held_out, one.score)
                keep(f"{label}|chances", seed, fold.held_out, chances(one, edges_KG))
        print(name, fold.name, flush=True)
    return found


def quarters(training: Dataset) -> np.ndarray:
    """Edges (K, 5) of four equally frequent grades."""
    return np.quantile(training.scores, np.linspace(0, 1, 5), axis=0).T


def grade_measures(
    dataset: Dataset, points_SNK: np.ndarray, chances_SNKG: np.ndarray | None
) -> list[dict[str, float]]:
    """Grades by the edges of each fold's training part, target by target."""
    true_NK, printed_SNK = np.zeros(dataset.scores.shape, int), np.zeros(points_SNK.shape, int)
    for fold in make_folds(dataset, EVENTS):
        edges_KG = quarters(dataset.subset(fold.train))
        true_NK[fold.held_out] = grade_of(dataset.scores[fold.held_out], edges_KG)
        printed_SNK[:, fold.held_out] = grade_of(points_SNK[:, fold.held_out], edges_KG)
    rows = []
    for k in range(dataset.scores.shape[1]):
        true_n = np.tile(true_NK[:, k], len(SEEDS))
        off_n = np.abs(printed_SNK[:, :, k].ravel() - true_n)
        row = {"right": float((off_n == 0).mean()), "within_one": float((off_n <= 1).mean())}
        if chances_SNKG is not None:
            chance_nG = chances_SNKG[:, :, k].reshape(-1, 4)
            row["rps"] = float(ranked_probability_scores(chance_nG, true_n).mean())
            row["ece"] = calibration_error(
                chance_nG.max(1)[None], (chance_nG.argmax(1) == true_n)[None]
            )
        rows.append(row)
    return rows


def measure(dataset: Dataset, found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Every variant's numbers, and its SRCC against the base, by drawing whole events."""
    labels = [label for label in found if not label.endswith("|chances")]
    drawn = Units.of(dataset, EVENTS).among(np.arange(len(dataset)))
    rows: dict[str, Any] = {
        label: grade_measures(dataset, found[label], found.get(f"{label}|chances"))
        for label in labels
    }
    for k, score_N in enumerate(dataset.scores.T):
        points = {label: found[label][:, :, k] for label in labels}
        against = {one.label: one for one in compare(points, score_N, BASE, drawn)}
        for label, points_SN in points.items():
            rows[label][k]["srcc"] = mean_srcc(points_SN, score_N)
            rows[label][k]["r_l2"] = float(np.mean([r_l2(one, score_N) for one in points_SN]))
            if label in against:
                rows[label][k]["difference"] = against[label].difference
                rows[label][k]["difference_interval"] = against[label].interval
    return rows


def table(rows: dict[str, Any], targets: Sequence[str]) -> str:
    """All variants, a line each and target by target."""
    columns = ["variant", "SRCC", "difference", "R-l2", "right", "off by one or less", "RPS", "ECE"]
    lines: list[str] = []
    for k, target in enumerate(targets):
        lines += [f"## {target}", ""]
        cells = []
        for label, row in ((label, entries[k]) for label, entries in rows.items()):
            low, high = row.get("difference_interval", (0.0, 0.0))
            told = f"{row['difference']:+.3f} ({low:+.3f} to {high:+.3f})" if high > low else ""
            grades = [
                f"{row[n]:.3f}" if n in row else "" for n in ("right", "within_one", "rps", "ece")
            ]
            cells.append([label, f"{row['srcc']:.3f}", told, f"{row['r_l2']:.2f}", *grades])
        lines += [*markdown_table(columns, cells), ""]
    head = ["# Ablations of `cofinal` on Fis-V", "", *ABOUT, ""]
    return "\n".join([*head, *lines])


def main() -> None:
    """Trains what is missing and writes the tables anew after each variant."""
    arguments = tyro.cli(Arguments)
    dataset = load_dataset(DataSource("fisv", arguments.data))
    arguments.work.mkdir(parents=True, exist_ok=True)
    found: dict[str, np.ndarray] = {}
    layers = load_preset("fisv").model.encoder_layers
    for number, name in enumerate(TRAINED):
        if name == ("an encoder" if layers else "no encoder"):
            continue  # the base itself
        preset = preset_of(name, arguments)
        made_of = identity_of([preset.to_json(), dataset.sha256, list(SEEDS)])
        path = arguments.work / f"{number}-{made_of[:12]}.npz"
        if not path.exists():
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                np.savez(file, **answers_of(name, preset, dataset))
        with np.load(path, allow_pickle=False) as kept:
            found |= dict(kept)
        rows = measure(dataset, found)
        told = {"members": arguments.members, "seeds": len(SEEDS), "rows": rows}
        write_text(arguments.out.with_suffix(".json"), json.dumps(told, indent=1) + "\n")
        write_text(arguments.out.with_suffix(".md"), table(rows, dataset.targets))


if __name__ == "__main__":
    main()
