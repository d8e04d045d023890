"""Data sets in memory: published layouts, one's own, and refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cofinal.config import DataSource
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.errors import CofinalError
from cofinal.generated.synthetic import generate, write_dataset
from cofinal.times import ClipTimes
from published import write_rg
from shared_files import data_folder


@pytest.fixture(scope="module")
def rg(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real label files of Rhythmic Gymnastics with generated features, as published."""
    return write_rg(tmp_path_factory.mktemp("rg"))


def test_fisv_reads_as_published_with_both_targets() -> None:
    folder = data_folder() / "fis-v"
    dataset = load_dataset(DataSource("fisv", folder))
    assert (len(dataset), dataset.channels) == (400, 1024)
    assert dataset.targets == ("TES", "PCS")
    assert dataset.scores.shape == (400, 2)
    assert set(dataset.splits) == {"train"}
    assert {values.dtype for values in dataset.clips} == {np.dtype(np.float16)}
    stored = np.load(folder / "features" / f"{dataset.ids[7]}.npy")
    np.testing.assert_array_equal(dataset.clips[7], stored)
    assert dataset.times(7) == ClipTimes(0.0, 32 / 25, 32 / 25)


def test_rg_reads_as_published_all_apparatus_together(rg: Path) -> None:
    dataset = load_dataset(DataSource("rg", rg))
    assert (len(dataset), dataset.targets) == (1000, ("Total",))
    assert (len(dataset.split("train")), len(dataset.split("test"))) == (800, 200)
    assert set(dataset.categories) == {"Ball", "Clubs", "Hoop", "Ribbon"}


@pytest.mark.parametrize("apparatus", ["Ball", "Clubs", "Hoop", "Ribbon"])
def test_rg_reads_per_apparatus(rg: Path, apparatus: str) -> None:
    dataset = load_dataset(DataSource("rg", rg, category=apparatus))
    published = (rg / "train.txt").read_text() + (rg / "test.txt").read_text()
    assert len(dataset) == published.count(f"{apparatus}_")
    assert all(identifier.startswith(f"{apparatus}_") for identifier in dataset.ids)


def test_rg_offers_difficulty_execution_and_total(rg: Path) -> None:
    names = ("Difficulty", "Execution", "Total")
    dataset = load_dataset(DataSource("rg", rg, targets=names, category="Ball"))
    assert dataset.targets == names
    first = (rg / "train.txt").read_text().splitlines()[1].split()
    row = dataset.scores[dataset.ids.index(first[0])]
    assert row.tolist() == [float(cell) for cell in first[1:4]]


def test_an_unknown_target_and_category_are_refused_with_those_there_are(rg: Path) -> None:
    with pytest.raises(CofinalError, match="'Artistry' is unknown; rg has Difficulty, Execution"):
        load_dataset(DataSource("rg", rg, targets=("Artistry",)))
    with pytest.raises(CofinalError, match="'Rope' is unknown; the data has Ball, Clubs"):
        load_dataset(DataSource("rg", rg, category="Rope"))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_features_stay_in_the_precision_they_are_stored_in(
    tmp_path: Path, dtype: type[np.floating]
) -> None:
    (tmp_path / "train.txt").write_text("1 30 25 0\n2 31 26 0\n")
    for identifier in "12":
        np.save(tmp_path / f"{identifier}.npy", np.ones((3, 1024), dtype=dtype))
    dataset = load_dataset(DataSource("fisv", tmp_path))
    assert [values.dtype for values in dataset.clips] == [dtype, dtype]


def test_features_of_another_width_than_the_card_says_are_refused(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("1 30 25 0\n")
    np.save(tmp_path / "1.npy", np.ones((3, 1000), dtype=np.float32))
    with pytest.raises(CofinalError, match=r"train\.txt:1: .*1000 channels instead of 1024"):
        load_dataset(DataSource("fisv", tmp_path))


def test_features_can_lie_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("1 30 25 0\n")
    (tmp_path / "other").mkdir()
    np.save(tmp_path / "other" / "1.npy", np.ones((3, 1024), dtype=np.float32))
    assert len(load_dataset(DataSource("fisv", tmp_path, features=tmp_path / "other"))) == 1
    with pytest.raises(CofinalError, match="--features"):
        load_dataset(DataSource("fisv", tmp_path, features=tmp_path / "absent"))


def test_own_data_reads_what_was_written(tmp_path: Path) -> None:
    performances = generate(12, channels=6, clips=(5, 9), seed=2)
    dataset = load_dataset(DataSource(str(write_dataset(tmp_path, performances))))
    assert dataset.targets == ("difficulty", "execution")
    np.testing.assert_array_equal(dataset.scores, performances.scores)
    for read, written in zip(dataset.clips, performances.clips, strict=True):
        np.testing.assert_array_equal(read, written)
    assert dataset.groups == {"event": tuple(performances.events)}
    assert dataset.splits == ("train",) * 9 + ("test",) * 3
    assert dataset.recipe.backbone == "generated"


def test_a_published_name_without_a_folder_gets_a_sentence() -> None:
    with pytest.raises(CofinalError, match="name it with --data"):
        load_dataset(DataSource("fisv"))


def test_the_first_fault_is_told_and_the_others_counted(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("1 x 25 0\n2 31 26 0\n3 y 25 0\n4 z 25 0\n")
    with pytest.raises(CofinalError, match=r"train\.txt:1: .*2 more; `cofinal data check`"):
        load_dataset(DataSource("fisv", tmp_path))


def test_no_usable_performance_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("")
    with pytest.raises(CofinalError, match="no labelled performance"):
        load_dataset(DataSource("fisv", tmp_path))


def test_a_subset_keeps_rows_together_and_shares_features(generated: Dataset) -> None:
    part = generated.subset([5, 2])
    assert part.ids == (generated.ids[5], generated.ids[2])
    np.testing.assert_array_equal(part.scores, generated.scores[[5, 2]])
    assert part.clips[1] is generated.clips[2]
    assert part.splits == (generated.splits[5], generated.splits[2])
    assert part.groups["event"] == (generated.groups["event"][5], generated.groups["event"][2])


def test_an_absent_split_is_refused_with_those_there_are(generated: Dataset) -> None:
    with pytest.raises(CofinalError, match="no performance in split 'val', only in test, train"):
        generated.split("val")


def test_generated_performances_repeat_with_their_seed() -> None:
    one, same, other = (generate(3, 4, (5, 6), seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.scores, same.scores)
    np.testing.assert_array_equal(one.clips[2], same.clips[2])
    assert not np.array_equal(one.scores, other.scores)
