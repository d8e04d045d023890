"""Value objects refuse what they should, in a sentence."""

from __future__ import annotations

import json

import numpy as np
import pytest

from cofinal.errors import CofinalError
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


def test_seconds_per_clip_follow_stride_and_frame_rate() -> None:
    assert FeatureRecipe(clip_frames=32, fps=25.0).seconds_per_clip == pytest.approx(1.28)
    assert FeatureRecipe(
        clip_frames=32, stride_frames=16, fps=25.0
    ).seconds_per_clip == pytest.approx(0.64)
    assert FeatureRecipe(clip_frames=32).seconds_per_clip is None


def test_prediction_is_found_by_target_and_becomes_json() -> None:
    attention = np.full((2, 3), 1 / 3, dtype=np.float32)
    entry = TargetPrediction("PCS", 27.5, 1, (0.6, 0.4), (20.0, 28.0, 35.0), 0.9, attention)
    prediction = Prediction("9", (entry,), clips=3)
    assert prediction["PCS"].score == 27.5
    with pytest.raises(CofinalError, match="it predicts PCS"):
        prediction["TES"]
    assert json.loads(json.dumps(prediction.to_json()))["targets"][0]["place"] == 0.9


def test_natural_order_counts() -> None:
    assert sorted(["10", "9", "a2", "a10"], key=natural_key) == ["9", "10", "a2", "a10"]


def test_a_recipe_is_completed_by_what_another_knows() -> None:
    mine = FeatureRecipe(backbone="i3d", fps=25.0)
    other = FeatureRecipe(backbone="i3d", fps=30.0, stride_frames=16)
    assert mine.completed(other) == FeatureRecipe(backbone="i3d", fps=25.0, stride_frames=16)
    assert FeatureRecipe().completed(other) == other
