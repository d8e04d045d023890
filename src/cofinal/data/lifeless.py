"""Features that say nothing, or lie the wrong way round: told before anything is trained on them.

Letters: N performances, T clips, C backbone channels.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from cofinal.data.findings import Finding
from cofinal.data.labels import Label

# So many performances may be of the same length by chance.
FEW = 4
# Ids that a finding names.
NAMED = 3


def find_lifeless(labels: Sequence[Label], clips: Sequence[np.ndarray]) -> list[Finding]:
    """Performances whose features are all zero, or the same in every clip.

    Args:
        labels: N performances.
        clips: their features, N arrays (T, C).
    """
    zero, constant = [], []
    for label, values in zip(labels, clips, strict=True):
        if not values.any():
            zero.append(label)
        elif len(values) > 1 and (values == values[0]).all():
            constant.append(label)
    kinds = (
        ("features-zero", "are all zero", zero),
        ("features-constant", "are the same in every clip", constant),
    )
    return [
        Finding(
            kind,
            f"features of {_named(found)} {what} ({len(found)} of {len(labels)} performances); "
            "look at the films, and extract them again",
            found[0].file,
            found[0].line,
            "warning",
        )
        for kind, what, found in kinds
        if found
    ]


def find_transposed(labels: Sequence[Label], clips: Sequence[np.ndarray]) -> list[Finding]:
    """Features of one length, which may be channels: films are seldom all of one length."""
    lengths = {len(values) for values in clips}
    if len(labels) <= FEW or len(lengths) > 1:
        return []
    [clip_count], channels = lengths, clips[0].shape[1]
    return [
        Finding(
            "features-transposed",
            f"all {len(labels)} performances have {clip_count} clips of {channels} channels; if "
            f"they have {clip_count} channels, save them the other way round, as (clips, channels)",
            labels[0].file,
            severity="warning",
        )
    ]


def perhaps_transposed(shapes: Collection[tuple[int, int]]) -> str:
    """What explains files of different widths and one length, as the end of a sentence."""
    lengths, widths = ({shape[axis] for shape in shapes} for axis in (0, 1))
    if len(shapes) <= FEW or len(lengths) > 1 or len(widths) == 1:
        return ""
    return f"; all files have {lengths.pop()} rows, so save them as (clips, channels)"


def _named(labels: Sequence[Label]) -> str:
    names = ", ".join(label.id for label in labels[:NAMED])
    return f"{names}, ..." if len(labels) > NAMED else names
