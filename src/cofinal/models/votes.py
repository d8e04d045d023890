"""Evidence that adds up: what each clip added to the answer at the average performance.

What CoFInAl's prototypes gather (logits, and fine vectors before they are normalised) are sums over
clips. The mean of the distribution is a smooth function of them, so integrated gradients along the
straight way from the training average of these numbers to the performance's own tell what each
number added, and each clip's part in the numbers tells what the clip added. No second pass through
the network is needed.

Source: integrated gradients, Sundararajan et al., "Axiomatic attribution for deep networks", ICML
2017. Differs: the way leads through sums over clips instead of through the clips themselves, and
takes as many steps as close the sum.

Letters: M members, T clips, C backbone channels, D model width, K targets, G grades, S sub-grades
(in `frame_M1SE` and `middle_KGS`) or steps, E embedding width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cofinal.models.interface import ClipPoints

if TYPE_CHECKING:
    from cofinal.models.cofinal import CoFInAl

# How far the bars' sum may miss the answer, in points.
TOLERANCE = 2e-4
STEPS = (12, 24, 48, 96, 192, 384, 768, 1536)


@dataclass
class View:
    """What the prototypes gathered from a performance: sums over its clips."""

    logits_BKG: Tensor
    """Coarse: for each grade, from its own feature only."""
    fine_BKGE: Tensor
    """Fine: each grade's vector, not yet normalised."""
    attention_BKGT: Tensor
    values_BTD: Tensor


@torch.no_grad()
def points_of_votes(
    members: Sequence[CoFInAl], views: Sequence[View], clips_TC: Tensor
) -> ClipPoints:
    """Points that each clip of a performance added to the answer at the average.

    Args:
        members: the trained members; the points are the mean of theirs.
        views: what each of them saw in this performance alone, see `CoFInAl.assess`.
        clips_TC: its raw clips.

    Returns:
        Answer at the average (K,) and each clip's points (K, T); together they are the mean of the
        pooled distribution, up to `TOLERANCE`.
    """
    first, scale = members[0], Scale.of(members)
    attention_MKGT = _stacked(view.attention_BKGT[0] for view in views)
    value_MTD = _stacked(view.values_BTD[0] for view in views)
    # A clip's own logit and fine vector: what the sums would be if all clips were like it.
    said_MKGT = torch.einsum("mkgd,mtd->mkgt", _stacked(m.vote_KGD for m in members), value_MTD)
    logits_MKGT = said_MKGT + _stacked(m.bias_KG for m in members).unsqueeze(-1)
    fine_MTE = value_MTD @ _stacked(m.to_fine.weight for m in members).mT

    usual = Gathered(
        _stacked(m.mean_logits_KG for m in members), _stacked(m.mean_fine_KGE for m in members)
    )
    own = Gathered(
        (attention_MKGT * logits_MKGT).sum(-1),
        torch.einsum("mkgt,mte->mkge", attention_MKGT, fine_MTE),
    )
    range_K = (first.range_K2[:, 1] - first.range_K2[:, 0]).double()
    start_MK, slope, missed_MK = integrated_slopes(scale, usual, own, TOLERANCE / range_K)

    # A clip's share of the average is its attention, which sums to one.
    coarse_MKGT = slope.logits.unsqueeze(-1) * (logits_MKGT - usual.logits.unsqueeze(-1))
    fine_MKGT = torch.einsum("mkge,mte->mkgt", slope.fine, fine_MTE)
    fine_MKGT = fine_MKGT - (slope.fine * usual.fine).sum(-1, keepdim=True)
    network_MKT = ((coarse_MKGT + fine_MKGT) * attention_MKGT).sum(2)
    network_MKT = network_MKT + missed_MK.unsqueeze(-1) / len(clips_TC)

    share = first.settings.summary_share
    summary_K, summary_KT = first.summary.clip_points(clips_TC)
    network_K = first.range_K2[:, 0].double() + range_K * start_MK.mean(0)
    return ClipPoints(
        (1 - share) * network_K + share * summary_K,
        (1 - share) * range_K.unsqueeze(-1) * network_MKT.mean(0) + share * summary_KT,
    )


