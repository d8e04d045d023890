"""Methods as scikit-learn regressors: the same numbers, and all that scikit-learn asks of them."""

from __future__ import annotations

import inspect
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import logistic
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks

import own_method
from cofinal import (
    CofinalError,
    CoFInAlRegressor,
    Dataset,
    Preset,
    ProtocolSettings,
    Scorer,
    create_method,
    evaluate,
    list_methods,
    load_preset,
    read_features,
    train,
)
from cofinal.config import preset_names
from cofinal.models.inference import predict_scores
from own_method import Nearest

SMALL = {
    **{"width": 8, "heads": 2, "principal_components": 8, "sub_grades": 4, "embedding_width": 8},
    **{"grades": 3, "epochs": 2, "batch_size": 8, "members": 1, "device": "cpu"},
}
FOLDS = 3


@pytest.fixture(scope="module")
def clips(generated: Dataset) -> list[np.ndarray]:
    return list(generated.clips)


@pytest.fixture(scope="module")
def scores(generated: Dataset) -> np.ndarray:
    return generated.scores[:, 0]


@pytest.fixture(scope="module")
def events(generated: Dataset) -> tuple[str, ...]:
    return generated.groups["event"]


@pytest.fixture(scope="module")
def fitted(generated: Dataset) -> CoFInAlRegressor:
    """Fitted on both targets of all but the last four performances."""
    model = CoFInAlRegressor(**SMALL, random_state=5)
    model.fit(list(generated.clips[:-4]), generated.scores[:-4], targets=("TES", "PCS"))
    return model


def test_an_estimator_predicts_what_the_trained_model_says(
    generated: Dataset, fitted: CoFInAlRegressor
) -> None:
    names = ("TES", "PCS")
    preset = fitted.preset()
    assert preset.training.seed == 5 and preset.model.grades == 3
    part = Dataset.from_arrays(generated.clips[:-4], generated.scores[:-4], targets=names)
    model = train(part, preset, show_progress=False)
    new = list(generated.clips[-4:])
    np.testing.assert_allclose(fitted.predict(new), predict_scores(model, new), rtol=1e-6)
    told = [Scorer(model, fitted.info_).score(values) for values in new]
    grades, chances = fitted.predict_grade(new), fitted.predict_proba(new)
    assert grades.shape == (4, 2) and chances.shape == (4, 2, 3)
    for n, prediction in enumerate(told):
        for k, entry in enumerate(prediction.targets):
            assert grades[n, k] == entry.grade and entry.grade in (1, 2, 3)
            np.testing.assert_allclose(chances[n, k], entry.grade_probabilities, rtol=1e-6)
    np.testing.assert_allclose(chances.sum(-1), 1, rtol=1e-6)


@pytest.mark.parametrize("name", ["cofinal", "ridge"])
def test_one_target_gives_one_number_each(
    name: str, clips: list[np.ndarray], scores: np.ndarray
) -> None:
    model = create_method(name, **(SMALL if name == "cofinal" else {})).fit(clips, scores)
    grades, chances = model.predict_grade(clips), model.predict_proba(clips)
    count = 3 if name == "cofinal" else 4
    assert grades.shape == (32,) and chances.shape == (32, count)
    inner = np.quantile(scores, np.arange(1, count) / count).astype(np.float32)
    held = 1 + np.searchsorted(inner, model.predict(clips).astype(np.float32), side="right")
    np.testing.assert_array_equal(grades, held)


def test_a_saved_estimator_scores_and_explains_the_same(
    fitted: CoFInAlRegressor, clips: list[np.ndarray], tmp_path: Path
) -> None:
    fitted.to_scorer().save(tmp_path / "model")
    assert fitted.to_scorer().targets == ("TES", "PCS")
    loaded = Scorer.load(tmp_path / "model")
    predictions = loaded.score_many(clips[:5])
    scores = [[entry.score for entry in prediction.targets] for prediction in predictions]
    np.testing.assert_array_equal(fitted.predict(clips[:5]), scores)
    [told] = fitted.explain(clips[:1])
    assert told == loaded.explain(clips[0])
    # It was trained on this one, and the index of training performances says so.
    assert told.trained_on is not None and told.trained_on.id == "0"
    [other] = fitted.explain(clips[:1], method="gradients", moments=1)
    assert other.evidence.method == "gradients" and len(other.targets[0].moments) <= 1
    loaded.save(tmp_path / "again")
    assert Scorer.load(tmp_path / "again").explain(clips[0]) == told


