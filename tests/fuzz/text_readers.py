"""Readers of text: labels, sheets, judges, predictions, presets, search spaces, descriptions."""

from __future__ import annotations

import csv
import json
import math
import tomllib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from mutations import mutated_json, mutated_text
from subjects import Subject

from cofinal.agreement.model import read_predictions
from cofinal.config import Preset, load_preset, load_space, preset_text
from cofinal.config.presets import preset_names
from cofinal.data.cards import load_card
from cofinal.data.features import RECIPE_FILE, read_features
from cofinal.data.judges import judge_marks
from cofinal.data.labels import read_card_labels, read_csv_labels
from cofinal.data.sheets import read_sheets
from cofinal.extraction.folder import FeatureFolder
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.records import FeatureRecipe
from cofinal.training.runs import begin

LABELS = b"""id,score,execution,split,category,athlete,event
p1,51.25,7.5,train,Ball,"Ann, B.",E1
p2,48.5,6.25,train,Hoop,Cid,E1
p3,60,8,test,Ball,Dee,E2
p4,,7.75,,Hoop,Eve,E2
p10,39.999,5.5,train,Ball,F\xc3\xa9,E3
"""
FISV = b"1 30.1 25.5 0\n2 28.75 24.0 1\n10 41.5 30.25 0\n"
GROUPS = b"id,skater,event,segment,year\n1,S1,E1,SP,2015\n2,S2,E1,SP,2015\n10,S1,E2,FS,2016\n"
SHEET_CSV = b"""id,element,family,base_value,execution,start,end
p1,3Lz+3T,combination,10.1,1.2,0:05,0:08.5
p1,FCSp4,spin,3.2,,10,14
p2,2A,jump,3.3,-0.5,,
"""
SHEETS = json.dumps(
    {
        "p1": {"elements": [
            {"element": "split leap", "family": "leap", "base_value": 3.0, "start": 1.0, "end": 2.5,
             "faults": [{"fault": "fall", "start": 1.5, "end": 2.0, "deduction": 1.0}]},
            {"element": "turn", "start": 3.0, "end": 4.0},
        ]},
        "p2": {"elements": [{"element_name": "3Lz+3T", "base_value": 10.1, "goe": 1.2}]},
    }
).encode()  # fmt: skip
JUDGES = b"""id,judge,target,mark,occasion
p1,A,score,7.5,1
p1,B,score,7.25,1
p2,A,score,8,1
p2,B,score,,1
p1,A,score,7.75,2
"""
SCORE_SHEETS = json.dumps(
    {
        "1": {"sheet": {
            "components": [{"name": "Skating Skills", "factor": 1.6, "judges": [7.5, 7.25, None]}],
            "elements": [{"judges": [1, 0, -1]}, {"judges": [2, 1, 1]}],
        }},
        "2": {"sheet": None},
    }
).encode()  # fmt: skip
PREDICTIONS = b"id,repeat,score judged,score predicted\np1,1,51.25,50.5\np2,1,48.5,49.75\n"
SPACE = b"""
"model.grades" = [2, 4]
"training.learning_rate" = { low = 3e-4, high = 3e-3, log = true }
[model]
heads = [1, 2]
"""
RECIPE = ExtractionRecipe("motion")
DESCRIPTION = json.dumps(
    {
        **RECIPE.features_json(None, "av 1", "0.2"),
        "videos": {"a": {
            "file": "a.mp4", "bytes": 10, "modified_ns": 1, "sha256": "0" * 64, "clips": 3,
            "settings": RECIPE.digest(None), "first_clip_seconds": 0.5, "fps": 25.0,
            "found_share": 0.9,
        }},
    }
).encode()  # fmt: skip


def npy(values: np.ndarray) -> bytes:
    """An array as the content of a `.npy` file."""
    import io

    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


FEATURES = npy(np.arange(12, dtype=np.float32).reshape(3, 4))


