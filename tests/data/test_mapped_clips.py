"""Features of many performances, held or on disk: the same numbers, the same findings."""

from __future__ import annotations

import os
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofinal.config import DataSource, Preset
from cofinal.data import clips as module
from cofinal.data.checks import check_dataset
from cofinal.data.clips import MappedClips, machine_memory
from cofinal.data.dataset import load_dataset
from cofinal.data.features import FeatureFile
from cofinal.errors import CofinalError
from cofinal.evaluation.runner import SharedData
from cofinal.generated.synthetic import generate, write_dataset
from cofinal.methods import settings_class
from cofinal.models.inference import predict_scores
from cofinal.training.loop import train


@pytest.fixture
def source(tmp_path: Path) -> DataSource:
    """Generated performances on disk, to be held in memory."""
    labels = write_dataset(tmp_path, generate(24, channels=8, clips=(9, 14)))
    return DataSource(str(labels))


def mapped(source: DataSource) -> DataSource:
    """The same, to be left on disk."""
    return replace(source, memory_share=0.0)


def test_mapped_features_are_those_that_are_held(source: DataSource) -> None:
    held, on_disk = load_dataset(source), load_dataset(mapped(source))
    assert isinstance(held.clips, tuple) and isinstance(on_disk.clips, MappedClips)
    assert len(held) == len(on_disk.clips)
    for mine, theirs in zip(on_disk.clips, held.clips, strict=True):
        assert isinstance(mine.base.base, np.memmap)
        np.testing.assert_array_equal(mine, theirs)
    assert on_disk.sha256 == held.sha256
    part = on_disk.subset([5, 2])
    assert isinstance(part.clips, MappedClips)
    np.testing.assert_array_equal(part.clips[1], held.clips[2])


def test_features_are_mapped_where_they_take_more_than_their_share(
    source: DataSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = sum(values.nbytes for values in load_dataset(source).clips)
    for memory, expected in ((4 * size, tuple), (4 * size - 4, MappedClips)):
        monkeypatch.setattr(module, "machine_memory", lambda memory=memory: memory)
        assert isinstance(load_dataset(source).clips, expected)


@pytest.mark.parametrize("method", ["ridge", "cofinal", "gdlt"])
def test_training_is_the_same_on_mapped_features(
    source: DataSource, tiny_preset: Preset, method: str
) -> None:
    preset = replace(tiny_preset, method=method, model=settings_class(method)())
    held, on_disk = load_dataset(source), load_dataset(mapped(source))
    first, second = (
        predict_scores(train(data, preset, show_progress=False), data.clips)
        for data in (held, on_disk)
    )
    assert np.array_equal(first, second)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files are told by /proc alone")
def test_mapped_features_keep_no_file_open(source: DataSource) -> None:
    before = len(os.listdir("/proc/self/fd"))
    dataset = load_dataset(mapped(source))
    kept = dataset.clips[0]
    assert sum(float(values.sum()) for values in dataset.clips) != 0
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del kept
    assert len(os.listdir("/proc/self/fd")) == before


def test_processes_share_held_features_and_map_those_on_disk(source: DataSource) -> None:
    for each in (source, mapped(source)):
        dataset = load_dataset(each)
        shared = pickle.loads(pickle.dumps(SharedData.of(dataset))).dataset()
        assert type(shared.clips) is type(dataset.clips) and shared.sha256 == dataset.sha256


def test_mapped_features_travel_to_other_processes_as_paths(source: DataSource) -> None:
    dataset = load_dataset(mapped(source))
    sent = pickle.dumps(dataset)
    assert len(sent) < sum(values.nbytes for values in dataset.clips)
    np.testing.assert_array_equal(pickle.loads(sent).clips[3], dataset.clips[3])


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_no_file_is_read_twice(
    source: DataSource, monkeypatch: pytest.MonkeyPatch, share: float
) -> None:
    seen: list[Path] = []
    for name in ("read", "map"):
        original = getattr(FeatureFile, name)

        def counted(self: FeatureFile, original=original) -> np.ndarray:  # type: ignore[no-untyped-def]
            seen.append(self.path)
            return original(self)

        monkeypatch.setattr(FeatureFile, name, counted)
    load_dataset(replace(source, memory_share=share))
    assert len(seen) == len(set(seen)) == 24


def test_faults_are_found_alike_in_held_and_mapped_features(source: DataSource) -> None:
    folder = Path(source.dataset).parent / "features"
    bad = np.ones((9, 8), np.float32)
    bad[4, 2] = np.nan
    np.save(folder / "p001.npy", bad)
    np.save(folder / "p002.npy", np.ones((9, 7), np.float32))
    (folder / "p003.npy").unlink()
    (folder / "p004.npy").write_bytes(b"no array")
    held, on_disk = check_dataset(source), check_dataset(mapped(source))
    assert held == on_disk
    kinds = {finding.kind: finding.message for finding in held if finding.severity == "error"}
    assert kinds.keys() == {
        "features-not-finite",
        "features-width",
        "features-missing",
        "features-unreadable",
    }
    assert "p001.npy" in kinds["features-not-finite"] and "clip 4" in kinds["features-not-finite"]


@pytest.mark.parametrize("share", [-0.1, 1.5, float("nan")])
def test_a_share_outside_zero_to_one_gets_a_sentence(share: float) -> None:
    with pytest.raises(CofinalError, match="setting memory_share is"):
        DataSource("fisv", memory_share=share)


def test_the_memory_is_no_more_than_the_machine_has() -> None:
    told = Path("/proc/meminfo")
    if not told.exists():
        pytest.skip("no /proc/meminfo to compare with")
    total = int(told.read_text().split()[1]) * 1024
    assert 2**27 < machine_memory() <= total
