"""Settings of extraction: what is refused, and the way to a model's recipe and back."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest

from cofinal.errors import CofinalError
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.records import FeatureRecipe


def test_defaults_are_the_published_recipe() -> None:
    assert ExtractionRecipe().feature_recipe(None) == FeatureRecipe(
        backbone="video-swin-b",
        clip_frames=32,
        stride_frames=32,
        fps=25.0,
        crop="short side 256, centre 224x300, resize 224x224",
    )


def test_a_models_recipe_comes_back() -> None:
    for fps in (30.0, "native"):
        recipe = ExtractionRecipe("i3d", fps, 16, 8, 240, 200, 210, 112)  # type: ignore[arg-type]
        assert ExtractionRecipe.from_feature_recipe(recipe.feature_recipe("abc")) == recipe


def test_what_a_model_does_not_know_takes_the_default() -> None:
    known = FeatureRecipe(backbone="i3d", clip_frames=16)
    recipe = ExtractionRecipe.from_feature_recipe(known)
    assert (recipe.clip_frames, recipe.stride_frames, recipe.fps) == (16, 16, 25.0)
    with pytest.raises(CofinalError, match="does not say which backbone"):
        ExtractionRecipe.from_feature_recipe(FeatureRecipe())
    with pytest.raises(CofinalError, match="crop 'the whole frame' cannot be repeated"):
        ExtractionRecipe.from_feature_recipe(FeatureRecipe("i3d", crop="the whole frame"))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("fps", 0.0, "fps is 0.0; expected a number from 0.01 to 240, or 'native'"),
        ("fps", float("nan"), "fps is nan"),
        ("clip_frames", 1, "clip_frames is 1; expected a whole number from 2 to 1024"),
        ("clip_frames", 32.0, "clip_frames is 32.0; expected a whole number"),
        ("stride_frames", 0, "stride_frames is 0"),
        ("input_px", 10**9, "input_px is 1000000000"),
        ("precision", "int8", "precision 'int8' is unknown; use float32 or bfloat16"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: object, said: str) -> None:
    with pytest.raises(CofinalError, match=said):
        dataclasses.replace(ExtractionRecipe(), **{name: value})  # type: ignore[arg-type]


def test_digest_changes_with_every_setting_and_the_weights() -> None:
    recipe = ExtractionRecipe()
    changes = {
        "backbone": "i3d",
        "fps": 24.0,
        "clip_frames": 16,
        "stride_frames": 16,
        "short_side_px": 255,
        "crop_height_px": 200,
        "crop_width_px": 200,
        "input_px": 112,
        "precision": "bfloat16",
    }
    assert changes.keys() == {f.name for f in dataclasses.fields(recipe)}
    digests = {
        dataclasses.replace(recipe, **{name: value}).digest(None)  # type: ignore[arg-type]
        for name, value in changes.items()
    }
    assert len(digests | {recipe.digest(None), recipe.digest("abc")}) == len(changes) + 2


def test_recipe_table_and_command_import_no_torch() -> None:
    program = (
        "import sys, cofinal.extraction.recipe, cofinal.extraction.backbones, cofinal.cli.extract; "
        "sys.exit('torch' in sys.modules or 'av' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
