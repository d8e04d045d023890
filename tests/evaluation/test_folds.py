"""Folds: who is trained on and who is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupKFold, KFold

from cofinal.config import ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.folds import Fold, make_folds


def performances(events: list[str], splits: list[str] | None = None) -> Dataset:
    """Performances of one clip, of which only event and split matter."""
    count = len(events)
    return Dataset(
        name="made",
        targets=("score",),
        ids=tuple(map(str, range(count))),
        scores=np.arange(float(count))[:, None],
        clips=(np.ones((1, 2), dtype=np.float32),) * count,
        splits=tuple(splits or ["train"] * count),
        categories=(None,) * count,
        groups={"event": tuple(events)},
    )


FORTY = performances([f"E{i * 7 % 11}" for i in range(40)])


def folds(protocol: str, dataset: Dataset = FORTY, repeat: int = 0, **more: Any) -> list[Fold]:
    """Folds of a protocol; groups are events."""
    group = "event" if protocol == "group" else None
    settings = ProtocolSettings(protocol, **{"group": group, **more})  # type: ignore[arg-type]
    return make_folds(dataset, settings, repeat)


def parts(some: list[Fold]) -> set[frozenset[int]]:
    """The held-out parts, whatever their order."""
    return {frozenset(fold.held_out.tolist()) for fold in some}


@given(st.integers(2, 12), st.integers(0, 5))
def test_random_folds_judge_everybody_once_and_never_train_on_the_judged(
    count: int, repeat: int
) -> None:
    some = folds("kfold", repeat=repeat, folds=count)
    assert len(some) == count
    judged = np.concatenate([fold.held_out for fold in some])
    assert sorted(judged) == list(range(40))
    for fold in some:
        assert sorted([*fold.train, *fold.held_out]) == list(range(40))


@given(st.lists(st.sampled_from("abcdefg"), min_size=12, max_size=40), st.integers(0, 4))
def test_group_folds_never_share_a_group(events: list[str], repeat: int) -> None:
    distinct = len(set(events))
    if distinct < 2:
        return
    some = folds("group", performances(events), repeat, folds=2)
    assert sorted(np.concatenate([fold.held_out for fold in some])) == list(range(len(events)))
    for fold in some:
        assert not {events[i] for i in fold.train} & {events[i] for i in fold.held_out}


def test_random_folds_are_scikit_learns() -> None:
    expected = KFold(5, shuffle=True, random_state=3).split(np.zeros(40))
    for fold, (train, test) in zip(folds("kfold", repeat=3), expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.held_out, test)


@pytest.mark.parametrize(
    ("repeat", "splitter"),
    [(0, GroupKFold(3)), (2, GroupKFold(3, shuffle=True, random_state=2))],
)
def test_group_folds_are_scikit_learns(repeat: int, splitter: GroupKFold) -> None:
    expected = splitter.split(np.zeros(40), groups=FORTY.groups["event"])
    for fold, (_, test) in zip(folds("group", repeat=repeat, folds=3), expected, strict=True):
        np.testing.assert_array_equal(fold.held_out, test)


@pytest.mark.parametrize("protocol", ["kfold", "group"])
def test_repeats_have_other_partitions_and_each_repeats_itself(protocol: str) -> None:
    made = [parts(folds(protocol, repeat=repeat, folds=3)) for repeat in (0, 1, 2)]
    assert made[0] != made[1] and made[1] != made[2] and made[0] != made[2]
    assert parts(folds(protocol, repeat=1, folds=3)) == made[1]


@pytest.mark.parametrize("protocol", ["kfold", "group"])
def test_every_fold_of_every_repeat_has_a_name_of_its_own(protocol: str) -> None:
    names = [f.name for repeat in (0, 1) for f in folds(protocol, repeat=repeat, folds=3)]
    assert len(set(names)) == 6


@pytest.mark.parametrize("protocol", ["final", "best-on-test"])
def test_the_official_split_leaves_other_splits_out(protocol: str) -> None:
    dataset = performances(list("abcde"), ["test", "train", "val", "train", "test"])
    (fold,) = folds(protocol, dataset)
    assert (fold.train.tolist(), fold.held_out.tolist()) == ([1, 3], [0, 4])


def test_a_final_and_an_optimistic_fold_cannot_be_taken_for_each_other() -> None:
    dataset = performances(list("ab"), ["test", "train"])
    assert folds("final", dataset)[0].name != folds("best-on-test", dataset)[0].name


@pytest.mark.parametrize(
    ("protocol", "more", "dataset", "sentence"),
    [
        ("final", {}, FORTY, "no performance in split 'test', only in train"),
        ("kfold", {"folds": 41}, FORTY, "40 performances cannot fill 41 folds"),
        ("group", {"folds": 12}, FORTY, "11 groups in 'event' cannot fill 12 folds"),
        ("group", {"group": None}, FORTY, "no group column is named; made has event"),
        ("group", {}, performances(["a"] * 9), "every performance has the same 'event'"),
        ("group", {"group": "skater"}, FORTY, "'skater' is unknown; made has event"),
        ("group", {}, replace(FORTY, groups={}), "made has none; name one with --group"),
        ("group", {"folds": 2}, performances(list("ab")), "of its own.*--protocol kfold"),
        ("group", {"folds": 2}, performances(["a", "", "a"]), "performance 1 has no 'event'"),
    ],
)
def test_a_protocol_that_does_not_fit_gets_a_sentence(
    protocol: str, more: dict[str, Any], dataset: Dataset, sentence: str
) -> None:
    with pytest.raises(CofinalError, match=sentence):
        folds(protocol, dataset, **more)


@pytest.mark.parametrize(("name", "value"), [("folds", 1), ("repeats", 0)])
def test_impossible_protocol_settings_get_a_sentence(name: str, value: int) -> None:
    with pytest.raises(CofinalError, match=f"setting {name} is {value}; expected"):
        ProtocolSettings(**{name: value})  # type: ignore[arg-type]
