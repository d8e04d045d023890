"""Every method as a scikit-learn regressor: from lists of arrays to a model and its answers.

Letters: N performances, T clips, C backbone channels, G grades, K targets.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import cache, cached_property
from importlib import import_module
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from cofinal.config import CalibrationSettings, Preset, method_preset, preset_from
from cofinal.data.arrays import clip_features
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.calibration import plan_calibration
from cofinal.evaluation.intervals import CONFIDENCE
from cofinal.explain.explanation import Explanation
from cofinal.methods import method_names, use_method
from cofinal.models import method_class
from cofinal.records import TargetPrediction
from cofinal.scorer import Scorer
from cofinal.workflows import index_of, train_calibrated

# scikit-learn's name of the seed.
SEED = "random_state"
# Parameters beside the method's own and those of training; groups come with the performances.
CALIBRATION = {
    name: getattr(CalibrationSettings(), name) for name in ("calibration", "calibration_share")
}
BESIDE = CALIBRATION | {"verbose": False}


@cache
def parameters(method: str | type) -> tuple[dict[str, Any], dict[str, Any]]:
    """What can be set of a method and of its training: name -> value unless told otherwise.

    Raises:
        CofinalError: an unknown method, or one with a setting whose name training has too.
    """
    preset = method_preset(use_method(method), Preset())
    model = {entry.name: getattr(preset.model, entry.name) for entry in fields(preset.model)}
    training = {
        entry.name: getattr(preset.training, entry.name) for entry in fields(preset.training)
    }
    training[SEED] = training.pop("seed")
    for name in model:
        if name in training or name in BESIDE or name == "method":
            raise CofinalError(
                f"method {method!r} has a setting {name!r}, and so has every estimator; "
                "rename the method's"
            )
    return model, training


class MethodRegressor(RegressorMixin, BaseEstimator):
    """A method by its name, as a scikit-learn regressor; see `create_method`.

    Its parameters are the method's own settings and those of training, by their own names
    (`cofinal train --method NAME --help` explains each), and

    - `random_state`: the seed of everything random, a whole number;
    - `calibration`, `calibration_share`: on whom prediction intervals are calibrated, as
      `CalibrationSettings` says;
    - `verbose`: whether progress is shown on standard error.

    Performances are given as a list of arrays (T, C): clips in time order, channels of a backbone;
    T may differ. A fitted estimator keeps a reference to its training performances, of which
    `explain` and `to_scorer` make an index; a model is kept with `to_scorer().save(folder)`.
    """

    # scikit-learn would take the second argument of `fit`, since it is not named y, for metadata.
    __metadata_request__fit: ClassVar[dict[str, str]] = {"scores": UNUSED}

    def __init__(self, method: str | type = "cofinal", **settings: Any) -> None:
        self.method = method
        for name, value in (self._defaults() | self._known(settings)).items():
            setattr(self, name, value)

    def _defaults(self) -> dict[str, Any]:
        model, training = parameters(self.method)
        return model | training | BESIDE

    def _known(self, settings: dict[str, Any]) -> dict[str, Any]:
        known = self._defaults()
        for name in settings:
            if name not in known:
                called = f"; the seed is called {SEED!r}" if name == "seed" else ""
                raise CofinalError(
                    f"setting {name!r} of method {self.method!r} is unknown{called}; "
                    f"it knows {', '.join(known)}"
                )
        return settings

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The name of the method and all its parameters."""
        return {name: getattr(self, name) for name in ("method", *self._defaults())}

    def set_params(self, **params: Any) -> MethodRegressor:
        """Changes parameters; another method is another estimator.

        Raises:
            CofinalError: an unknown name.
        """
        method = params.pop("method", self.method)
        if method != self.method:
            raise CofinalError(
                f"method is {self.method!r} and cannot become {method!r}; "
                f"use create_method({method!r})"
            )
        for name, value in self._known(params).items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        usual = self._defaults()
        told = [f"{n}={v!r}" for n, v in self.get_params().items() if usual.get(n, self) != v]
        return f"{type(self).__name__}({', '.join(told)})"

    def preset(self) -> Preset:
        """The method with its settings and its training.

        Raises:
            CofinalError: a value that a setting cannot have.
        """
        model, training = (
            {name: _plain(getattr(self, name)) for name in part} for part in parameters(self.method)
        )
        seed = training.pop(SEED)
        if type(seed) is not int or not 0 <= seed < 2**32:
            raise CofinalError(
                f"{SEED} is {seed!r}; expected a whole number from 0 to 4294967295, by which a "
                "training can be repeated"
            )
        values = {
            "method": use_method(self.method),
            "model": model,
            "training": training | {"seed": seed},
        }
        return preset_from(values, type(self).__name__)

    def fit(
        self,
        clips: Any,
        scores: Any,
        groups: Any = None,
        targets: Sequence[str] | None = None,
        given: Any = None,
    ) -> MethodRegressor:
        """Trains the method.

        Args:
            clips: N arrays (T, C), or N `ClipFeatures`, whose recipe the model then keeps.
            scores: (N,) or (N, K) points; a pandas table brings the names of its targets.
            groups: N groups, for example events, that calibration keeps together.
            targets: K names, for example ("TES", "PCS").
            given: what is known beforehand, a dictionary or table whose columns are named by their
                rules, for example {"difficulty:multiply": numbers, "base_value:add:TES": numbers}.
                Then `predict` and all other answers want it too, by name.

        Raises:
            CofinalError: performances, scores or parameters that do not fit.
        """
        preset = self.preset()
        if groups is not None and (isinstance(groups, dict) or np.ndim(groups) != 1):
            raise CofinalError("groups have several columns; expected one group per performance")
        if groups is not None and self.calibration == "none":
            raise CofinalError(
                "groups are given, but nothing is calibrated; set calibration='folds', or leave "
                "out groups"
            )
        dataset = Dataset.from_arrays(clips, scores, groups=groups, targets=targets, given=given)
        settings = CalibrationSettings(
            self.calibration, self.calibration_share, None if groups is None else "group"
        )
        plan = plan_calibration(dataset, settings, preset.training.seed)
        self.__dict__.pop("neighbours_", None)
        self.model_, self.info_ = train_calibrated(plan, preset, None, self.verbose)
        self.training_ = plan.training
        self.n_features_in_ = dataset.channels
        self.one_target_ = np.ndim(scores) == 1
        return self

    def predict(self, clips: Any, given: Any = None) -> np.ndarray:
        """Scores in points, (N,) or (N, K) as the scores that were fitted on.

        Raises:
            CofinalError: not fitted, or performances of another width.
        """
        return self._answers(clips, given, lambda entry: entry.score)

    def predict_grade(self, clips: Any, given: Any = None) -> np.ndarray:
        """The grade that holds the score, counted from 1 (lowest): (N,) or (N, K).

        Raises:
            CofinalError: as `predict`.
        """
        return self._answers(clips, given, lambda entry: entry.grade)

    def predict_proba(self, clips: Any, given: Any = None) -> np.ndarray:
        """Probabilities of the grades, lowest first: (N, G) or (N, K, G).

        Raises:
            CofinalError: as `predict`.
        """
        return self._answers(clips, given, lambda entry: entry.grade_probabilities)

    def predict_interval(
        self, clips: Any, confidence: float = CONFIDENCE, given: Any = None
    ) -> np.ndarray:
        """Intervals in points that hold the score with a confidence: (N, 2) or (N, K, 2).

        Raises:
            CofinalError: as `predict`, a fit without calibration, or a confidence that is not
                between 0 and 1 or asks for more calibration performances than there are.
        """
        self._check_fitted()
        if self.info_.calibration is None:
            raise CofinalError(
                f"this {type(self).__name__} was fitted with calibration='none', so it has no "
                "intervals; fit it with calibration='folds', or 'part'"
            )
        return self._answers(clips, given, lambda entry: entry.interval, confidence)

    def predict_execution(self, clips: Any, given: Any = None) -> np.ndarray:
        """The part of the score that was seen, in points, where something given multiplies it or
        is added; else the score: (N,) or (N, K).

        Raises:
            CofinalError: as `predict`.
        """
        return self._answers(clips, given, lambda entry: (entry.execution or entry).score)

    def explain(self, clips: Any, given: Any = None, **how: Any) -> list[Explanation]:
        """What the scores of each performance rest on; `how` is told in `Scorer.explain`."""
        scorer = self.to_scorer()
        found = clip_features(clips, self.n_features_in_)
        each = each_given(given, len(found)) or [{}] * len(found)
        return [
            scorer.explain(features, given=own, **how)
            for features, own in zip(found, each, strict=True)
        ]

    def to_scorer(self, confidence: float | None = None) -> Scorer:
        """The trained model with its index of training performances, ready to be saved."""
        self._check_fitted()
        scorer = Scorer(self.model_, self.info_, confidence)
        scorer.neighbours = self.neighbours_
        return scorer

    @cached_property
    def neighbours_(self) -> Any:
        """Index of the training performances, made when it is asked for."""
        return index_of(self.training_, self.model_)

    def _answers(
        self,
        clips: Any,
        given: Any,
        read: Callable[[TargetPrediction], Any],
        confidence: float | None = None,
    ) -> np.ndarray:
        self._check_fitted()
        found = clip_features(clips, self.n_features_in_)
        scorer = Scorer(self.model_, self.info_, confidence)
        predictions = scorer.score_many(found, each_given(given, len(found)))
        answers = np.array([[read(entry) for entry in one.targets] for one in predictions])
        return answers[:, 0] if self.one_target_ else answers

    def _check_fitted(self) -> None:
        check_is_fitted(self, "model_", msg="this %(name)s is not fitted yet; call fit before")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.target_tags.multi_output = True
        return tags


