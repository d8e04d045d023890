"""Many videos: resuming, broken files, kills, workers; and the cache of scored videos."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from video_files import moving_square, numbered_frame, write_video

from cofinal.cli.extract import Extract
from cofinal.cli.main import main
from cofinal.data.features import read_features, read_recipe
from cofinal.engines import ENGINES
from cofinal.errors import CofinalError
from cofinal.extraction import extractor
from cofinal.extraction.backbones.loading import load_backbone
from cofinal.extraction.cache import cache_folder
from cofinal.extraction.extractor import extract, extract_like
from cofinal.extraction.many import extract_many
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.sources import find_videos
from shared_files import data_folder

MOTION = ExtractionRecipe(backbone="motion", input_px=64)


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    folder = tmp_path / "videos"
    folder.mkdir()
    for number in (1, 2, 10):
        write_video(folder / f"{number}.mp4", moving_square(70, number, 60, 80))
    return folder


def listing(folder: Path) -> dict[str, float]:
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("*.npy")}


def test_files_folders_and_patterns_name_videos(videos: Path) -> None:
    assert list(find_videos([videos])) == ["1", "2", "10"]
    assert list(find_videos([videos / "2.mp4", f"{videos}/1*.mp4"])) == ["1", "2", "10"]
    with pytest.raises(CofinalError, match="no videos named"):
        find_videos([])
    with pytest.raises(CofinalError, match="names no video"):
        find_videos([f"{videos}/*.avi"])
    shutil.copy(videos / "1.mp4", videos / "1.mkv")
    with pytest.raises(CofinalError, match=r"would both become 1\.npy"):
        find_videos([videos])


def test_films_of_one_name_are_told_apart_by_their_folders(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("2014", "2015"):
        (videos / folder).mkdir()
        shutil.copy(videos / "1.mp4", videos / folder / "7.mp4")
    found = find_videos([videos])
    assert list(found) == ["1", "2", "10", "2014/7", "2015/7"]
    assert found["2015/7"] == videos / "2015" / "7.mp4"
    sources = [videos / "2014", videos / "2015"]
    assert list(find_videos(sources)) == ["2014/7", "2015/7"]
    (videos / "2015" / "8.rmvb").write_bytes(b"film")
    out = tmp_path / "features"
    settings = ["--backbone", "motion", "--input-px", "64"]
    assert main(["extract", *map(str, sources), *settings, "--out", str(out)]) == 0
    assert (out / "2014" / "7.npy").is_file() and (out / "2015" / "7.npy").is_file()
    assert f"passed over, convert them first: {videos / '2015' / '8.rmvb'}" in (
        capsys.readouterr().err
    )
    assert extract_many(sources, out, MOTION).skipped == ["2014/7", "2015/7"]


def test_one_broken_packet_does_not_end_a_folder(videos: Path, tmp_path: Path) -> None:
    content = bytearray((videos / "2.mp4").read_bytes())
    noise = np.random.default_rng(0)
    start = content.index(b"mdat") + 8
    for place in noise.integers(start, start + 4000, 400):
        content[place] = int(noise.integers(256))
    (videos / "2.mp4").write_bytes(bytes(content))
    summary = extract_many([videos], tmp_path / "features", MOTION)
    assert {"1", "10"} <= set(summary.extracted)
    assert len(summary.extracted) + len(summary.broken) == 3


def test_features_and_provenance(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "features"
    summary = extract_many([videos], out, MOTION)
    assert summary.extracted == ["1", "2", "10"] and not summary.broken
    head = json.loads((out / "features.json").read_text())
    assert read_recipe(out) == MOTION.feature_recipe(None)
    assert head["decoder"].startswith("av ") and head["dtype"] == "float32"
    values = np.load(out / "10.npy", allow_pickle=False)
    assert values.dtype == np.float32 and values.shape == (2, 576)
    assert head["videos"]["10"]["clips"] == 2
    alone = extract(videos / "10.mp4", MOTION, load_backbone("motion"))
    assert np.array_equal(values, alone.values)
    assert str(tmp_path) not in (out / "features.json").read_text()


def test_a_second_run_does_only_what_changed(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "features"
    extract_many([videos], out, MOTION)
    before = listing(out)
    os.utime(videos / "1.mp4")  # touched, same content
    write_video(videos / "2.mp4", moving_square(70, 5, 60, 80))  # other content
    (out / "10.npy").unlink()
    summary = extract_many([videos], out, MOTION)
    assert summary.skipped == ["1"] and summary.extracted == ["2", "10"]
    assert listing(out)["1.npy"] == before["1.npy"]
    again = ExtractionRecipe(backbone="motion", input_px=64, stride_frames=16)
    summary = extract_many([videos], out, again)
    assert summary.extracted == ["1", "2", "10"]
    assert summary.replaced_because == ["stride_frames 16 instead of 32"]
    assert np.load(out / "1.npy").shape[0] == 3
    with pytest.raises(CofinalError, match="holds features made with other settings"):
        extract_many([videos / "1.mp4"], out, MOTION)


def test_features_of_others_are_not_overwritten(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "published"
    out.mkdir()
    np.save(out / "1.npy", np.zeros((3, 1024), dtype=np.float32))
    with pytest.raises(CofinalError, match=r"1\.npy was not made by this command"):
        extract_many([videos], out, MOTION)
    head = {"backbone": "video-swin-b", "clip_frames": 32}
    (out / "features.json").write_text(json.dumps(head))
    with pytest.raises(CofinalError, match=r"1\.npy was not made by this command"):
        extract_many([videos], out, MOTION)
    assert np.load(out / "1.npy").shape == (3, 1024)
    (out / "features.json").write_text("[1, 2]")
    with pytest.raises(CofinalError, match=r"features\.json is not as expected"):
        extract_many([videos], out, MOTION)


def test_broken_videos_are_listed_and_fail_the_run(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (videos / "3.mp4").write_text("a letter")
    (videos / "4.mp4").touch()
    command = Extract((str(videos), str(tmp_path / "gone.mp4")), tmp_path / "out", MOTION)
    assert command.run() == 1
    told = capsys.readouterr()
    assert "3 extracted, 0 already present, 3 broken" in told.out
    for name in ("3.mp4", "4.mp4", "gone.mp4"):
        assert f"broken: {videos if name[0] in '34' else tmp_path}/{name}" in told.err
    assert sorted(listing(tmp_path / "out")) == ["1.npy", "10.npy", "2.npy"]
    command = Extract((str(videos),), tmp_path / "out", MOTION, json=True)
    assert command.run() == 1
    record = json.loads(capsys.readouterr().out)
    assert record["skipped"] == ["1", "2", "10"]
    assert [entry["file"] for entry in record["broken"]] == [
        str(videos / "3.mp4"),
        str(videos / "4.mp4"),
    ]


def test_a_video_that_breaks_later_loses_its_features(videos: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    extract_many([videos], out, MOTION)
    (videos / "1.mp4").write_text("a letter")
    assert [b.file for b in extract_many([videos], out, MOTION).broken] == [str(videos / "1.mp4")]
    assert not (out / "1.npy").exists()
    assert "1" not in json.loads((out / "features.json").read_text())["videos"]


def test_workers_give_the_same_features(videos: Path, tmp_path: Path) -> None:
    extract_many([videos], tmp_path / "one", MOTION)
    summary = extract_many([videos], tmp_path / "two", MOTION, workers=2)
    assert sorted(summary.extracted) == ["1", "10", "2"]
    for name in listing(tmp_path / "one"):
        assert np.array_equal(np.load(tmp_path / "one" / name), np.load(tmp_path / "two" / name))


def test_features_at_native_rates_keep_each_videos_times(tmp_path: Path) -> None:
    for rate in (20, 50):
        write_video(tmp_path / f"{rate}.mp4", moving_square(70, 2, 60, 80), rate=rate)
    recipe = ExtractionRecipe("motion", fps="native", input_px=64)
    extract_many([tmp_path], tmp_path / "out", recipe)
    for rate in (20, 50):
        features = read_features(tmp_path / "out" / f"{rate}.npy")
        # 70 frames of the file's own: 3 before the first clip of 32, whatever their rate.
        assert features.values.shape == (2, 576)
        assert features.first_clip_seconds == pytest.approx(3 / rate)
        assert features.times is not None
        assert features.times.step_seconds == pytest.approx(32 / rate)
    path = tmp_path / "out" / "features.json"
    described = json.loads(path.read_text())
    described["videos"]["20"]["fps"] = -1
    path.write_text(json.dumps(described))
    with pytest.raises(CofinalError, match=r"video '20' starts at 0\.15 s with -1\.0 fps"):
        read_features(tmp_path / "out" / "20.npy")


def test_engines(videos: Path, tmp_path: Path) -> None:
    assert ENGINES == ("local", "ray")
    with pytest.raises(CofinalError, match="engine 'dask' is unknown"):
        extract_many([videos], tmp_path / "out", MOTION, engine="dask")
    with pytest.raises(CofinalError, match="workers is 0"):
        extract_many([videos], tmp_path / "out", MOTION, workers=0)


def test_a_kill_leaves_whole_files_and_a_second_run_goes_on(videos: Path, tmp_path: Path) -> None:
    for number in range(20, 32):
        shutil.copy(videos / "1.mp4", videos / f"{number}.mp4")
    out = tmp_path / "out"
    program = (
        "from cofinal.extraction.many import extract_many\n"
        "from cofinal.extraction.recipe import ExtractionRecipe\n"
        f"extract_many([{str(videos)!r}], {str(out)!r}, "
        "ExtractionRecipe(backbone='motion', input_px=64))"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(listing(out)) < 2 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = listing(out)
    assert 2 <= len(done) < 15
    for name in done:
        assert np.load(out / name).shape == (2, 576)
    recorded = json.loads((out / "features.json").read_text())["videos"]
    assert len(done) - 1 <= len(recorded) <= len(done)
    summary = extract_many([videos], out, MOTION)
    assert len(summary.skipped) == len(recorded)
    assert len(listing(out)) == 15
    assert all(listing(out)[f"{id}.npy"] == done[f"{id}.npy"] for id in summary.skipped)


def test_batch_sizes_agree(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", moving_square(100, 3, 60, 80))
    recipe = ExtractionRecipe("video-swin-t", clip_frames=16, stride_frames=16, input_px=64)
    backbone = load_backbone("video-swin-t", "random", device="cpu")
    one = extract(path, recipe, backbone, batch_clips=1).values
    four = extract(path, recipe, backbone, batch_clips=4).values
    assert one.shape == (6, 768)
    np.testing.assert_allclose(one, four, rtol=1e-4, atol=1e-5 * np.abs(one).max())


@pytest.mark.parametrize(("name", "clips"), [("balance_beam_05.avi", 2), ("dive.gif", 1)])
@pytest.mark.parametrize("backbone", ["video-swin-t", "i3d"])
def test_real_videos_through_learned_backbones(name: str, clips: int, backbone: str) -> None:
    recipe = ExtractionRecipe(backbone, clip_frames=32, input_px=96)
    loaded = load_backbone(backbone, "random", device="cpu")
    values = extract(data_folder() / "videos" / name, recipe, loaded).values
    assert values.shape == (clips, loaded.width)
    assert values.std() > 0


def test_recipe_and_backbone_must_agree(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", [numbered_frame(1)] * 3)
    with pytest.raises(CofinalError, match="the recipe asks for i3d in float32"):
        extract(path, ExtractionRecipe("i3d"), load_backbone("motion"))


@pytest.mark.skipif(sys.platform != "linux", reason="folders as Linux has them")
def test_the_cache_folder_is_the_platforms_unless_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COFINAL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "cofinal"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "cofinal"
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_scored_videos_are_cached_by_content(
    videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "cache"))
    assert cache_folder() == tmp_path / "cache"
    known = MOTION.feature_recipe(None)
    first = extract_like(videos / "1.mp4", known)
    (kept,) = (tmp_path / "cache" / "features").rglob("*.npy")
    assert {path.name for path in videos.iterdir()} == {"1.mp4", "2.mp4", "10.mp4"}
    calls = []
    whole = extractor.extract
    monkeypatch.setattr(extractor, "extract", lambda *a, **k: calls.append(a) or whole(*a, **k))
    shutil.copy(videos / "1.mp4", videos / "copy.mp4")
    second = extract_like(videos / "copy.mp4", known)
    assert calls == [] and second.id == "copy"
    assert np.array_equal(first.values, second.values)
    kept.write_bytes(kept.read_bytes()[:50])  # a damaged entry is made again
    assert np.array_equal(extract_like(videos / "1.mp4", known).values, first.values)
    assert len(calls) == 1
    extract_like(videos / "2.mp4", known)
    extract_like(videos / "1.mp4", ExtractionRecipe("motion").feature_recipe(None))
    assert len(calls) == 3


def test_a_models_weights_are_insisted_on(videos: Path) -> None:
    recipe = ExtractionRecipe("i3d", input_px=64).feature_recipe("0" * 64)
    with pytest.raises(CofinalError, match=r"made with i3d weights 000000000000\.\.\., but"):
        extract_like(videos / "1.mp4", recipe, weights="random")


def test_names_of_films_cannot_command_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a\x1b[31m.mp4").write_bytes(b"no film")
    status = main(["extract", str(tmp_path), "--backbone", "motion", "--out", str(tmp_path / "f")])
    said = capsys.readouterr()
    assert status == 1 and r"a\x1b[31m.mp4 is not a video" in said.err
    assert "\x1b" not in said.err + said.out
