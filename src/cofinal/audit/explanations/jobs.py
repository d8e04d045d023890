"""What is computed on one fold with one seed: models, their evidence, the worth of whole elements.

Models are kept on disk once trained. Two of them know nothing. Source: Adebayo et al., "Sanity
checks for saliency maps", NeurIPS 2018. Reproduced: random weights, and training on labels that
were dealt out anew. Differs: what a method learns in closed form (read-outs, score edges) is
learned from dealt-out labels as well, since it is no weight that could be drawn.

Leaving out whole elements takes a few sequences a performance instead of one a clip, so all
performances can be looked at.

Letters: n held-out performances that are explained, P their clips one after the other, W ways to
explain, K targets, S steps, R random orders, O = 3 orders (highest, lowest, strongest first),
E elements.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from cofinal.config import ExplanationSettings
from cofinal.data.dataset import Dataset
from cofinal.evaluation.predictions import FoldJob
from cofinal.evaluation.store import Finished, Key, identity_of
from cofinal.explain.curves import ORDERS, points_lost, random_orders, rank_orders
from cofinal.explain.elements import stretch_points
from cofinal.explain.ways import Way, read_way
from cofinal.files.tensors import check_layout
from cofinal.modelfolder.folder import is_model_folder, load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.records import ClipFeatures
from cofinal.times import Stretch
from cofinal.training.loop import ensembles, prepare_members, task_of, train_seeds

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
        task_of(dataset),
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


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldEvidence(Finished):
    """What the ways to explain say of the held-out performances of one fold, for one seed."""

    positions: np.ndarray
    """(n,) positions in the data set."""
    trained: np.ndarray
    """(W, K, P) evidence of the trained model; NaN where a way has none for this method."""
    randomised: np.ndarray
    """(W, K, P) evidence of a model with random weights."""
    shuffled: np.ndarray
    """(W, K, P) evidence of a model trained on dealt-out labels; NaN if none was trained."""
    lost: np.ndarray
    """(n, W, K, O, S) points that the score lost as clips went by their evidence."""
    lost_random: np.ndarray
    """(n, R, K, S) points that it lost as clips went by chance."""


@dataclass(frozen=True)
class EvidenceJob:
    """The explanations of a method on one fold, with one seed."""

    fold: FoldJob
    """With one seed."""
    settings: ExplanationSettings
    """Ways, steps, how many performances."""
    folder: Path
    """The benchmark's; models are kept there."""

    @property
    def keys(self) -> tuple[Key]:
        """The only piece of work."""
        [trained] = self.fold.keys
        settings = asdict(self.settings)
        names = (*trained.names[:-1], f"evidence {trained.names[-1]}")
        return (Key(names, identity_of([trained.identity, settings])),)

    @property
    def kind(self) -> type[FoldEvidence]:
        """What it gives."""
        return FoldEvidence

    def only(self, keys: Sequence[Key]) -> EvidenceJob:
        """The same job, which has one piece."""
        return self

    @property
    def positions(self) -> np.ndarray:
        """Which held-out performances are explained: all for 0, else so many, drawn by chance."""
        held_out, count = np.asarray(self.fold.fold.held_out), self.settings.explained
        if not 0 < count < len(held_out):
            return held_out
        return np.sort(np.random.default_rng(0).permutation(held_out)[:count])

    def run(self, dataset: Dataset, unfinished: Path | None) -> list[FoldEvidence]:
        """Trains what is missing and explains the held-out performances."""
        started = time.monotonic()
        explained = [_features(dataset, i) for i in self.positions]
        ways = [read_way(name) for name in self.settings.evidence]
        kinds: tuple[Kind, ...] = ("trained", "randomised")
        kinds += ("shuffled",) if self.settings.shuffled else ()
        models = {
            kind: fold_model(dataset, self.fold, kind, self.folder, unfinished) for kind in kinds
        }
        evidence = {kind: evidence_of(model, explained, ways) for kind, model in models.items()}
        trained = evidence["trained"]
        lost, lost_random = _curves(models["trained"], explained, trained, self.settings)
        found = FoldEvidence(
            positions=self.positions,
            trained=trained,
            randomised=evidence["randomised"],
            shuffled=evidence.get("shuffled", np.full_like(trained, np.nan)),
            lost=lost,
            lost_random=lost_random,
            seconds=round(time.monotonic() - started, 2),
        )
        return [found]

    def check(self, dataset: Dataset, found: FoldEvidence) -> None:
        """Raises ValueError for evidence that cannot be of this fold."""
        n, W, K = len(self.positions), len(self.settings.evidence), len(dataset.targets)
        R, S = self.settings.random_orders, self.settings.steps
        per_clip = (W, K, sum(len(dataset.clips[i]) for i in self.positions))
        shapes = {
            "positions": (n,),
            **dict.fromkeys(("trained", "randomised", "shuffled"), per_clip),
            "lost": (n, W, K, ORDERS, S),
            "lost_random": (n, R, K, S),
        }
        for name, shape in shapes.items():
            values = getattr(found, name)
            if not isinstance(values, np.ndarray) or values.shape != shape:
                raise ValueError(f"{name} are {np.shape(values)}, expected {shape}")
            if np.isinf(values).any():
                raise ValueError(f"{name} hold a value that is not finite")
        if not np.array_equal(found.positions, self.positions):
            raise ValueError("it is of other performances")


