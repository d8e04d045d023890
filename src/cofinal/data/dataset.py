"""Performances: labels, groups and clip features of one data set.

Letters: N performances, T clips, C backbone channels, K targets, J judges.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.config import DataSource
from cofinal.data.archives import is_archive
from cofinal.data.arrays import (
    clip_features,
    common_recipe,
    described,
    given_arrays,
    group_columns,
    names_of,
    score_table,
)
from cofinal.data.cards import load_card
from cofinal.data.clips import chosen_clips, read_clips
from cofinal.data.features import read_description, read_recipe, recipe_file, video_times
from cofinal.data.findings import Finding, refuse_errors
from cofinal.data.given import read_given
from cofinal.data.judges import JudgeMarks, judge_file, judge_marks, panel_marks
from cofinal.data.labels import Label, LabelTable, read_card_labels, read_csv_labels
from cofinal.data.names import FeatureNames, has_features
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.given.numbers import Given
from cofinal.grades import own_grades
from cofinal.records import ClipFeatures, FeatureRecipe, Record
from cofinal.times import ClipTimes


@dataclass(frozen=True, eq=False)
class Dataset(Record):
    """N performances with everything known of them; features are as they were stored."""

    name: str
    targets: tuple[str, ...]
    """Names of the K targets."""
    ids: tuple[str, ...]
    scores: np.ndarray
    """(N, K) points, float64; of the execution where something given multiplies it or is added."""
    clips: Sequence[np.ndarray]
    """N arrays (T, C), float16 or float32: held in memory once, or `MappedClips` on disk."""
    splits: tuple[str, ...]
    """For each performance "train", "test" or another name."""
    categories: tuple[str | None, ...]
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Group column, for example "skater" -> N group names."""
    recipe: FeatureRecipe = field(default_factory=FeatureRecipe)
    video_times: dict[str, tuple[float, float | None]] = field(default_factory=dict)
    """Id -> when its first clip starts in its video, in seconds, and the video's frames per second,
    where features.json tells."""
    marks: np.ndarray | None = None
    """(N, K, J) points of each judge, NaN where one gave none; None if there are no marks."""
    judged: JudgeMarks | None = None
    """What they were read from, perhaps of other performances too."""
    grades: int | None = None
    """2 where labels are of two values, in the whole data set, whatever a part of it holds."""
    given: Given | None = None
    """What is known of the performances beforehand, and how it enters their scores."""

    @classmethod
    def from_arrays(
        cls,
        clips: Any,
        scores: Any,
        ids: Any = None,
        targets: Sequence[str] | None = None,
        groups: Any = None,
        splits: Any = None,
        given: Any = None,
    ) -> Dataset:
        """A data set of what lies in memory.

        Args:
            clips: N arrays (T, C), or N `ClipFeatures`, whose ids and recipe are kept.
            scores: (N,) or (N, K) points; a pandas table brings the names of its columns.
            ids: N different names; by default those of `clips`, or "0", "1", ...
            targets: K names; by default "score", or "score 1", "score 2", ...
            groups: (N,) groups, which become the column "group", or a dictionary or table of
                columns, for example {"skater": ..., "event": ...}.
            splits: N names such as "train" and "test"; all "train" by default.
            given: what is known beforehand: a dictionary or table of columns whose names are rules,
                for example {"difficulty:multiply": numbers}; numbers (N,) or (N, M).

        Raises:
            CofinalError: anything else, told in a sentence.
        """
        found = clip_features(clips)
        count = len(found)
        table, names = score_table(scores, count, targets)
        if ids is None:
            ids = [features.id for features in found]
            if len(set(ids)) < count:  # plain arrays have no names
                ids = [str(i) for i in range(count)]
        ids = names_of(ids, count, "ids")
        twice = next((name for name, times in Counter(ids).items() if times > 1), None)
        if twice is not None:
            raise CofinalError(f"id {twice!r} occurs twice; give every performance its own")
        dataset = cls(
            name="arrays",
            targets=names,
            ids=ids,
            scores=table,
            clips=tuple(features.values for features in found),
            splits=("train",) * count if splits is None else names_of(splits, count, "splits"),
            categories=(None,) * count,
            groups=group_columns(groups, count),
            grades=own_grades(table),
            recipe=common_recipe(found),
            video_times={
                name: (features.first_clip_seconds, features.own_fps)
                for name, features in zip(ids, found, strict=True)
            },
        )
        return dataset.with_given(given_arrays(given, count, names))

    @classmethod
    def checked(cls, value: Any) -> Dataset:
        """The value, if it is a data set; anything else gets a sentence."""
        if not isinstance(value, Dataset):
            raise CofinalError(
                f"the data set is {described(value)}; expected a Dataset, as load_dataset reads it "
                "and Dataset.from_arrays makes it"
            )
        return value

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def channels(self) -> int:
        """C."""
        return int(self.clips[0].shape[1])

    def features(self, position: int) -> ClipFeatures:
        """The clips of one performance, with all that is known of them."""
        name = self.ids[position]
        known = self.video_times.get(name, (0.0, None))
        return ClipFeatures(self.clips[position], name, self.recipe, *known)

    def times(self, position: int) -> ClipTimes | None:
        """When the clips of a performance are in its video, where known."""
        return self.recipe.times(*self.video_times.get(self.ids[position], (0.0, None)))

    @cached_property
    def sha256(self) -> str:
        """Hash of ids, scores and features; computed once, since a data set does not change."""
        digest = hashlib.sha256()
        for identifier, scores, clips in zip(self.ids, self.scores, self.clips, strict=True):
            digest.update(identifier.encode())
            digest.update(scores.tobytes())
            digest.update(np.ascontiguousarray(clips).data)
        if self.given:
            digest.update(self.given.sha256.encode())
        return digest.hexdigest()

    @property
    def marks_sha256(self) -> str | None:
        """Hash of the judges' marks; None if there are none."""
        return None if self.marks is None else hashlib.sha256(self.marks.tobytes()).hexdigest()

    def with_given(self, given: Given | None) -> Dataset:
        """The same performances, of which something is known; `self` has scores as judges gave."""
        if given is None:
            return self
        return self._moved(given.executions, given)

    def of_totals(self) -> Dataset:
        """The same performances with scores as judges gave them, and nothing known beforehand."""
        if self.given is None:
            return self
        return self._moved(self.given.totals, None)

    def total(self, execution: ScoreDistribution, index: np.ndarray) -> ScoreDistribution:
        """Distributions (n, K) of what judges give, for those of what a method learned.

        Args:
            execution: of the performances at these positions.
            index: (n,) positions.
        """
        return self.given.subset(index).total(execution) if self.given else execution

    def _moved(self, move: Callable[[np.ndarray], np.ndarray], given: Given | None) -> Dataset:
        """With scores and marks, which are points of the same kind, moved by (..., N, K)."""
        marks = self.marks
        if marks is not None:
            marks = np.moveaxis(move(np.moveaxis(marks, -1, 0)), 0, -1)
        return replace(self, scores=move(self.scores), marks=marks, given=given)

    def subset(self, index: Sequence[int] | np.ndarray) -> Dataset:
        """The performances at these positions; features are shared, not copied."""
        index = [int(i) for i in index]
        return replace(
            self,
            ids=tuple(self.ids[i] for i in index),
            scores=self.scores[index],
            clips=chosen_clips(self.clips, index),
            splits=tuple(self.splits[i] for i in index),
            categories=tuple(self.categories[i] for i in index),
            groups={name: tuple(g[i] for i in index) for name, g in self.groups.items()},
            marks=None if self.marks is None else self.marks[index],
            given=self.given and self.given.subset(index),
        )

    def split(self, name: str) -> Dataset:
        """The performances of one split; an absent one gets a sentence."""
        index = [i for i, split in enumerate(self.splits) if split == name]
        if not index:
            raise CofinalError(
                f"{self.name} has no performance in split {name!r}, only in "
                f"{', '.join(sorted(set(self.splits)))}; use --protocol kfold, or add the split"
            )
        return self.subset(index)


