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
from cofinal.modelfolder.neighbours import NEIGHBOURS
from cofinal.scorer import Scorer


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
def aligned(generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose model has an aligner, with the sheet that it was fitted on."""
    folder = tmp_path_factory.mktemp("aligned")
    order = folder / "order.csv"
    lines = [f"p{n:03d},{name}" for n in range(32) for name in ("roll", "kip", "roll")]
    order.write_text("\n".join(["id,element", *lines]) + "\n")
    flags = ["--method", "ridge", "--sheet", str(order), "--out", str(folder)]
    assert main(train(generated_source, *flags)) == 0
    return folder


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
    assert "  the model was trained on this very performance (p003), so its score" in first
    assert "trained on" not in second
    assert re.match(
        r"p003 \(\d+ clips\)\n.*\n  difficulty: \d+\.\d\d points, grade \d of 4\n", first
    )
    assert len(re.findall(r"^    \d:\d\d to \d:\d\d: [+-]\d\.\d\d points$", first, re.M)) == 6
    assert len(re.findall(r"most alike in grade [1-4]: p0\d\d \(\d+\.\d\d, similarity", first)) == 8
    assert "p003 (" in first.split("\n", 1)[1] and "similarity 1.00" in first
    assert second.startswith("p031 (")
    plain = told(capsys, str(models["ridge"]), files[0])
    # Every method is asked for grades.
    assert len(re.findall(r"most alike in grade [1-4]: p0\d\d \(", plain)) == 8


def test_times_of_some_elements_only_are_refused(
    models: dict[str, Path], files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "half.csv"
    sheet.write_text("id,element,start,end\np003,roll,1,3\np003,kip,,\n")
    assert main(["explain", str(models["cofinal"]), files[0], "--sheet", str(sheet)]) == 1
    assert "times of 1 of the 2 elements of 'p003'; give start" in capsys.readouterr().err


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
        text = told(capsys, str(models["ridge"]), *files)
        assert "most alike" not in text
        assert text.count("keeps no index of its training performances") == len(files)
        index.write_bytes(b"no index")
        sentence = mistake(capsys, ["explain", str(models["ridge"]), *files])
        assert "is no index of training performances" in sentence
    finally:
        index.write_bytes(data)


def test_a_model_trained_without_neighbours_holds_no_ids_and_explains(
    generated_source: DataSource,
    files: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = ["train", "--dataset", generated_source.dataset, "--method", "ridge"]
    assert main([*arguments, "--no-neighbours", "--out", str(tmp_path)]) == 0
    model = tmp_path / "model"
    identifiers = [path.stem for path in Path(files[0]).parent.glob("*.npy")]
    for path in model.iterdir():
        content = path.read_bytes()
        assert not any(f'"{identifier}"'.encode() in content for identifier in identifiers)
    assert "Neither ids nor scores" in (model / "card.md").read_text()
    text = told(capsys, str(model), files[0])
    assert "points" in text and "keeps no index of its training performances" in text


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
        (["--method", "attention"], "this model's method has no attention; use --method occlusion"),
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


def test_elements_are_told_with_points_and_places_from_their_order(
    aligned: Path, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(aligned / "model"), *files, "--sheet", str(aligned / "order.csv")]
    text = told(capsys, *arguments)
    assert (
        len(re.findall(r"^    2\. kip, \d:\d\d to \d:\d\d: [+-]\d\.\d\d points$", text, re.M)) == 4
    )
    assert text.count("aligner places them, learned from order alone (confidence 0.") == 2
    first = json.loads(told(capsys, *arguments, "--json"))[0]
    assert [one["element"] for one in first["elements"]] == ["roll", "kip", "roll"]
    values_T = first["evidence"]["values"]["difficulty"]
    scorer, clips_TC = Scorer.load(aligned / "model"), np.load(files[0])
    for one in first["elements"]:
        own = range(one["first_clip"], one["first_clip"] + one["clips"])
        lost = [
            scorer.score(c)["difficulty"].score for c in (clips_TC, np.delete(clips_TC, own, 0))
        ]
        assert one["values"]["difficulty"] == pytest.approx(lost[0] - lost[1], abs=1e-5)
        assert 0 <= one["confidence"] <= 1
    ends = [one["end_seconds"] for one in first["elements"]]
    assert ends == sorted(ends) and ends[-1] <= 1.28 * len(values_T) + 1e-9


def test_times_in_the_sheet_need_no_aligner(
    models: dict[str, Path], files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet = tmp_path / "mine.csv"
    sheet.write_text("id,element,start,end\np003,split leap,2.6,5.2\n")
    text = told(capsys, str(models["cofinal"]), files[0], "--sheet", str(sheet))
    assert "  elements at the sheet's times\n" in text
    assert len(re.findall(r"^    1\. split leap, 0:02 to 0:05: [+-]", text, re.M)) == 2


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        ("id,element\np003,kip\n", "nothing tells when the elements of 'p003' were performed; add"),
        ("id,element\np1,kip\n", "the sheet has no elements of 'p003', only of p1; add them"),
        ("id,element,start,end\np003,kip,900,901\n", "'kip' starts at 900 seconds, but the"),
        ("id\np003\n", "expected the columns id, element, each once"),
        ("", "the first line is ''; expected the columns"),
    ],
)
def test_sheets_that_do_not_fit_get_one_sentence(
    models: dict[str, Path],
    files: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sheet: str,
    sentence: str,
) -> None:
    (tmp_path / "mine.csv").write_text(sheet)
    flags = ["--sheet", str(tmp_path / "mine.csv")]
    assert sentence in mistake(capsys, ["explain", str(models["ridge"]), files[0], *flags])


@pytest.mark.parametrize(
    ("sheet", "sentence"),
    [
        ("id,element\nx,kip\n", "has elements of 0 of the"),
        ("id,element\n" + "p003,kip\n" * 90 + "p004,kip\n", "90 elements in"),
    ],
)
def test_sheets_that_teach_nothing_are_refused_before_training(
    generated_source: DataSource,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    sheet: str,
    sentence: str,
) -> None:
    (tmp_path / "order.csv").write_text(sheet)
    flags = ["--sheet", str(tmp_path / "order.csv"), "--out", str(tmp_path / "run"), *TINY]
    assert sentence in mistake(capsys, train(generated_source, *flags))
    assert not (tmp_path / "run").exists()
