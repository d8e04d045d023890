"""Who is trained on and who is judged: official split, folds, folds that keep groups together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import GroupKFold, KFold

from cofinal.config import ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError


@dataclass(frozen=True)
class Fold:
    """Positions in the data set of one training and one held-out part."""

    name: str
    train: np.ndarray
    held_out: np.ndarray

    @property
    def repeat(self) -> str:
        """Name of the partition that it belongs to."""
        return self.name.split("-")[0]


def plan_folds(dataset: Dataset, protocol: ProtocolSettings) -> list[tuple[int, str, Fold]]:
    """Repeat, category (or "all") and fold, for all trainings of a protocol.

    Folds hold positions in `dataset`. They leave the split "test" alone unless it is asked for.

    Raises:
        CofinalError: no categories, or what `make_folds` refuses.
    """
    foldable_N = foldable(dataset, protocol.include_test)
    return [
        (repeat, name, replace(fold, train=index[fold.train], held_out=index[fold.held_out]))
        for repeat in range(protocol.repeats)
        for name, part in category_parts(dataset, protocol.per_category).items()
        for index in [part if official(protocol) else part[foldable_N[part]]]
        for fold in make_folds(dataset.subset(index), protocol, repeat)
    ]


def official(protocol: ProtocolSettings) -> bool:
    """Whether a protocol uses the official split."""
    return protocol.protocol in ("final", "best-on-test")


def foldable(dataset: Dataset, include_test: bool) -> np.ndarray:
    """Who takes part in folds (N,): all, or all but the split "test"."""
    return np.array([include_test or split != "test" for split in dataset.splits], dtype=bool)


def note_on_test_split(dataset: Dataset, protocol: ProtocolSettings) -> str | None:
    """What folds did with the split "test"; None where there is none, or it is what is measured."""
    count = dataset.splits.count("test")
    if not count or official(protocol):
        return None
    if protocol.include_test:
        return f"{count} performances of the split 'test' are in the folds (--include-test)."
    return f"{count} performances of the split 'test' are left out; --include-test takes them in."


def category_parts(dataset: Dataset, per_category: bool) -> dict[str, np.ndarray]:
    """Positions of the performances that share a model: all, or each category's own."""
    if not per_category:
        return {"all": np.arange(len(dataset))}
    if None in dataset.categories:
        raise CofinalError(
            f"{dataset.name} has performances without a category; leave out --per-category"
        )
    categories = np.array(dataset.categories)
    return {str(name): np.flatnonzero(categories == name) for name in np.unique(categories)}


def make_folds(dataset: Dataset, protocol: ProtocolSettings, repeat: int = 0) -> list[Fold]:
    """Folds of a protocol.

    Args:
        dataset: all performances.
        protocol: "final" and "best-on-test" give one fold, the official split.
        repeat: 0, 1, ...: another partition each; group folds of repeat 0 are scikit-learn's
            unshuffled ones, which do not depend on a seed.

    Raises:
        CofinalError: no test split, unknown group column, or too few performances or groups.
    """
    if official(protocol):
        # Named by protocol: what was chosen on the test split must never pass for a final model.
        return [replace(official_fold(dataset), name=protocol.protocol)]
    groups = None
    if protocol.protocol == "group":
        groups = group_values(dataset, protocol.group, "--group")
    count = len(set(groups)) if groups else len(dataset)
    if protocol.folds > count:
        if groups and count == 1:
            raise CofinalError(
                f"every performance has the same {protocol.group!r}, so none can be held out; "
                "name another column with --group"
            )
        what = f"groups in {protocol.group!r}" if groups else "performances"
        raise CofinalError(
            f"{count} {what} cannot fill {protocol.folds} folds; ask for fewer with --folds"
        )
    if groups is None:
        splitter = KFold(protocol.folds, shuffle=True, random_state=repeat)
    elif repeat == 0:
        splitter = GroupKFold(protocol.folds)
    else:
        splitter = GroupKFold(protocol.folds, shuffle=True, random_state=repeat)
    parts = splitter.split(np.zeros(len(dataset)), groups=groups)
    return [Fold(f"repeat{repeat}-fold{i}", train, test) for i, (train, test) in enumerate(parts)]


def official_fold(dataset: Dataset) -> Fold:
    """The official split; data without a test part gets a sentence."""
    dataset.split("train"), dataset.split("test")
    splits = np.array(dataset.splits)
    return Fold("official", np.flatnonzero(splits == "train"), np.flatnonzero(splits == "test"))


def group_values(
    dataset: Dataset, column: str | None, flag: str, otherwise: str = "use --protocol kfold"
) -> Sequence[str]:
    """The group of each performance; an unknown column or a missing value gets a sentence.

    Args:
        dataset: all performances.
        column: the group column.
        flag: the flag that names it, for messages.
        otherwise: what to do without groups, for messages.
    """
    known = ", ".join(dataset.groups) or "none"
    if column in dataset.targets:
        raise CofinalError(
            f"{column!r} was taken for a target, since it holds numbers; "
            "name the targets with --targets, and it is a group"
        )
    if column is None or column not in dataset.groups:
        fault = (
            "no group column is named" if column is None else f"group column {column!r} is unknown"
        )
        raise CofinalError(f"{fault}; {dataset.name} has {known}; name one with {flag}")
    values = dataset.groups[column]
    for identifier, value in zip(dataset.ids, values, strict=True):
        if not value:
            raise CofinalError(
                f"performance {identifier} has no {column!r}; fill it in, since a performance "
                "without a group could share one with another fold"
            )
    if len(set(values)) == len(values):
        raise CofinalError(
            f"every performance has a {column!r} of its own; such groups keep nothing together, "
            f"{otherwise}"
        )
    return values