def read_labels(source: DataSource) -> LabelTable:
    """Reads the labels of a data source with their findings.

    Raises:
        CofinalError: no data source, or labels that cannot be read at all.
    """
    if not isinstance(source, DataSource):
        raise CofinalError(
            f"the source of data is {described(source)}; expected a DataSource, for example "
            "DataSource('labels.csv', 'features'), or use Dataset.from_arrays for data in memory"
        )
    if source.is_csv:
        names = {rule.name for rule in source.rules}
        return read_csv_labels(Path(source.dataset), source.targets, names)
    card = load_card(source.dataset)
    if source.data is None:
        raise CofinalError(f"data set {card.name} needs the folder it lies in; name it with --data")
    return read_card_labels(card, source.data)


def feature_folder(source: DataSource) -> Path:
    """The folder in which the features lie."""
    if source.features is not None:
        candidates = [source.features]
    elif source.is_csv:
        candidates = [source.data or Path(source.dataset).parent / "features"]
    else:
        assert source.data is not None
        candidates = [source.data / name for name in load_card(source.dataset).feature_folders]
        candidates.append(source.data)
    for folder in candidates:
        # A published data set's own folder may hold other features, in folders of their own.
        deep = source.is_csv or folder == source.features
        if is_archive(folder) or (folder.is_dir() and has_features(folder, deep)):
            return folder
    raise CofinalError(
        f"no .npy or .npz features in {' or '.join(map(str, candidates))}; "
        "name their folder with --features"
    )


