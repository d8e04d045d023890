"""Training performances that look like a new one, and how unlike all of them it is.

A model folder keeps no training features, so training leaves an index of them behind: each
performance as a short vector, its scores and its grades.

Source: principal components of pooled features (Turk and Pentland, "Eigenfaces for recognition",
1991); the place of a distance among held-out ones is a conformal p-value (Laxhammar and Falkman,
2010). Differs: what the components do not hold of a new performance counts as distance too.

Letters: N training performances, M performances, T clips, C backbone channels, P time segments,
F features of a whole performance = C (1 + P), E embedding width, K targets, G grades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from cofinal.errors import CofinalError
from cofinal.grades import grade_of
from cofinal.layers.summary import whole_and_segments
from cofinal.models.interface import summarise_each
from cofinal.models.ridge import standard_scale

# Parts of a performance that are compared beside the whole.
SEGMENTS = 4
# Largest width of an embedding.
WIDTH = 64
# A performance is as strange as it is far, on average, from this many nearest ones.
NEAREST = 5
# From this percentile on a performance is told to be unlike the training data.
STRANGE = 95
# Parts of the training performances that take turns in being new to the rest.
FOLDS = 5


def summary_features(clips: Sequence[np.ndarray]) -> np.ndarray:
    """What is compared of performances: averages over time, whole and in segments: (M, F)."""
    tensors = map(torch.from_numpy, clips)  # one at a time: they may lie on disk
    return summarise_each(lambda c_1TC, m_1T: whole_and_segments(c_1TC, m_1T, SEGMENTS), tensors)


@dataclass(frozen=True, eq=False)
class Embedding:
    """Leading principal components of standardised features."""

    mean_F: np.ndarray
    scale_F: np.ndarray
    basis_FE: np.ndarray
    """Columns are orthonormal."""

    @classmethod
    def fit(cls, features_NF: np.ndarray, width: int = WIDTH) -> Embedding:
        """Learns at most `width` components, and at most N - 1, of training features."""
        mean_F, scale_F = standard_scale(features_NF)
        unit_NF = (features_NF - mean_F) / scale_F
        basis_EF = np.linalg.svd(unit_NF, full_matrices=False)[2]
        basis_EF = basis_EF[: max(min(width, len(features_NF) - 1), 1)]
        return cls(*(a.astype(np.float32) for a in (mean_F, scale_F, basis_EF.T)))

    def embed(self, features_MF: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (M, E), and the squared length (M,) of what they leave out of the features."""
        unit_MF = (features_MF - self.mean_F.astype(np.float64)) / self.scale_F
        vectors_ME = unit_MF @ self.basis_FE
        left_M = np.square(unit_MF).sum(1) - np.square(vectors_ME).sum(1)
        return vectors_ME, left_M.clip(min=0)


@dataclass(frozen=True)
class Neighbour:
    """A training performance that looks like the one in question."""

    id: str
    score: float
    """The judges' score, in points."""
    grade: int
    """Grade of that score, counted from 1 (lowest)."""
    similarity: float
    """1 for the same performance, 0 for one as far as two training performances usually are."""


@dataclass(frozen=True)
class Strangeness:
    """How unlike the training data a performance is."""

    distance: float
    """Mean distance to the nearest training performances, in standard deviations of features."""
    percentile: float
    """Percentage of training performances that were less strange to the rest of them."""

    @property
    def is_strange(self) -> bool:
        """Whether people should be warned."""
        return self.percentile >= STRANGE


