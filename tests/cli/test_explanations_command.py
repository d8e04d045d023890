"""`cofinal benchmark --explanations` as a user runs it, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cofinal.audit.explanations.jobs import EvidenceJob
from cofinal.cli.main import main
from cofinal.config import DataSource, Preset, preset_text
from cofinal.data.dataset import Dataset
from cofinal.files.atomic import write_json, write_text

SECONDS = 1.28  # a clip of the generated data


@pytest.fixture
def sheet(generated: Dataset, tmp_path: Path) -> Path:
    """Three elements in each performance, every other one with a fault."""
    sheets = {}
    for number, (name, clips) in enumerate(zip(generated.ids, generated.clips, strict=True)):
        part = len(clips) * SECONDS / 3
        sheets[name] = {"elements": [routine_element(e, e * part, part, number) for e in range(3)]}
    path = tmp_path / "sheets.json"
    write_json(path, sheets)
    return path


def routine_element(place: int, start: float, lasts: float, number: int) -> dict[str, object]:
    fault = {"fault": "wobble", "start": start + 0.1, "end": start + lasts / 2, "deduction": 0.3}
    return {
        "element": "leap",
        "family": f"family{place}",
        "base_value": 0.1 * (1 + (place + number) % 3),
        "start": start,
        "end": start + lasts,
        "faults": [fault] if (place + number) % 2 else [],
    }


@pytest.fixture
def flags(
    generated_source: DataSource, tiny_preset: Preset, tmp_path: Path, run_folder: Path
) -> list[str]:
    """A command that takes seconds."""
    preset = tmp_path / "tiny.toml"
    write_text(preset, preset_text(tiny_preset))
    data = ["--dataset", generated_source.dataset, "--data", str(generated_source.data)]
    return [
        *("benchmark", "--explanations", *data, "--methods", str(preset), "ridge"),
        *("--folds", "2", "--seeds", "2", "--out", str(run_folder)),
        *("--evidence", "attention", "gradients", "occlusion-2", "--steps", "3"),
        *("--random-orders", "2", "--explained", "6"),
    ]


def test_tables_json_and_figure_are_written_and_a_second_run_continues(
    flags: list[str],
    sheet: Path,
    run_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flags = [*flags, "--sheet", str(sheet), "--shuffled", "--figures"]
    assert main(flags) == 0
    told = capsys.readouterr().out
    assert told == (run_folder / "explanations.md").read_text(encoding="utf-8") + "\n"
    for words in ("## tiny", "It has no attention.", "random weights", "ceiling", "aligned"):
        assert words in told
    found = json.loads((run_folder / "explanations.json").read_text(encoding="utf-8"))
    tiny, ridge = found["methods"]
    assert (tiny["performances"], tiny["seeds"], ridge["seeds"]) == (12, 2, 1)
    assert len(tiny["ways"]) == 6 and len(ridge["ways"]) == 4
    assert tiny["ways"][0]["faults"]["prevalence"] > 0.1
    assert set(tiny["ways"][0]["elements"]) == {"times", "equal parts", "aligned"}
    assert (run_folder / "explanations.png").stat().st_size > 10_000

    def refuse(*_: object) -> None:
        raise AssertionError("a finished fold was explained again")

    monkeypatch.setattr(EvidenceJob, "run", refuse)
    assert main(flags) == 0
    assert capsys.readouterr().out.split("## ")[1:] == told.split("## ")[1:]


def test_without_sheets_it_says_what_is_not_judged(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([flag for flag in flags if not flag.endswith(".toml")]) == 0
    assert "Note: no sheet of elements: neither faults nor elements" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--evidence", "lime"], "evidence 'lime' is unknown; expected"),
        (["--sheet", "absent.json"], "cannot read absent.json"),
        (["--targets", "TES"], "has no column 'TES' for a target"),
        (["--explained", "-1"], "setting explained is -1; expected 0 to 1000000000"),
        (["--steps", "0"], "setting steps is 0"),
        (["--evidence", "gradients", "gradients"], "each way once"),
        (["--evidence", "occlusion-50"], "leaving out 50 of the"),
        (["--protocols", "kfold", "final"], "explanations are judged under one of"),
        (["--protocols", "best-on-test"], "explanations are judged under one of"),
        (["--nested"], "leave out --nested"),
        (["--engine", "ray"], "use --workers"),
        (["--preset", "absent"], "preset 'absent' not found"),
    ],
)
def test_mistakes_get_a_sentence(
    flags: list[str], more: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, *more]) == 1
    told = capsys.readouterr().err
    fault = told.splitlines()[-1]  # what the data was taken for may come before
    assert sentence in fault and fault.startswith("cofinal: error: ")


def test_flags_of_explanations_alone_are_refused(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    flags.remove("--explanations")
    assert main(flags) == 1
    assert "judges explanations; add --explanations" in capsys.readouterr().err


def test_sheets_of_other_performances_get_a_sentence(
    flags: list[str], sheet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = sheet.with_name("other.json")
    write_json(other, {"x": json.loads(sheet.read_text(encoding="utf-8"))["p000"]})
    assert main([*flags, "--sheet", str(other)]) == 1
    assert "has no sheet of any performance" in capsys.readouterr().err
