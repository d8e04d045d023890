"""Scoring new performances with a trained model: what most users call.

Letters: T clips, C backbone channels, G grades, K targets.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from cofinal.data.features import read_features
from cofinal.devices import choose_device, mind_fork
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.evaluation.intervals import CONFIDENCE, check_possible
from cofinal.given.numbers import Given
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.given import Numbers
from cofinal.modelfolder.info import ModelInfo
from cofinal.modelfolder.naming import find_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.given_answer import GivenAnswer
from cofinal.models.inference import assess_all
from cofinal.models.interface import ModelOutput
from cofinal.records import ClipFeatures, ExecutionPrediction, Prediction, TargetPrediction

if TYPE_CHECKING:
    from cofinal.explain.elements import ElementSource
    from cofinal.explain.explanation import Explanation
    from cofinal.explain.neighbours import NeighbourIndex


class Scorer:
    """A trained model, ready to score.

    Threads may share one. Worker processes may inherit one (forked) or be sent one (spawned); a
    forked worker scores on one thread, since torch's do not survive a fork.

    Example:
        scorer = Scorer.load("runs/fisv/model")
        prediction = scorer.score("features/1.npy")
        print(prediction["PCS"].score)
    """

    def __init__(
        self,
        model: Ensemble,
        info: ModelInfo,
        confidence: float | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        """Takes a trained model.

        Args:
            model: the trained members.
            info: what the model folder says of them.
            confidence: of the intervals, between 0 and 1; None means 0.9 where the model is
                calibrated. Of many performances exchangeable with the calibration ones, this share
                has its score inside; no promise for other events, cameras or a single performance.
            device: where it computes: "cpu", "cuda", or "auto" for a GPU where there is one. The
                model is moved there.

        Raises:
            CofinalError: intervals asked for that the model cannot give, or no such device.
        """
        self.device = choose_device(device)
        self.model = model.eval().to(self.device)
        self.info = info
        self.confidence = confidence
        self.folder: Path | None = None
        self._process = os.getpid()
        if info.calibration:
            self.confidence = CONFIDENCE if confidence is None else confidence
            check_possible(len(info.calibration), self.confidence)
        elif confidence is not None:
            raise CofinalError(
                "the model was not calibrated, so it has no prediction intervals; "
                "train it with --calibration folds, or leave out --confidence"
            )

    @classmethod
    def load(
        cls,
        folder: str | Path,
        confidence: float | None = None,
        device: str | torch.device = "cpu",
        download: bool = False,
    ) -> Scorer:
        """Loads a model; see `load_model` and the class for arguments and errors.

        Args:
            folder: a model folder, the name of a model that comes with the package ("fisv"), or
                OWNER/NAME of one on a hub (extra `hub`).
            confidence: of the intervals.
            device: where it computes.
            download: the user's yes to fetching a hub's model.
        """
        found = find_model(folder, download)
        scorer = cls(*load_model(found), confidence, device)
        scorer.folder = found
        return scorer

    def save(self, folder: str | Path, neighbours: bool = True) -> None:
        """Writes a model folder that `load` reads.

        Args:
            folder: where; what another model left there goes.
            neighbours: whether it keeps ids, scores and short vectors of the training performances,
                if the scorer has them.

        Raises:
            CofinalError: a folder that cannot be written to.
        """
        from cofinal.modelfolder.aligner import read_aligner

        aligner = read_aligner(self.folder, self.info) if self.folder else None
        save_model(self.model, self.info, folder, self.neighbours if neighbours else None, aligner)

    @cached_property
    def neighbours(self) -> NeighbourIndex | None:
        """Index of the training performances; None if the model keeps none."""
        if self.folder is None:
            return None
        from cofinal.modelfolder.neighbours import read_neighbours

        return read_neighbours(self.folder, self.info)

    def explain(
        self,
        features: ClipFeatures | np.ndarray | str | Path,
        method: Literal["votes", "occlusion", "attention", "gradients"] | None = None,
        width: int = 1,
        moments: int = 3,
        given: Numbers | None = None,
    ) -> Explanation:
        """Tells what the scores of one performance rest on; see `cofinal.explain` for arguments.

        Explanations are computed on the CPU.

        Raises:
            CofinalError: as `score`, or evidence that the method or performance cannot give.
        """
        return self.score_and_explain(features, method, width, moments, given)[1]

    def score_and_explain(
        self,
        features: ClipFeatures | np.ndarray | str | Path,
        method: Literal["votes", "occlusion", "attention", "gradients"] | None = None,
        width: int = 1,
        moments: int = 3,
        given: Numbers | None = None,
        source: ElementSource | None = None,
    ) -> tuple[Prediction, Explanation]:
        """`score` and `explain` in one pass.

        Args:
            features: as for `score`, with method, width, moments and given as for `explain`.
            source: elements of the performances, where a sheet is given.
        """
        from cofinal.explain.explanation import explain

        known = self.checked(features)
        told = self._given(None if given is None else [given], [known])
        prediction, output = next(self._assessed([known], told))[1:]
        if self.device.type != "cpu":
            output = None
        how = (method, width, moments, source)
        model = self.told(prediction)
        return prediction, explain(model, known, prediction, self.neighbours, *how, output=output)

    def told(self, prediction: Prediction) -> Ensemble:
        """The model on the CPU, knowing what was given for a prediction: it answers in points of
        the total."""
        model = self.model if self.device.type == "cpu" else deepcopy(self.model).cpu()
        if self.info.given is None:
            return model
        given = self.info.given.told([prediction.given], [prediction.id], self.targets)
        return GivenAnswer(model, self.info.given.readout, given).eval()

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the predicted scores."""
        return self.info.task.targets

    def score(
        self, features: ClipFeatures | np.ndarray | str | Path, given: Numbers | None = None
    ) -> Prediction:
        """Scores one performance.

        Args:
            features: clip features, an array (T, C), or the path of a `.npy` file.
            given: name -> number, or numbers, for a model that was trained with something given.

        Raises:
            CofinalError: features of another width, backbone or recipe than the model knows, or
                so far from those it was trained on that no finite score comes out; or given
                numbers that are missing, unknown or unfit.
        """
        return self.score_many([features], None if given is None else [given])[0]

    def score_video(
        self,
        path: str | Path,
        *,
        weights: str | Path | None = None,
        device: str = "auto",
        precision: str = "float32",
        download: bool = False,
        use_cache: bool = True,
        on_clips: Callable[[int, int], None] | None = None,
        given: Numbers | None = None,
    ) -> Prediction:
        """Scores a video: extracts its features as the model's were made, then scores them.

        Args:
            path: the video file.
            weights: checkpoint of the backbone; by default the published one, from the cache.
            device: where the backbone computes: "auto", "cpu", "cuda", ...
            precision: "float32" or "bfloat16".
            download: the user's yes to fetching missing weights.
            use_cache: keep the features in the user's cache folder, and read them from there.
            on_clips: called with (clips done, clips in all).
            given: as for `score`.

        Raises:
            CofinalError: a broken video, missing or other weights, or a model that does not say
                how its features were made.
        """
        from cofinal.extraction.extractor import extract_like

        features = extract_like(
            path,
            self.info.recipe,
            weights=weights,
            device=device,
            precision=precision,
            download=download,
            use_cache=use_cache,
            on_clips=on_clips,
        )
        return self.score(features, given)

    def score_many(
        self,
        many: Iterable[ClipFeatures | np.ndarray | str | Path],
        given: Sequence[Numbers] | None = None,
    ) -> list[Prediction]:
        """Scores performances in their order, each with what is given of it. See `score`."""
        if isinstance(many, str | Path | ClipFeatures):
            raise CofinalError(
                "score_many was given one performance; expected a list, or use score"
            )
        performances = [self.checked(features) for features in many]
        told = self._given(given, performances)
        found = {i: prediction for i, prediction, _ in self._assessed(performances, told)}
        return [found[i] for i in range(len(performances))]

    def _assessed(
        self, performances: Sequence[ClipFeatures], given: Given | None
    ) -> Iterator[tuple[int, Prediction, ModelOutput | None]]:
        """The position of each performance, what is told of it, and of the only one in its batch
        what the model said."""
        mind_fork()
        self._refuse_forked_gpu()
        for index, output in assess_all(self.model, [p.values for p in performances], self.device):
            distribution = self.model.distribution(output)
            if self.info.given and given:
                distribution = self.info.given.answer(distribution, given.subset(index))
            for row, i in enumerate(index):
                if not np.isfinite(distribution.score[row]).all():
                    raise CofinalError(
                        f"features {performances[i].id!r} give no finite score; their values are "
                        "far outside of what the model was trained on, so extract them again"
                    )
            intervals_BK2 = self._intervals(distribution)
            for row, i in enumerate(index):
                interval_K2 = None if intervals_BK2 is None else intervals_BK2[row]
                targets = [
                    self._target(distribution, output, row, k, len(performances[i].values))
                    for k in range(len(self.targets))
                ]
                own = given.subset([i]) if given else None
                told = self._prediction(performances[i], targets, interval_K2, own)
                yield i, told, output if len(index) == 1 else None

    def _given(
        self, given: Sequence[Numbers] | None, performances: Sequence[ClipFeatures]
    ) -> Given | None:
        """What is given of the performances, checked; None for a model that asks nothing."""
        if self.info.given is None:
            if given and any(given):
                raise CofinalError(
                    f"{', '.join(given[0])} is given, but the model was trained without; "
                    "leave it out"
                )
            return None
        each = [None] * len(performances) if given is None else given
        if isinstance(each, Mapping) or len(each) != len(performances):
            raise CofinalError(
                f"numbers are given of {len(each)} performances; expected a list of "
                f"{len(performances)}, one dictionary for each performance"
            )
        return self.info.given.told(each, [one.id for one in performances], self.targets)

    def _refuse_forked_gpu(self) -> None:
        if self.device.type == "cuda" and os.getpid() != self._process:
            raise CofinalError(
                f"this scorer is on {self.device}, which a forked process cannot use; load it in "
                "the worker, or start workers with the method 'spawn'"
            )

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Unpickled in a process of its own, which was not forked from the one that pickled it."""
        self.__dict__.update(state, _process=os.getpid())

    def checked(self, features: ClipFeatures | np.ndarray | str | Path) -> ClipFeatures:
        """Reads features if need be and refuses those the model was not trained for.

        What is not known of how they were made is taken from the model's training features.

        Raises:
            CofinalError: features of another width, backbone or recipe than the model knows.
        """
        if isinstance(features, str | Path):
            features = read_features(features)
        elif isinstance(features, np.ndarray):
            features = ClipFeatures(features)
        elif not isinstance(features, ClipFeatures):
            raise CofinalError(
                f"features are {type(features).__name__}; expected ClipFeatures, an array "
                "(clips, channels) or the path of a .npy file"
            )
        differences = features.recipe.differences(self.info.recipe)
        if differences:
            raise CofinalError(
                f"features {features.id!r} were made with {differences[0]}; "
                "extract them again as the model's training features were made"
            )
        found, expected = features.values.shape[1], self.info.task.channels
        if found != expected:
            backbone = self.info.recipe.backbone or "the backbone it was trained on"
            raise CofinalError(
                f"features {features.id!r} have {found} channels a clip, the model expects "
                f"{expected}; "
                f"use features of {backbone}"
            )
        return replace(features, recipe=features.recipe.completed(self.info.recipe))

    def _intervals(self, distribution: ScoreDistribution) -> np.ndarray | None:
        """Intervals (B, K, 2) of distributions (B, K); None if the model was not calibrated."""
        if self.info.calibration is None or self.confidence is None:
            return None
        return self.info.calibration.intervals(distribution, self.confidence)

    def _prediction(
        self,
        features: ClipFeatures,
        targets: list[TargetPrediction],
        interval_K2: np.ndarray | None,
        given: Given | None,
    ) -> Prediction:
        if interval_K2 is not None:
            targets = [
                replace(entry, interval=(float(low), float(high)), confidence=self.confidence)
                for entry, (low, high) in zip(targets, interval_K2, strict=True)
            ]
        numbers: dict[str, tuple[float, ...]] = {}
        if given:
            numbers = {name: tuple(map(float, own[0])) for name, own in given.numbers.items()}
            targets = [with_execution(entry, given, k) for k, entry in enumerate(targets)]
        clips = len(features.values)
        return Prediction(features.id, tuple(targets), clips, features.times, numbers)

    def _target(
        self, distribution: ScoreDistribution, output: ModelOutput, row: int, k: int, clips: int
    ) -> TargetPrediction:
        """One target of one row; notions that the method lacks stay None."""

        def own(values: Tensor | None) -> np.ndarray | None:
            return None if values is None else values[row, k, :, :clips].float().cpu().numpy()

        # Votes say what attention does, and what was made of it.
        votes = own(output.votes_BKGT)
        attention = own(output.attention_BKGT) if votes is None else None
        return TargetPrediction(self.targets[k], distribution[row, k], votes, attention)


def with_execution(entry: TargetPrediction, given: Given, k: int) -> TargetPrediction:
    """The prediction of an execution as one of the total, which tells the execution too.

    Args:
        entry: what is said of target k.
        given: what is known of the one performance.
        k: number of the target, from 0.
    """
    if not given.has_execution(entry.target):
        return entry
    factor, term = float(given.factors[0, k]), float(given.terms[0, k])
    low_high = entry.interval
    return replace(
        entry,
        distribution=entry.distribution.moved(factor, term),
        interval=low_high and (factor * low_high[0] + term, factor * low_high[1] + term),
        execution=ExecutionPrediction(entry.distribution, factor, term, low_high),
    )