def test_features_of_files_keep_their_recipe(generated_source: Any, generated: Dataset) -> None:
    paths = [Path(generated_source.data) / f"{name}.npy" for name in generated.ids]
    model = create_method("ridge").fit([read_features(p) for p in paths], generated.scores)
    assert model.info_.recipe == generated.recipe and generated.recipe.backbone
    [told] = model.explain([read_features(paths[3])])
    assert told.id == told.trained_on.id == generated.ids[3]


def test_cross_validation_keeps_groups_together(
    clips: list[np.ndarray], scores: np.ndarray, events: tuple[str, ...]
) -> None:
    """The folds and numbers of the group protocol, which has its own tests."""
    method = create_method("ridge-segments", segments=2)
    dataset = Dataset.from_arrays(clips, scores, groups={"event": events})
    protocol = ProtocolSettings("group", group="event", folds=FOLDS)
    [predicted] = evaluate(dataset, method.preset(), protocol).predictions[..., 0]
    given = cross_val_predict(method, clips, scores, groups=events, cv=GroupKFold(FOLDS))
    np.testing.assert_allclose(given, predicted)
    r2 = cross_val_score(method, clips, scores, groups=events, cv=GroupKFold(FOLDS))
    splits = GroupKFold(FOLDS).split(clips, groups=events)
    expected = [r2_score(scores[held_out], predicted[held_out]) for _, held_out in splits]
    np.testing.assert_allclose(r2, expected)


def ragged(clips: list[np.ndarray]) -> np.ndarray:
    answer = np.empty(len(clips), dtype=object)
    answer[:] = clips
    return answer


@pytest.mark.parametrize("held", [tuple, ragged, pd.Series])
def test_any_container_of_ragged_arrays_is_cross_validated(
    held: Callable[[list[np.ndarray]], Any], clips: list[np.ndarray], scores: np.ndarray
) -> None:
    method = create_method("ridge")
    assert len({len(values) for values in clips}) > 1
    expected = cross_val_score(method, clips, scores, cv=FOLDS)
    np.testing.assert_array_equal(cross_val_score(method, held(clips), scores, cv=FOLDS), expected)


def test_grids_of_numpy_are_searched(clips: list[np.ndarray], scores: np.ndarray) -> None:
    grid = {"segments": np.array([1, 4])}
    search = GridSearchCV(create_method("ridge-segments"), grid, cv=FOLDS).fit(clips, scores)
    means = [
        cross_val_score(create_method("ridge-segments", segments=s), clips, scores, cv=FOLDS).mean()
        for s in (1, 4)
    ]
    assert search.best_params_["segments"] == (1, 4)[int(np.argmax(means))]
    np.testing.assert_allclose(search.cv_results_["mean_test_score"], means)
    rates = {"learning_rate": np.geomspace(1e-4, 1e-2, 2), "random_state": np.arange(1)}
    search = GridSearchCV(CoFInAlRegressor(**SMALL), rates, cv=2).fit(clips, scores)
    assert search.predict(clips[:2]).shape == (2,)


def test_a_pipeline_transforms_lists(clips: list[np.ndarray], scores: np.ndarray) -> None:
    def halve(many: list[np.ndarray]) -> list[np.ndarray]:
        return [values[::2] for values in many]

    line = make_pipeline(FunctionTransformer(halve), create_method("ridge"))
    alone = create_method("ridge").fit(halve(clips), scores).predict(halve(clips))
    np.testing.assert_array_equal(line.fit(clips, scores).predict(clips), alone)
    inside = cross_val_predict(line, clips, scores, cv=FOLDS)
    outside = cross_val_predict(create_method("ridge"), halve(clips), scores, cv=FOLDS)
    np.testing.assert_array_equal(inside, outside)
    result = evaluate(line, clips, scores, cv=KFold(FOLDS))
    np.testing.assert_array_equal(result.predictions[0, :, 0], outside)
    assert result.method == "Pipeline" and "halve" in result.settings["estimator"]


