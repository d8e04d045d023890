"""The same figure in the files of every tool gives the same features; odd files get a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from figures import JOINT_NUMBERS, squatting

from cofinal import skeleton_features
from cofinal.errors import CofinalError
from cofinal.extraction.extractor import extract_like
from cofinal.extraction.many import extract_many
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.skeletons import extract_skeleton, find_skeletons
from cofinal.skeleton.joints import COUNTS, JOINTS, LAYOUTS
from cofinal.skeleton.keypoints import Keypoints, read_keypoints, write_keypoints
from cofinal.skeleton.readers import read_skeleton
from cofinal.skeleton.tool_csv import KINECT_NAMES

RECIPE = ExtractionRecipe("skeleton")
BODY = squatting()
# Rows of a picture grow downwards; 640 x 480 pixels hold the figure.
PIXELS = BODY[..., :2] * np.array([20.0, -20.0]) + np.array([320.0, 400.0])


def laid_out(layout: str, body: np.ndarray) -> np.ndarray:
    """The figure's joints where the tool has them; other joints at the figure's head."""
    placed = np.repeat(body[:, :1], COUNTS[layout], axis=1)
    for name, number in LAYOUTS[layout].items():
        placed[:, number] = body[:, JOINT_NUMBERS[name]]
    return placed


def expected(layout: str, body: np.ndarray, fps: float = 25) -> np.ndarray:
    """By the function alone, without the joints that the layout lacks."""
    own = body.copy()
    for name in JOINTS:
        if name not in LAYOUTS[layout]:
            own[:, JOINT_NUMBERS[name]] = np.nan
    return skeleton_features(own, JOINT_NUMBERS, fps).values


def flat(person: np.ndarray, confidence: float = 1.0) -> list[float]:
    return np.concatenate([person, np.full((len(person), 1), confidence)], 1).ravel().tolist()


def mediapipe(folder: Path) -> Path:
    shares = laid_out("mediapipe", PIXELS) / np.array([640, 480])
    frames = [
        [{"x": x, "y": y, "z": 0.1, "visibility": 1.0} for x, y in person]
        for person in shares.tolist()
    ]
    path = folder / "figure.json"
    path.write_text(json.dumps({"fps": 25, "width": 640, "height": 480, "frames": frames}))
    return path


def coco(folder: Path) -> Path:
    bystander = np.full((17, 2), 30.0) + np.arange(17)[:, None]
    records: list[dict[str, Any]] = []
    for frame, person in enumerate(laid_out("coco-17", PIXELS)):
        records.append({"image_id": frame, "keypoints": flat(bystander, 0.9), "score": 0.9})
        records.append({"image_id": frame, "keypoints": flat(person), "score": 0.5})
    (folder / "joints.toml").write_text("fps = 25\n")
    (folder / "figure.json").write_text(json.dumps(records))
    return folder / "figure.json"


def openpose(folder: Path) -> Path:
    inside = folder / "figure"
    inside.mkdir()
    for frame, person in enumerate(laid_out("openpose-25", PIXELS)):
        people = [{"pose_keypoints_2d": flat(person)}]
        name = f"figure_{frame:012d}_keypoints.json"
        (inside / name).write_text(json.dumps({"version": 1.3, "people": people}))
    (folder / "joints.toml").write_text("fps = 25\n")
    return inside


def kinect(folder: Path) -> Path:
    states = np.full((len(BODY), 25, 1), 2.0)
    rows = np.concatenate([laid_out("kinect-v2", BODY), states], 2).reshape(len(BODY), -1)
    lines = [",".join(map(str, row)) + "," for row in rows.tolist()]
    (folder / "joints.toml").write_text("fps = 25\n")
    (folder / "figure.csv").write_text("\n".join(lines))
    return folder / "figure.csv"


def kinect_with_names(folder: Path) -> Path:
    header = ["time_ms", *(f"{name}_{axis}" for name in KINECT_NAMES for axis in "XYZ")]
    rows = laid_out("kinect-v2", BODY).reshape(len(BODY), -1).tolist()
    lines = [",".join(map(str, [40 * f, *row])) for f, row in enumerate(rows)]
    (folder / "figure.csv").write_text("\n".join([",".join(header), *lines]))
    return folder / "figure.csv"


def plain_csv(folder: Path) -> Path:
    header = [f"{name}_{axis}" for name in JOINTS for axis in "xyz"]
    rows = BODY.reshape(len(BODY), -1).tolist()
    lines = [",".join(map(str, row)) for row in rows]
    (folder / "joints.toml").write_text('fps = 25\nup = "y"\n')
    (folder / "figure.csv").write_text("\n".join([",".join(header), *lines]))
    return folder / "figure.csv"


def array(folder: Path) -> Path:
    table = "\n".join(f"{name} = {number}" for name, number in JOINT_NUMBERS.items())
    (folder / "joints.toml").write_text(f"fps = 25\n[joints]\n{table}\n")
    np.save(folder / "figure.npy", BODY.astype(np.float32))
    return folder / "figure.npy"


def kept(folder: Path) -> Path:
    seconds = np.arange(len(PIXELS)) / 25
    shown = np.ones(PIXELS.shape[:2])
    keypoints = Keypoints(PIXELS, shown, seconds, JOINT_NUMBERS, picture=(640, 480))
    write_keypoints(folder / "figure.keypoints.npz", keypoints)
    assert read_keypoints(folder / "figure.keypoints.npz").picture == (640, 480)
    return folder / "figure.keypoints.npz"


ALL = "mediapipe"  # has all joints of JOINTS


@pytest.mark.parametrize(
    ("write", "layout", "body"),
    [
        (mediapipe, "mediapipe", PIXELS),
        (coco, "coco-17", PIXELS),
        (openpose, "openpose-25", PIXELS),
        (kinect, "kinect-v2", BODY),
        (kinect_with_names, "kinect-v2", BODY),
        (plain_csv, ALL, BODY),
        (array, ALL, BODY),
        (kept, ALL, PIXELS),
    ],
)
def test_every_tools_file_gives_the_figures_features(
    write: Callable[[Path], Path], layout: str, body: np.ndarray, tmp_path: Path
) -> None:
    path = write(tmp_path)
    features = extract_skeleton(path, RECIPE)
    assert features.id == "figure"
    assert (features.fps, features.found_share) == (25, 1)
    # Single precision of the files moves low jerk terms a little.
    np.testing.assert_allclose(features.values, expected(layout, body), rtol=1e-3, atol=2e-2)


def test_one_of_two_persons_is_followed(tmp_path: Path) -> None:
    keypoints = read_skeleton(coco(tmp_path))
    hips = keypoints.positions_FJD[:, LAYOUTS["coco-17"]["left_hip"]]
    np.testing.assert_allclose(hips, PIXELS[:, JOINT_NUMBERS["left_hip"]])


def test_frames_without_anybody_stay(tmp_path: Path) -> None:
    path = mediapipe(tmp_path)
    content = json.loads(path.read_text())
    for frame in (0, 5, 6):
        content["frames"][frame] = None
    path.write_text(json.dumps(content))
    keypoints = read_skeleton(path)
    assert keypoints.found_share == pytest.approx(61 / 64)
    assert np.flatnonzero(keypoints.visibility_FJ[:, 0] == 0).tolist() == [0, 5, 6]


def test_a_folder_is_extracted_once_and_again_after_a_change(tmp_path: Path) -> None:
    inside = openpose(tmp_path)
    source = tmp_path / "more"
    source.mkdir()
    mediapipe(source).rename(source / "other.json")
    assert list(find_skeletons([tmp_path])) == ["figure", "other"]
    sources = [str(inside), str(source)]
    summary = extract_many(sources, tmp_path / "out", RECIPE)
    assert summary.extracted == ["figure", "other"] and not summary.broken
    described = json.loads((tmp_path / "out" / "features.json").read_text())
    assert described["backbone"] == "skeleton" and described["crop"] == "no picture"
    assert described["videos"]["figure"]["found_share"] == 1
    assert extract_many(sources, tmp_path / "out", RECIPE).skipped == ["figure", "other"]
    frame = next(inside.glob("*_keypoints.json"))
    frame.write_text('{"people": []}')
    assert extract_many(sources, tmp_path / "out", RECIPE).extracted == ["figure"]
    again = extract_like(inside, RECIPE.feature_recipe(None))
    np.testing.assert_array_equal(again.values, np.load(tmp_path / "out" / "figure.npy"))


@pytest.mark.parametrize(
    ("name", "content", "hints", "said"),
    [
        ("a.json", "[1, 2", "", r"a\.json is not JSON"),
        ("a.json", "{}", "", "is no list of frames; expected keypoints of MediaPipe, OpenPose or"),
        ("a.json", '[{"people": 3}]', "", "a frame has no list of people"),
        ("a.json", '[{"people": [{"pose_keypoints_2d": [1, 2]}]}]', "", "no list of x, y, conf"),
        ("a.json", '[{"image_id": 1, "keypoints": null}]', "", "no list of x, y, confidence"),
        ("a.json", '[[{"x": 1}]]', "", "a landmark has no x and y"),
        ("a.json", '[[{"x": 0.1, "y": NaN}]]', "", "y nan; expected a finite number"),
        ("a.json", '[[{"x": 0.1, "y": 0.2}]]', "", "shares of a picture whose size is not told"),
        ("a.json", '[[{"x": 9, "y": 9}]]', "", r"1 joints and does not say which is which"),
        ("a.json", '[[{"x": 9, "y": 9}]]', 'layout = "coco-17"', "'coco-17' has 17; correct"),
        ("a.json", '[[{"x": 9, "y": 9}]]', "frames = 3", "'frames' is unknown; expected layout"),
        ("a.csv", "", "", r"a\.csv is empty; expected a line a frame"),
        ("a.csv", "1,2,3\n", "", "has 3 columns without names; expected 75 or 100"),
        ("a.csv", "head_x,head_y\n1\n", "", r"a\.csv:2: 1 cells instead of 2"),
        ("a.csv", "head_x,head_y\n1,b\n", "", r"a\.csv:2: 'b'; expected a number"),
        ("a.csv", "head_x,head_z\n1,2\n", "", "joint 'head' has no column head_y"),
        ("a.csv", "score\n1\n", "", "no column is named NAME_x"),
        ("a.csv", "head_x,head_y\n1,2\n", "", "does not say its frame rate; write fps = 30"),
        ("a.csv", "head_x,head_y\n1,2\n", "fps = -1", "fps is -1; expected 0.001 to 10000"),
        ("a.csv", "head_x,head_y\n1,2\n", "fps = 30\nup = 'up'", "up is 'up'; expected one of x"),
        ("a.csv", "head_x,head_y\n1,2\n", "fps = 30", "joint 'left_shoulder' is missing"),
        ("a.csv", "a_x,a_y\n1,2\n", "fps = 30\n[joints]\nhead = 'b'", "no joint 'b', which joints"),
        ("a.npy", "text", "", r"cannot read .*a\.npy"),
        ("a.keypoints.npz", "text", "", r"a\.keypoints\.npz"),
        ("a.doc", "text", "", r"a\.doc is no skeleton file; expected \.keypoints\.npz, \.json"),
        ("a.json", "[]", "fps = ", "is not TOML"),
    ],
)
def test_odd_files_get_a_sentence(
    name: str, content: str, hints: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(content)
    if hints:
        (tmp_path / "joints.toml").write_text(hints)
    with pytest.raises(CofinalError, match=said):
        extract_skeleton(tmp_path / name, RECIPE)