def expected_recipe(source: DataSource, folder: Path) -> FeatureRecipe:
    """What is known of how the features were made: features.json, else the data set's card."""
    if recipe_file(folder).exists() or source.is_csv:
        return read_recipe(folder)
    return load_card(source.dataset).recipe


def expected_channels(source: DataSource) -> int | None:
    """Channels that the data set's card promises; None for one's own data."""
    return None if source.is_csv else load_card(source.dataset).channels


def chosen_targets(source: DataSource, table: LabelTable) -> tuple[str, ...]:
    """The targets to predict: those named, or the default ones."""
    names = {target.name: target for target in table.targets}
    for name in source.targets:
        if name not in names:
            raise CofinalError(
                f"target {name!r} is unknown; {source.dataset} has {', '.join(names)}"
            )
    return source.targets or tuple(name for name, target in names.items() if target.default)


def of_category(labels: Sequence[Label], category: str | None) -> list[Label]:
    """Labels of one category, or all; an unknown category gets a sentence."""
    if category is None:
        return list(labels)
    kept = [label for label in labels if label.category == category]
    if not kept:
        known = sorted({label.category or "none" for label in labels})
        raise CofinalError(f"category {category!r} is unknown; the data has {', '.join(known)}")
    return kept


def labelled(labels: Sequence[Label], targets: Sequence[str]) -> list[Label]:
    """Labels that have a score of every target; the others are left out."""
    return [label for label in labels if all(name in label.scores for name in targets)]


def load_dataset(source: DataSource, judges: bool = True) -> Dataset:
    """Reads labels and features of a data source; large features stay on disk.

    Args:
        source: where they lie.
        judges: whether to read the judges' marks of a published data set, which few methods need;
            those that the source names are read anyway.

    Raises:
        CofinalError: anything that makes the data unfit for training; the message names the first
            fault with file and line. `cofinal.data.checks.check_dataset` lists all of them.
    """
    table = read_labels(source)
    refuse_errors(table.findings)
    targets = chosen_targets(source, table)
    labels = labelled(of_category(table.labels, source.category), targets)
    if not labels:
        raise CofinalError(
            f"{source.dataset} has no labelled performance with {' and '.join(targets)}"
        )
    folder = feature_folder(source)
    described, names = read_description(folder), FeatureNames(folder)
    findings: list[Finding] = []
    channels = expected_channels(source)
    _, clips = read_clips(labels, folder, channels, source.memory_share, findings)
    given = read_given(source, labels, targets, findings)
    refuse_errors(findings)
    columns = sorted({name for label in labels for name in label.groups})
    ids = tuple(label.id for label in labels)
    # A data set's own sheets may tell of more performances than are labelled here.
    known = [label.id for label in table.labels] if source.judges else None
    marked = judge_file(source) if judges or source.judges else None
    judged = judge_marks(marked, known) if marked else None
    scores = np.array([[label.scores[name] for name in targets] for label in labels])
    dataset = Dataset(
        name=Path(source.dataset).stem,
        targets=targets,
        ids=ids,
        scores=scores,
        clips=clips,
        splits=tuple(label.split for label in labels),
        categories=tuple(label.category for label in labels),
        groups={name: tuple(label.groups.get(name, "") for label in labels) for name in columns},
        recipe=expected_recipe(source, folder),
        video_times={name: video_times(described, names.name(name)) for name in ids},
        marks=panel_marks(judged, ids, targets) if judged else None,
        judged=judged,
        grades=own_grades(scores),
    )
    return dataset.with_given(given)
