"""Performances that show the same film, even if it was encoded differently.

All pairs of about one length are compared, but by short sketches first: random projections keep
inner products (Johnson and Lindenstrauss, 1984), so only pairs whose sketches agree are compared
clip by clip.

Letters: N performances, T clips, C backbone channels, D numbers of a sketch, S shifts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from cofinal.data.findings import Finding
from cofinal.data.labels import Label

# Two performances are the same if their clips, in step, have a mean cosine above this. On Fis-V the
# known duplicate reaches .88, and the next pair, one skater with one programme at two events, .77.
SAME_CONTENT = 0.82
# Fewer clips than this are too few to tell two performances apart; they must agree fully.
FEWEST_CLIPS = 8
FULLY = 0.999
# Clips by which one of the two may start later.
LARGEST_SHIFT = 2
# A sketch tells a mean cosine to about 1 / sqrt(256) = .06: so a pair that is the same is missed
# with a probability below .0001, and few others are compared clip by clip.
SKETCH = 256
SUSPECT = 0.45
OnShare = Callable[[float], None]
# Ids that a finding names.
NAMED = 3


def find_same_content(
    labels: Sequence[Label], clips: Sequence[np.ndarray], on_progress: OnShare | None = None
) -> list[Finding]:
    """Ids whose features show one performance: a finding for each performance, not for each pair.

    Args:
        labels: N performances.
        clips: their features, N arrays (T, C).
        on_progress: told the share of the comparison that is done.
    """
    pairs = same_content(clips, on_progress)
    findings = []
    for first, *others in _joined(pairs):
        one, rest = labels[first], [labels[i] for i in others]
        agree = min(pairs.get((first, i), 1.0) for i in others)
        alike = all(label.scores == one.scores for label in rest)
        names = ", ".join(label.id for label in rest[:NAMED])
        more = f" and {len(rest) - NAMED} more" if len(rest) > NAMED else ""
        findings.append(
            Finding(
                "content-twice",
                f"{names}{more} {'show' if len(rest) > 1 else 'shows'} the same performance as "
                f"{one.id} ({one.file}:{one.line}; clips agree to {agree:.2f}), with "
                f"{'the same' if alike else 'other'} scores; keep one, or keep all in one fold",
                rest[0].file,
                rest[0].line,
                "warning",
            )
        )
    return findings


def _joined(pairs: dict[tuple[int, int], float]) -> list[list[int]]:
    """Positions that pairs join, each group in order."""
    group: dict[int, set[int]] = {}
    for a, b in pairs:
        together = group.get(a, {a}) | group.get(b, {b})
        group.update(dict.fromkeys(together, together))
    return [sorted(found) for found in {id(one): one for one in group.values()}.values()]


def same_content(
    clips: Sequence[np.ndarray], on_progress: OnShare | None = None
) -> dict[tuple[int, int], float]:
    """Pairs (a, b), a < b, that show the same performance, with the mean cosine of their clips.

    Channels are standardised over all clips, since what all performances share says nothing. Only
    pairs of about the same length can be the same, which is why comparing their common beginning
    suffices.

    Args:
        clips: N arrays (T, C).
        on_progress: told the share that is done; nearly all of it is the sketches.
    """
    if len(clips) < 2:
        return {}
    mean_C, scale_C = _standard(clips)

    def unit(position: int) -> np.ndarray:
        """Standardised clips (T, C), each of length one."""
        values = (clips[position] - mean_C) / scale_C
        norm = np.linalg.norm(values, axis=1, keepdims=True)
        return (values / np.maximum(norm, 1e-12)).astype(np.float32)

    length_N = np.array([len(values) for values in clips])

    def units() -> Iterator[np.ndarray]:
        """Of all performances, in order."""
        for position in range(len(clips)):
            if on_progress:
                on_progress(position / len(clips))
            yield unit(position)

    sketch_SND = _sketches(units(), length_N, len(mean_C))
    pairs: dict[tuple[int, int], float] = {}
    for a, others in _suspects(sketch_SND, length_N):
        first = unit(a)
        for b in others:
            agree = _best_shift(first, unit(b))
            if agree > SAME_CONTENT:
                pairs[min(a, b), max(a, b)] = agree
    return pairs


def _standard(clips: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation (C,) over all clips."""
    total = sum(len(values) for values in clips)
    mean_C = sum(values.sum(0, dtype=np.float64) for values in clips) / total
    square_C = sum(np.square(values, dtype=np.float64).sum(0) for values in clips) / total
    return mean_C, np.sqrt(np.maximum(square_C - mean_C**2, 1e-12))


def _sketches(units: Iterable[np.ndarray], length_N: np.ndarray, channels: int) -> np.ndarray:
    """Sketches (S, N, D), whose products are D times the sum of the cosines of clips in step.

    Sketch s leaves out the first s clips.
    """
    draws = np.random.default_rng(0)
    directions_CD = draws.standard_normal((channels, SKETCH), dtype=np.float32)
    signs_TD = draws.choice(np.array([-1, 1], np.float32), (int(length_N.max()), SKETCH))
    sketch_SND = np.zeros((LARGEST_SHIFT + 1, len(length_N), SKETCH), dtype=np.float32)
    for i, unit_TC in enumerate(units):
        projected_TD = unit_TC @ directions_CD
        for s, row in enumerate(sketch_SND):
            rest_TD = projected_TD[s:]
            row[i] = np.einsum("td,td->d", rest_TD, signs_TD[: len(rest_TD)])
    return sketch_SND


def _suspects(sketch_SND: np.ndarray, length_N: np.ndarray) -> Iterator[tuple[int, list[int]]]:
    """Each performance with those after it, by length, whose sketches agree with its own."""
    order = np.argsort(length_N, kind="stable")
    sketch_SND, length_N = sketch_SND[:, order], length_N[order]
    for i, length in enumerate(length_N[:-1]):
        end = int(np.searchsorted(length_N, length + LARGEST_SHIFT, side="right"))
        later = slice(i + 1, end)
        best = np.full(end - i - 1, -1.0, dtype=np.float32)
        for s in range(LARGEST_SHIFT + 1):
            starts_later = sketch_SND[0, later] @ sketch_SND[s, i]
            starts_earlier = sketch_SND[s, later] @ sketch_SND[0, i]
            best = np.maximum(best, np.maximum(starts_later, starts_earlier))
        # All have about this many clips in common.
        found = np.flatnonzero(best > SUSPECT * SKETCH * max(length - LARGEST_SHIFT, 1))
        if len(found):
            yield int(order[i]), [int(b) for b in order[later][found]]


def _best_shift(first: np.ndarray, second: np.ndarray) -> float:
    """Largest mean cosine of two (T, C) sequences of unit rows over shifts of a few clips."""
    best = -1.0
    for shift in range(-LARGEST_SHIFT, LARGEST_SHIFT + 1):
        a, b = first[max(shift, 0) :], second[max(-shift, 0) :]
        common = min(len(a), len(b))
        if common:
            best = max(best, float(np.einsum("tc,tc->", a[:common], b[:common]) / common))
    enough = min(len(first), len(second)) >= FEWEST_CLIPS
    return best if enough or best > FULLY else -1.0
