"""Distributions of scores as quantile functions, and pooling them by averaging these.

Letters: B videos, K targets, L cells, U knots, P parts of a pool.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cofinal.layers.summary import float_range

# A logistic distribution of this scale has standard deviation one.
LOGISTIC_SCALE = 3**0.5 / torch.pi
# Knots of a logistic distribution, in units of its scale: evenly spaced, up to where one in eight
# thousand lies beyond. Symmetric, so that the mean of the pieces between them is exact.
LOGISTIC_KNOTS = torch.linspace(-9, 9, 73, dtype=torch.float64)
# Least probability of a cell, so that every level has one point only.
LEAST_MASS = 1e-9


@dataclass
class QuantileFunction:
    """Piecewise linear quantile functions of a batch, with their weight in a pool."""

    levels_BKU: Tensor
    """Increasing from 0 to 1, float64."""
    units_BKU: Tensor
    """Unit scores at these levels, increasing, float64."""
    weight: float = 1.0


def cell_edges(edges_KG: Tensor, sub_grades: int) -> Tensor:
    """Edges (K, G S + 1) of S equally wide cells in each of the grades with edges (K, G + 1)."""
    low_KG1, width_KG1 = edges_KG[:, :-1, None], edges_KG.diff(dim=-1).unsqueeze(-1)
    share_S = float_range(sub_grades, edges_KG) / sub_grades
    return torch.cat([(low_KG1 + width_KG1 * share_S).flatten(1), edges_KG[:, -1:]], dim=-1)


def of_cells(mass_BKL: Tensor, edges_KL: Tensor, weight: float = 1.0) -> QuantileFunction:
    """The quantile function of cells: their mass lies evenly inside each.

    Args:
        mass_BKL: probabilities, summing to one.
        edges_KL: (K, L + 1) edges of the cells as unit scores, increasing.
        weight: in a pool.
    """
    mass_BKL = mass_BKL.double().clamp(min=LEAST_MASS)
    below_BKL = (mass_BKL / mass_BKL.sum(-1, keepdim=True)).cumsum(-1)
    levels_BKU = torch.nn.functional.pad(below_BKL, (1, 0))
    levels_BKU[..., -1] = 1.0
    return QuantileFunction(levels_BKU, edges_KL.double().expand_as(levels_BKU), weight)


def of_bins(mass_BKL: Tensor, middle_L: Tensor) -> QuantileFunction:
    """The quantile function of bins that stand evenly spaced around these unit scores."""
    half = (middle_L[1] - middle_L[0]) / 2
    edges_L = torch.cat([middle_L - half, middle_L[-1:] + half])
    return of_cells(mass_BKL, edges_L.expand(mass_BKL.shape[1], -1))


def of_logistic(mean_BK: Tensor, deviation_K: Tensor, weight: float = 1.0) -> QuantileFunction:
    """The quantile function of a logistic distribution.

    Args:
        mean_BK: unit scores.
        deviation_K: standard deviations as unit scores, more than 0.
        weight: in a pool.
    """
    knots_U = LOGISTIC_KNOTS.to(mean_BK.device)
    levels_U = knots_U.sigmoid()
    levels_U[0], levels_U[-1] = 0.0, 1.0
    scale_K1 = (LOGISTIC_SCALE * deviation_K.double()).unsqueeze(-1)
    units_BKU = mean_BK.double().unsqueeze(-1) + scale_K1 * knots_U
    return QuantileFunction(levels_U.expand_as(units_BKU), units_BKU, weight)


def pool(parts: Sequence[QuantileFunction]) -> QuantileFunction:
    """The weighted average of quantile functions, with the knots of all of them.

    So the mean of the pool is the weighted average of the means, exactly.
    """
    parts = _joined([part for part in parts if part.weight])
    if len(parts) == 1:
        return replace(parts[0], weight=1.0)
    total = sum(part.weight for part in parts)
    levels_BKU = torch.cat([part.levels_BKU for part in parts], -1).sort(-1).values
    units_BKU = torch.stack(
        [part.weight / total * _units_at(part, levels_BKU) for part in parts]
    ).sum(0)
    return QuantileFunction(levels_BKU, units_BKU)


def _joined(parts: Sequence[QuantileFunction]) -> list[QuantileFunction]:
    """Parts with the same levels, as logistic ones have, joined: fewer knots, the same pool."""
    joined: list[QuantileFunction] = []
    for part in parts:
        for i, other in enumerate(joined):
            if torch.equal(part.levels_BKU, other.levels_BKU):
                weight = part.weight + other.weight
                units_BKU = torch.lerp(other.units_BKU, part.units_BKU, part.weight / weight)
                joined[i] = QuantileFunction(other.levels_BKU, units_BKU, weight)
                break
        else:
            joined.append(part)
    return joined


def _units_at(part: QuantileFunction, levels_BKM: Tensor) -> Tensor:
    """Unit scores (B, K, M) of a part at levels (B, K, M)."""
    knots_BKU = part.levels_BKU.contiguous()
    right_BKM = torch.searchsorted(knots_BKU, levels_BKM.contiguous())
    right_BKM = right_BKM.clamp(1, knots_BKU.shape[-1] - 1)
    low, high = (knots_BKU.gather(-1, right_BKM - step) for step in (1, 0))
    from_, to = (part.units_BKU.gather(-1, right_BKM - step) for step in (1, 0))
    return torch.lerp(from_, to, (levels_BKM - low) / (high - low))
