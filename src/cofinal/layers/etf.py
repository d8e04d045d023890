"""Simplex equiangular tight frames: the fixed sub-grade prototypes of fine-grained scoring.

Letters: S sub-grades, E embedding width. Paper: CoFInAl section 3, fine-grained scoring.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from cofinal.errors import CofinalError


def simplex_etf(sub_grades: int, width: int, generator: torch.Generator | None = None) -> Tensor:
    """S unit vectors of which every pair has cosine -1/(S-1).

    E = sqrt(S/(S-1)) U (I - 11'/S) with U'U = I, returned with prototypes as rows.

    Args:
        sub_grades: S, at least 2.
        width: E, at least S.
        generator: source of the random rotation U.

    Returns:
        (S, E) float32.

    Raises:
        CofinalError: S below 2, or E below S.
    """
    if sub_grades < 2 or width < sub_grades:
        raise CofinalError(
            f"{sub_grades} sub-grades in {width} dimensions make no simplex frame; "
            "use at least 2 sub-grades and an embedding at least as wide as their number"
        )
    rotation_ES, _ = torch.linalg.qr(torch.randn(width, sub_grades, generator=generator))
    centring_SS = torch.eye(sub_grades) - 1.0 / sub_grades
    scale = math.sqrt(sub_grades / (sub_grades - 1))
    return (scale * rotation_ES @ centring_SS).T.contiguous()


def place_to_direction(place: Tensor, etf_SE: Tensor) -> Tensor:
    """The unit vector that stands for a place in a grade.

    A simplex frame knows no order: being wrong by one sub-grade costs as much as by fifty. The
    order comes from here: a place between the centres of two neighbouring sub-grades is the
    normalised mixture of their prototypes, so that near places share a prototype.
    Differs: the released program takes the single prototype of the score's last two digits.

    Args:
        place: (...) in [0, 1].
        etf_SE: (S, E) prototypes.

    Returns:
        (..., E) unit vectors.
    """
    sub_grades = etf_SE.shape[0]
    position = (place * sub_grades - 0.5).clamp(0, sub_grades - 1)
    below = position.floor().clamp(max=sub_grades - 2)
    share = (position - below).unsqueeze(-1)
    index = below.long()
    return F.normalize(etf_SE[index] * (1 - share) + etf_SE[index + 1] * share, dim=-1)


def direction_to_place(direction: Tensor, etf_SE: Tensor, sharpness: float) -> Tensor:
    """The place in a grade that a unit vector stands for: the expected centre of its sub-grade.

    Args:
        direction: (..., E) unit vectors.
        etf_SE: (S, E) prototypes.
        sharpness: how strongly the most similar sub-grade dominates (inverse temperature).

    Returns:
        (...) in (0, 1).
    """
    sub_grades = etf_SE.shape[0]
    centres_S = (torch.arange(sub_grades, device=etf_SE.device, dtype=etf_SE.dtype) + 0.5) / (
        sub_grades
    )
    share_S = (direction @ etf_SE.T * sharpness).softmax(dim=-1)
    return (share_S * centres_S).sum(-1)
