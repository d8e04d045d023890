"""Places the known, ordered elements of a performance on its time line.

A performance is background, element, background, element, ..., background; each element lasts at
least one clip, background may be absent. Clips of a family of elements look alike, background looks
like itself, elements of a family last alike, and the k-th of n elements is about where equal parts
would put it. Times take no part in learning (`alignmentfit.py`): only the order does.

Source: weakly supervised alignment of ordered actions, Kuehne et al., "Weakly supervised learning
of actions from transcripts", CVIU 2017; Richard et al., "NeuralNetwork-Viterbi", CVPR 2018.
Reproduced: likelihood of clips, lengths of actions, order given, start from equal parts. Differs:
all alignments are weighed (forward-backward) instead of one; Gaussians of one covariance on
whitened clips instead of a network; background between elements; a prior of places.

Letters: T clips, C backbone channels, D width, F families and background, U borders, L lengths,
S segments = 2 n + 1 for n elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from cofinal.data.sheets import Element
from cofinal.errors import CofinalError
from cofinal.explain.segments import NEVER, best_cut, posterior, segment_sums
from cofinal.records import ClipFeatures
from cofinal.times import Stretch

# Standard deviation of an element's middle around that of equal parts, in such parts.
PLACE_SPREAD = 0.3
# What a clip's log-likelihood counts: neighbouring clips are alike, so they are no independent
# witnesses.
TRUST = 0.3
# No segment lasts longer than this many equal parts.
LONGEST_PARTS = 3


@dataclass(frozen=True)
class Placement:
    """Where an element is on the time line."""

    first_clip: int
    """Counted from 0."""
    clips: int
    """How many clips it lasts, 1 or more."""
    start_seconds: float | None = None
    """When it starts in the video, where known."""
    end_seconds: float | None = None
    confidence: float | None = None
    """Mean probability, 0 to 1, that its clips are its own; None where places were given."""

    @property
    def stretch(self) -> Stretch:
        """Its clips."""
        return self.first_clip, self.clips


@dataclass(frozen=True)
class Lengths:
    """How long segments last, in clips."""

    mean_F: np.ndarray
    """Of each family; background last."""
    spread_F: np.ndarray
    """Standard deviation; background's is not used."""

    def log_prior(self, f: int, longest: int) -> np.ndarray:
        """Log-probability of each length, 0 to the longest: (L,).

        Gamma for elements, which last a clip or more; geometric for background, which may be
        absent.
        """
        length_L = np.arange(longest + 1.0)
        mean, spread = self.mean_F[f], self.spread_F[f]
        if f == len(self.mean_F) - 1:
            return length_L * np.log(mean / (1 + mean)) - np.log(1 + mean)
        shape, scale = (mean / spread) ** 2, spread**2 / mean
        log_L = (shape - 1) * np.log(np.maximum(length_L, 1.0)) - length_L / scale
        log_L[0] = NEVER
        total: np.ndarray = log_L - (log_L.max() + np.log(np.exp(log_L - log_L.max()).sum()))
        return total


