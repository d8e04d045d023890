"""Named channels: what did it in a moment."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from cofinal.cli.main import main
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


@pytest.fixture
def squats(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A model folder, features of a performance, and its sheet: its second element is uneven."""
    draw = np.random.default_rng(0)
    folder = tmp_path / "features"
    folder.mkdir()
    lines = ["id,score"]
    for i in range(120):
        values = draw.normal(size=(6, len(CHANNELS))).astype(np.float32)
        values[:, KNEE] = draw.uniform(0, 10)
        if i == 0:
            values[:] = 0.0
            values[2:4, KNEE] = 8.0
        np.save(folder / f"p{i}.npy", values)
        lines.append(f"p{i},{20 - 3 * values[:, KNEE].mean():.3f}")
    recipe = {"backbone": "skeleton", "clip_frames": 32, "stride_frames": 32, "fps": 25}
    (folder / "features.json").write_text(json.dumps(recipe))
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("id,element,start,end\np0,lunge,0,2.4\np0,squat,2.6,5.1\n")
    source = ["--dataset", str(tmp_path / "labels.csv"), "--data", str(folder)]
    assert main(["train", *source, "--method", "ridge", "--out", str(tmp_path / "run")]) == 0
    return tmp_path / "run" / "model", folder / "p0.npy", sheet


def test_elements_of_a_sheet_are_told_with_what_did_it(
    squats: tuple[Path, Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, features, sheet = map(str, squats)
    capsys.readouterr()
    assert main(["explain", model, features, "--sheet", sheet]) == 0
    cause = r"most by knee angle, difference left/right \(8 degrees, elsewhere 0\)"
    said = capsys.readouterr().out
    assert re.search(rf"^    2\. squat, 0:0\d to 0:0\d: -\d\.\d\d points, {cause}$", said, re.M)
    # The moment too: its clips are those of the element.
    assert re.search(rf"^    0:0\d to 0:0\d: -\d\.\d\d points, {cause}$", said, re.M)
    page = tmp_path / "page.html"
    assert main(["report", model, features, "--sheet", sheet, "--out", str(page)]) == 0
    shown = re.sub(r"<[^>]+>", "", page.read_text())
    assert len(re.findall(rf"(?<!, ){cause}", shown)) == 1  # in the table of elements
    assert main(["explain", model, features, "--sheet", sheet, "--json"]) == 0
    (lunge, squat) = json.loads(capsys.readouterr().out.split("\n", 1)[1])[0]["elements"]
    assert lunge["values"]["score"] > 0 > squat["values"]["score"]
    assert lunge["causes"]["score"].endswith("(0 degrees, elsewhere 4)")  # more even than the rest
    assert squat["causes"]["score"].endswith("(8 degrees, elsewhere 0)")
