"""Features in archives and sub-folders, as people keep them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.data.checks import check_dataset
from cofinal.data.clips import MappedClips
from cofinal.data.dataset import load_dataset
from cofinal.data.features import read_features
from cofinal.errors import CofinalError

NAMES = tuple(f"p{i:02}" for i in range(8))


@pytest.fixture
def clips() -> dict[str, np.ndarray]:
    draws = np.random.default_rng(3)
    return {name: draws.normal(size=(9 + i, 5)).astype("f4") for i, name in enumerate(NAMES)}


def labels(folder: Path, ids: tuple[str, ...]) -> str:
    lines = [f"{name},{i + 0.5}" for i, name in enumerate(ids)]
    (folder / "labels.csv").write_text("\n".join(["id,score", *lines]) + "\n")
    return str(folder / "labels.csv")


def same(source: DataSource, clips: dict[str, np.ndarray]) -> None:
    assert check_dataset(source) == []
    dataset = load_dataset(source)
    for read, values in zip(dataset.clips, clips.values(), strict=True):
        assert np.array_equal(read, values) and read.flags.writeable


def test_one_archive_of_all_performances(tmp_path: Path, clips: dict[str, np.ndarray]) -> None:
    """As `np.savez(path, **features)` writes a dictionary; packed or not, in memory or not."""
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "all.npz", **clips)
        same(DataSource(labels(tmp_path, NAMES), tmp_path / "all.npz"), clips)
    (tmp_path / "folder").mkdir()
    (tmp_path / "all.npz").rename(tmp_path / "folder" / "all.npz")
    same(DataSource(labels(tmp_path, NAMES), tmp_path / "folder"), clips)
    small = DataSource(labels(tmp_path, NAMES), tmp_path / "folder", memory_share=1e-9)
    assert isinstance(load_dataset(small).clips, MappedClips)
    same(small, clips)


def test_an_archive_for_each_performance(tmp_path: Path, clips: dict[str, np.ndarray]) -> None:
    for name, values in clips.items():
        np.savez(tmp_path / f"{name}.npz", features=values[np.newaxis].astype("f8"))
    np.savez(tmp_path / "p00.keypoints.npz", positions=np.zeros(3))  # lies beside, is no features
    same(DataSource(labels(tmp_path, NAMES), tmp_path), clips)


def test_features_in_sub_folders(tmp_path: Path, clips: dict[str, np.ndarray]) -> None:
    """The folder may be named where names are different, and must be where they are not."""
    for i, (name, values) in enumerate(clips.items()):
        folder = tmp_path / "features" / f"event {i % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", values)
    same(DataSource(labels(tmp_path, NAMES), tmp_path / "features"), clips)
    full = tuple(f"event {i % 2}/{name}" for i, name in enumerate(NAMES))
    same(DataSource(labels(tmp_path, full), tmp_path / "features"), clips)
    np.save(tmp_path / "features" / "event 1" / "p00.npy", clips["p00"])
    data = DataSource(labels(tmp_path, NAMES), tmp_path / "features")
    with pytest.raises(CofinalError, match=r"write the id with its folder, as 'event 0/p00'"):
        load_dataset(data)
    with pytest.raises(CofinalError, match=r"id '\.\./p00' names no feature file"):
        load_dataset(DataSource(labels(tmp_path, ("../p00",)), tmp_path / "features"))


def test_two_files_of_one_name_are_refused(tmp_path: Path, clips: dict[str, np.ndarray]) -> None:
    np.savez(tmp_path / "all.npz", **clips)
    np.save(tmp_path / "p03.npy", clips["p03"])
    with pytest.raises(CofinalError, match=r"are both features of 'p03'; keep one"):
        load_dataset(DataSource(labels(tmp_path, NAMES), tmp_path))


def test_a_sub_folders_features_take_their_recipe_from_the_folder_above(tmp_path: Path) -> None:
    (tmp_path / "2014").mkdir()
    np.save(tmp_path / "2014" / "1.npy", np.ones((3, 4), "f4"))
    about = {"backbone": "motion", "fps": 25.0, "videos": {"2014/1": {"first_clip_seconds": 0.5}}}
    (tmp_path / "features.json").write_text(json.dumps(about))
    features = read_features(tmp_path / "2014" / "1.npy")
    assert (features.id, features.first_clip_seconds) == ("2014/1", 0.5)
    assert features.recipe.backbone == "motion"


def test_damaged_archives_get_a_sentence(tmp_path: Path, clips: dict[str, np.ndarray]) -> None:
    path = tmp_path / "all.npz"
    np.savez_compressed(path, **clips)
    with pytest.raises(CofinalError, match=r"has 8 arrays \(p00, p01, p02, \.\.\.\); name one"):
        read_features(path)
    with pytest.raises(CofinalError, match="name one of them"):
        read_features(path / "p99")
    assert np.array_equal(read_features(path / "p03").values, clips["p03"])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(CofinalError, match=r"cannot read .*all\.npz"):
        read_features(path / "p03")
    noise = bytearray(content)
    noise[60:90] = bytes(30)
    path.write_bytes(bytes(noise))
    with pytest.raises(CofinalError, match=r"all\.npz"):
        read_features(path / "p00")
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped,
        zipped.open("big.npy", "w", force_zip64=True) as stream,
    ):
        header = np.lib.format.magic(1, 0) + b"\x76\x00"
        about = "{'descr': '<f4', 'fortran_order': False, 'shape': (200000, 1000)}"
        stream.write(header + about.ljust(117).encode() + b"\n")
        for _ in range(9):
            stream.write(bytes(2**26))
    with pytest.raises(CofinalError, match=r"bytes unpacked; save it as a \.npy file"):
        read_features(path)


def test_all_performances_of_an_archive_are_scored(
    tmp_path: Path, clips: dict[str, np.ndarray], capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "all.npz", **clips)
    data = ["--dataset", labels(tmp_path, NAMES), "--features", str(tmp_path / "all.npz")]
    assert main(["train", *data, "--method", "ridge", "--out", str(tmp_path / "run")]) == 0
    capsys.readouterr()
    model = str(tmp_path / "run" / "model")
    assert main(["score", model, str(tmp_path / "all.npz"), "--json"]) == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == list(NAMES)
    assert main(["score", model, str(tmp_path / "all.npz" / "p03"), "--json"]) == 0
    assert [entry["id"] for entry in json.loads(capsys.readouterr().out)] == ["p03"]


def test_features_are_a_folder_or_an_archive(tmp_path: Path, clips: dict[str, np.ndarray]) -> None:
    np.save(tmp_path / "p00.npy", clips["p00"])
    with pytest.raises(CofinalError, match=r"no \.npy or \.npz features in .*p00\.npy; name"):
        load_dataset(DataSource(labels(tmp_path, NAMES), tmp_path / "p00.npy"))