def plain_rows(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV by another way: names and cells stripped."""
    with path.open(encoding="utf-8-sig", newline=None) as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    return [dict(zip(rows[0], row, strict=False)) for row in rows[1:] if any(row)]


def check_labels(folder: Path, table: Any) -> None:
    """Each score is the number in its cell; each id is there once."""
    cells: dict[str, list[dict[str, str]]] = {}
    for row in plain_rows(folder / "labels.csv"):
        lower = {name.casefold(): text for name, text in row.items()} | row
        cells.setdefault(lower.get("id", ""), []).append(lower)
    assert len({label.id for label in table.labels}) == len(table.labels), "an id twice"
    for label in table.labels:
        for target, score in label.scores.items():
            assert math.isfinite(score), "a score that is not finite"
            told = [row[target] for row in cells.get(label.id, []) if target in row]
            if told:
                assert any(is_number(text, score) for text in told), f"{told} became {score}"


def is_number(text: str, number: float) -> bool:
    """Whether a cell holds a number, as Python reads it."""
    try:
        return float(text) == number
    except ValueError:
        return False


def check_fisv(folder: Path, table: Any) -> None:
    """Scores and groups are those of the lines with the label's id."""
    lines = (folder / "train.txt").read_text(encoding="utf-8-sig").splitlines()
    for label in table.labels:
        scores = [label.scores["TES"], label.scores["PCS"]]
        told = [cells[1:3] for line in lines if (cells := line.split())[:1] == [label.id]]
        assert not told or any(
            len(pair) == 2 and all(map(is_number, pair, scores)) for pair in told
        ), f"{told} became {scores}"


def check_sheets(folder: Path, sheets: Any) -> None:
    """What is written out as JSON and read again is the same."""
    told = {
        name: {"elements": [
            {"element": e.name, "family": e.family, "base_value": e.base_value,
             "start": e.start_seconds, "end": e.end_seconds,
             "faults": [{"fault": f.name, "start": f.start_seconds, "end": f.end_seconds,
                         "deduction": f.deduction} for f in e.faults]}
            for e in elements
        ]}
        for name, elements in sheets.items()
    }  # fmt: skip
    (folder / "again.json").write_text(json.dumps(told))
    again = read_sheets(folder / "again.json")
    for name, elements in sheets.items():
        for one, other in zip(elements, again[name], strict=True):
            assert (one.name, one.family, one.base_value) == (
                other.name,
                other.family,
                other.base_value,
            )
            assert (one.start_seconds, one.faults) == (other.start_seconds, other.faults)


def check_judges(folder: Path, judged: Any) -> None:
    """Marks are as many, and sum up to as much, as the filled cells."""
    rows = [row for row in plain_rows(folder / "judges.csv") if row.get("mark")]
    kept = [*judged.marks.values(), *judged.again.values()]
    marks = np.concatenate([marks[np.isfinite(marks)] for marks in kept])
    assert len(marks) == len(rows), f"{len(rows)} marks became {len(marks)}"
    total = sum(float(row["mark"]) for row in rows)
    assert np.isclose(marks.sum(), total), "marks have another sum"


def check_score_sheets(folder: Path, judged: Any) -> None:
    """Marks are finite or NaN, and have as many judges as are named."""
    for target, marks in judged.marks.items():
        assert marks.shape == (len(judged.ids), len(judged.judges[target]))
        assert not np.isinf(marks).any()


def check_predictions(folder: Path, found: Any) -> None:
    """Every mean is finite and lies among its rows."""
    for by_id in found.values():
        assert all(math.isfinite(value) for value in by_id.values())


def check_preset(folder: Path, preset: Preset) -> None:
    """Written out and read again it is the same; what the file says is what it has."""
    (folder / "again.toml").write_text(preset_text(preset), encoding="utf-8")
    assert load_preset(str(folder / "again.toml")) == preset
    said = tomllib.loads((folder / "a.toml").read_text(encoding="utf-8-sig"))
    for part in ("model", "training"):
        for name, value in said.get(part, {}).items():
            assert getattr(getattr(preset, part), name) == value


def check_space(folder: Path, space: Any) -> None:
    """Every entry has points within its own ends."""
    for entry in space.values():
        assert len(entry.points()) >= 1
        json.dumps(entry.to_json())


def check_description(folder: Path, features: Any) -> None:
    """The recipe is what the file says, value by value."""
    said = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8-sig"))
    for name, value in asdict(features.recipe).items():
        assert said.get(name) == value, f"{name} {said.get(name)} became {value}"
    times = features.times
    if times is not None:
        assert times.step_seconds > 0 and math.isfinite(times.border(3))


def open_folder(folder: Path) -> Any:
    """What `cofinal extract` does with the features.json of an earlier run."""
    found = FeatureFolder(folder, RECIPE, None, "av 1", "0.2")
    found.is_current("a", folder / "a.mp4")
    return found.begin(["a"])


SETTINGS: dict[str, Any] = {
    "command": "train",
    "preset": asdict(Preset()),
    "seeds": [0],
    "code": {},
}


def begin_again(folder: Path) -> Any:
    """What a run does with the settings that an earlier one left."""
    return begin(folder, {k: v for k, v in SETTINGS.items() if k != "code"})


def subjects() -> list[Subject]:
    """Every reader of text."""
    presets = [preset_text(load_preset(name)).encode() for name in preset_names()]
    return [
        Subject(
            "labels, own CSV",
            {"labels.csv": (LABELS, mutated_text)},
            lambda folder: read_csv_labels(folder / "labels.csv"),
            check_labels,
            weight=20,
        ),
        Subject(
            "labels, own CSV, targets named",
            {"labels.csv": (LABELS, mutated_text)},
            lambda folder: read_csv_labels(folder / "labels.csv", ("score", "execution")),
            check_labels,
        ),
        Subject(
            "labels and groups of a card",
            {"train.txt": (FISV, mutated_text), "performances.csv": (GROUPS, mutated_text)},
            lambda folder: read_card_labels(load_card("fisv"), folder),
            check_fisv,
        ),
        Subject(
            "sheets, JSON",
            {"a.json": (SHEETS, mutated_json)},
            lambda folder: read_sheets(folder / "a.json"),
            check_sheets,
            weight=15,
        ),
        Subject(
            "sheets, CSV",
            {"a.csv": (SHEET_CSV, mutated_text)},
            lambda folder: read_sheets(folder / "a.csv"),
            check_sheets,
            weight=15,
        ),
        Subject(
            "judges, CSV",
            {"judges.csv": (JUDGES, mutated_text)},
            lambda folder: judge_marks(folder / "judges.csv"),
            check_judges,
            weight=15,
        ),
        Subject(
            "judges, score sheets",
            {"a.json": (SCORE_SHEETS, mutated_json)},
            lambda folder: judge_marks(folder / "a.json"),
            check_score_sheets,
        ),
        Subject(
            "judges, components",
            {"a.json": (SCORE_SHEETS, mutated_json)},
            lambda folder: judge_marks(folder / "a.json", components=True),
            check_score_sheets,
        ),
        Subject(
            "predictions.csv",
            {"a.csv": (PREDICTIONS, mutated_text)},
            lambda folder: read_predictions(folder / "a.csv", ["score"]),
            check_predictions,
        ),
        Subject(
            "presets, TOML",
            {"a.toml": (b"", lambda rng, _: mutated_text(rng, rng.choice(presets)))},
            lambda folder: load_preset(str(folder / "a.toml")),
            check_preset,
            weight=8,
        ),
        Subject(
            "search space, TOML",
            {"a.toml": (SPACE, mutated_text)},
            lambda folder: load_space(folder / "a.toml", Preset()),
            check_space,
        ),
        Subject(
            "features.json beside features",
            {RECIPE_FILE: (DESCRIPTION, mutated_json)},
            lambda folder: read_features(folder / "a.npy"),
            check_description,
            {"a.npy": FEATURES},
            weight=15,
        ),
        Subject(
            "features.json of an earlier extraction",
            {RECIPE_FILE: (DESCRIPTION, mutated_json)},
            open_folder,
            None,
            {"a.mp4": b"0123456789", "a.npy": FEATURES},
        ),
        Subject(
            "settings.json of a run",
            {"settings.json": (json.dumps(SETTINGS).encode(), mutated_json)},
            begin_again,
            None,
            {"metrics.jsonl": b""},
        ),
    ]


__all__ = ["FEATURES", "FeatureRecipe", "npy", "subjects"]