def _stacked(each: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(each)).double()


class Gathered(NamedTuple):
    """What the prototypes gathered, or slopes along it, of every member; leading axes are free."""

    logits: Tensor
    """(..., M, K, G)."""
    fine: Tensor
    """(..., M, K, G, E), not normalised."""


class Scale(NamedTuple):
    """What makes a mean of what the prototypes gathered; M members."""

    middle_KGS: Tensor
    """Middles of the sub-grades as unit scores."""
    frame_M1SE: Tensor
    sharpness_MK11: Tensor

    @classmethod
    def of(cls, members: Sequence[CoFInAl]) -> Scale:
        """Gathers it, in float64."""
        edges_KL = members[0].cell_edges().double()
        middle_KL = (edges_KL[:, 1:] + edges_KL[:, :-1]) / 2
        return cls(
            middle_KL.unflatten(-1, (-1, members[0].settings.sub_grades)),
            _stacked(m.etf_SE for m in members)[:, None],
            _stacked(m.log_sharpness_K for m in members).exp()[..., None, None],
        )


def integrated_slopes(
    scale: Scale, start: Gathered, end: Gathered, tolerance_K: Tensor
) -> tuple[Tensor, Gathered, Tensor]:
    """Means (M, K) at the start as unit scores, their average slopes on the way to the end, and
    what these miss (M, K): next to nothing, unless the way leads through a vector of length zero,
    where a direction leaps; that belongs to no clip more than to another.
    """
    for steps in STEPS:
        share_S, weight_S = quadrature(steps)
        way = Gathered(
            torch.lerp(start.logits, end.logits, share_S.view(-1, 1, 1, 1)),
            torch.lerp(start.fine, end.fine, share_S.view(-1, 1, 1, 1, 1)),
        )
        mean_SMK, slopes = mean_and_slopes(scale, way)
        slope = Gathered(*(torch.tensordot(weight_S, values, 1) for values in slopes))
        coarse_MK = (slope.logits * (end.logits - start.logits)).sum(-1)
        fine_MK = (slope.fine * (end.fine - start.fine)).sum((-1, -2))
        missed_MK = mean_SMK[-1] - mean_SMK[0] - coarse_MK - fine_MK
        if (missed_MK.abs() <= tolerance_K).all():
            break
    return mean_SMK[0], slope, missed_MK


@cache
def quadrature(steps: int) -> tuple[Tensor, Tensor]:
    """Places on the way from 0 to 1 and their weights, after Gauss and Legendre; the ends, which
    weigh nothing, are the first and last place.
    """
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    places = np.concatenate([[0.0], (nodes + 1) / 2, [1.0]])
    return torch.from_numpy(places), torch.from_numpy(np.pad(weights / 2, 1))


def mean_and_slopes(scale: Scale, at: Gathered) -> tuple[Tensor, Gathered]:
    """Mean of `CoFInAl.cells` and its gradient by logits and fine vectors, written out: no graph.

    The mean is sum_g P_g c_g, with c_g the mean inside grade g. Its slope by logit g is
    P_g (c_g - mean); by fine vector u_g it is P_g sharpness sum_s q_gs (m_s - c_g) times the slope
    of the cosine, (e_s - cos_s u / |u|) / |u|.
    """
    chance = at.logits.softmax(-1)
    length = at.fine.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    direction = at.fine / length
    cosine = direction @ scale.frame_M1SE.mT
    inside = (scale.sharpness_MK11 * cosine).softmax(-1)
    centre = (inside * scale.middle_KGS).sum(-1)
    mean = (chance * centre).sum(-1)
    pull = chance.unsqueeze(-1) * scale.sharpness_MK11 * inside
    pull = pull * (scale.middle_KGS - centre.unsqueeze(-1))
    along = (pull * cosine).sum(-1, keepdim=True)
    towards = pull @ scale.frame_M1SE - along * direction
    return mean, Gathered(chance * (centre - mean.unsqueeze(-1)), towards / length)