@dataclass(frozen=True, eq=False)
class Aligner:
    """What was learned of a kind of performances from the order of their elements."""

    families: tuple[str, ...]
    """Names of the F - 1 families, sorted."""
    mean_C: np.ndarray = field(repr=False)
    projection_CD: np.ndarray = field(repr=False)
    """Whitens clips whose performance's mean was taken off."""
    means_FD: np.ndarray = field(repr=False)
    """Of the whitened clips of each family; background last."""
    precision_DD: np.ndarray = field(repr=False)
    """Inverse of the covariance that all families share."""
    lengths: Lengths = field(repr=False)
    trust: float = TRUST
    """What a clip's log-likelihood counts, 0 (features are not looked at) to 1."""

    def place(self, features: ClipFeatures, elements: Sequence[Element]) -> list[Placement]:
        """The most likely place of each element.

        Args:
            features: one performance, of the same backbone and clip length as those learned from.
            elements: in the order they were performed.

        Raises:
            CofinalError: no elements, more than clips, of an unknown family; other channels.
        """
        scores = self.scores(self.whiten(features.values), self.classes(elements))
        borders, _ = best_cut(scores)
        own_TS = posterior(scores).clips_TS
        times = features.times
        placed = []
        for s in range(1, len(scores), 2):
            first, last = int(borders[s]), int(borders[s + 1])
            confidence = float(own_TS[first:last, s].mean().clip(0, 1))
            start, end = (times.border(first), times.border(last)) if times else (None, None)
            placed.append(Placement(first, last - first, start, end, confidence))
        return placed

    def log_likelihood(self, features: ClipFeatures, elements: Sequence[Element]) -> float:
        """How well this order of elements goes with the clips, over all ways to place them."""
        return posterior(
            self.scores(self.whiten(features.values), self.classes(elements))
        ).log_likelihood

    def whiten(self, clips_TC: np.ndarray) -> np.ndarray:
        """What families are told apart by: (T, D)."""
        if clips_TC.ndim != 2 or clips_TC.shape[1] != len(self.mean_C):
            raise CofinalError(
                f"features have shape {clips_TC.shape}; the aligner was fitted on "
                f"{len(self.mean_C)} channels a clip, use features of the same backbone"
            )
        return (centred(clips_TC) - self.mean_C) @ self.projection_CD

    def classes(self, elements: Sequence[Element]) -> list[int]:
        """The number of each element's family."""
        for element in elements:
            if class_name(element) not in self.families:
                raise CofinalError(
                    f"element {element.name!r} is of family {class_name(element)!r}, of which the "
                    f"aligner has seen none; it knows {', '.join(self.families)}"
                )
        return [self.families.index(class_name(element)) for element in elements]

    def scores(self, white_TD: np.ndarray, classes: Sequence[int]) -> list[np.ndarray]:
        """Score tables (U, L) of the 2 n + 1 segments: background, element, ..., background."""
        T, n = len(white_TD), len(classes)
        check_count(T, n)
        longest = min(T, int(np.ceil(LONGEST_PARTS * T / n)))
        log_TF = self.trust * self._log_density(white_TD)
        background = len(self.families)
        known = {
            f: segment_sums(log_TF[:, f], longest) + self.lengths.log_prior(f, longest)
            for f in {*classes, background}
        }
        middle_UL = np.arange(T + 1)[:, None] - np.arange(longest + 1) / 2
        tables = [known[background]]
        for k, f in enumerate(classes):
            away_UL = (middle_UL - T * (k + 0.5) / n) / (PLACE_SPREAD * T / n)
            tables += [known[f] - away_UL**2 / 2, known[background]]
        return tables

    def _log_density(self, white_TD: np.ndarray) -> np.ndarray:
        """Gaussian log-density of each clip under each family: (T, F)."""
        factor_DD = np.linalg.cholesky(self.precision_DD)
        away_TFD = white_TD[:, None] @ factor_DD - (self.means_FD @ factor_DD)[None]
        volume = np.log(np.diag(factor_DD)).sum() - len(factor_DD) * np.log(2 * np.pi) / 2
        log_TF: np.ndarray = volume - np.square(away_TFD).sum(-1) / 2
        return log_TF


def class_name(element: Element) -> str:
    """What an element looks like others of: its family, else its own name."""
    return element.family or element.name


def centred(clips_TC: np.ndarray) -> np.ndarray:
    """Clips without their performance's mean, which tells of hall and camera."""
    wide_TC = clips_TC.astype(np.float64)
    moved_TC: np.ndarray = wide_TC - wide_TC.mean(0)
    return moved_TC


def check_count(clips: int, elements: int) -> None:
    """Refuses performances in which not every element can have a clip."""
    if not 1 <= elements <= clips:
        raise CofinalError(
            f"{elements} elements in {clips} clips; expected 1 or more elements, each at least a "
            "clip long: name the sheet of this performance, or extract clips with a smaller stride"
        )


def equal_parts(clips: int, count: int) -> list[Stretch]:
    """The simplest placement: elements share the clips in equal parts; the baseline to beat."""
    check_count(clips, count)
    return [(a, b - a) for a, b in pairwise(equal_borders(clips, count))]


def equal_borders(clips: int, count: int) -> list[int]:
    """Clips at which equal parts begin and end, counted from 0: one more than there are parts."""
    borders: list[int] = np.linspace(0, clips, count + 1).round().astype(int).tolist()
    return borders
