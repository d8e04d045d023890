"""Elements of performances from score sheets and one's own CSV, sound and hostile."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cofinal.data.sheets import Element, read_sheets, skating_family
from cofinal.errors import CofinalError
from cofinal.generated import generate_routines
from cofinal.generated.films import routine_sheet
from shared_files import data_folder

HEADER = "id,element,family,base_value,execution,start,end\n"
SOUND: dict[str, Any] = {"element": "split leap", "faults": []}


def written(folder: Path, text: str, name: str = "sheets.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def of_json(folder: Path, value: object) -> Path:
    return written(folder, json.dumps(value), "sheets.json")


def test_sheets_of_generated_routines_keep_times_and_faults(tmp_path: Path) -> None:
    routines = generate_routines(12, seed=3)
    sheets = read_sheets(of_json(tmp_path, {r.id: routine_sheet(r) for r in routines}))
    assert list(sheets) == [routine.id for routine in routines]
    faults = 0
    for routine in routines:
        for element, performed in zip(sheets[routine.id], routine.elements, strict=True):
            assert element.name == performed.name
            assert element.execution == pytest.approx(-performed.deduction)
            assert element.start_seconds == pytest.approx(performed.start, abs=1e-3)
            assert element.end_seconds == pytest.approx(performed.end, abs=1e-3)
            faults += len(element.faults)
            for fault, happened in zip(element.faults, performed.faults, strict=True):
                assert (fault.name, fault.deduction) == (happened.name, happened.deduction)
                assert fault.start_seconds == pytest.approx(happened.start, abs=1e-3)
    assert faults > 5


def test_the_sheets_of_fisv_have_seven_elements_of_known_families() -> None:
    sheets = read_sheets(data_folder() / "fis-v" / "score_sheets.json")
    assert len(sheets) == 400
    for elements in sheets.values():
        families = Counter(element.family for element in elements)
        assert families["spin"] == 3 and families["steps"] == 1
        assert families["jump"] + families["combination"] == 3
    assert sheets["1"][0] == Element("3F+2T", "combination", 6.6, -1.0)


@pytest.mark.parametrize(
    ("codes", "family"),
    [
        ("2A 3Lo<< 3F! 3Fe 3Lze< 1A* A 3Lzq 3T+COMBO 3Lz!<+COMBO", "jump"),
        ("3Lz+3T 3Fe+1T 3S<<+2T< 3T+3T+2Lo 3F!<+3T<x", "combination"),
        ("FCSp4 LSp CCoSp3p4V SSpB CCoSp1V", "spin"),
        ("StSq3 SlSt2 CiSt1 SeSt4 ChSq1 SpSq4 StSqB", "steps"),
        ("split COMBO 3X Lutz 3", None),
    ],
)
def test_families_of_skating_follow_from_the_code(codes: str, family: str | None) -> None:
    assert {skating_family(code) for code in codes.split()} == {family}


def test_ones_own_csv_with_gaps_and_other_columns(tmp_path: Path) -> None:
    text = "element,coach,id,start,execution,end\nroll,X,b,,-0.3,\n\nflip,,a,1.5,,2\nkip,,b,3,0,4\n"
    assert read_sheets(written(tmp_path, text)) == {
        "b": (
            Element("roll", execution=-0.3),
            Element("kip", execution=0.0, start_seconds=3.0, end_seconds=4.0),
        ),
        "a": (Element("flip", start_seconds=1.5, end_seconds=2.0),),
    }


def test_times_are_read_as_people_write_them(tmp_path: Path) -> None:
    (found,) = read_sheets(written(tmp_path, HEADER + "a,x,,,,1:05.2,01:02:05\n"))["a"]
    assert (found.start_seconds, found.end_seconds) == (65.2, 3725)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the first line is ''; expected the columns id, element, each once"),
        ("id,start\na,1\n", "the first line is 'id, start'; expected the columns id, element"),
        ("id,element,start,start\n", "expected the columns id, element, each once"),
        ("id;element\na;x\n", "id, element, each once; save it with commas between columns"),
        (HEADER, "sheets.csv holds no element; expected one or more a performance"),
        (HEADER + "a,,,,,,\n", "sheets.csv:2: id or element is empty; fill in both"),
        (HEADER + "a,x,,,\n", "sheets.csv:2: 5 cells instead of 7"),
        (HEADER + "a,x,,two,,,\n", "sheets.csv:2: base_value 'two'; expected a finite number"),
        (HEADER + "a,x,,,nan,,\n", "sheets.csv:2: execution 'nan'; expected a finite number"),
        (HEADER + "a,x,,,,1e999,2\n", "sheets.csv:2: start '1e999'; expected a finite number"),
        (HEADER + "a,x,,,,1:75,2\n", "sheets.csv:2: start '1:75' is no time; expected seconds, or"),
        (HEADER + "a,x,,1:05,,,\n", "sheets.csv:2: base_value '1:05'; expected a finite number"),
        (HEADER + "a,x,,,,3,\n", "sheets.csv:2: 'x' has a start or an end alone; give both"),
        (HEADER + "a,x,,,,3,2\n", "sheets.csv:2: 'x' lasts from 3 to 2 seconds; expected a start"),
        (HEADER + "a,x,,,,3,3\n", "'x' lasts from 3 to 3 seconds"),
        (HEADER + "a,x,,,,-1,3\n", "'x' lasts from -1 to 3 seconds; expected a start of 0 or more"),
        (
            HEADER + "a,x,,,,5,6\na,y,,,,,\na,z,,,,1,2\n",
            "sheets.csv:4: 'z' starts at 1 seconds, before the element ahead of it (5); list",
        ),
    ],
)
def test_a_faulty_csv_gets_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CofinalError) as told:
        read_sheets(written(tmp_path, text))
    assert sentence in str(told.value) and "\n" not in str(told.value)


def fault(**changed: object) -> dict[str, Any]:
    good = {"fault": "fall", "start": 1.0, "end": 2.0, "deduction": 1.0}
    return {"1": {"elements": [{"element": "x", "faults": [good | changed]}]}}


def element(**changed: object) -> dict[str, Any]:
    return {"1": {"elements": [SOUND | changed]}}


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([], "sheets.json holds list; expected sheets by id"),
        ({}, "sheets.json holds no element"),
        ({"1": 3}, "id '1': 'elements' is missing or of another kind; expected a list"),
        ({"1": {"elements": {}}}, "'elements' is missing or of another kind"),
        ({"1": {"elements": []}}, "id '1' has no elements; list them, or remove the id"),
        ({"1": {"elements": [7]}}, "id '1', element 1: 'element' is missing or of another kind"),
        ({"1": {"elements": [SOUND | {"faults": 3}]}}, "element 1: 'faults' is missing or of"),
        ({"1": {"elements": [SOUND, {"faults": []}]}}, "element 2: 'element' is missing or of"),
        ({"1": {"elements": [{"element_name": 5}]}}, "'element_name' is missing or of another"),
        ({"1": {"elements": [{"element_name": "2A", "goe": "1"}]}}, "goe '1'; expected a finite"),
        (element(element=" "), "id '1', element 1: 'element' is empty; fill it in"),
        (element(family=3), "'family' is missing or of another kind; expected text"),
        (element(base_value=True), "base_value True; expected a finite number"),
        (element(base_value=float("nan")), "base_value nan; expected a finite number"),
        (element(start=10**400, end=1), "start 100000"),
        (element(start=2.0), "'split leap' has a start or an end alone"),
        (element(start=2.0, end=1.0), "'split leap' lasts from 2 to 1 seconds"),
        (fault(start=3.0), "element 1: 'fall' lasts from 3 to 2 seconds"),
        (fault(deduction=-1), "element 1: deduction -1; expected 0 or more"),
        (fault(end=None), "'end' is missing or of another kind; expected a number"),
        (fault(fault=None), "'fault' is missing or of another kind; expected text"),
        (
            {"1": {"elements": [SOUND | {"start": s, "end": s + 1} for s in (4.0, 2.0)]}},
            "element 2: 'split leap' starts at 2 seconds, before the element ahead of it (4)",
        ),
    ],
)
def test_faulty_sheets_get_a_sentence(tmp_path: Path, value: object, sentence: str) -> None:
    with pytest.raises(CofinalError) as told:
        read_sheets(of_json(tmp_path, value))
    assert sentence in str(told.value) and "\n" not in str(told.value)


@pytest.mark.parametrize("text", ["", "nonsense", "[" * 200_000])
def test_what_is_no_json_gets_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(CofinalError, match="is not JSON"):
        read_sheets(written(tmp_path, text, "sheets.json"))


def test_absent_files_get_a_sentence(tmp_path: Path) -> None:
    for name in ("absent.csv", "absent.json"):
        with pytest.raises(CofinalError, match="cannot read"):
            read_sheets(tmp_path / name)
