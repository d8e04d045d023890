"""`cofinal data check`: everything that can be found wrong with a data set before training.

Letters: N performances, T clips, C backbone channels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

from cofinal.config import DataSource
from cofinal.data.clips import read_clips
from cofinal.data.content import find_same_content
from cofinal.data.dataset import (
    chosen_targets,
    expected_channels,
    feature_folder,
    labelled,
    of_category,
    read_labels,
)
from cofinal.data.films import find_remarks
from cofinal.data.findings import Finding
from cofinal.data.given import read_given
from cofinal.data.labels import Label
from cofinal.data.lifeless import find_lifeless, find_transposed
from cofinal.data.names import FeatureNames
from cofinal.errors import CofinalError
from cofinal.records import natural_key


def check_dataset(
    source: DataSource, on_progress: Callable[[float], None] | None = None
) -> list[Finding]:
    """Finds faults in labels, features and splits; each finding names its file and line.

    Args:
        source: the data.
        on_progress: told the share of the work that is done.

    Raises:
        CofinalError: the labels cannot be read at all.
    """
    table = read_labels(source)
    findings = list(table.findings)
    labels = of_category(table.labels, source.category)
    if source.rules:
        targets = chosen_targets(source, table)
        read_given(source, labelled(labels, targets), targets, findings)
    findings += find_shared_groups(labels)
    try:
        folder = feature_folder(source)
    except CofinalError as error:  # what is wrong with the labels is worth telling all the same
        place = str(source.features or source.data or source.dataset)
        return [*findings, Finding("features-missing", str(error), place)]
    channels = expected_channels(source)
    tell = on_progress or (lambda share: None)
    sound, clips = read_clips(
        labels, folder, channels, source.memory_share, findings, lambda share: tell(share / 2)
    )
    findings += find_unlabelled(labels, folder, source)
    findings += find_remarks(labels, folder)
    known = [labels[i] for i in sound]
    findings += find_lifeless(known, clips)
    if channels is None:
        findings += find_transposed(known, clips)
    findings += find_same_content(known, clips, lambda share: tell((1 + share) / 2))
    return findings


def find_unlabelled(labels: Sequence[Label], folder: Path, source: DataSource) -> list[Finding]:
    """Feature files without a label: harmless, or a sign that a line was lost."""
    if source.category is not None:
        return []
    extra = FeatureNames(folder).unlabelled({label.id for label in labels})
    return [
        Finding("features-unlabelled", f"{path.name} has no label", str(path), severity="warning")
        for path in sorted(extra, key=lambda path: natural_key(path.stem))
    ]


def find_shared_groups(labels: Sequence[Label]) -> list[Finding]:
    """Groups (a skater, an event) that occur in several splits: results then flatter."""
    findings = []
    for column in sorted({name for label in labels for name in label.groups}):
        splits: dict[str, set[str]] = defaultdict(set)
        example: dict[str, Label] = {}
        for label in labels:
            if label.groups.get(column):
                splits[label.groups[column]].add(label.split)
                example.setdefault(label.groups[column], label)
        shared = [name for name, found in splits.items() if len(found) > 1]
        if shared:
            first = example[shared[0]]
            findings.append(
                Finding(
                    "group-in-several-splits",
                    f"{len(shared)} of {len(splits)} values of {column!r} occur in several splits "
                    f"(first {shared[0]}); evaluate with --protocol group --group {column}",
                    first.file,
                    first.line,
                    "warning",
                )
            )
    return findings
