"""Judges' marks are read where they are needed, and once."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.data import dataset as dataset_module
from cofinal.data.dataset import load_dataset
from cofinal.data.judges import JudgeMarks

FOLDS = ["--protocols", "kfold", "--folds", "2", "--seeds", "1"]


@pytest.fixture
def sheets(tmp_path: Path) -> Path:
    """Eight performances with score sheets of three judges, in the files of Fis-V."""
    rng = np.random.default_rng(0)
    found = {}
    for number in range(8):
        marks = (5 + number / 4 + rng.normal(size=3) / 9).round(2).tolist()
        components = [{"factor": 2.0, "judges": marks}]
        found[str(number)] = {"sheet": {"components": components, "elements": []}}
        np.save(tmp_path / f"{number}.npy", rng.normal(size=(5, 1024)).astype(np.float32))
    lines = [f"{number} {20 + number} {10 + number / 2} 0" for number in range(8)]
    (tmp_path / "train.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "score_sheets.json").write_text(json.dumps(found))
    return tmp_path


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The files of marks that data were loaded with."""
    found: list[object] = []
    read = dataset_module.judge_marks

    def counted(path: Path, known: list[str] | None) -> JudgeMarks:
        found.append(path)
        return read(path, known)

    monkeypatch.setattr(dataset_module, "judge_marks", counted)
    return found


def test_score_sheets_are_read_for_methods_that_learn_from_them_alone(
    sheets: Path, readings: list[object]
) -> None:
    flags = ["evaluate", "--dataset", "fisv", "--data", str(sheets)]
    assert main([*flags, "--method", "mean", "--protocol", "kfold", "--folds", "2"]) == 0
    assert readings == []
    assert load_dataset(DataSource("fisv", sheets)).marks is not None
    assert len(readings) == 1


def test_a_benchmark_reads_marks_once_for_methods_and_the_human_row(
    sheets: Path, readings: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["benchmark", "--dataset", "fisv", "--data", str(sheets), "--methods", "mean"]
    assert main([*flags, *FOLDS, "--out", str(tmp_path / "out")]) == 0
    assert "one judge of 3" in capsys.readouterr().out
    assert len(readings) == 1


def test_marks_of_other_categories_are_left_out_of_the_human_row(
    generated_source: DataSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = Path(generated_source.dataset).read_text().splitlines()
    rows = [f"{line},{'AB'[i % 2]}" for i, line in enumerate(text[1:])]
    labels, judges = tmp_path / "labels.csv", tmp_path / "judges.csv"
    labels.write_text("\n".join([f"{text[0]},category", *rows]) + "\n")
    marks = [
        f"{line.split(',')[0]},J{judge},execution,{5 + i / 9 + judge / 5:.2f}"
        for i, line in enumerate(text[1:])
        for judge in range(3)
    ]
    judges.write_text("\n".join(["id,judge,target,mark", *marks]) + "\n")
    flags = ["--dataset", str(labels), "--data", str(generated_source.data), "--category", "A"]
    flags += ["--judges", str(judges), "--methods", "mean", "--out", str(tmp_path / "out")]
    assert main(["benchmark", *flags, *FOLDS]) == 0
    assert "one judge of 3" in capsys.readouterr().out
    human = json.loads((tmp_path / "out" / "benchmark.json").read_text())["human"]
    assert [row["performances"] for row in human] == [16]


def test_marks_of_some_performances_keep_their_order() -> None:
    marks = {"s": np.arange(6.0).reshape(3, 2)}
    again = {"s": np.arange(6.0).reshape(1, 3, 2)}
    judged = JudgeMarks(("a", "b", "c"), marks, {"s": ("J", "K")}, again)
    part = judged.of(["c", "a", "z"])
    assert part is not None and part.ids == ("a", "c")
    assert part.marks["s"].tolist() == [[0, 1], [4, 5]]
    assert part.again["s"].tolist() == [[[0, 1], [4, 5]]]
    assert judged.of(["z"]) is None
