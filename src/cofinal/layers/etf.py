"""Simplex equiangular tight frames: the fixed sub-grade prototypes of fine-grained scoring.

Letters: S sub-grades, E embedding width. Paper: CoFInAl section 3, fine-grained scoring.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

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
