"""Scoring many performances: a broken one, a strange one, and a terminal of few letters."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cofinal.cli.main import main
from cofinal.config import DataSource, Preset
from cofinal.data.dataset import Dataset
from cofinal.explain.neighbours import NeighbourIndex
from cofinal.workflows import train_and_test


@pytest.fixture(scope="module")
def model(generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    return train_and_test(generated_source, Preset("ridge"), folder, False).model_folder


@pytest.fixture
def performances(generated: Dataset, tmp_path: Path) -> Path:
    """a.npy and b.npy, which are sound, a broken one, and one unlike all others."""
    for name, clips in zip("ab", generated.clips, strict=False):
        np.save(tmp_path / f"{name}.npy", clips)
    np.save(tmp_path / "far.npy", 50 + 100 * generated.clips[0])
    (tmp_path / "broken.npy").write_bytes(b"no features")
    return tmp_path


@pytest.mark.parametrize("command", ["score", "explain"])
def test_one_broken_file_costs_the_others_nothing(
    command: str, model: Path, performances: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [str(performances / f"{name}.npy") for name in ("a", "broken", "b")]
    assert main([command, str(model), *files]) == 1
    said = capsys.readouterr()
    assert main([command, str(model), files[0], files[2]]) == 0
    assert said.out == capsys.readouterr().out
    assert said.err.startswith(f"cofinal: error: {files[1]} is not a .npy file")
    assert len(said.err.splitlines()) == 1
    assert main([command, str(model), *files, "--json"]) == 1
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == ["a", "b"]


def test_a_report_leaves_out_what_is_broken_and_names_it(
    model: Path, performances: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(performances / "short.npy", np.load(performances / "a.npy")[:1])
    files = [str(performances / f"{name}.npy") for name in ("a", "broken", "short")]
    assert main(["report", str(model), *files, "--out", "-"]) == 1
    said = capsys.readouterr()
    assert [entry["id"] for entry in json.loads(said.out)["performances"]] == ["a"]
    assert "broken.npy is not" in said.err and "short has one clip" in said.err
    assert main(["report", str(model), *files[1:], "--out", "-"]) == 1
    assert "short has one clip" in capsys.readouterr().err


def test_a_performance_unlike_the_training_data_is_told_of(
    model: Path, performances: Path, generated: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(model), str(performances / "far.npy")]) == 0
    assert (
        "warning: far is unlike the training data, stranger than 100 %" in capsys.readouterr().err
    )
    assert main(["score", str(model), str(performances / "a.npy")]) == 0
    assert "unlike" not in capsys.readouterr().err
    training = generated.split("train")
    index = NeighbourIndex.build(
        training.ids, training.clips, training.scores, training.targets, np.zeros((2, 1))
    )
    assert not index.strangeness(generated.clips[0]).is_strange


def test_a_terminal_that_lacks_a_letter_shows_another(
    generated_source: DataSource, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", screen)
    data = ["--dataset", str(generated_source.dataset), "--features", str(generated_source.data)]
    assert main(["train", *data, "--method", "ridge", "--out", str(tmp_path / "é")]) == 0
    shown = screen.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert f"Model: {tmp_path}/?/model" in shown
    assert (tmp_path / "é" / "model").is_dir()
