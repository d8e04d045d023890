"""Ids and feature files as people and file systems write them, and features that say nothing."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from cofinal.config import DataSource
from cofinal.data.checks import check_dataset
from cofinal.data.dataset import load_dataset
from cofinal.data.findings import Finding
from cofinal.errors import CofinalError
from shared_files import fixture_folder

COUNT = 6


def performances(count: int = COUNT, length: int | None = None) -> list[np.ndarray]:
    draws = np.random.default_rng(1)
    return [draws.normal(size=(length or 9 + i, 5)).astype(np.float32) for i in range(count)]


def written(folder: Path, ids: list[str], files: list[str], clips: list[np.ndarray]) -> DataSource:
    """Labels of some ids, and feature files of other names."""
    (folder / "features").mkdir()
    for name, values in zip(files, clips, strict=True):
        np.save(folder / "features" / f"{name}.npy", values)
    lines = [f"{name},{i + 0.5}" for i, name in enumerate(ids)]
    (folder / "labels.csv").write_text("\n".join(["id,score", *lines]) + "\n", encoding="utf-8")
    return DataSource(str(folder / "labels.csv"), folder / "features")


def kinds(findings: list[Finding]) -> list[tuple[str, int | None, str]]:
    return [(finding.kind, finding.line, finding.severity) for finding in findings]


@pytest.mark.parametrize(
    ("identifier", "file"),
    [
        ("p00.mp4", "p00"),
        ("p00.npy", "p00"),
        ("1", "001"),
        ("007", "7"),
        ("Ball_001", "ball_1"),
        ("P00", "p00"),
        ("p00", "p00.mp4"),
    ],
)
def test_an_id_that_nearly_names_a_file_is_told_its_name(
    tmp_path: Path, identifier: str, file: str
) -> None:
    clips = performances(2)
    data = written(tmp_path, [identifier, "other"], [file, "other"], clips)
    [finding] = check_dataset(data)
    assert kinds([finding]) == [("features-missing", 2, "error")]
    assert f"{file}.npy is there: if that is meant, write the id as {file!r}" in finding.message
    with pytest.raises(CofinalError, match=r"labels.csv:2: .* is missing; .* is there"):
        load_dataset(data)


def test_two_near_names_are_not_guessed_between(tmp_path: Path) -> None:
    data = written(tmp_path, ["1", "b"], ["01", "001", "b"], performances(3))
    missing, *unlabelled = check_dataset(data)
    assert "is missing; extract its features, or name their folder" in missing.message
    assert [Path(finding.file).name for finding in unlabelled] == ["001.npy", "01.npy"]


@pytest.mark.parametrize(("of_labels", "of_files"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_accents_are_one_however_they_are_written(
    tmp_path: Path, of_labels: str, of_files: str
) -> None:
    names = ["\u00e9lan", "\u00fcbung", "c", "d", "e"]
    ids, files = (
        [unicodedata.normalize(form, name) for name in names]  # type: ignore[arg-type]
        for form in (of_labels, of_files)
    )
    assert ids != files
    clips = performances(5)
    data = written(tmp_path, ids, files, clips)
    assert check_dataset(data) == []
    dataset = load_dataset(data)
    assert dataset.ids == tuple(names)
    for kept, given in zip(dataset.clips, clips, strict=True):
        np.testing.assert_array_equal(kept, given)


def test_accents_do_not_hide_an_id_that_occurs_twice(tmp_path: Path) -> None:
    twice = ["\u00e9lan", unicodedata.normalize("NFD", "\u00e9lan")]
    data = written(tmp_path, twice, [twice[0]], performances(1))
    assert kinds(check_dataset(data)) == [("id-twice", 3, "error")]


def test_features_that_are_all_zero_or_the_same_in_every_clip_are_told(tmp_path: Path) -> None:
    clips = performances()
    for i in (0, 2, 3, 5):
        clips[i] = np.zeros_like(clips[i])
    clips[4] = np.repeat(clips[4][:1], 12, axis=0)
    ids = [f"p{i}" for i in range(COUNT)]
    zero, constant, *_ = check_dataset(written(tmp_path, ids, ids, clips))
    assert kinds([zero, constant]) == [
        ("features-zero", 2, "warning"),
        ("features-constant", 6, "warning"),
    ]
    assert "features of p0, p2, p3, ... are all zero (4 of 6 performances)" in zero.message
    assert "features of p4 are the same in every clip (1 of 6 performances)" in constant.message


def test_features_that_lie_the_wrong_way_round_are_told(tmp_path: Path) -> None:
    ids = [f"p{i}" for i in range(COUNT)]
    clips = [values[:9].T for values in performances()]
    [finding] = check_dataset(written(tmp_path, ids, ids, clips))
    assert kinds([finding]) == [("features-transposed", None, "warning")]
    assert "all 6 performances have 5 clips of 9 channels" in finding.message


def test_files_of_one_length_and_many_widths_are_told_to_be_transposed(tmp_path: Path) -> None:
    ids = [f"p{i}" for i in range(COUNT)]
    data = written(tmp_path, ids, ids, [values.T for values in performances()])
    for finding in check_dataset(data):
        assert finding.kind == "features-width"
        assert "all files have 5 rows, so save them as (clips, channels)" in finding.message


def test_few_performances_of_one_length_are_no_finding(tmp_path: Path) -> None:
    ids = ["a", "b", "c", "d"]
    assert check_dataset(written(tmp_path, ids, ids, performances(4, length=9))) == []


@pytest.mark.parametrize(
    ("labels", "features", "expected"),
    [
        ("event_underscore", "zeros", ["features-zero"]),
        ("event_underscore", "transposed", ["features-transposed"]),
        ("nfc", "nfd", []),
        ("event_underscore", "float64", []),
        ("ids_with_ending", "features", ["features-missing"] * 24),
    ],
)
def test_what_people_tried_is_told(labels: str, features: str, expected: list[str]) -> None:
    folder = fixture_folder() / "trials"
    findings = check_dataset(DataSource(folder / f"{labels}.csv", folder / features))
    assert [finding.kind for finding in findings] == expected
