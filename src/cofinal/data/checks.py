"""`cofinal data check`: everything that can be found wrong with a data set before training.

Letters: N performances, T clips, C backbone channels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cofinal.config import DataSource
from cofinal.data.clips import read_clips
from cofinal.data.dataset import expected_channels, feature_folder, of_category, read_labels
from cofinal.data.findings import Finding
from cofinal.data.labels import Label
from cofinal.data.lifeless import find_lifeless, find_transposed
from cofinal.data.names import FeatureNames
from cofinal.errors import CofinalError
from cofinal.records import natural_key

# Two performances are the same if their clips, in step, have a mean cosine above this. On Fis-V the
# known duplicate reaches .88, and the next pair, one skater with one programme at two events, .77.
SAME_CONTENT = 0.82
# Fewer clips than this are too few to tell two performances apart; they must agree fully.
FEWEST_CLIPS = 8
# Clips by which one of the two may start later.
LARGEST_SHIFT = 2


def check_dataset(source: DataSource) -> list[Finding]:
    """Finds faults in labels, features and splits; each finding names its file and line.

    Raises:
        CofinalError: the labels cannot be read at all.
    """
    table = read_labels(source)
    findings = list(table.findings)
    labels = of_category(table.labels, source.category)
    findings += find_shared_groups(labels)
    try:
        folder = feature_folder(source)
    except CofinalError as error:  # what is wrong with the labels is worth telling all the same
        place = str(source.features or source.data or source.dataset)
        return [*findings, Finding("features-missing", str(error), place)]
    channels = expected_channels(source)
    sound, clips = read_clips(labels, folder, channels, source.memory_share, findings)
    findings += find_unlabelled(labels, folder, source)
    known = [labels[i] for i in sound]
    findings += find_lifeless(known, clips)
    if channels is None:
        findings += find_transposed(known, clips)
    findings += find_same_content(known, clips)
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


def find_same_content(labels: Sequence[Label], clips: Sequence[np.ndarray]) -> list[Finding]:
    """Pairs of ids whose features show the same performance, even if encoded differently."""
    similarity = content_similarity(clips)
    findings = []
    for a, b in zip(*np.nonzero(np.triu(similarity > SAME_CONTENT, 1)), strict=True):
        first, second = labels[a], labels[b]
        same = "with the same scores" if first.scores == second.scores else "with other scores"
        findings.append(
            Finding(
                "content-twice",
                f"{second.id} shows the same performance as {first.id} "
                f"({first.file}:{first.line}; clips agree to {similarity[a, b]:.2f}), {same}; "
                "keep one, or keep both in one fold",
                second.file,
                second.line,
                "warning",
            )
        )
    return findings


def content_similarity(clips: Sequence[np.ndarray]) -> np.ndarray:
    """Mean cosine of clips in step, the best over small shifts, for every pair: (N, N).

    Channels are standardised over all clips, since what all performances share says nothing. Only
    pairs of about the same length can be the same, which is why comparing their common beginning
    suffices; pairs whose length differs by more than the shift are -1.
    """
    count = len(clips)
    similarity = np.full((count, count), -1.0, dtype=np.float32)
    if count < 2:
        return similarity
    total = sum(len(values) for values in clips)
    mean = sum(values.sum(0, dtype=np.float64) for values in clips) / total
    square = sum(np.square(values, dtype=np.float64).sum(0) for values in clips) / total
    scale = np.sqrt(np.maximum(square - mean**2, 1e-12))
    units = [_unit_rows((values - mean) / scale) for values in clips]
    lengths = np.array([len(values) for values in clips])
    for a in range(count):
        near = np.flatnonzero(np.abs(lengths - lengths[a]) <= LARGEST_SHIFT)
        for b in near[near > a]:
            similarity[a, b] = similarity[b, a] = _best_shift(units[a], units[b])
    return similarity


def _unit_rows(values: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(values, axis=1, keepdims=True)
    return (values / np.maximum(norm, 1e-12)).astype(np.float32)


def _best_shift(first: np.ndarray, second: np.ndarray) -> float:
    """Largest mean cosine of two (T, C) sequences of unit rows over shifts of a few clips."""
    best = -1.0
    for shift in range(-LARGEST_SHIFT, LARGEST_SHIFT + 1):
        a, b = first[max(shift, 0) :], second[max(-shift, 0) :]
        common = min(len(a), len(b))
        if common:
            best = max(best, float(np.einsum("tc,tc->", a[:common], b[:common]) / common))
    enough = min(len(first), len(second)) >= FEWEST_CLIPS
    return best if enough or best > 0.999 else -1.0
