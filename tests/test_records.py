"""Value objects refuse what they should, in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest

from certain import certain
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.evaluation.result import EvaluationResult
from cofinal.explain.evidence import Evidence
from cofinal.records import ClipFeatures, FeatureRecipe, Prediction, TargetPrediction, natural_key


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.zeros((3, 4), dtype=np.int64), "int64"),
        (np.zeros(4, dtype=np.float32), r"shape \(4,\)"),
        (np.zeros((0, 4), dtype=np.float32), "at least one clip"),
        (np.array([[0.0, 1.0], [np.nan, 1.0]], dtype=np.float32), "clip 1 holds a value"),
        ([[1.0]], "list"),
    ],
)
def test_clip_features_refuse_what_is_no_float_matrix(values: object, match: str) -> None:
    with pytest.raises(CofinalError, match=match):
        ClipFeatures(values, id="7")  # type: ignore[arg-type]


def test_recipes_differ_only_where_both_know() -> None:
    known = FeatureRecipe(backbone="video-swin-b", fps=25.0)
    assert FeatureRecipe().differences(known) == []
    assert FeatureRecipe(fps=25.0, clip_frames=16).differences(known) == []
    assert FeatureRecipe(backbone="i3d").differences(known) == [
        "backbone 'i3d' instead of 'video-swin-b'"
    ]


def test_prediction_is_found_by_target_and_becomes_json() -> None:
    attention = np.full((2, 3), 1 / 3, dtype=np.float32)
    edges = np.array([20.0, 28.0, 35.0])
    spread = ScoreDistribution(np.array([0.0, 1.0]), np.array([25.0, 30.0]), edges)
    entry = TargetPrediction("PCS", spread, attention=attention)
    prediction = Prediction("9", (entry,), clips=3)
    assert prediction["PCS"].score == 27.5
    with pytest.raises(CofinalError, match="it predicts PCS"):
        prediction["TES"]
    with pytest.raises(KeyError) as unknown:
        prediction["TES"]
    # KeyError alone would print the sentence in quotes.
    assert str(unknown.value).startswith("target 'TES' is not predicted")
    (told,) = json.loads(json.dumps(prediction.to_json()))["targets"]
    assert told["grade"] == 1 and told["place"] == pytest.approx(7.5 / 8)
    assert told["place_words"] == "upper third"
    assert told["grade_probabilities"] == pytest.approx([0.6, 0.4])
    assert told["at_most_this_grade"] == pytest.approx(0.6)
    assert told["quantiles"]["0.5"] == pytest.approx(27.5)


def test_a_model_that_knows_no_grades_tells_a_score_alone() -> None:
    entry = TargetPrediction("score", certain(7.0, (np.nan, np.nan)))
    assert entry.score == 7.0
    assert entry.grade is entry.place is entry.grade_probabilities is entry.place_words is None


def test_natural_order_counts() -> None:
    assert sorted(["10", "9", "a2", "a10"], key=natural_key) == ["9", "10", "a2", "a10"]


def test_a_recipe_is_completed_by_what_another_knows() -> None:
    mine = FeatureRecipe(backbone="i3d", fps=25.0)
    other = FeatureRecipe(backbone="i3d", fps=30.0, stride_frames=16)
    assert mine.completed(other) == FeatureRecipe(backbone="i3d", fps=25.0, stride_frames=16)
    assert FeatureRecipe().completed(other) == other


def test_mistakes_are_value_errors() -> None:
    with pytest.raises(ValueError, match="expected a float array"):
        ClipFeatures([[1.0]])  # type: ignore[arg-type]


def clips(value: float = 1.0) -> np.ndarray:
    return np.array([[0.0, value], [2.0, 3.0]], dtype=np.float32)


RECORDS = [
    lambda value: ClipFeatures(clips(value), id="7"),
    lambda value: TargetPrediction("PCS", certain(27.5), attention=clips(value)),
    lambda value: Prediction(
        "9", (TargetPrediction("PCS", certain(27.5), attention=clips(value)),), 2
    ),
    lambda value: Evidence("occlusion", ("PCS",), clips(value)),
    lambda value: Dataset(
        *("own", ("score",), ("a", "b"), clips(value), (clips(), clips())),
        *(("train", "train"), (None, None), {"event": ("x", "y")}),
    ),
    lambda value: EvaluationResult(
        *("ridge", {"folds": 2}, False, None, (), None, ("a",), clips(), clips(value)),
        {"preset": {"model": {"grades": [value]}}},
    ),
]


@pytest.mark.parametrize("make", RECORDS)
def test_records_are_equal_and_hash_by_what_they_hold(make: Callable[[float], object]) -> None:
    one, same, other = make(1.0), make(1.0), make(5.0)
    assert one is not same and one == same and hash(one) == hash(same)
    assert one not in (other, "else")
    assert {one: "found"}[same] == "found"
    assert len({one, same, other}) == 2
    # The two zeros are one number.
    assert make(0.0) == make(-0.0) and hash(make(0.0)) == hash(make(-0.0))


def test_records_of_another_type_or_shape_differ() -> None:
    assert ClipFeatures(clips()) != ClipFeatures(clips().astype(np.float16))
    assert ClipFeatures(clips()) != ClipFeatures(clips().reshape(1, 4))
