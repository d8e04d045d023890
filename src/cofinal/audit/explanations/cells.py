"""One fold and seed of a benchmark of explanations: evidence of held-out performances, on disk.

Letters: n held-out performances that are explained, P their clips one after the other, W ways to
explain, K targets, S steps, R random orders, O = 3 orders (highest, lowest, strongest first).
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
import torch

from cofinal.audit.explanations.models import Kind, fold_model, kept_at
from cofinal.config import ExplanationSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.cells import Job, SharedData
from cofinal.explain.curves import points_lost, random_orders, rank_orders
from cofinal.explain.ways import Way, read_way
from cofinal.files.atomic import atomic_path
from cofinal.models.ensemble import Ensemble
from cofinal.records import ClipFeatures

FILE = "evidence.npz"


@dataclass(frozen=True)
class FoldEvidence:
    """What the ways to explain say of the held-out performances of one fold, for one seed."""

    identity: str
    """Hash of everything that the numbers follow from."""
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
    seconds: float

    def save(self, path: Path) -> None:
        """Writes the cell, whole or not at all."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        with atomic_path(path) as temporary, temporary.open("wb") as stream:
            np.savez_compressed(stream, **values)

    @classmethod
    def load(cls, path: Path) -> FoldEvidence:
        """Reads a cell; nothing is unpickled."""
        try:
            with np.load(path, allow_pickle=False) as saved:
                values = {f.name: saved[f.name] for f in fields(cls)}
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise CofinalError(
                f"{path} is no cell of a benchmark of explanations; remove it to measure it again"
            ) from error
        plain = {"identity": str(values["identity"]), "seconds": float(values["seconds"])}
        return cls(**values | plain)


def identity_of(job: Job, settings: ExplanationSettings) -> str:
    """Hash of everything that a cell follows from, but for versions of the code."""
    parts = {"job": job.identities[0], "settings": asdict(settings)}
    del parts["settings"]["sheet"]  # type: ignore[attr-defined]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def finished(job: Job, settings: ExplanationSettings, folder: Path) -> FoldEvidence | None:
    """The cell of a fold and seed, if it is on disk and still means the same."""
    path = kept_at(job, folder) / FILE
    if not path.exists():
        return None
    cell = FoldEvidence.load(path)
    return cell if cell.identity == identity_of(job, settings) else None


def explain_fold(
    shared: SharedData, job: Job, settings: ExplanationSettings, folder: Path, threads: int
) -> None:
    """Trains what is missing, explains the held-out performances, and writes the cell.

    Args:
        shared: all performances.
        job: the fold, with one seed.
        settings: ways, steps, how many performances.
        folder: the benchmark's folder.
        threads: of this process; 0 leaves them as they are.
    """
    if threads:
        torch.set_num_threads(threads)
    started = time.monotonic()
    dataset = shared.dataset()
    positions = explained_positions(job, settings.explained)
    explained = [_features(dataset, i) for i in positions]
    ways = [read_way(name) for name in settings.evidence]
    kinds: tuple[Kind, ...] = ("trained", "randomised")
    kinds += ("shuffled",) if settings.shuffled else ()
    models = {kind: fold_model(dataset, job, kind, folder) for kind in kinds}
    evidence = {kind: evidence_of(model, explained, ways) for kind, model in models.items()}
    lost, lost_random = _curves(models["trained"], explained, evidence["trained"], settings)
    FoldEvidence(
        identity=identity_of(job, settings),
        positions=positions,
        trained=evidence["trained"],
        randomised=evidence["randomised"],
        shuffled=evidence.get("shuffled", np.full_like(evidence["trained"], np.nan)),
        lost=lost,
        lost_random=lost_random,
        seconds=time.monotonic() - started,
    ).save(kept_at(job, folder) / FILE)
    shutil.rmtree(job.unfinished_folder(folder), ignore_errors=True)


def explained_positions(job: Job, count: int) -> np.ndarray:
    """Which held-out performances are explained: all for 0, else so many, drawn by chance."""
    held_out = np.asarray(job.fold.held_out)
    if not 0 < count < len(held_out):
        return held_out
    return np.sort(np.random.default_rng(0).permutation(held_out)[:count])


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
        by_evidence = points_RSK[: W * K * 3].reshape(W, K, 3, settings.steps, K)
        # Of each curve only the score counts whose evidence gave the order.
        own_WKOS = np.stack([by_evidence[:, k, :, :, k] for k in range(K)], axis=1)
        lost.append(np.where(np.isnan(evidence_WKT).any(-1)[..., None, None], np.nan, own_WKOS))
        lost_random.append(points_RSK[W * K * 3 :].swapaxes(1, 2))
    return np.stack(lost), np.stack(lost_random)
