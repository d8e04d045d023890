"""`cofinal agreement` on small files, hostile ones, and real score sheets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_marks import SHROUT_FLEISS, simulated, with_gaps

from cofinal.agreement.measure import measure_agreement
from cofinal.cli.main import main
from cofinal.config import AgreementSettings
from cofinal.data.judges import JudgeMarks
from cofinal.errors import CofinalError
from shared_files import data_folder

HEADER = "id,judge,target,mark\n"


def marks_file(folder: Path, marks_NJ: np.ndarray, target: str = "total") -> Path:
    """Marks as a CSV; gaps are lines that are not there."""
    lines = [
        f"p{i},J{j + 1},{target},{mark:g}\n"
        for (i, j), mark in np.ndenumerate(marks_NJ)
        if np.isfinite(mark)
    ]
    path = folder / "judges.csv"
    path.write_text(HEADER + "".join(lines))
    return path


def test_tables_files_and_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = marks_file(tmp_path, SHROUT_FLEISS, "a/b"), tmp_path / "out"
    (tmp_path / "predictions.csv").write_text(
        "id,a/b predicted\n" + "".join(f"p{i},{i}\n" for i in range(6))
    )
    command = ["agreement", str(path), "--out", str(out), "--figures", "--grades", "2"]
    assert main([*command, "--predictions", str(tmp_path / "predictions.csv")]) == 0
    said = capsys.readouterr().out
    assert said == (out / "agreement.md").read_text()
    assert "## a/b: 6 performances, 4 judges" in said
    assert "| ICC(2,1) | 0.290 | 0.019 to 0.761 | 29% of the variance" in said
    assert "| judges needed | 10, 23, 47, 243 |" in said
    assert "The model as one more judge, on 6 performances" in said
    found = json.loads((out / "agreement.json").read_text())["targets"][0]
    assert found["reliability"]["icc_panel"] == pytest.approx(0.62005, abs=1e-5)
    assert found["judges"] == ["J1", "J2", "J3", "J4"]
    assert [row["performances"] for row in found["differences"]] == [6] * 4
    assert (out / "a_b.png").read_bytes().startswith(b"\x89PNG")


def test_json_alone_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["agreement", str(marks_file(tmp_path, SHROUT_FLEISS)), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["targets"][0]["target"] == "total" and told["group"] is None


def test_gaps_are_said_and_survived(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marks_NJ = simulated(20, 3, seed=0)
    marks_NJ[4, 1] = np.nan
    assert main(["agreement", str(marks_file(tmp_path, marks_NJ))]) == 0
    said = capsys.readouterr().out
    assert "measured on the 19 performances that all judges marked" in said
    chequered = np.where(np.indices((20, 3)).sum(0) % 2, np.nan, marks_NJ)
    chequered[4, 1], chequered[0, 1] = np.nan, 20.0  # the only performance with all three
    assert main(["agreement", str(marks_file(tmp_path, chequered))]) == 0
    said = capsys.readouterr().out
    assert "needs two performances with the marks of all 3; there are none" in said
    assert "ICC" not in said and "alpha" in said


def test_judges_who_take_turns_are_compared_by_seat(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marks_NJ, rng = simulated(400, 9, seed=1), np.random.default_rng(1)
    for row in marks_NJ:
        row[rng.permutation(9)[3:]] = np.nan
    assert main(["agreement", str(marks_file(tmp_path, marks_NJ)), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["targets"][0]
    assert (found["seats"], len(found["judges"]), len(found["differences"])) == (3, 9, 9)
    # Other judges at every performance count as chance: 4 of 4 + .25 + 1.
    assert found["reliability"]["icc_one"] == pytest.approx(4 / 5.25, abs=0.1)
    assert found["reliability"]["performances"] == 400
    main(["agreement", str(marks_file(tmp_path, marks_NJ))])
    assert "Panels change: no performance has more than 3 marks" in capsys.readouterr().out


def test_groups_and_occasions(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    marks_NJ = simulated(20, 3, seed=2) + 10 * (np.arange(20) % 2)[:, None]
    path = marks_file(tmp_path, marks_NJ)
    lines = path.read_text().splitlines()[1:]
    again = [line.rsplit(",", 1)[0] + f",2,{i % 7}\n" for i, line in enumerate(lines[:30])]
    first = [line.rsplit(",", 1)[0] + ",1," + line.rsplit(",", 1)[1] + "\n" for line in lines]
    path.write_text("id,judge,target,occasion,mark\n" + "".join(first + again))
    groups = tmp_path / "events.csv"
    groups.write_text("id,event\n" + "".join(f"p{i},E{i % 2}\n" for i in range(20)))
    assert main(["agreement", str(path), "--groups", str(groups)]) == 0
    said = capsys.readouterr().out
    assert "Reliability is that inside one event" in said and "SRCC inside groups" in said
    assert "The same judge again, first mark against last:" in said
    assert "| J1 | 10 | " in said
    assert main(["agreement", str(path), "--groups", str(groups), "--group", "hall"]) == 1
    assert "expected the columns id, hall" in capsys.readouterr().err
    groups.write_text("id,event\np0,E0\n")
    assert main(["agreement", str(path), "--groups", str(groups)]) == 1
    assert "id 'p1' has marks but no event; add it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "flags", "sentence"),
    [
        ("a,J1,x,5\nb,J1,x,6\n", [], "no performance has marks of two judges for x"),
        ("a,J1,x,5\na,J2,x,5\nb,J1,x,5\nb,J2,x,5\n", [], "all marks of x are 5; marks that never"),
        ("a,J1,x,5\na,J2,x,6\nb,J1,x,9\nb,J2,x,8\n", ["--targets", "y"], "'y' has no marks;"),
        ("a,A,x,5\na,B,x,6\nb,A,x,6\nb,B,x,5\nc,A,x,1\nc,B,x,1\n", [], "ask for fewer grades"),
        ("a,J1,x,5\na,J2,x,6\n", ["--figures"], "figures need a folder; add --out FOLDER"),
        ("a,J1,x,5\na,J2,x,6\n", ["--wanted", "2"], "expected reliabilities between 0 and 1"),
        ("a,J1,x,5\na,J2,x,6\n", ["--components"], "has no components; only score sheets"),
        ("a,J1,x,5\na,J1,x,6\n", [], "or number the times in a column 'occasion'"),
    ],
)  # fmt: skip
def test_bad_input_gets_a_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    text: str,
    flags: list[str],
    sentence: str,
) -> None:
    path = tmp_path / "judges.csv"
    path.write_text(HEADER + text)
    assert main(["agreement", str(path), *flags]) == 1
    said = capsys.readouterr().err
    assert sentence in said and "Traceback" not in said


def test_a_table_of_one_column_per_judge_says_what_one_of_a_mark_a_line_says(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "judges.csv"
    path.write_text("id,J1,J2\na,5,6\nb,7,8.5\nc,6,6\n")
    assert main(["agreement", str(path), "--grades", "2", "--json"]) == 0
    wide = json.loads(capsys.readouterr().out)
    lines = ["a,J1,5", "a,J2,6", "b,J1,7", "b,J2,8.5", "c,J1,6", "c,J2,6"]
    path.write_text("\n".join(["id,judge,mark,target", *(f"{n},score" for n in lines)]) + "\n")
    assert main(["agreement", str(path), "--grades", "2", "--json"]) == 0
    long = json.loads(capsys.readouterr().out)
    assert wide == long


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from([1.0, 1.5, 2.0, np.nan]), min_size=3, max_size=3),
        min_size=1,
        max_size=6,
    ),
    st.booleans(),
)
def test_any_marks_give_numbers_or_a_sentence(rows: list[list[float]], grouped: bool) -> None:
    marks_NJ = np.array(rows)
    judged = JudgeMarks(tuple(map(str, range(len(rows)))), {"x": marks_NJ}, {"x": ("a", "b", "c")})
    plan = AgreementSettings(grades=2, grade_spacing="equal-width")
    predictions = {"x": {str(i): 1.2 for i in range(len(rows))}}
    groups = np.arange(len(rows)) % 2 if grouped else None
    try:
        (found,) = measure_agreement(judged, plan, groups, predictions)
    except CofinalError:
        return
    json.dumps(found.to_json(), allow_nan=False)
    assert found.alpha is None or found.alpha <= 1
    if found.reliability:
        assert -1 - 1e-9 <= found.reliability.icc_one <= 1 + 1e-9


def test_the_skating_judges_of_fisv(capsys: pytest.CaptureFixture[str]) -> None:
    folder = data_folder() / "fis-v"
    command = ["agreement", str(folder), "--components", "--groups"]
    command += [str(folder / "performances.csv"), "--json", "--targets", "SS"]
    assert main(command) == 0
    (skills,) = json.loads(capsys.readouterr().out)["targets"]
    assert (skills["performances"], skills["seats"]) == (380, 9)
    assert skills["reliability"]["standard_error"] == pytest.approx(0.42, abs=0.005)
    assert skills["reliability"]["icc_one"] == pytest.approx(0.829, abs=5e-4)
    assert skills["ordinal_alpha"] == pytest.approx(0.879, abs=5e-4)  # the package krippendorff


def test_gaps_leave_the_numbers_alone_that_allow_them() -> None:
    marks_NJ = with_gaps(simulated(400, 6, seed=3, deviations=(2.0, 0.0, 1.0)), 0.3, seed=3)
    judged = JudgeMarks(tuple(map(str, range(400))), {"x": marks_NJ}, {"x": tuple("abcdef")})
    (found,) = measure_agreement(judged, AgreementSettings())
    assert found.alpha == pytest.approx(0.8, abs=0.04)
    assert found.reliability and found.reliability.icc_one == pytest.approx(0.8, abs=0.06)