class CoFInAlRegressor(MethodRegressor):
    """Coarse-to-fine assessment as a scikit-learn regressor; see `MethodRegressor`.

    Example:
        model = CoFInAlRegressor(grades=4, epochs=40, random_state=0).fit(clips, scores)
        model.predict(others), model.predict_grade(others), model.predict_proba(others)
        model.to_scorer().save("model")
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__("cofinal", **settings)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters."""
        params = super().get_params(deep)
        del params["method"]
        return params


def _signature() -> inspect.Signature:
    """The parameters of `CoFInAlRegressor`, for `help` and for editors."""
    model, training = parameters("cofinal")
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature(
        [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
        + [
            inspect.Parameter(name, kind, default=value)
            for name, value in (model | training | BESIDE).items()
        ]
    )


CoFInAlRegressor.__init__.__signature__ = _signature()  # type: ignore[attr-defined]


def each_given(given: Any, count: int) -> list[dict[str, Any]] | None:
    """Columns of what is known beforehand as a dictionary for each of N performances.

    Columns are called by name, "difficulty", or by rule as in `fit`, "difficulty:multiply".
    """
    if given is None:
        return None
    columns = {str(name).split(":")[0]: given[name] for name in getattr(given, "columns", given)}
    for name, values in columns.items():
        if not hasattr(values, "__len__") or isinstance(values, str) or len(values) != count:
            raise CofinalError(
                f"given {name!r} is {values!r:.60}; expected numbers for each of {count} "
                "performances"
            )
    rows = {name: np.asarray(values) for name, values in columns.items()}
    return [{name: values[i] for name, values in rows.items()} for i in range(count)]


def _plain(value: Any) -> Any:
    """A parameter without NumPy's types, of which grids are often made."""
    return value.item() if isinstance(value, np.generic) else value


def list_methods() -> dict[str, str]:
    """All methods: name -> what it is, in a line."""
    told = {}
    for name in method_names():
        module = import_module(method_class(name).__module__)
        told[name] = (module.__doc__ or "").splitlines()[0]
    return told


def create_method(method: str | type | Preset, **settings: Any) -> MethodRegressor:
    """A method as a scikit-learn regressor.

    Args:
        method: its name, as `list_methods` tells; a class of your own, or where it is
            ("my_method.py:MyMethod"); or a preset, for example `load_preset("fisv")`.
        settings: parameters that differ from the method's (or the preset's) own; see
            `MethodRegressor`.

    Raises:
        CofinalError: an unknown method or setting.

    Example:
        create_method("ridge-segments", segments=8).fit(clips, scores).predict(others)
    """
    if isinstance(method, Preset):
        own = vars(method.model) | vars(method.training)
        own[SEED] = own.pop("seed")
        method, settings = method.method, own | settings
    if method == "cofinal":
        return CoFInAlRegressor(**settings)
    return MethodRegressor(method, **settings)
