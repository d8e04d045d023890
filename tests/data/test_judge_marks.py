"""Judges' marks from score sheets and one's own CSV, sound and hostile."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cofinal.config import DataSource
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.data.judges import JudgeMarks, judge_file, judge_marks, panel_marks
from cofinal.errors import CofinalError
from shared_files import data_folder

HEADER = "id,judge,target,mark\n"


def sheet(components: list[tuple[float, list[Any]]], elements: list[list[Any]]) -> dict[str, Any]:
    """A score sheet with factors and marks of components, and marks of elements."""
    return {
        "sheet": {
            "components": [{"factor": f, "judges": marks} for f, marks in components],
            "elements": [{"judges": marks} for marks in elements],
        }
    }


def written(folder: Path, text: str, name: str = "judges.csv") -> Path:
    """A file of marks."""
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_judges_total_weights_components_and_adds_grades_of_execution(tmp_path: Path) -> None:
    sheets = {
        "7": sheet([(0.8, [5, 6.25]), (1.6, [7, 7.5])], [[1, -2], [3, 0]]),
        "8": {"sheet": None, "note": "no sheet was found"},
        "5": sheet([(1.0, [4, 5, None])], [[0, 1, 2]]),
    }
    judged = judge_marks(written(tmp_path, json.dumps(sheets), "sheets.json"))
    assert judged.ids == ("7", "5")
    expected = [[0.8 * 5 + 1.6 * 7, 0.8 * 6.25 + 1.6 * 7.5, np.nan], [4, 5, np.nan]]
    np.testing.assert_allclose(judged.marks["PCS"], expected)
    np.testing.assert_allclose(judged.marks["GOE"], [[4, -2, np.nan], [0, 1, 2]])


def test_a_mark_missing_in_one_component_leaves_the_judges_total_open(tmp_path: Path) -> None:
    sheets = {"1": sheet([(1, [5, 6]), (1, [None, 7])], [[1, 1]])}
    judged = judge_marks(written(tmp_path, json.dumps(sheets), "sheets.json"))
    np.testing.assert_array_equal(judged.marks["PCS"], [[np.nan, 13.0]])


def test_ones_own_csv_in_any_order_with_gaps(tmp_path: Path) -> None:
    lines = "b,J10,total,3\n\na,J2,total,1.5\nb,J2,total,\na,J2,style,9\n"
    judged = judge_marks(written(tmp_path, HEADER + lines), known_ids={"a", "b", "c"})
    assert judged.ids == ("b", "a")
    np.testing.assert_array_equal(judged.marks["total"], [[np.nan, 3.0], [1.5, np.nan]])
    np.testing.assert_array_equal(judged.marks["style"], [[np.nan], [9.0]])


def test_the_sheets_of_fisv_are_found_and_read() -> None:
    folder = data_folder() / "fis-v"
    assert judge_file(DataSource("fisv", folder)) == folder / "score_sheets.json"
    judged = judge_marks(folder)
    raw = json.loads((folder / "score_sheets.json").read_text())
    assert {target: marks.shape for target, marks in judged.marks.items()} == {
        "PCS": (380, 9),
        "GOE": (380, 9),
    }
    one = raw[judged.ids[5]]["sheet"]
    third = sum(row["factor"] * row["judges"][2] for row in one["components"])
    assert judged.marks["PCS"][5, 2] == pytest.approx(third)
    assert judged.marks["GOE"][5, 8] == sum(row["judges"][8] for row in one["elements"])


def test_the_file_of_a_data_set_is_the_one_given_or_the_cards(tmp_path: Path) -> None:
    source = DataSource("fisv", tmp_path)
    assert judge_file(source) is None
    written(tmp_path, "{}", "score_sheets.json")
    assert judge_file(source) == tmp_path / "score_sheets.json"
    assert judge_file(replace(source, judges=tmp_path / "mine.csv")) == tmp_path / "mine.csv"
    assert judge_file(DataSource("labels.csv", tmp_path)) is None
    assert judge_file(DataSource("rg", tmp_path)) is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the first line is ''; expected the columns id, judge, target, mark, each once"),
        ("id,target,mark\na,b,1\n", "the first line is 'id, target, mark'; expected the columns"),
        ("id,judge,judge,target,mark\n", "expected the columns id, judge, target, mark, each once"),
        (HEADER, "judges.csv holds no mark of a judge"),
        (HEADER + "a,1,total,\n", "judges.csv holds no mark of a judge"),
        (HEADER + "a,1,total,good\n", "judges.csv:2: mark 'good'; expected a finite number"),
        (HEADER + "a,1,total,nan\n", "judges.csv:2: mark 'nan'; expected a finite number"),
        (HEADER + "a,1,total,1e999\n", "judges.csv:2: mark '1e999'; expected a finite number"),
        (HEADER + "a,1,total\n", "judges.csv:2: 3 cells instead of 4"),
        (HEADER + "a,,total,3\n", "judges.csv:2: id, judge or target is empty"),
        (HEADER + "z,1,total,3\n", "judges.csv:2: id 'z' has no label; correct it"),
        (HEADER + "a,1,x,3\na,1,x,3\n", "judges.csv:3: judge 1 has marked x of a before; keep one"),
    ],
)
def test_a_faulty_csv_gets_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CofinalError) as told:
        judge_marks(written(tmp_path, text), known_ids={"a"})
    assert sentence in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "sheets.json holds list; expected score sheets by id"),
        ({}, "sheets.json holds no mark of a judge"),
        ({"1": {"sheet": None}}, "sheets.json holds no mark of a judge"),
        ({"1": 3}, "id '1': 'sheet' is missing or of another kind; expected an object or null"),
        ({"1": {"sheet": {}}}, "id '1': 'components' is missing or of another kind; expected a"),
        ({"1": {"sheet": {"components": [{"judges": []}]}}}, "'factor' is missing"),
        ({"1": sheet([(1, [True])], [])}, "id '1': mark True; expected a finite number"),
        ({"1": sheet([(1, ["9"])], [])}, "id '1': mark '9'; expected a finite number"),
        ({"1": sheet([(1, [float("inf")])], [])}, "id '1': mark inf; expected a finite number"),
        ({"1": sheet([(1, [10**400])], [])}, "mark 100000"),
        ({"1": sheet([], [])}, "sheets.json holds no mark of a judge"),
        ({"1": sheet([(1, [5]), (1, [5, 6])], [])}, "2 judges in one row and 1 in another"),
        ({"2": sheet([(1, [5])], [[1]])}, "id '2': id '2' has no label"),
    ],
)
def test_faulty_sheets_get_a_sentence(tmp_path: Path, value: object, sentence: str) -> None:
    with pytest.raises(CofinalError) as told:
        judge_marks(written(tmp_path, json.dumps(value), "sheets.json"), known_ids={"1"})
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_brackets_without_end_and_absent_files_get_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CofinalError, match="is not JSON"):
        judge_marks(written(tmp_path, "[" * 200_000, "sheets.json"))
    with pytest.raises(CofinalError, match="cannot read"):
        judge_marks(tmp_path / "absent.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CofinalError, match=r"has no score_sheets\.json; name a CSV"):
        judge_marks(tmp_path / "empty")


def test_marks_lie_beside_the_scores_of_performances_and_targets_that_are_predicted() -> None:
    judged = JudgeMarks(
        ("b", "x", "a"),
        {
            "total": np.array([[1.0, np.nan], [7.0, 8.0], [3.0, 4.0]]),
            "style": np.array([[9.0], [9.0], [9.0]]),
        },
    )
    panel_NKJ = panel_marks(judged, ("a", "b", "c"), ("other", "total"))
    assert panel_NKJ is not None
    nothing = [np.nan, np.nan]
    expected = [[nothing, [3.0, 4.0]], [nothing, [1.0, np.nan]], [nothing, nothing]]
    np.testing.assert_array_equal(panel_NKJ, expected)
    assert panel_marks(judged, ("a", "b"), ("other",)) is None
    assert panel_marks(judged, ("c",), ("total",)) is None


def test_judges_who_never_sit_together_share_the_seats_of_a_panel() -> None:
    nan = np.nan
    marks = np.array([[1, 2, nan, nan], [nan, nan, 3, 4], [nan, nan, 5, nan]])
    panel_NKJ = panel_marks(JudgeMarks(("a", "b", "c"), {"s": marks}), ("a", "b", "c"), ("s",))
    assert panel_NKJ is not None
    np.testing.assert_array_equal(panel_NKJ[:, 0], [[1, 2], [3, 4], [5, nan]])


def test_a_data_set_carries_its_judges_marks(
    generated_source: DataSource, generated: Dataset, tmp_path: Path
) -> None:
    lines = "p001,A,execution,3\np001,B,execution,5\np000,B,execution,4\np000,A,style,1\n"
    source = replace(generated_source, judges=written(tmp_path, HEADER + lines))
    dataset = load_dataset(source)
    assert generated.marks is None and generated.marks_sha256 is None
    assert dataset.marks is not None and dataset.marks.shape == (32, 2, 2)
    place = dataset.targets.index("execution")
    np.testing.assert_array_equal(dataset.marks[:2, place], [[np.nan, 4], [3, 5]])
    assert np.isfinite(dataset.marks).sum() == 3
    np.testing.assert_array_equal(dataset.subset([1, 0]).marks, dataset.marks[[1, 0]])
    assert dataset.sha256 == generated.sha256
    odd = written(tmp_path, HEADER + "p999,A,execution,3\n", "odd.csv")
    with pytest.raises(CofinalError, match="'p999' has no label"):
        load_dataset(replace(source, judges=odd))


def test_a_judge_may_mark_a_performance_on_several_occasions(tmp_path: Path) -> None:
    lines = "a,J1,x,10,5\na,J1,x,9,4\na,J2,x,1,7\nb,J1,x,2,3\nb,J2,x,1,\nb,J2,x,2,8\n"
    judged = judge_marks(written(tmp_path, "id,judge,target,occasion,mark\n" + lines))
    assert judged.judges == {"x": ("J1", "J2")}
    np.testing.assert_array_equal(judged.marks["x"], [[4, 7], [3, np.nan]])
    np.testing.assert_array_equal(judged.again["x"], [[[5, np.nan], [np.nan, 8]]])
    assert not judge_marks(written(tmp_path, HEADER + "a,J1,x,5\n")).again


def test_components_of_skating_are_told_apart_under_any_years_names(tmp_path: Path) -> None:
    sheets = {
        str(year): {
            "sheet": {
                "elements": [],
                "components": [
                    {"name": "Skating Skills", "factor": 0.8, "judges": [5, 6.25]},
                    {"name": name, "factor": 0.8, "judges": [7, None]},
                ],
            }
        }
        for year, name in ((2015, "Transition / Linking Footwork"), (2017, "Transitions"))
    }
    path = written(tmp_path, json.dumps(sheets), "sheets.json")
    judged = judge_marks(path, components=True)
    np.testing.assert_array_equal(judged.marks["SS"], [[5, 6.25], [5, 6.25]])
    np.testing.assert_array_equal(judged.marks["TR"], [[7, np.nan], [7, np.nan]])
    sheets["2015"]["sheet"]["components"][0]["name"] = "Haircut"
    with pytest.raises(CofinalError, match="component 'Haircut' is unknown; expected skating"):
        judge_marks(written(tmp_path, json.dumps(sheets), "sheets.json"), components=True)
    with pytest.raises(CofinalError, match=r"no components; only score sheets \(.json\)"):
        judge_marks(written(tmp_path, HEADER), components=True)


def test_judges_in_columns_are_read_as_judges_in_lines(tmp_path: Path) -> None:
    wide, long = tmp_path / "wide.csv", tmp_path / "long.csv"
    wide.write_text("id,target,Ann,Ben\na,TES,5,6\na,PCS,4,\nb,TES,7,8.5\n")
    lines = ["a,Ann,TES,5", "a,Ben,TES,6", "a,Ann,PCS,4", "b,Ann,TES,7", "b,Ben,TES,8.5"]
    long.write_text("\n".join(["id,judge,target,mark", *lines]) + "\n")
    one, other = judge_marks(wide), judge_marks(long)
    assert (one.ids, one.judges["TES"]) == (other.ids, ("Ann", "Ben"))
    assert np.array_equal(one.marks["TES"], other.marks["TES"])
    assert one.marks["PCS"][0, 0] == 4 and np.isnan(one.marks["PCS"][0, 1])
    wide.write_text("id,Ann,Ben\na,5,6\nb,7,8\n")
    assert np.array_equal(judge_marks(wide).marks["score"], [[5, 6], [7, 8]])
    wide.write_text("id,Ann\na,five\n")
    with pytest.raises(CofinalError, match=r"wide\.csv:2: Ann is 'five'; expected the columns id"):
        judge_marks(wide)
    wide.write_text("id,target\na,TES\n")
    with pytest.raises(CofinalError, match="no column of a judge; expected the columns id, judge"):
        judge_marks(wide)
