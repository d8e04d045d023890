"""What is given is read from one's own CSV and from score sheets, or refused in a sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dives import dives, write_dives

from cofinal.config import DataSource
from cofinal.data.checks import check_dataset
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.data.given import asked_numbers
from cofinal.errors import CofinalError
from cofinal.given.numbers import Given
from cofinal.given.rules import read_rules
from cofinal.modelfolder.given import GivenModel
from shared_files import data_folder

MULTIPLY = ("difficulty:multiply",)


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    """Twelve dives on disk."""
    return write_dives(tmp_path / "dives", dives(12))


def source(labels: Path, *given: str) -> DataSource:
    return DataSource(str(labels), given=given)


def test_a_column_that_is_given_is_no_score_and_leaves_the_execution(labels: Path) -> None:
    found = dives(12)
    dataset = load_dataset(source(labels, *MULTIPLY))
    assert dataset.targets == ("score",)
    np.testing.assert_allclose(dataset.scores[:, 0], found.execution, rtol=1e-6)
    np.testing.assert_allclose(dataset.of_totals().scores[:, 0], found.scores, rtol=1e-6)
    part = dataset.subset([3, 5])
    np.testing.assert_allclose(part.of_totals().scores[:, 0], found.scores[[3, 5]], rtol=1e-6)
    assert part.of_totals().given is None
    assert dataset.sha256 != load_dataset(source(labels, "difficulty:covariate")).sha256


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (",{},", ",,", "labels.csv:4: d2: no difficulty; fill it in, or leave the performance out"),
        (",{},", ",0,", "labels.csv:4: d2: difficulty is 0, and it multiplies"),
        (",{},", ",-1.5,", "difficulty is -1.5, and it multiplies the execution; expected more"),
        (",{},", ",easy,", "difficulty is 'easy'; expected a number"),
        (",{},", ",nan,", "difficulty is nan; expected a finite number"),
    ],
)
def test_gaps_and_zeros_are_told_with_their_line(
    labels: Path, old: str, new: str, sentence: str
) -> None:
    lines = labels.read_text().splitlines()
    lines[3] = lines[3].replace(old.format(dives(12).difficulty[2]), new)
    labels.write_text("\n".join(lines) + "\n")
    with pytest.raises(CofinalError, match=sentence):
        load_dataset(source(labels, *MULTIPLY))
    told = [str(finding) for finding in check_dataset(source(labels, *MULTIPLY))]
    assert any(sentence.removeprefix("labels.csv:4: ") in text for text in told)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("height:add", "labels.csv has no column 'height'; name a column"),
        ("base_value:add", "no column 'base_value' and no sheet of elements; name one with"),
        ("difficulty:multiply:total", "names target 'total'; predicted are score"),
    ],
)
def test_unknown_names_are_refused(labels: Path, given: str, sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        load_dataset(source(labels, given))


def test_a_column_cannot_be_given_and_predicted(labels: Path) -> None:
    with pytest.raises(CofinalError, match="'difficulty' is named as a target and as given"):
        load_dataset(DataSource(str(labels), targets=("difficulty",), given=MULTIPLY))


def sheet(folder: Path, count: int) -> Path:
    """Sheets of two or three elements."""
    lines = ["id,element,base_value"]
    for i in range(count):
        lines += [f"d{i},twist,{1 + i / 10}", f"d{i},turn,3"]
    lines.append("d0,pike,0.5")
    path = folder / "elements.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_sheet_gives_the_sum_and_every_base_value_by_size(labels: Path) -> None:
    path = sheet(labels.parent, 12)
    dataset = load_dataset(DataSource(str(labels), given=("base_value:add",), sheet=path))
    assert dataset.given is not None
    numbers = dataset.given.numbers["base_value"]
    np.testing.assert_allclose(numbers[0], [4.5, 3, 1, 0.5])
    np.testing.assert_allclose(numbers[5], [4.5, 3, 1.5, 0])
    # The sum alone is added.
    totals = dataset.of_totals().scores
    np.testing.assert_allclose(dataset.scores, totals - numbers[:, :1])


def test_a_performance_without_a_sheet_is_told(labels: Path) -> None:
    path = sheet(labels.parent, 11)
    with pytest.raises(CofinalError, match=r"elements\.csv: no sheet of d11; add it"):
        load_dataset(DataSource(str(labels), given=("base_value:add",), sheet=path))


def test_base_values_of_fisv_are_those_of_its_sheets() -> None:
    folder = data_folder() / "fis-v"
    dataset = load_dataset(DataSource("fisv", folder, given=("base_value:add:TES",)))
    sheets = json.loads((folder / "score_sheets.json").read_text())
    assert dataset.given is not None
    numbers = dataset.given.numbers["base_value"]
    assert numbers.shape == (400, 8)
    for i in (0, 57, 399):
        values = [one["base_value"] for one in sheets[dataset.ids[i]]["elements"]]
        assert numbers[i, 0] == pytest.approx(sum(values))
        np.testing.assert_allclose(numbers[i, 1:], sorted(values, reverse=True))
    labelled = [line.split() for line in (folder / "train.txt").read_text().splitlines()]
    scores = {cells[0]: (float(cells[1]), float(cells[2])) for cells in labelled}
    tes, pcs = scores[dataset.ids[57]]
    np.testing.assert_allclose(dataset.scores[57], [tes - numbers[57, 0], pcs])


def test_numbers_to_score_with_come_from_text_a_csv_or_a_sheet(tmp_path: Path) -> None:
    rules, ids = read_rules(["difficulty:multiply", "base_value:covariate"]), ["d0", "d1"]
    widths = {"difficulty": 1, "base_value": 4}
    path = tmp_path / "mine.csv"
    path.write_text("id,difficulty,judge\nd1,2.5,x\nd0,3,y\n")
    texts = [str(path), str(sheet(tmp_path, 2))]
    first, second = asked_numbers(texts, ids, rules, widths)
    assert (first["difficulty"], second["difficulty"]) == (3, 2.5)
    np.testing.assert_allclose(first["base_value"], [4.5, 3, 1, 0.5])
    np.testing.assert_allclose(second["base_value"], [4.1, 3, 1.1, 0])
    typed = asked_numbers(["base_value=1,3,0.5", "difficulty=2"], ["x"], rules, widths)[0]
    np.testing.assert_allclose(typed["base_value"], [4.5, 3, 1, 0.5])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("height=3", "this model knows no 'height'; it asks difficulty, base_value"),
        ("difficulty=0", "x: difficulty is 0, and it multiplies the execution"),
        ("difficulty=hard", "difficulty 'hard'; expected a finite number"),
        ("difficulty=1,2", "2 numbers; expected one"),
        ("base_value=30", "one number, and this model asks the base value of each element"),
        ("absent.csv", "cannot read absent.csv"),
        ("absent.json", "absent.json"),
        ("FOLDER/other.csv", "no column 'difficulty' or 'base_value'"),
        ("FOLDER/others.csv", "has no line of 'x'; add one"),
        ("FOLDER/twice.csv", "twice.csv:3: id 'x' occurs before; keep one line for each"),
        ("FOLDER/elements.csv", "has no base values of 'x'"),
    ],
)
def test_unfit_numbers_to_score_with_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "other.csv").write_text("id,height\nx,3\n")
    (tmp_path / "others.csv").write_text("id,difficulty\ny,3\n")
    (tmp_path / "twice.csv").write_text("id,difficulty\nx,3\nx,4\n")
    sheet(tmp_path, 2)
    rules = read_rules(["difficulty:multiply", "base_value:covariate"])
    with pytest.raises(CofinalError, match=sentence):
        text = text.replace("FOLDER", str(tmp_path))
        asked_numbers([text], ["x"], rules, {"difficulty": 1, "base_value": 4})


@pytest.mark.parametrize("width", [0, -1, 2**31, True, "3", 1.0, None])
def test_a_strangers_model_cannot_ask_for_any_number_of_numbers(width: object) -> None:
    rule = {"name": "difficulty", "kind": "multiply", "target": None}
    told = {"rules": [rule], "widths": {"difficulty": 1}, "readout": None}
    assert GivenModel.from_json(told, "config.json", ("score",)).to_json()["widths"]
    with pytest.raises(CofinalError, match=r"difficulty has .* numbers; expected 1 to 10000"):
        GivenModel.from_json(told | {"widths": {"difficulty": width}}, "config.json", ("score",))


def test_judges_marks_become_marks_of_the_execution_and_back() -> None:
    found = dives(12)
    marks_NKJ = found.scores[:, None, None] + np.array([-1.0, 0.0, np.nan])
    plain = replace(Dataset.from_arrays(found.clips, found.scores), marks=marks_NKJ)
    rules = read_rules(["difficulty:multiply"])
    given = Given(rules, plain.targets, {"difficulty": found.difficulty[:, None]})
    told = plain.with_given(given)
    np.testing.assert_allclose(told.marks, marks_NKJ / found.difficulty[:, None, None])
    np.testing.assert_allclose(told.of_totals().marks, marks_NKJ)


def test_arrays_are_given_by_rule() -> None:
    found = dives(12)
    dataset = Dataset.from_arrays(
        found.clips, found.scores, given={"difficulty:multiply": found.difficulty}
    )
    np.testing.assert_allclose(dataset.scores[:, 0], found.execution)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"difficulty": np.ones(12)}, "expected NAME:RULE"),
        ({"difficulty:multiply": np.ones(11)}, r"shape \(11,\); expected one number"),
        ({"difficulty:multiply": np.zeros(12)}, "performance 0: difficulty is 0, and it mult"),
        ({"difficulty:add": [np.nan] * 12}, "difficulty of performance 0 is not finite"),
        ({"difficulty:add": ["a"] * 12}, "something that is no number"),
        ([1.0] * 12, "expected columns by rule"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(given: object, sentence: str) -> None:
    found = dives(12)
    with pytest.raises(CofinalError, match=sentence):
        Dataset.from_arrays(found.clips, found.scores, given=given)