@pytest.mark.parametrize("method", list_methods())
def test_every_method_is_an_estimator(method: str) -> None:
    made = create_method(method, random_state=3)
    copy = clone(made)
    assert type(copy) is type(made) and copy.get_params() == made.get_params()
    assert copy.preset() == made.preset() and made.preset().training.seed == 3
    assert made.preset().method == method
    shown = f"MethodRegressor(method={method!r}, random_state=3)"
    assert repr(made) == (shown if method != "cofinal" else "CoFInAlRegressor(random_state=3)")
    assert 10 < len(list_methods()[method]) < 100


@pytest.mark.parametrize("own", [Nearest, f"{own_method.__file__}:Nearest"])
def test_a_class_of_ones_own_is_an_estimator(
    own: Any, clips: list[np.ndarray], scores: np.ndarray
) -> None:
    method = create_method(own, neighbours=2)
    assert method.preset().training.epochs == 7
    means = np.array([values.mean(0) for values in clips])
    reference = KNeighborsRegressor(2)
    np.testing.assert_allclose(
        cross_val_predict(method, clips, scores, cv=FOLDS),
        cross_val_predict(reference, means, scores, cv=FOLDS),
        rtol=1e-5,
    )
    copy = pickle.loads(pickle.dumps(clone(method).fit(clips, scores)))
    np.testing.assert_array_equal(copy.predict(clips), method.fit(clips, scores).predict(clips))


@pytest.mark.parametrize("name", preset_names())
def test_presets_are_estimators_too(name: str) -> None:
    preset = load_preset(name)
    assert create_method(preset).preset() == preset
    changed = create_method(preset, random_state=7, epochs=3).preset().training
    assert (changed.seed, changed.epochs) == (7, 3)


def test_parameters_are_the_settings_by_their_own_names() -> None:
    model = CoFInAlRegressor(grades=5)
    signature = inspect.signature(CoFInAlRegressor).parameters
    assert list(signature) == list(model.get_params())
    assert {n: p.default for n, p in signature.items()} == CoFInAlRegressor().get_params()
    assert model.set_params(epochs=7, random_state=1) is model
    preset = model.preset()
    assert (preset.model.grades, preset.training.epochs, preset.training.seed) == (5, 7, 1)
    default = Preset()
    assert CoFInAlRegressor().preset() == default
    copy = pickle.loads(pickle.dumps(model))
    assert copy.get_params() == model.get_params()


def test_a_fitted_estimator_survives_pickle(
    fitted: CoFInAlRegressor, clips: list[np.ndarray]
) -> None:
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.predict(clips[:3]), fitted.predict(clips[:3]))


# What of scikit-learn's battery does not fit on a table of numbers (N, features).
APPLICABLE = (
    "check_estimator_cloneable",
    "check_estimator_tags_renamed",
    "check_valid_tag_types",
    "check_estimator_repr",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimators_unfitted",
    "check_mixin_order",
    "check_n_features_in_after_fitting",
)


@pytest.mark.parametrize("name", APPLICABLE)
def test_scikit_learn_finds_no_fault(name: str) -> None:
    check = getattr(estimator_checks, name, None)
    if check is None:
        pytest.skip(f"this scikit-learn has no {name}")
    check("CoFInAlRegressor", CoFInAlRegressor())


def of_logistic(model: Any, clips: list[np.ndarray]) -> Any:
    """What a fitted ridge says of the only target, by SciPy."""
    first = model.model_.first
    error = float(first.error_K * (first.range_K2[:, 1] - first.range_K2[:, 0]))
    return logistic(model.predict(clips), error * np.sqrt(3) / np.pi)


def test_intervals_reach_as_far_as_the_kth_smallest_of_folds(
    clips: list[np.ndarray], scores: np.ndarray
) -> None:
    model = create_method("ridge", calibration="folds").fit(clips, scores)
    folds = KFold(5, shuffle=True, random_state=0)
    reach = np.empty(len(clips))
    for known, held_out in folds.split(clips):
        fitted = create_method("ridge").fit([clips[i] for i in known], scores[known])
        said = of_logistic(fitted, [clips[i] for i in held_out])
        reach[held_out] = np.abs(said.cdf(scores[held_out]) - 0.5)
    for confidence in (0.5, 0.9):
        kth = np.sort(reach)[math.ceil(33 * confidence) - 1]
        said = of_logistic(model, clips)
        expected = np.stack([said.ppf(0.5 - kth), said.ppf(0.5 + kth)], axis=1)
        # Knots stand a quarter of the scale apart: within .2 % of the probability.
        found = model.predict_interval(clips, confidence)
        np.testing.assert_allclose(found, expected, atol=0.02 * said.std().max())
    np.testing.assert_array_equal(
        model.predict_interval(clips), model.predict_interval(clips, confidence=0.9)
    )


