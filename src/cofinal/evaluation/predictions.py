"""What a method predicts for the held-out performances of a fold, trained with one or more seeds.

Letters: n held-out performances, K targets, G grades, E = G + 1 edges, U knots.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.config import Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.evaluation.folds import Fold
from cofinal.evaluation.learned import Learned, learn
from cofinal.evaluation.metrics import srcc
from cofinal.evaluation.nested import Choice, choose
from cofinal.evaluation.store import Finished, Key, identity_of
from cofinal.files.tensors import check_layout
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.training.loop import train
from cofinal.training.runs import marks_fingerprint

# Shapes of what is kept, and the kind of its numbers.
LAYOUT = {
    "predictions": ("nK", "f"),
    "levels": ("nKU", "f"),
    "points": ("nKU", "f"),
    "grade_edges": ("KE", "f"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldPredictions(Finished):
    """Predictions for the held-out performances of one fold, by a model of one seed."""

    ids: tuple[str, ...]
    """The n held-out performances."""
    predictions: np.ndarray
    """(n, K) points, finite."""
    levels: np.ndarray | None = None
    """(n, K, U) knots of the distributions whose means are the predictions; see
    `ScoreDistribution`. None where epochs were mixed."""
    points: np.ndarray | None = None
    """(n, K, U) points at these levels."""
    grade_edges: np.ndarray | None = None
    """(K, G + 1) points; None where the method knows no grades."""
    chosen: dict[str, Any] = field(default_factory=dict)
    """Settings that nested cross-validation chose."""

    @property
    def distribution(self) -> ScoreDistribution:
        """(n, K) distributions; asked only of what `has_distribution`."""
        assert self.levels is not None and self.points is not None
        edges = self.grade_edges
        if edges is None:
            edges = np.full((self.predictions.shape[1], 2), np.nan)
        return ScoreDistribution(self.levels, self.points, edges)

    @property
    def has_distribution(self) -> bool:
        """Whether more than predictions is known."""
        return self.levels is not None and self.points is not None

    @property
    def has_grades(self) -> bool:
        """Whether the distribution is one of known grades."""
        return self.has_distribution and self.grade_edges is not None


@dataclass(frozen=True)
class FoldJob:
    """A method on one fold, with one or more seeds that are trained at once."""

    label: str
    """The method's name in the table."""
    preset: Preset
    protocol: ProtocolSettings
    part: str
    """Category, or "all"."""
    fold: Fold
    """Positions in the whole data set."""
    seeds: tuple[int, ...]
    keys: tuple[Key, ...]
    """One for each seed."""
    choice: Choice | None = None
    """Settings to choose from inside each training part; None for the preset's own."""
    video_only: bool = False
    """Whether the method learns the scores as judges gave them, and is told nothing beforehand."""

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        label: str,
        preset: Preset,
        protocol: ProtocolSettings,
        part: str,
        fold: Fold,
        seeds: Sequence[int],
        choice: Choice | None = None,
        video_only: bool = False,
    ) -> FoldJob:
        """A job on performances of `dataset`; seeds take the place of the preset's own.

        Raises:
            CofinalError: the best epoch of a method that is told of covariates.
        """
        dataset = dataset.of_totals() if video_only else dataset
        if protocol.protocol == "best-on-test" and dataset.given and dataset.given.any_covariate:
            raise CofinalError(
                "protocol best-on-test chooses among epochs, and a covariate is fitted after the "
                "last; leave out --given, or use another protocol"
            )
        keys = []
        for seed in seeds:
            identity = fold_identity(dataset, with_seed(preset, seed), protocol, fold, choice)
            name = f"{part}-{fold.name}-seed{seed}"
            keys.append(Key((label, protocol_name(protocol), name), identity))
        return cls(
            label, preset, protocol, part, fold, tuple(seeds), tuple(keys), choice, video_only
        )

    @property
    def kind(self) -> type[FoldPredictions]:
        """What each seed gives."""
        return FoldPredictions

    def only(self, keys: Sequence[Key]) -> FoldJob:
        """The same job for some of its seeds."""
        seeds = tuple(self.seeds[self.keys.index(key)] for key in keys)
        return replace(self, seeds=seeds, keys=tuple(keys))

    def run(self, dataset: Dataset, unfinished: Path | None) -> list[FoldPredictions]:
        """Trains on the fold's training part and predicts the rest, for each seed.

        Raises:
            CofinalError: a prediction that is not a finite number, or what training refuses.
        """
        started = time.monotonic()
        dataset = dataset.of_totals() if self.video_only else dataset
        training = dataset.subset(self.fold.train)
        held_out = dataset.subset(self.fold.held_out)
        # Settings are chosen with one and the same seed, whichever seeds are trained at once.
        preset, chosen = with_seed(self.preset, 0), dict[str, Any]()
        if self.choice:
            preset, chosen = choose(training, preset, self.choice, self.protocol, predict)
        if self.protocol.protocol == "best-on-test":
            presets = [with_seed(preset, seed) for seed in self.seeds]
            answers: list[dict[str, Any]] = [
                {"predictions": best_epoch(training, held_out, each)} for each in presets
            ]
        else:
            how = (unfinished, False, self.protocol.group)
            learned = learn(training, preset, self.seeds, *how)
            answers = [everything_of(one.distributions(held_out)) for one in learned]
        seconds = round((time.monotonic() - started) / len(self.seeds), 2)
        for answer in answers:
            refuse_not_finite(answer["predictions"], held_out, preset.method)
        return [
            FoldPredictions(seconds=seconds, ids=held_out.ids, chosen=chosen, **answer)
            for answer in answers
        ]

    def check(self, dataset: Dataset, found: FoldPredictions) -> None:
        """Raises ValueError for predictions that cannot be of this fold."""
        if found.ids != tuple(dataset.ids[i] for i in self.fold.held_out):
            raise ValueError("it is of other performances")
        if (found.levels is None) != (found.points is None):
            raise ValueError("its distributions lack levels or points")
        if found.chosen and (not self.choice or found.chosen not in self.choice.candidates):
            raise ValueError(f"it chose {found.chosen}, which is no candidate")
        arrays = {name: v for name, v in vars(found).items() if isinstance(v, np.ndarray)}
        sizes = {"n": len(found.ids), "K": len(dataset.targets)}
        if found.has_distribution:
            sizes["U"] = arrays["levels"].shape[-1]
        if found.grade_edges is not None:
            sizes["E"] = arrays["grade_edges"].shape[-1]
        check_layout(arrays, {name: LAYOUT[name] for name in arrays}, sizes)
        if found.has_distribution:
            check_distribution(found)


