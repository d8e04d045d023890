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

    The S prototypes stand evenly from a grade's lower edge (place 0) to its upper edge (place 1).
    A simplex frame itself knows no order: being wrong by one sub-grade costs as much as by fifty.
    The order comes from here: a place between two neighbours is the normalised mixture of their
    prototypes, so that near places share a prototype. (Two prototypes are opposite; between them
    there is no direction, and the place switches.)
    Differs: the released program takes the single prototype of the score's last two digits.

    Args:
        place: (...) in [0, 1].
        etf_SE: (S, E) prototypes.

    Returns:
        (..., E) unit vectors.
    """
    last = etf_SE.shape[0] - 1
    position = place * last
    below = position.floor().clamp(0, last - 1)
    share = (position - below).unsqueeze(-1)
    # A diverged training must end in a loss that is no number, not in an index that is none.
    index = below.nan_to_num().long()
    return F.normalize(etf_SE[index] * (1 - share) + etf_SE[index + 1] * share, dim=-1)


def direction_to_place(direction: Tensor, etf_SE: Tensor) -> Tensor:
    """The place in a grade that a unit vector stands for: the mean place of its prototypes.

    In a mixture of two prototypes all others have the same, smallest cosine, so a prototype's
    share in the mixture is proportional to its cosine less the smallest. Shares are squared, which
    keeps prototypes and middles where they are and quietens a direction that is no clean mixture.

    Args:
        direction: (..., E) unit vectors.
        etf_SE: (S, E) prototypes.

    Returns:
        (...) in [0, 1].
    """
    cosine_S = direction @ etf_SE.T
    share_S = (cosine_S - cosine_S.amin(-1, keepdim=True)).square()
    place_S = torch.linspace(0, 1, etf_SE.shape[0], device=etf_SE.device, dtype=etf_SE.dtype)
    return (share_S * place_S).sum(-1) / share_S.sum(-1).clamp(min=1e-12)
