"""`cofinal data audit`: file and line of suspicious labels, JSON, sentences; nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cofinal.cli.audit import Audit
from cofinal.cli.main import main
from cofinal.generated.synthetic import generate, write_dataset


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty generated performances; the label of p007 lost a decimal place of its execution."""
    folder = tmp_path_factory.mktemp("audit")
    path = write_dataset(folder, generate(60, channels=8, clips=(24, 30), seed=5))
    lines = path.read_text().splitlines()
    identifier, difficulty, execution, *rest = lines[8].split(",")
    assert identifier == "p007"
    lines[8] = ",".join([identifier, difficulty, f"{float(execution) * 10:.1f}", *rest])
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_spoilt_label_is_told_first_with_file_and_line(
    labels: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = labels.read_bytes()
    assert main(["data", "audit", "--dataset", str(labels), "--top", "3", "--repeats", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split()[:4] == ["id", "line", "difficulty", "(predicted)"]
    assert lines[1].startswith(f"1  p007  {labels}:9")
    given = float(before.decode().splitlines()[8].split(",")[2])
    assert lines[1].endswith(f"execution point moved: execution {given / 10:g}")
    assert [line.split()[0] for line in lines[2:4]] == ["2", "3"]
    assert lines[5].startswith("The first 3 of 60 labels.")
    assert labels.read_bytes() == before


def test_json_parses_and_names_the_place(labels: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--json", "--top", "2", "--folds", "5", "--repeats", "1"]
    assert main(["data", "audit", "--dataset", str(labels), *flags]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert (first["rank"], first["id"], first["line"]) == (1, "p007", 9)
    assert first["file"] == str(labels)
    assert first["slip"] == "execution point moved"
    assert first["surprise"] > second["surprise"]


def test_the_method_is_quick_unless_one_is_named(labels: Path) -> None:
    def method(*flags: str) -> str:
        meant: str = Audit.with_settings(["--dataset", str(labels), *flags]).meant_method  # type: ignore[attr-defined]
        return meant

    assert method() == "ridge"
    assert method("--method", "mean") == "mean"
    assert method("--method=mean") == "mean"
    assert method("--preset", "generated") == "cofinal"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--top", "0"], "setting top is 0; expected 1 to 1000000000"),
        (["--folds", "1"], "setting folds is 1; expected 2 to 10000"),
        (["--repeats", "0"], "setting repeats is 0; expected 1 to 1000"),
        (["--folds", "61"], "60 performances cannot fill 61 folds"),
        (["--targets", "event"], "event of p000 is 'E"),
        (["--per-category"], "performances without a category; leave out --per-category"),
    ],
)
def test_a_mistake_gets_one_sentence(
    labels: Path, capsys: pytest.CaptureFixture[str], flags: list[str], sentence: str
) -> None:
    assert main(["data", "audit", "--dataset", str(labels), *flags]) == 1
    told = capsys.readouterr()
    assert told.out == "" and sentence in told.err
    *taken, fault = told.err.splitlines()  # what the data was taken for, where it could be read
    assert fault.startswith("cofinal: error: ") and len(taken) <= 1


def test_too_few_performances_get_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = write_dataset(tmp_path, generate(8, channels=8, clips=(12, 14)))
    assert main(["data", "audit", "--dataset", str(few)]) == 1
    assert "8 performances; an audit needs at least 20" in capsys.readouterr().err
