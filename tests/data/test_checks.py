"""A data folder with every fault planted in it, and what must not be found in sound data."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from cofinal.config import DataSource
from cofinal.data.checks import check_dataset
from cofinal.data.findings import Finding
from cofinal.generated.synthetic import generate, write_dataset
from shared_files import data_folder

HOSTILE_HEADER = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1024), }\n"


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return (Path.touch, (self.path,))


@pytest.fixture
def sound(tmp_path: Path) -> DataSource:
    """Twenty sound performances p000 to p019 on lines 2 to 21, each with an event of its own."""
    labels = write_dataset(tmp_path, generate(20, channels=8, clips=(20, 24), seed=5))
    rows = labels.read_text().splitlines()
    rows[1:] = [f"{row.rsplit(',', 1)[0]},E{i}" for i, row in enumerate(rows[1:])]
    labels.write_text("\n".join(rows) + "\n")
    return DataSource(str(labels), tmp_path / "features")


def features(source: DataSource, identifier: str) -> Path:
    """The feature file of a performance."""
    assert source.data is not None
    return source.data / f"{identifier}.npy"


def edit_line(source: DataSource, line: int, new: str) -> None:
    """Replaces a line of the label file, counted from 1."""
    path = Path(source.dataset)
    lines = path.read_text().splitlines()
    lines[line - 1] = new
    path.write_text("\n".join(lines) + "\n")


def summary(findings: list[Finding]) -> list[tuple[str, str, int | None, str]]:
    """Kind, file name, line and severity of each finding."""
    return [(f.kind, Path(f.file).name, f.line, f.severity) for f in findings]


def test_sound_data_has_no_findings(sound: DataSource) -> None:
    assert check_dataset(sound) == []


def test_every_planted_fault_is_found_where_it_is_and_nothing_else(
    sound: DataSource, tmp_path: Path
) -> None:
    harmed = tmp_path / "harmed"
    values = np.load(features(sound, "p000"))
    features(sound, "p001").unlink()
    features(sound, "p002").write_bytes(b"these are no features")
    features(sound, "p003").write_bytes(features(sound, "p003").read_bytes()[:-1])
    features(sound, "p004").write_bytes(b"")
    np.save(features(sound, "p005"), np.where(np.arange(8) == 3, np.nan, values))
    np.save(features(sound, "p006"), values[:, :7])
    hostile = np.empty((2, 8), dtype=object)
    hostile[:] = Touch(harmed)
    np.save(features(sound, "p007"), hostile, allow_pickle=True)
    size = len(HOSTILE_HEADER).to_bytes(2, "little")
    features(sound, "p008").write_bytes(b"\x93NUMPY\x01\x00" + size + HOSTILE_HEADER + bytes(64))
    np.save(features(sound, "p009"), np.load(features(sound, "p010")).astype(np.float16))
    edit_line(sound, 13, "p010,30,30,train,E10")  # p011's line: p010 twice
    edit_line(sound, 14, "p012,,30,train,E12")
    edit_line(sound, 15, "p013,thirty,30,train,E13")
    edit_line(sound, 16, "p014,nan,30,train,E14")
    edit_line(sound, 17, "p015,30,30,train")
    edit_line(sound, 18, "p016,30,30,test,E0")  # skated with p000
    np.save(features(sound, "p004").with_name("stray.npy"), values[::-1])

    at = {line: f"p{line - 2:03d}" for line in range(2, 22)}
    findings = check_dataset(sound)
    assert sorted(summary(findings)) == sorted(
        [
            *((kind, "labels.csv", line, "error") for kind, line in FAULTY_LABELS),
            *((kind, "labels.csv", line, "error") for kind, line in FAULTY_FEATURES),
            ("label-missing", "labels.csv", 14, "warning"),
            ("content-twice", "labels.csv", 12, "warning"),
            ("group-in-several-splits", "labels.csv", 2, "warning"),
            # Features whose label cannot be used have none.
            *(
                ("features-unlabelled", f"{name}.npy", None, "warning")
                for name in ("p011", "p013", "p014", "p015", "stray")
            ),
        ]
    )
    for finding in findings:
        if finding.kind.startswith("features-") and finding.line:
            assert f"{at[finding.line]}.npy" in finding.message
    assert not harmed.exists()


FAULTY_LABELS = [
    ("id-twice", 13),
    ("label-not-a-number", 15),
    ("label-not-finite", 16),
    ("label-columns", 17),
]
FAULTY_FEATURES = [
    ("features-missing", 3),
    ("features-unreadable", 4),
    ("features-unreadable", 5),
    ("features-unreadable", 6),
    ("features-not-finite", 7),
    ("features-width", 8),
    ("features-unreadable", 9),
    ("features-unreadable", 10),
]


def test_the_one_file_of_another_width_is_at_fault_even_if_it_is_the_first(
    sound: DataSource,
) -> None:
    np.save(features(sound, "p000"), np.load(features(sound, "p000"))[:, :5])
    assert summary(check_dataset(sound)) == [("features-width", "labels.csv", 2, "error")]


def test_an_id_too_long_for_a_file_name_is_found_missing(sound: DataSource) -> None:
    edit_line(sound, 2, "p" * 300 + ",30,30,train,E0")
    assert ("features-missing", "labels.csv", 2, "error") in summary(check_dataset(sound))


def test_an_infinite_value_is_found_with_its_clip(sound: DataSource) -> None:
    values = np.load(features(sound, "p003"))
    values[11, 2] = -np.inf
    np.save(features(sound, "p003"), values)
    (finding,) = check_dataset(sound)
    assert (finding.kind, finding.line) == ("features-not-finite", 5)
    assert "clip 11" in finding.message


@pytest.mark.parametrize("shift", [0, 1, 2])
def test_the_same_performance_is_found_though_noisy_and_shifted(
    sound: DataSource, shift: int
) -> None:
    values = np.load(features(sound, "p003"))
    noisy = values + np.random.default_rng(0).normal(0, 0.1, values.shape)
    np.save(features(sound, "p007"), noisy[shift:].astype(np.float32))
    (finding,) = check_dataset(sound)
    assert (finding.kind, finding.line) == ("content-twice", 9)
    assert "p007 shows the same performance as p003" in finding.message
    assert "with other scores" in finding.message


def test_groups_in_one_split_only_are_no_finding(sound: DataSource) -> None:
    edit_line(sound, 3, "p001,30,30,train,E0")
    assert check_dataset(sound) == []


def test_a_folder_without_features_is_a_finding_of_its_own(
    sound: DataSource, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    found = check_dataset(DataSource(sound.dataset, tmp_path / "empty"))
    assert [f.kind for f in found if f.severity == "error"] == ["features-missing"]
    assert re.search(r"no \.npy or \.npz features in .*--features", str(found[-1]))


def test_the_known_duplicate_of_fisv_is_found_and_no_other() -> None:
    folder = data_folder() / "fis-v"
    findings = check_dataset(DataSource("fisv", folder))
    assert [finding.kind for finding in findings] == ["content-twice"]
    lines = [line.split()[0] for line in (folder / "train.txt").read_text().splitlines()]
    (finding,) = findings
    assert finding.line is not None
    pair = {lines[finding.line - 1], finding.message.split(" as ")[1].split()[0]}
    assert pair == {"124", "417"}
    assert Path(finding.file) == folder / "train.txt"


def test_skaters_and_events_that_span_the_published_split_are_found(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("1 30 25 0\n2 30 25 0\n")
    (tmp_path / "test.txt").write_text("3 30 25 0\n4 30 25 0\n")
    (tmp_path / "performances.csv").write_text("id,skater,event\n1,A,E\n2,B,F\n3,C,F\n4,B,G\n")
    (tmp_path / "features").mkdir()
    rng = np.random.default_rng(0)
    for identifier in "1234":
        values = rng.normal(size=(9, 1024)).astype(np.float32)
        np.save(tmp_path / "features" / f"{identifier}.npy", values)
    findings = check_dataset(DataSource("fisv", tmp_path))
    assert summary(findings) == [
        ("group-in-several-splits", "train.txt", 2, "warning"),
        ("group-in-several-splits", "train.txt", 2, "warning"),
    ]
    assert ["'event'" in findings[0].message, "'skater'" in findings[1].message] == [True, True]


def test_labels_are_checked_even_where_features_are_absent(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("id,score\na,1.0\na,2.0\nb,x\nc,3\n")
    kinds = [f.kind for f in check_dataset(DataSource(str(tmp_path / "labels.csv"), tmp_path))]
    assert sorted(kinds) == ["features-missing", "id-twice", "label-not-a-number"]


def test_a_check_tells_how_far_it_is(sound: DataSource) -> None:
    shares: list[float] = []
    check_dataset(sound, shares.append)
    assert shares == sorted(shares) and len(shares) > 4
    assert shares[0] == 0 and 0.5 < shares[-1] < 1