def check_distribution(found: FoldPredictions) -> None:
    """Raises ValueError for a distribution that is none, or that of other predictions."""
    said = found.distribution
    if not all((np.diff(knots, axis=-1) >= 0).all() for knots in (said.levels, said.points)):
        raise ValueError("the knots of its distributions are not in order")
    if not np.allclose(said.score, found.predictions, rtol=1e-9):
        raise ValueError("its predictions are not the means of its distributions")


def fold_identity(
    dataset: Dataset,
    preset: Preset,
    protocol: ProtocolSettings,
    fold: Fold,
    choice: Choice | None = None,
) -> str:
    """Hash of everything that predictions follow from, but for versions of the code.

    Seeds that are trained at once share the draws of dropout; which others there were is left out,
    so that another seed adds only its own training.
    """
    parts: dict[str, Any] = {
        "preset": preset.to_json(),
        "choice": [asdict(choice), protocol.protocol, protocol.group] if choice else None,
        # The best epoch of a split and the last are other predictions.
        "best-on-test": protocol.protocol == "best-on-test",
        "data": dataset.sha256,
        "targets": dataset.targets,
        **({"grades": dataset.grades} if dataset.grades else {}),
        "train": [dataset.ids[i] for i in fold.train],
        "held_out": [dataset.ids[i] for i in fold.held_out],
    }
    return identity_of(parts | marks_fingerprint(dataset, preset))


def with_seed(preset: Preset, seed: int) -> Preset:
    """The preset with another seed."""
    return replace(preset, training=replace(preset.training, seed=seed))


def protocol_name(protocol: ProtocolSettings) -> str:
    """A protocol as text, for example "group:event"."""
    return f"group:{protocol.group}" if protocol.protocol == "group" else protocol.protocol


def predict(training: Dataset, held_out: Dataset, preset: Preset) -> np.ndarray:
    """Points (n, K) that a model says of videos alone; it is trained for them and not kept."""
    learned = Learned(train(training, preset, show_progress=False))
    return predict_finite(learned, held_out, preset.method).score


def predict_finite(learned: Learned, dataset: Dataset, method: str) -> ScoreDistribution:
    """Distributions (n, K) of a trained method, whose means are all finite numbers.

    Raises:
        CofinalError: one that is not, with its performance.
    """
    found = learned.distributions(dataset)
    refuse_not_finite(found.score, dataset, method)
    return found


def refuse_not_finite(predicted_nK: np.ndarray, dataset: Dataset, method: str) -> None:
    """Names the first performance whose prediction is not a finite number."""
    faulty = np.argwhere(~np.isfinite(predicted_nK))
    if len(faulty):
        i, k = faulty[0]
        raise CofinalError(
            f"{method} predicts {predicted_nK[i, k]} points of {dataset.targets[k]} for "
            f"performance {dataset.ids[i]}, expected a finite number; lower "
            "training.learning_rate and run `cofinal data check`"
        )


def everything_of(distribution: ScoreDistribution) -> dict[str, Any]:
    """What `FoldPredictions` keeps of distributions (n, K)."""
    kept = {
        "predictions": distribution.score,
        "levels": distribution.levels,
        "points": distribution.points,
    }
    return kept | ({"grade_edges": distribution.all_edges()[0]} if distribution.grades else {})


def best_epoch(training: Dataset, held_out: Dataset, preset: Preset) -> np.ndarray:
    """Points (n, K) of the epoch that ranks the held-out performances best, target by target.

    This is how most published numbers were chosen. They flatter: the test set made a choice.
    """
    best_nK = np.full(held_out.scores.shape, np.nan)
    highest = np.full(len(training.targets), -np.inf)

    def look(models: list[Ensemble]) -> None:
        [model] = models
        predicted_nK = predict_scores(model, held_out.clips, model.first.edges_KG.device)
        for k, column in enumerate(predicted_nK.T):
            value = srcc(column, held_out.scores[:, k])
            value = -1.0 if value is None else value
            if value > highest[k]:
                highest[k], best_nK[:, k] = value, column

    look([train(training, preset, show_progress=False, after_epoch=look)])
    return best_nK
