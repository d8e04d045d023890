"""From arrays, lists and tables in memory to a data set; what does not fit gets a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cofinal.config import DataSource, Preset, ProtocolSettings
from cofinal.data.checks import check_dataset
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.folds import make_folds
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.training.loop import train


def performances(count: int = 4, channels: int = 3, dtype: Any = np.float32) -> list[np.ndarray]:
    draws = np.random.default_rng(0)
    return [draws.normal(size=(5 + i, channels)).astype(dtype) for i in range(count)]


def test_a_list_of_arrays_and_scores_is_a_data_set() -> None:
    clips = performances()
    dataset = Dataset.from_arrays(clips, [1, 2, 3, 4.5])
    assert dataset.targets == ("score",) and dataset.ids == ("0", "1", "2", "3")
    assert dataset.scores.tolist() == [[1.0], [2.0], [3.0], [4.5]]
    assert all(kept is given for kept, given in zip(dataset.clips, clips, strict=True))
    assert set(dataset.splits) == {"train"} and dataset.groups == {}
    several = Dataset.from_arrays(clips, np.ones((4, 2)), ids=list("abcd"))
    assert several.targets == ("score 1", "score 2") and several.ids == tuple("abcd")


def test_a_table_brings_names_of_targets_and_groups() -> None:
    table = pd.DataFrame(
        {"id": list("wxyz"), "TES": [1.0, 2, 3, 4], "PCS": [5, 6, 7, 8], "event": list("aabb")}
    )
    dataset = Dataset.from_arrays(
        performances(), table[["TES", "PCS"]], ids=table["id"], groups=table[["event"]]
    )
    assert dataset.targets == ("TES", "PCS") and dataset.ids == tuple("wxyz")
    assert dataset.groups == {"event": ("a", "a", "b", "b")}
    one = Dataset.from_arrays(pd.Series(performances()), table["PCS"], groups=[1, 1, 2, None])
    assert one.targets == ("PCS",) and one.groups == {"group": ("1", "1", "2", "")}
    with pytest.raises(CofinalError, match="performance 3 has no 'group'"):
        make_folds(one, ProtocolSettings("group", group="group", folds=2))


def test_float64_is_rounded_and_object_arrays_are_read() -> None:
    wide = performances(dtype=np.float64)
    for given in (wide, np.array([*wide, None], dtype=object)[:-1]):
        for kept, original in zip(Dataset.from_arrays(given, range(4)).clips, wide, strict=True):
            assert kept.dtype == np.float32
            np.testing.assert_array_equal(kept, original.astype(np.float32))
    cube = np.array([values[:5] for values in wide], dtype=object)
    assert cube.shape == (4, 5, 3)
    assert Dataset.from_arrays(cube, range(4)).clips[3].dtype == np.float32


def test_features_keep_their_ids_and_their_recipe() -> None:
    recipe = FeatureRecipe(backbone="i3d", fps=25.0)
    features = [ClipFeatures(v, id=f"p{i}", recipe=recipe) for i, v in enumerate(performances())]
    dataset = Dataset.from_arrays(features, range(4))
    assert dataset.ids == ("p0", "p1", "p2", "p3") and dataset.recipe == recipe
    other = ClipFeatures(performances()[0], id="odd", recipe=FeatureRecipe(backbone="motion"))
    with pytest.raises(CofinalError, match="'odd' were made with backbone 'motion' instead of"):
        Dataset.from_arrays([*features, other], range(5))


def with_nan(clips: list[np.ndarray]) -> list[np.ndarray]:
    clips[2][4, 0] = np.nan
    return clips


WRONG_CLIPS: list[tuple[Callable[[], Any], str]] = [
    (lambda: "features", r"clips are 'features'; expected a list of arrays"),
    (lambda: Path("features/1.npy"), r"clips are 'features/1.npy'; .*read_features reads"),
    (lambda: pd.DataFrame({"a": [1.0]}), "clips are of type DataFrame"),
    (lambda: (v for v in performances()), "clips are of type generator"),
    (lambda: {"a": performances()[0]}, "clips are of type dict"),
    (lambda: np.float32(3), "clips are of type float32"),
    (lambda: [], "clips are empty"),
    (lambda: performances()[0], r"clips\[0\] has shape \(3,\); expected \(clips, channels\)"),
    (lambda: [*performances(3), np.zeros((0, 3), np.float32)], r"clips\[3\] has shape \(0, 3\)"),
    (lambda: [*performances(3), "1.npy"], r"clips\[3\] is '1.npy'"),
    (lambda: [*performances(3), [[1.0, 2.0, 3.0]]], r"clips\[3\] is of type list"),
    (lambda: [*performances(3), np.zeros((4, 3), np.uint8)], r"clips\[3\] holds uint8"),
    (lambda: [*performances(3), np.full((4, 3), "a", object)], r"clips\[3\] holds something that"),
    (lambda: [*performances(3), np.zeros((4, 2), np.float32)], r"clips\[3\] has 2 channels a clip"),
    (lambda: with_nan(performances()), r"clips\[2\]: clip 4 holds a value that is not finite"),
    (lambda: [*performances(3), np.full((4, 3), 1e300)], r"clips\[3\]: clip 0 holds a value that"),
]


@pytest.mark.parametrize(("clips", "match"), WRONG_CLIPS, ids=[m for _, m in WRONG_CLIPS])
def test_clips_that_are_none_get_a_sentence(clips: Callable[[], Any], match: str) -> None:
    with pytest.raises(CofinalError, match=match):
        Dataset.from_arrays(clips(), range(4))


@pytest.mark.parametrize(
    ("scores", "match"),
    [
        ([1, 2, 3], "4 performances and 3 scores"),
        ([1, 2, np.nan, 4], r"scores\[2\] is nan; expected finite"),
        ([[1, 2], [3, 4], [5, np.inf], [7, 8]], r"scores\[2\] is \[5.0, inf\]"),
        (["1", "2", "3", "4"], "scores are no table of numbers"),
        (np.array([1, "2", 3, 4], dtype=object), "no table of numbers .'2' among them"),
        ([1, 2, None, 4], r"scores\[2\] is nan"),
        ([[1, 2], [3], [4], [5]], "no table of numbers"),
        (np.zeros((4, 0)), r"shape \(4, 0\)"),
        (np.zeros((4, 1, 1)), r"shape \(4, 1, 1\)"),
        (np.ones(4, dtype=complex), "complex128"),
        (7.0, r"shape \(\)"),
        (pd.DataFrame({"a": list("wxyz")}), "no table of numbers"),
    ],
)
def test_scores_that_are_none_get_a_sentence(scores: Any, match: str) -> None:
    with pytest.raises(CofinalError, match=match):
        Dataset.from_arrays(performances(), scores)


@pytest.mark.parametrize(
    ("keywords", "match"),
    [
        ({"ids": ["a", "b", "a", "c"]}, "id 'a' occurs twice"),
        ({"ids": ["a"]}, "ids: 1 values; expected one for each of 4"),
        ({"targets": ["TES", "PCS"]}, "expected 1 different names"),
        ({"targets": "TES"}, "targets are 'TES'; expected 1 different names"),
        ({"groups": ["a", "b"]}, "groups 'group': 2 values"),
        ({"groups": "event"}, "groups 'group': 'event'; expected one for each"),
        ({"groups": {"event": [1]}}, "groups 'event': 1 values"),
        ({"splits": ["train"]}, "splits: 1 values"),
    ],
)
def test_names_that_do_not_fit_get_a_sentence(keywords: dict[str, Any], match: str) -> None:
    with pytest.raises(CofinalError, match=match):
        Dataset.from_arrays(performances(), range(4), **keywords)


def test_text_is_taken_for_paths_and_a_path_for_a_data_set(generated_source: DataSource) -> None:
    labels, features = generated_source.dataset, str(generated_source.data)
    dataset = load_dataset(generated_source)
    assert load_dataset(DataSource(labels, features)) == dataset  # type: ignore[arg-type]
    assert load_dataset(DataSource(Path(labels), features)) == dataset  # type: ignore[arg-type]
    one = DataSource(labels, features, targets="score")  # type: ignore[arg-type]
    assert one.targets == ("score",)


@pytest.mark.parametrize("wrong", ["labels.csv", Path("labels.csv"), pd.DataFrame({"id": [1]})])
def test_what_is_no_data_source_gets_a_sentence(wrong: Any) -> None:
    for read in (load_dataset, check_dataset):
        with pytest.raises(CofinalError, match=r"DataSource\('labels.csv', 'features'\)"):
            read(wrong)
    with pytest.raises(CofinalError, match=r"the data set is .*; expected a Dataset, as load_data"):
        train(wrong, Preset("ridge"))


def test_a_table_is_no_data_source() -> None:
    with pytest.raises(CofinalError, match="dataset is DataFrame; expected the name"):
        DataSource(pd.DataFrame({"id": [1]}))  # type: ignore[arg-type]
    with pytest.raises(CofinalError, match="features is int; expected a path"):
        DataSource("labels.csv", features=3)  # type: ignore[arg-type]