def _features(dataset: Dataset, position: int) -> ClipFeatures:
    return ClipFeatures(dataset.clips[position], dataset.ids[position], dataset.recipe)


def evidence_of(model: Ensemble, explained: list[ClipFeatures], ways: list[Way]) -> np.ndarray:
    """Evidence (W, K, P) of each way for all performances, one after the other."""
    columns = []
    for features in explained:
        found = [way.explain(model, features) for way in ways]
        nothing_KT = np.full((len(model.first.task.targets), len(features.values)), np.nan)
        columns.append(np.stack([nothing_KT if one is None else one.values_KT for one in found]))
    return np.concatenate(columns, axis=-1)


def _curves(
    model: Ensemble,
    explained: list[ClipFeatures],
    evidence_WKP: np.ndarray,
    settings: ExplanationSettings,
) -> tuple[np.ndarray, np.ndarray]:
    """Points lost by evidence (n, W, K, O, S), and by chance (n, R, K, S)."""
    lost, lost_random = [], []
    ends = np.cumsum([len(features.values) for features in explained])[:-1]
    for features, evidence_WKT in zip(explained, np.split(evidence_WKP, ends, -1), strict=True):
        W, K, T = evidence_WKT.shape
        order_WKOT = np.stack([rank_orders(row) for row in evidence_WKT.reshape(-1, T)])
        drawn_RT = random_orders(T, settings.random_orders)
        order_RT = np.concatenate([order_WKOT.reshape(-1, T), drawn_RT])
        points_RSK = points_lost(model, features.values, order_RT, settings.steps)
        by_evidence = points_RSK[: W * K * ORDERS].reshape(W, K, ORDERS, settings.steps, K)
        # Of each curve only the score counts whose evidence gave the order.
        own_WKOS = np.stack([by_evidence[:, k, :, :, k] for k in range(K)], axis=1)
        lost.append(np.where(np.isnan(evidence_WKT).any(-1)[..., None, None], np.nan, own_WKOS))
        lost_random.append(points_RSK[W * K * ORDERS :].swapaxes(1, 2))
    return np.stack(lost), np.stack(lost_random)


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldWorth(Finished):
    """What the elements of a fold's held-out performances are worth, for one seed."""

    positions: np.ndarray
    """(n,) positions in the data set."""
    counts: np.ndarray
    """(n,) elements of each."""
    points: np.ndarray
    """(K, E) points lost without each element of all performances, one after the other."""

    def by_position(self) -> dict[int, np.ndarray]:
        """Position -> points (K, E) of its elements."""
        rows = zip(self.positions, self.counts, np.cumsum(self.counts), strict=True)
        return {int(i): self.points[:, end - count : end] for i, count, end in rows}


@dataclass(frozen=True)
class WorthJob:
    """The elements of the held-out performances of one fold, left out one by one."""

    fold: FoldJob
    """With one seed."""
    placement: str
    """How the elements were placed, for the file's name."""
    stretches: dict[int, list[Stretch]]
    """Position in the data set -> its elements' clips, for those that do not fill a performance."""
    folder: Path
    """The benchmark's; models are kept there."""

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        fold: FoldJob,
        placement: str,
        stretches: Mapping[int, Sequence[Stretch]],
        folder: Path,
    ) -> WorthJob:
        """The job for a fold's held-out performances among `stretches`."""
        wanted = {
            int(i): [(int(start), int(length)) for start, length in stretches[int(i)]]
            for i in fold.fold.held_out
            if int(i) in stretches and max(n for _, n in stretches[int(i)]) < len(dataset.clips[i])
        }
        return cls(fold, placement, wanted, folder)

    @property
    def keys(self) -> tuple[Key]:
        """The only piece of work."""
        [trained] = self.fold.keys
        names = (*trained.names[:-1], f"elements {self.placement} {trained.names[-1]}")
        return (Key(names, identity_of([trained.identity, list(self.stretches.items())])),)

    @property
    def kind(self) -> type[FoldWorth]:
        """What it gives."""
        return FoldWorth

    def only(self, keys: Sequence[Key]) -> WorthJob:
        """The same job, which has one piece."""
        return self

    def run(self, dataset: Dataset, unfinished: Path | None) -> list[FoldWorth]:
        """Leaves out every element; the model is trained if it is not there."""
        started = time.monotonic()
        model = fold_model(dataset, self.fold, "trained", self.folder, unfinished)
        points = [stretch_points(model, dataset.clips[i], s) for i, s in self.stretches.items()]
        found = FoldWorth(
            positions=np.array(list(self.stretches), dtype=np.int64),
            counts=np.array([len(s) for s in self.stretches.values()], dtype=np.int64),
            points=np.concatenate([np.empty((len(dataset.targets), 0)), *points], axis=1),
            seconds=round(time.monotonic() - started, 2),
        )
        return [found]

    def check(self, dataset: Dataset, found: FoldWorth) -> None:
        """Raises ValueError for a worth that cannot be of these elements."""
        counts = [len(stretches) for stretches in self.stretches.values()]
        if list(found.positions) != list(self.stretches) or list(found.counts) != counts:
            raise ValueError("it is of other performances or elements")
        sizes = {"K": len(dataset.targets), "E": sum(counts)}
        check_layout({"points": found.points}, {"points": ("KE", "f")}, sizes)
