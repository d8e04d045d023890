"""Clip features of many performances: held in memory, or left on disk where they are large.

Letters: N performances, T clips, C backbone channels.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cofinal.data.features import FeatureFile
from cofinal.data.findings import Finding
from cofinal.data.labels import Label
from cofinal.data.lifeless import perhaps_transposed
from cofinal.data.names import FeatureNames
from cofinal.errors import CofinalError
from cofinal.records import first_faulty_clip

# The kind of finding of a file with other channels than most.
WIDTH = "features-width"
# Where a system does not tell how much memory it has.
USUAL_MEMORY = 8 * 2**30


@dataclass(frozen=True)
class MappedClips(Sequence[np.ndarray]):
    """Features of N performances that stay on disk; each is mapped anew whenever it is asked for.

    So neither the memory nor the open files of a process grow with N.
    """

    files: tuple[FeatureFile, ...]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, position: int) -> np.ndarray:  # type: ignore[override]
        return self.files[position].map()


def chosen_clips(clips: Sequence[np.ndarray], positions: Sequence[int]) -> Sequence[np.ndarray]:
    """The clips of some performances, held or on disk as they are; nothing is copied."""
    if isinstance(clips, MappedClips):
        return MappedClips(tuple(clips.files[i] for i in positions))
    return tuple(clips[i] for i in positions)


def machine_memory() -> int:
    """Bytes of memory that this process may use: the machine's, or its container's if smaller."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        memory = USUAL_MEMORY
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return memory
    return min(memory, int(limit)) if limit.isdecimal() else memory


def read_clips(
    labels: Sequence[Label],
    folder: Path,
    channels: int | None,
    memory_share: float,
    findings: list[Finding],
    on_progress: Callable[[float], None] | None = None,
) -> tuple[list[int], Sequence[np.ndarray]]:
    """Features of every label, checked; no file's values are read a second time for it.

    Args:
        labels: N performances.
        folder: where their features lie.
        channels: C; None takes what most files have.
        memory_share: features larger than this share of the memory are mapped, not held.
        findings: takes what is wrong with a file.
        on_progress: told the share that is read.

    Returns:
        Positions of the labels whose features are sound, and these features.
    """

    def tell(kind: str, message: str, position: int) -> None:
        label = labels[position]
        findings.append(Finding(kind, message, label.file, label.line))

    names = FeatureNames(folder)
    files: dict[int, FeatureFile] = {}
    for i, label in enumerate(labels):
        path = names.path(label.id)
        try:
            files[i] = FeatureFile.of(path)
        except CofinalError as error:
            if names.name(label.id) in names.paths:
                tell("features-unreadable", str(error), i)
            else:
                tell("features-missing", names.absence(label.id), i)
    hint = perhaps_transposed([file.shape for file in files.values()])
    channels = channels or _usual_width(files.values())
    held = sum(file.bytes for file in files.values()) <= memory_share * machine_memory()
    sound: dict[int, np.ndarray | None] = {}
    for done, (i, file) in enumerate(files.items()):
        if on_progress:
            on_progress(done / len(files))
        try:
            values = file.read() if held else file.map()
        except CofinalError as error:
            tell("features-unreadable", str(error), i)
            continue
        if fault := features_fault(values, channels):
            tell(fault[0], f"{file.path} {fault[1]}{hint if fault[0] == WIDTH else ''}", i)
        else:
            sound[i] = values if held else None
    if held:
        return list(sound), tuple(values for values in sound.values() if values is not None)
    return list(sound), MappedClips(tuple(files[i] for i in sound))


def _usual_width(files: Iterable[FeatureFile]) -> int:
    """The width most files have: the one odd file is at fault, not all others."""
    widths = Counter(file.shape[1] for file in files)
    return widths.most_common(1)[0][0] if widths else 0


def features_fault(values: np.ndarray, channels: int) -> tuple[str, str] | None:
    """Kind and description of what is wrong with (T, C) values, or None."""
    if values.shape[1] != channels:
        return WIDTH, f"has {values.shape[1]} channels instead of {channels}"
    clip = first_faulty_clip(values)
    if clip is not None:
        return "features-not-finite", f"holds a value that is not finite, first in clip {clip}"
    return None