@dataclass(frozen=True, eq=False)
class NeighbourIndex:
    """What a model folder keeps of the training performances."""

    ids: tuple[str, ...]
    targets: tuple[str, ...]
    scores_NK: np.ndarray = field(repr=False)
    """Points."""
    grades_NK: np.ndarray = field(repr=False)
    """Grade of each score, 0 the lowest; all 0 for methods without grades."""
    vectors_NE: np.ndarray = field(repr=False)
    """Embedded training performances, float16."""
    embedding: Embedding = field(repr=False)
    held_out_N: np.ndarray = field(repr=False)
    """How far each training performance was from the nearest ones of folds without it."""

    @classmethod
    def build(
        cls,
        ids: Sequence[str],
        clips: Sequence[np.ndarray],
        scores_NK: np.ndarray,
        targets: Sequence[str],
        edges_KG: np.ndarray,
    ) -> NeighbourIndex:
        """Learns the embedding from training performances; `edges_KG` are the model's grades."""
        features_NF = summary_features(clips)
        embedding = Embedding.fit(features_NF)
        vectors_NE = embedding.embed(features_NF)[0].astype(np.float16)
        held_out_N = held_out_distances(features_NF)
        grades_NK = grade_of(np.asarray(scores_NK, dtype=np.float64), edges_KG)
        return cls(
            tuple(ids), tuple(targets), scores_NK, grades_NK, vectors_NE, embedding, held_out_N
        )

    def nearest(
        self, clips_TC: np.ndarray, target: str, grade: int | None = None, count: int = 2
    ) -> list[Neighbour]:
        """The training performances of a grade that are most like this one, nearest first.

        Args:
            clips_TC: clip features of one performance.
            target: name of the score that grades are of.
            grade: counted from 1 (lowest); None for all.
            count: how many at most.

        Raises:
            CofinalError: an unknown target, or features of another width.
        """
        if target not in self.targets:
            raise CofinalError(
                f"target {target!r} has no neighbours; this model predicts "
                f"{', '.join(self.targets)}"
            )
        k = self.targets.index(target)
        distance_N = self.distances(clips_TC)[0]
        allowed_N = (
            np.ones(len(self.ids), bool) if grade is None else self.grades_NK[:, k] == grade - 1
        )
        order = [i for i in np.argsort(distance_N, kind="stable") if allowed_N[i]][:count]
        return [
            Neighbour(
                self.ids[i],
                float(self.scores_NK[i, k]),
                int(self.grades_NK[i, k]) + 1,
                float(max(1 - distance_N[i] / self.usual_distance, 0.0)),
            )
            for i in order[:count]
        ]

    def strangeness(self, clips_TC: np.ndarray) -> Strangeness:
        """How unlike the training data a performance is, relative to the training data itself.

        Of performances exchangeable with the training ones, about 5 % reach a percentile of 95.
        """
        distance_N, left = self.distances(clips_TC)
        distance = float(strange_distance(distance_N[None], np.array([left]))[0])
        return Strangeness(distance, 100 * float((self.held_out_N < distance).mean()))

    def distances(self, clips_TC: np.ndarray) -> tuple[np.ndarray, float]:
        """Distances (N,) to the training performances, and what the embedding leaves out."""
        expected = len(self.embedding.mean_F) // (1 + SEGMENTS)
        if clips_TC.ndim != 2 or clips_TC.shape[1] != expected:
            raise CofinalError(
                f"features have shape {clips_TC.shape}; the training performances have "
                f"{expected} channels a clip, use features of the same backbone"
            )
        vector_1E, left_1 = self.embedding.embed(summary_features([clips_TC]))
        apart_NE = self.vectors_NE.astype(np.float64) - vector_1E
        return np.linalg.norm(apart_NE, axis=1), float(left_1[0])

    @cached_property
    def usual_distance(self) -> float:
        """Median distance of two training performances."""
        from scipy.spatial.distance import pdist  # a score does without

        return float(max(np.median(pdist(self.vectors_NE.astype(np.float64))), 1e-12))


def strange_distance(distance_MN: np.ndarray, left_M: np.ndarray) -> np.ndarray:
    """Mean distance (M,) to the nearest performances, with what the embedding leaves out."""
    nearest = min(NEAREST, distance_MN.shape[1])
    near_ML = np.partition(distance_MN, nearest - 1, axis=1)[:, :nearest]
    mean_M: np.ndarray = np.sqrt(np.square(near_ML) + left_M[:, None]).mean(1)
    return mean_M


def held_out_distances(features_NF: np.ndarray) -> np.ndarray:
    """How strange each performance is to folds without it (N,).

    The embedding is learned anew without the fold: to one that it was learned on, no performance
    is strange.
    """
    from scipy.spatial.distance import cdist

    answer_N = np.empty(len(features_NF))
    fold_N = np.random.default_rng(0).permutation(len(features_NF)) % FOLDS
    for fold in np.unique(fold_N):
        rest = features_NF[fold_N != fold]
        embedding = Embedding.fit(rest)
        vectors_ME, left_M = embedding.embed(features_NF[fold_N == fold])
        distance_MN = cdist(vectors_ME, embedding.embed(rest)[0])
        answer_N[fold_N == fold] = strange_distance(distance_MN, left_M)
    return answer_N