def test_calibration_keeps_a_part_aside_by_groups(
    clips: list[np.ndarray], generated: Dataset, events: tuple[str, ...]
) -> None:
    model = create_method("ridge", calibration="part", calibration_share=0.4)
    model.fit(clips, generated.scores, groups=events)
    kept = {events[int(i)] for i in model.training_.ids}
    aside = [i for i in range(32) if str(i) not in model.training_.ids]
    assert aside and not kept & {events[i] for i in aside}
    assert len(model.info_.calibration) == len(aside)
    assert model.predict_interval(clips).shape == (32, 2, 2)


@pytest.mark.parametrize(
    ("cv", "repeats"), [(KFold(FOLDS), 1), (RepeatedKFold(n_splits=3, n_repeats=2), 2), (None, 1)]
)
def test_evaluate_takes_splitters(
    cv: Any, repeats: int, clips: list[np.ndarray], generated: Dataset
) -> None:
    cv = cv or list(KFold(2).split(clips))
    names = ("execution", "difficulty")
    result = evaluate(create_method("ridge"), clips, generated.scores, cv=cv, targets=names)
    assert result.predictions.shape == (repeats, 32, 2) and np.isfinite(result.predictions).all()
    assert "execution" in result.table() and result["difficulty"].target == "difficulty"
    with pytest.raises(KeyError, match="'PCS' was not measured; there are execution, difficulty"):
        result["PCS"]


def test_evaluate_by_number_settings_or_splitter_is_the_same(
    clips: list[np.ndarray], scores: np.ndarray, events: tuple[str, ...]
) -> None:
    method, groups = create_method("ridge"), {"event": events}
    protocol = ProtocolSettings("group", group="event", folds=FOLDS)
    results = [
        evaluate(method, clips, scores, cv=cv, groups=groups)
        for cv in (FOLDS, protocol, GroupKFold(FOLDS))
    ]
    line = make_pipeline(FunctionTransformer(), method)
    results += [evaluate(line, clips, scores, cv=cv, groups=groups) for cv in (FOLDS, protocol)]
    for result in results:
        np.testing.assert_array_equal(result.predictions, results[0].predictions)
        # An estimator of another library tells no distribution, so its grades are not measured.
        measured, expected = (replace(one["score"], grading=None) for one in (result, results[0]))
        assert measured == expected and result.within == "event"
    random = evaluate(method, clips, scores, cv=FOLDS)
    folds = KFold(FOLDS, shuffle=True, random_state=0)
    expected = cross_val_predict(method, clips, scores, cv=folds)
    np.testing.assert_allclose(random.predictions[0, :, 0], expected)


def test_those_never_held_out_are_not_measured(clips: list[np.ndarray], scores: np.ndarray) -> None:
    part = np.where(np.arange(32) < 20, -1, 0)
    result = evaluate(create_method("ridge"), clips, scores, cv=PredefinedSplit(part))
    assert result["score"].performances == 12
    model = create_method("ridge").fit(clips[:20], scores[:20])
    np.testing.assert_allclose(result.predictions[0, 20:, 0], model.predict(clips[20:]))


