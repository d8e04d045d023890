"""From video files to scores: extract, train, and score videos that training has not seen."""

from __future__ import annotations

import json
import pwd
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from video_files import moving_square, write_video

from cofinal.cli.main import main
from cofinal.config import DataSource, Preset, TrainingSettings
from cofinal.errors import CofinalError
from cofinal.extraction.many import extract_many
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.scorer import Scorer
from cofinal.times import ClipTimes
from cofinal.workflows import train_and_test

VIDEOS, HELD_OUT = 24, 8


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of a square that moves at a speed, which is the score; a model trained on most."""
    folder = tmp_path_factory.mktemp("videos")
    speeds = np.random.default_rng(2).uniform(0.3, 6, VIDEOS)
    for number, speed in enumerate(speeds):
        write_video(folder / f"{number}.mp4", moving_square(70, speed))
    extract_many([str(folder)], folder / "features", ExtractionRecipe(backbone="motion"))
    lines = [f"{number},{speed:.3f}" for number, speed in enumerate(speeds[:-HELD_OUT])]
    (folder / "labels.csv").write_text("\n".join(["id,speed", *lines]) + "\n")
    np.save(folder / "held_out.npy", speeds[-HELD_OUT:])
    preset = Preset(
        "cofinal",
        CoFInAlSettings(width=16, grades=3, principal_components=16),
        TrainingSettings(epochs=20, batch_size=8, members=1),
    )
    source = DataSource(str(folder / "labels.csv"), folder / "features")
    train_and_test(source, preset, folder / "run", show_progress=False)
    return folder


def test_held_out_videos_are_ranked_by_what_was_trained(place: Path) -> None:
    scorer = Scorer.load(place / "run" / "model")
    numbers = range(VIDEOS - HELD_OUT, VIDEOS)
    found = [scorer.score_video(place / f"{n}.mp4", use_cache=False) for n in numbers]
    speeds = np.load(place / "held_out.npy")
    assert spearmanr([p["speed"].score for p in found], speeds).statistic > 0.85


def test_a_video_scores_as_its_features_do_with_the_clips_true_times(place: Path) -> None:
    scorer = Scorer.load(place / "run" / "model")
    from_video = scorer.score_video(place / "3.mp4", use_cache=False)
    from_features = scorer.score(place / "features" / "3.npy")
    assert from_video["speed"].score == from_features["speed"].score
    assert from_video.clips == 2
    # 70 frames hold two clips of 32; of the 6 left over, 3 are dropped before the first.
    assert from_video.times == from_features.times == ClipTimes(3 / 25, 32 / 25, 32 / 25)


def test_the_command_scores_videos_and_keeps_their_features_in_the_cache(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "cache"))
    words = [sys.executable, "-m", "cofinal.cli.main", "score", str(place / "run" / "model")]
    before = sorted(place.iterdir())
    done = subprocess.run(
        [*words, str(place / "3.mp4"), "--json"], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)[0]["targets"][0]["target"] == "speed"
    assert sorted(place.iterdir()) == before
    assert list((tmp_path / "cache").rglob("*.npy"))


def test_a_broken_video_gets_a_sentence(place: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(CofinalError, match=r"text\.mp4 is not a video"):
        Scorer.load(place / "run" / "model").score_video(tmp_path / "text.mp4")


def test_a_user_without_a_home_gets_a_score(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    """As in containers: the user's number has no entry, and no variable names a folder."""

    def unknown(_: int) -> None:
        raise KeyError("getpwuid(): uid not found")

    for name in ("HOME", "COFINAL_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.chdir(tmp_path)
    assert main(["score", str(place / "run" / "model"), str(place / "0.mp4")]) == 0
    said = capsys.readouterr()
    assert "speed:" in said.out
    assert "its features are not kept: this user has no home folder" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_costs_no_score(
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "file" / "cache"))
    assert main(["score", str(place / "run" / "model"), str(place / "0.mp4")]) == 0
    said = capsys.readouterr()
    assert "speed:" in said.out and "its features are not kept: cannot write" in said.err
