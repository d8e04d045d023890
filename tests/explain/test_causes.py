"""Named channels: what did it in a moment."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cofinal.config import Preset, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.explain.causes import named_channels, with_causes
from cofinal.explain.moments import Moment
from cofinal.models.ensemble import Ensemble
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.skeleton.descriptors import CHANNELS
from cofinal.training.loop import train

NAMES = [channel.name for channel in CHANNELS]
KNEE, SPEED = NAMES.index("knee_difference_mean"), NAMES.index("hips_velocity_mean")
SKELETON = FeatureRecipe(backbone="skeleton", clip_frames=32, fps=25.0)


@pytest.fixture(scope="module")
def model() -> Ensemble:
    """Ridge regression that has learned: 3 points off for each unit of knee difference."""
    draw = np.random.default_rng(0)
    clips = [draw.normal(size=(6, len(CHANNELS))).astype(np.float32) for _ in range(400)]
    scores = [20 - 3 * values[:, KNEE].mean() for values in clips]
    dataset = Dataset.from_arrays(clips, scores)
    torch.manual_seed(0)
    return train(dataset, Preset("ridge", training=TrainingSettings()), show_progress=False)


def test_the_quantity_that_the_score_rests_on_is_named(model: Ensemble) -> None:
    values = np.zeros((6, len(CHANNELS)), dtype=np.float32)
    values[2, KNEE], values[:, SPEED] = 8.0, 5.0
    lowered, raised = Moment(2, 1, -4.0), Moment(2, 1, 4.0)
    features = ClipFeatures(values, recipe=SKELETON)
    told, other = with_causes(model, features, [lowered, raised], 0)
    assert told.cause == "knee angle, difference left/right (8 degrees, elsewhere 0)"
    # Nothing in the moment raised the score, so nothing is named but a remainder of the fit.
    assert "knee" not in other.cause
    assert with_causes(model, features, [Moment(0, 6, -4.0)], 0)[0].cause == ""


def test_only_channels_with_names_are_named(model: Ensemble) -> None:
    assert list(named_channels("pose")) == list(range(len(CHANNELS)))
    joined = named_channels("motion+pose")
    assert joined[576 + KNEE].name == "knee_difference_mean" and 0 not in joined
    assert named_channels("video-swin-b") == named_channels(None) == {}
    assert named_channels("FOLDER/my.py:Mine+pose") == {}
    plain = ClipFeatures(np.zeros((6, len(CHANNELS)), dtype=np.float32))
    moment = Moment(2, 1, -4.0)
    assert with_causes(model, plain, [moment], 0) == [moment]
