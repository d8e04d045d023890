"""`cofinal explain`: what it tells people and programs, and how it refuses."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from test_cli import TINY, mistake, train

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.explain.indexfile import NEIGHBOURS


@pytest.fixture(scope="module")
def models(
    generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Path]:
    """Trained models of two methods."""
    folder = tmp_path_factory.mktemp("models")
    flags = {"cofinal": TINY, "ridge": ["--method", "ridge"]}
    for name, more in flags.items():
        assert main(train(generated_source, "--out", str(folder / name), *more)) == 0
    return {name: folder / name / "model" for name in flags}


@pytest.fixture(scope="module")
def files(generated_source: DataSource) -> list[str]:
    """Features of two performances, the first of which the models were trained on."""
    assert generated_source.data is not None
    return [str(generated_source.data / f"{name}.npy") for name in ("p003", "p031")]


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(["explain", *arguments]) == 0
    return capsys.readouterr().out


def test_people_are_told_moments_with_times_and_neighbours_of_each_grade(
    models: dict[str, Path], files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(capsys, str(models["cofinal"]), *files)
    first, second = text.split("\n\n")
    assert re.match(r"p003 \(\d+ clips\)\n  difficulty: \d+\.\d\d points, grade \d of 4\n", first)
    assert len(re.findall(r"^    \d:\d\d to \d:\d\d: [+-]\d\.\d\d points$", first, re.M)) == 6
    assert len(re.findall(r"most alike in grade [1-4]: p0\d\d \(\d+\.\d\d, similarity", first)) == 8
    assert "p003 (" in first.split("\n", 1)[1] and "similarity 1.00" in first
    assert second.startswith("p031 (")
    plain = told(capsys, str(models["ridge"]), files[0])
    assert len(re.findall(r"^    most alike: p003 \(", plain, re.M)) == 2


@pytest.mark.parametrize("method", ["occlusion", "attention", "gradients"])
def test_programs_are_told_json_that_parses(
    models: dict[str, Path], files: list[str], capsys: pytest.CaptureFixture[str], method: str
) -> None:
    flags = ["--method", method, "--moments", "2", "--json"]
    (entry,) = json.loads(told(capsys, str(models["cofinal"]), files[1], *flags))
    assert entry["id"] == "p031"
    assert 0 <= entry["strangeness"] <= 100
    assert entry["evidence"]["method"] == method
    assert entry["evidence"]["seconds_per_clip"] == pytest.approx(1.28)
    clips = len(np.load(files[1]))
    for target in entry["targets"]:
        assert len(entry["evidence"]["values"][target["target"]]) == clips
        assert len(target["moments"]) == 2
        assert [len(alike) for alike in target["neighbours"]] == [2, 2, 2, 2]


def test_a_model_without_an_index_names_no_neighbours(
    models: dict[str, Path], files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    index = models["ridge"] / NEIGHBOURS
    data = index.read_bytes()
    index.unlink()
    try:
        assert "alike" not in told(capsys, str(models["ridge"]), *files)
        index.write_bytes(b"no index")
        sentence = mistake(capsys, ["explain", str(models["ridge"]), *files])
        assert "is no index of training performances" in sentence
    finally:
        index.write_bytes(data)


def test_people_are_warned_of_a_performance_unlike_the_training_data(
    models: dict[str, Path],
    files: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    np.save(tmp_path / "odd.npy", np.load(files[1]) + 4)
    text = told(capsys, str(models["ridge"]), files[0], str(tmp_path / "odd.npy"))
    usual, odd = text.split("\n\n")
    assert "unlike the training data: stranger than 100 % of it" in odd
    assert "unlike" not in usual


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--method", "attention"], "method 'ridge' has no attention; use --method occlusion"),
        (["--width", "99"], "choose a width from 1 to"),
        (["--moments", "0"], "--moments is 0; expected 1 or more"),
    ],
)
def test_what_cannot_be_told_gets_one_sentence(
    models: dict[str, Path],
    files: list[str],
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    sentence: str,
) -> None:
    assert sentence in mistake(capsys, ["explain", str(models["ridge"]), files[0], *flags])


def test_nothing_to_explain_gets_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing to explain" in mistake(capsys, ["explain", "/no/model"])
