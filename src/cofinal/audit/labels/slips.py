"""What a label could have been before a slip of the pen: swaps, transposed digits, lost points.

Letters: K targets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

Kind = Literal["swap", "digits", "point"]
KINDS: tuple[Kind, ...] = ("swap", "digits", "point")
# Share of labels that are written with at most the usual number of decimals.
USUAL = 0.95


@dataclass(frozen=True)
class Slip:
    """One way in which a label could have come to be what it is."""

    kind: Kind
    """Targets swapped, neighbouring digits transposed, or the decimal point moved by one."""
    targets: tuple[str, ...]
    """The targets concerned."""
    corrected: tuple[float, ...]
    """All K scores as they would have been."""

    def __str__(self) -> str:
        words = {"swap": "swapped", "digits": "digits transposed", "point": "point moved"}
        return f"{' and '.join(self.targets)} {words[self.kind]}"


def usual_decimals(scores: Sequence[float] | np.ndarray) -> int:
    """Decimals that suffice to write almost all of the scores as they were given."""
    counts = Counter(_decimals(float(score)) for score in scores)
    return min(
        d
        for d in counts
        if sum(n for e, n in counts.items() if e <= d) >= USUAL * sum(counts.values())
    )


def _decimals(score: float) -> int:
    text = np.format_float_positional(score, trim="-")
    return len(text.partition(".")[2])


def possible_slips(
    scores: Sequence[float], targets: Sequence[str], decimals: Sequence[int]
) -> list[Slip]:
    """Every label that one slip would have turned into this one; never this one itself.

    Args:
        scores: K points.
        targets: K names.
        decimals: decimals that each target is usually written with.
    """
    found = []
    given = tuple(map(float, scores))
    for a in range(len(given)):
        for b in range(a + 1, len(given)):
            swapped = list(given)
            swapped[a], swapped[b] = given[b], given[a]
            found.append(Slip("swap", (targets[a], targets[b]), tuple(swapped)))
        for kind, values in (
            ("digits", transposed(given[a], decimals[a])),
            ("point", (given[a] * 10, given[a] / 10)),
        ):
            for value in values:
                corrected = (*given[:a], value, *given[a + 1 :])
                found.append(Slip(kind, (targets[a],), corrected))  # type: ignore[arg-type]
    return [slip for slip in found if slip.corrected != given]


def transposed(score: float, decimals: int) -> Iterator[float]:
    """Scores whose digits are these with two neighbours exchanged, across the point too.

    >>> list(transposed(36.21, 2))
    [63.21, 32.61, 36.12]
    """
    text = f"{score:.{max(decimals, _decimals(score))}f}"
    places = [i for i, letter in enumerate(text) if letter.isdigit()]
    for i, j in pairwise(places):
        if text[i] != text[j]:
            yield float(text[:i] + text[j] + text[i + 1 : j] + text[i] + text[j + 1 :])
