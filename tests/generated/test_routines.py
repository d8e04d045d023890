"""Generated routines: sheets add up, faults show where they are, films and labels are usable."""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.data.checks import check_dataset
from cofinal.errors import CofinalError
from cofinal.extraction.clips import frames_on_screen
from cofinal.extraction.decoding import decoded_frames
from cofinal.extraction.many import extract_many
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.scanning import scan_timeline
from cofinal.generated import (
    FilmSettings,
    Routine,
    film,
    generate_routines,
    write_routines,
)
from cofinal.generated.catalogue import MOVES, move, travel
from cofinal.generated.figure import INDEX, JOINT, Proportions, joints, pose
from cofinal.generated.judging import panel_mark
from cofinal.generated.performance import STRENGTH, frame_times, performed_joints
from cofinal.generated.routine import PerformedFault
from cofinal.generated.rules import ELEMENTS, FAMILIES, FAULTS, faults_of
from cofinal.skeleton.readers import read_skeleton

SMALL = FilmSettings(width=64, height=48, fps=10)


@pytest.fixture(scope="module")
def routines() -> list[Routine]:
    return generate_routines(40, seed=5)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six routines on disk, with their features."""
    folder = tmp_path_factory.mktemp("routines")
    write_routines(folder, generate_routines(6, seed=1, events=3), SMALL)
    extract_many(
        [folder / "videos"],
        folder / "features",
        ExtractionRecipe(backbone="motion", fps=10, input_px=64),
    )
    return folder


def test_the_same_seed_gives_the_same_routines_and_frames() -> None:
    first, second = generate_routines(4, seed=3), generate_routines(4, seed=3)
    assert first == second
    assert first != generate_routines(4, seed=4)
    for a, b in zip(film(first[1], SMALL), film(second[1], SMALL), strict=True):
        assert np.array_equal(a, b)


def test_difficulty_is_the_sum_of_recognised_values(routines: list[Routine]) -> None:
    fallen = 0
    for routine in routines:
        values = []
        for element in routine.elements:
            fell = any(fault.name == "fall" for fault in element.faults)
            fallen += fell
            values.append(0 if fell else ELEMENTS[element.name].value)
        assert routine.difficulty == pytest.approx(math.fsum(values), abs=1e-9)
    assert fallen  # else the rule was not met


def test_execution_is_the_trimmed_mean_of_ten_minus_each_sheet(routines: list[Routine]) -> None:
    for routine in routines:
        marks = [10 - math.fsum(sheet) for sheet in routine.sheets.values()]
        assert list(routine.marks.values()) == pytest.approx(marks, abs=1e-9)
        trimmed = (sum(marks) - max(marks) - min(marks)) / (len(marks) - 2)
        assert routine.execution == pytest.approx(trimmed, abs=1e-3)
        assert routine.total == pytest.approx(routine.difficulty + trimmed, abs=2e-3)
    assert panel_mark([7.0, 9.0]) == 8.0


def test_judges_follow_the_rule_book_with_bias_and_error(routines: list[Routine]) -> None:
    errors = [
        mark - routine.true_execution
        for routine in generate_routines(60, seed=0)
        for mark in routine.marks.values()
    ]
    assert 0.05 < np.std(errors) < 0.5
    assert abs(np.mean(errors)) < 0.15
    marks = np.array([[*routine.marks.values()] for routine in routines])
    assert min(np.corrcoef(marks.T)[0]) > 0.9  # they watch the same routines
    assert (np.ptp(marks, axis=1) > 0).mean() > 0.8  # but differ
    panels = {routine.event.name: set(routine.marks) for routine in routines}
    assert sum(map(len, panels.values())) == len(set.union(*panels.values())), "a shared judge"


def test_routines_keep_the_rules_of_composition(routines: list[Routine]) -> None:
    for routine in routines:
        families = {ELEMENTS[element.name].family for element in routine.elements}
        assert families == set(FAMILIES)
        assert 6 <= len(routine.elements) <= 10
        times = [t for element in routine.elements for t in (element.start, element.end)]
        assert times == sorted(times)
        assert times[0] > 0 and times[-1] < routine.seconds
        beats = np.array([element.start for element in routine.elements]) / (routine.beat / 2)
        assert np.allclose(beats, beats.round())
    together = [(routine.event.name, routine.athlete.name) for routine in routines]
    assert len(set(together)) == len(together)
    splits = {routine.event.name: routine.split for routine in routines}
    assert {(r.event.name, r.split) for r in routines} == set(splits.items())
    assert set(splits.values()) == {"train", "test"}


def test_every_fault_lies_inside_its_element_and_follows_the_rule_book(
    routines: list[Routine],
) -> None:
    seen = set()
    for routine in routines:
        for element in routine.elements:
            for fault in element.faults:
                assert element.start <= fault.start < fault.end <= element.end
                assert fault.deduction in FAULTS[fault.name].deductions
                assert FAULTS[fault.name] in faults_of(ELEMENTS[element.name].family)
                seen.add(fault.name)
    assert seen == set(FAULTS)


def test_skill_drives_values_and_faults() -> None:
    many = generate_routines(120, seed=2, athletes=60)
    skill = [routine.athlete.skill for routine in many]
    assert np.corrcoef(skill, [routine.difficulty for routine in many])[0, 1] > 0.3
    assert np.corrcoef(skill, [routine.execution for routine in many])[0, 1] > 0.3


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_moves_the_joints_around_its_time_only(name: str, routines: list[Routine]) -> None:
    family = FAULTS[name].families[0] if FAULTS[name].families else "steps"
    element = next(e for e in routines[0].elements if ELEMENTS[e.name].family == family)
    fault = PerformedFault(
        name, element.start + 0.6, element.start + 1.5, FAULTS[name].deductions[0]
    )
    routine = replace(routines[0], elements=(replace(element, faults=(fault,)),))
    times = frame_times(routine, 50)
    moved = np.abs(
        performed_joints(routine, times) - performed_joints(routine, times, faults=False)
    ).max(axis=(1, 2))
    outside = (times <= fault.start) | (times >= fault.end)
    assert moved[outside].max() < 1e-12
    assert moved.max() > 0.05


def test_a_larger_deduction_is_a_larger_departure(routines: list[Routine]) -> None:
    element = next(e for e in routines[0].elements if ELEMENTS[e.name].family == "leap")
    for name in set(FAULTS) - {"fall"}:
        sizes = []
        for deduction in FAULTS[name].deductions:
            fault = PerformedFault(name, element.start + 0.4, element.start + 1.6, deduction)
            routine = replace(routines[0], elements=(replace(element, faults=(fault,)),))
            times = frame_times(routine, 25)
            clean = performed_joints(routine, times, faults=False)
            sizes.append(np.abs(performed_joints(routine, times) - clean).mean())
        assert sizes == sorted(sizes) and len(set(sizes)) == len(sizes), name
    assert all(d in STRENGTH for rule in FAULTS.values() for d in rule.deductions)


def test_the_figure_stands_on_the_floor_with_limbs_of_constant_length(
    routines: list[Routine],
) -> None:
    points = performed_joints(routines[3], frame_times(routines[3], 10))
    assert points[:, :, 1].min() > -1e-9
    body = routines[3].athlete.body
    for first, second, length in (
        ("lhip", "lknee", body.leg / 2),
        ("rshoulder", "relbow", body.arm / 2),
        ("pelvis", "waist", body.trunk / 2),
    ):
        bone = points[:, JOINT[first]] - points[:, JOINT[second]]
        assert np.allclose(np.linalg.norm(bone, axis=1), length)


def test_poses_put_the_limbs_where_they_say() -> None:
    body = Proportions()
    upright = joints(pose({"legs": 0, "arms": 90, "open": 90})[None], body)[0]
    assert upright[JOINT["pelvis"]] == pytest.approx([0, body.leg, 0])
    assert upright[JOINT["rhand"]] - upright[JOINT["rshoulder"]] == pytest.approx([0, 0, body.arm])
    forward = joints(pose({"lleg": 90, "heading": 90})[None], body)[0]
    assert forward[JOINT["lfoot"]] - forward[JOINT["lhip"]] == pytest.approx([0, 0, body.leg])
    jumping = joints(pose({"jump": 0.4})[None], body)[0]
    assert jumping[:, 1].min() == pytest.approx(0.4)


@pytest.mark.parametrize("element", ELEMENTS)
def test_elements_begin_and_end_at_rest(element: str) -> None:
    assert element in MOVES
    ends = move(element, np.array([0.0, 1.0]))
    assert ends[1, INDEX["heading"]] % 360 == 0
    assert ends[1, INDEX["travel"]] == travel(element)
    ends[:, [INDEX["heading"], INDEX["travel"]]] = 0
    assert np.abs(ends).max() < 1e-9
    path = move(element, np.linspace(0, 1, 400))
    assert np.abs(np.diff(path, axis=0)).max() < 20, "a jerk"


def test_a_film_decodes_to_its_frames(tmp_path: Path) -> None:
    routine = generate_routines(1, seed=2, events=1)[0]
    frames = list(film(routine, SMALL))
    assert len(frames) == round(routine.seconds * SMALL.fps)
    write_routines(tmp_path, [routine], SMALL)
    path = tmp_path / "videos" / f"{routine.id}.mp4"
    timeline = scan_timeline(path)
    assert timeline.frame_count(SMALL.fps) == len(frames)
    shown = frames_on_screen(decoded_frames(path, timeline, "av"), range(len(frames)), SMALL.fps)
    decoded = [frame.to_rgb() for _, frame in shown]
    assert len(decoded) == len(frames)
    errors = [
        np.abs(a.astype(float) - b.astype(float)).mean()
        for a, b in zip(decoded, frames, strict=True)
    ]
    assert max(errors) < 6
    # The skeleton beside it: as many frames, and the hands where the figure's are.
    keypoints = read_skeleton(tmp_path / "skeletons" / f"{routine.id}.keypoints.npz")
    assert len(keypoints.seconds_F) == len(frames) and keypoints.found_share == 1
    points = performed_joints(routine, frame_times(routine, SMALL.fps))
    wrists = keypoints.positions_FJD[:, keypoints.joints["left_wrist"]]
    np.testing.assert_allclose(wrists, points[:, JOINT["lhand"]], atol=1e-5)


def test_what_is_written_passes_the_data_check(written: Path) -> None:
    labels = written / "labels.csv"
    findings = check_dataset(DataSource(str(labels), written / "features"))
    assert [f for f in findings if f.severity == "error"] == []
    rows = {row["id"]: row for row in csv.DictReader(labels.read_text().splitlines())}
    sheets = json.loads((written / "sheets.json").read_text())
    marks = list(csv.DictReader((written / "judges.csv").read_text().splitlines()))
    assert rows.keys() == sheets.keys() == {mark["id"] for mark in marks}
    for identifier, sheet in sheets.items():
        row = rows[identifier]
        assert float(row["difficulty"]) == pytest.approx(sum(e["value"] for e in sheet["elements"]))
        given = sorted(float(mark["mark"]) for mark in marks if mark["id"] == identifier)
        assert float(row["execution"]) == pytest.approx(np.mean(given[1:-1]), abs=1e-3)
        for judge, mark in sheet["marks"].items():
            taken = sum(element["judges"][judge] for element in sheet["elements"])
            assert mark == pytest.approx(10 - taken)
    assert {mark["target"] for mark in marks} == {"execution"}


def test_a_second_run_makes_only_what_is_missing_or_other(written: Path) -> None:
    routines = generate_routines(6, seed=1, events=3)
    films = sorted((written / "videos").glob("*.mp4"))
    films[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in films[1:]}
    write_routines(written, routines, SMALL, workers=2)
    assert films[0].exists()
    assert {path: path.stat().st_mtime_ns for path in films[1:]} == before
    other = [*routines[:5], replace(routines[5], beat=routines[5].beat * 1.01)]
    write_routines(written, other, SMALL)
    after = {path: path.stat().st_mtime_ns for path in films[1:]}
    assert [path.stem for path in films[1:] if after[path] != before[path]] == ["r005"]


def test_films_of_others_are_not_touched(tmp_path: Path) -> None:
    routine = generate_routines(1, seed=2, events=1)
    for name in ("r000.mp4", "r777.mp4"):
        path = tmp_path / name / "videos" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"mine")
        with pytest.raises(CofinalError, match="choose another folder"):
            write_routines(tmp_path / name, routine, SMALL)
        assert path.read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--count", "0"], "setting count is 0; expected 1 to 10000"),
        (["--seed", "-1"], "setting seed is -1; expected 0 to 4294967295"),
        (["--athletes", "2"], "2 athletes for 10 routines in an event"),
        (["--width", "63"], "films of 63x120 at 25 frames per second; expected even sides"),
        (["--workers", "0"], "setting workers is 0; expected 1 to 1024"),
    ],
)
def test_mistakes_get_a_sentence(
    flags: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "routines", "--out", str(tmp_path / "out"), *flags]) == 1
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_that_cannot_be_written_gets_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    small = ["--count", "1", "--events", "1", "--width", "64", "--height", "48", "--fps", "5"]
    out = os.path.join(tmp_path, "file", "out")
    assert main(["data", "routines", "--out", out, *small]) == 1
    assert "(Not a directory); choose another --out" in capsys.readouterr().err


def test_without_pyav_a_sentence_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(CofinalError, match=r"pip install 'cofinal\[video\]'"):
        write_routines(tmp_path / "out", generate_routines(1, seed=2), SMALL)
    assert not (tmp_path / "out").exists()