WRONG: list[tuple[Callable[[Any, Any], object], str]] = [
    (lambda c, s: CoFInAlRegressor(grade=3), "setting 'grade' of method 'cofinal' is unknown; it"),
    (lambda c, s: CoFInAlRegressor(seed=3), "unknown; the seed is called 'random_state'"),
    (lambda c, s: CoFInAlRegressor().set_params(grade=3), "setting 'grade' of method"),
    (lambda c, s: create_method("forest"), "method 'forest' is unknown; choose one of"),
    (
        lambda c, s: create_method("ridge").set_params(method="svr"),
        r"cannot become 'svr'; use create_method\('svr'\)",
    ),
    (lambda c, s: CoFInAlRegressor(epochs=0).fit(c, s), "setting epochs is 0"),
    (lambda c, s: CoFInAlRegressor(epochs="x").fit(c, s), "setting epochs is 'x'; expected a whol"),
    (lambda c, s: CoFInAlRegressor(epochs=None).fit(c, s), "setting epochs is None"),
    (
        lambda c, s: CoFInAlRegressor(random_state=None).fit(c, s),
        "random_state is None; expected a",
    ),
    (
        lambda c, s: CoFInAlRegressor(random_state=-1).fit(c, s),
        "random_state is -1; expected a whole",
    ),
    (lambda c, s: CoFInAlRegressor(calibration="some").fit(c, s), "calibration is 'some'"),
    (lambda c, s: create_method("ridge").fit(c, s[:3]), "32 performances and 3 scores"),
    (lambda c, s: create_method("ridge").fit(c[0], s), r"clips\[0\] has shape \(8,\)"),
    (lambda c, s: create_method("ridge").fit("features", s), "clips are 'features'; expected"),
    (lambda c, s: create_method("ridge").fit(c, [np.nan, *s[1:]]), r"scores\[0\] is nan"),
    (lambda c, s: create_method("ridge").fit(c[:1], s[:1]), "1 training performances; expected at"),
    (lambda c, s: create_method("ridge").fit(c, s, groups=s), "nothing is calibrated; set calib"),
    (
        lambda c, s: create_method("ridge", calibration="part").fit(c, s, groups={"a": s}),
        "groups have several columns",
    ),
    (
        lambda c, s: create_method("ridge").fit(c, s).predict([c[0][:, :3]]),
        r"clips\[0\] has 3 channels a clip and the performances fitted on 8",
    ),
    (lambda c, s: create_method("ridge").fit(c, s).predict([]), "clips are empty"),
    (
        lambda c, s: create_method("ridge").fit(c, s).predict_interval(c),
        "fitted with calibration='none', so it has no intervals; fit it with calibration='folds'",
    ),
    (
        lambda c, s: create_method("ridge", calibration="folds").fit(c, s).predict_interval(c, 1.5),
        "confidence is 1.5",
    ),
    (lambda c, s: evaluate(create_method("ridge"), c, s, cv=1), "setting folds is 1"),
    (lambda c, s: evaluate(create_method("ridge"), c, s, cv="five"), "cv='five' cannot part 32"),
    (lambda c, s: evaluate(create_method("ridge"), c, s, cv=StratifiedKFold(2)), "cannot part 32"),
    (lambda c, s: evaluate(create_method("ridge"), c, s, cv=GroupKFold(2)), "cannot part 32"),
    (
        lambda c, s: evaluate(create_method("ridge"), c, s, cv=ShuffleSplit(4, random_state=0)),
        r"is held out \d times, others \d; give folds that hold out all equally often",
    ),
    (
        lambda c, s: evaluate(create_method("ridge"), c, s, cv=[(range(32), [3])]),
        "trains on performance 3, which it holds out",
    ),
    (
        lambda c, s: evaluate(create_method("ridge"), c, s, groups={"a": s, "b": s}),
        "groups have columns a, b; name the one",
    ),
    (lambda c, s: evaluate("labels.csv", c, s), "what to evaluate is 'labels.csv'; expected an es"),
    (lambda c, s: evaluate(pd.DataFrame({"a": s})), "expected an estimator with clips and scores"),
    (lambda c, s: create_method("ridge").fit(c, s).to_scorer().score_many(Path("x")), "expected a"),
]


@pytest.mark.parametrize(("wrong", "match"), WRONG, ids=[match for _, match in WRONG])
def test_mistakes_get_a_sentence(
    wrong: Callable[[Any, Any], object], match: str, clips: list[np.ndarray], scores: np.ndarray
) -> None:
    with pytest.raises(CofinalError, match=match):
        wrong(clips, scores)


@pytest.mark.parametrize(
    "method", ["predict", "predict_grade", "predict_proba", "predict_interval", "explain"]
)
def test_predict_before_fit_gets_a_sentence(method: str, clips: list[np.ndarray]) -> None:
    with pytest.raises(NotFittedError, match="CoFInAlRegressor is not fitted yet; call fit before"):
        getattr(CoFInAlRegressor(), method)(clips)
