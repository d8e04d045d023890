"""Evidence that adds up: what each clip added to the answer at the average performance.

What CoFInAl's prototypes gather (logits, and fine vectors before they are normalised) are sums over
clips. The mean of the distribution is a smooth function of them, so integrated gradients along the
straight way from the training average of these numbers to the performance's own tell what each
number added, and each clip's part in the numbers tells what the clip added. No second pass through
the network is needed.

Source: integrated gradients, Sundararajan et al., "Axiomatic attribution for deep networks", ICML
2017. Differs: the way leads through sums over clips instead of through the clips themselves, and
takes as many steps as close the sum.

Letters: T clips, C backbone channels, K targets, G grades, E embedding width, S steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from cofinal.models.interface import ClipPoints, pad_clips

if TYPE_CHECKING:
    from cofinal.models.cofinal import CoFInAl

# How far the bars' sum may miss the answer, in points.
TOLERANCE = 2e-4
STEPS = (12, 24, 48, 96, 192, 384, 768, 1536)


@torch.no_grad()
def points_of_votes(model: CoFInAl, clips_TC: Tensor) -> ClipPoints:
    """Points that each clip of a performance added to the answer at the average.

    Args:
        model: one trained member.
        clips_TC: raw clips.

    Returns:
        Answer at the average (K,) and each clip's points (K, T); together they are the mean of the
        member's distribution, up to `TOLERANCE`.
    """
    view = model.look(*pad_clips([model.fixed_stage(clips_TC)]))
    attention_KGT = view.attention_BKGT[0].double()
    # A clip's own logit and fine vector: what the sums would be if all clips were like it.
    said_KGT = torch.einsum("kgd,td->kgt", model.vote_KGD, view.values_BTD[0])
    logits_KGT = said_KGT.double() + model.bias_KG.double().unsqueeze(-1)
    fine_TE = model.to_fine(view.values_BTD[0]).double()

    usual = Gathered(model.mean_logits_KG.double(), model.mean_fine_KGE.double())
    own = Gathered(
        (attention_KGT * logits_KGT).sum(-1), torch.einsum("kgt,te->kge", attention_KGT, fine_TE)
    )
    range_K = (model.range_K2[:, 1] - model.range_K2[:, 0]).double()
    start_K, slope, missed_K = integrated_slopes(model, usual, own, TOLERANCE / range_K)

    # A clip's share of the average is its attention, which sums to one.
    coarse_KGT = slope.logits.unsqueeze(-1) * (logits_KGT - usual.logits.unsqueeze(-1))
    fine_KGT = slope.fine @ fine_TE.T - (slope.fine * usual.fine).sum(-1, keepdim=True)
    network_KT = ((coarse_KGT + fine_KGT) * attention_KGT).sum(1)
    network_KT = network_KT + missed_K.unsqueeze(-1) / len(clips_TC)

    share = model.settings.summary_share
    summary_K, summary_KT = model.summary.clip_points(clips_TC)
    return ClipPoints(
        (1 - share) * (model.range_K2[:, 0].double() + range_K * start_K) + share * summary_K,
        (1 - share) * range_K.unsqueeze(-1) * network_KT + share * summary_KT,
    )


class Gathered(NamedTuple):
    """What the prototypes gathered, or slopes along it; S of them, or one."""

    logits: Tensor
    """(..., K, G)."""
    fine: Tensor
    """(..., K, G, E), not normalised."""


def integrated_slopes(
    model: CoFInAl, start: Gathered, end: Gathered, tolerance_K: Tensor
) -> tuple[Tensor, Gathered, Tensor]:
    """The mean (K,) at the start as a unit score, its average slopes on the way to the end, and
    what these miss (K,): next to nothing, unless the way leads through a vector of length zero,
    where a direction leaps; that belongs to no clip more than to another.
    """
    first_K, last_K = model.mean_of(*start), model.mean_of(*end)
    for steps in STEPS:
        slope = _average_slopes(model, start, end, steps)
        coarse_K = (slope.logits * (end.logits - start.logits)).sum(-1)
        fine_K = (slope.fine * (end.fine - start.fine)).sum((-1, -2))
        missed_K = last_K - first_K - coarse_K - fine_K
        if (missed_K.abs() <= tolerance_K).all():
            break
    return first_K, slope, missed_K


def _average_slopes(model: CoFInAl, start: Gathered, end: Gathered, steps: int) -> Gathered:
    """Slopes of the mean, averaged along the way by the rule of Gauss and Legendre."""
    nodes_S, weights_S = np.polynomial.legendre.leggauss(steps)
    share_S, weight_S = (
        torch.from_numpy(v).to(start.fine) for v in ((nodes_S + 1) / 2, weights_S / 2)
    )
    logits_SKG = torch.lerp(start.logits, end.logits, share_S[:, None, None])
    fine_SKGE = torch.lerp(start.fine, end.fine, share_S[:, None, None, None])
    slope = mean_slopes(model, Gathered(logits_SKG, fine_SKGE))
    return Gathered(*(torch.tensordot(weight_S, values, 1) for values in slope))


def mean_slopes(model: CoFInAl, at: Gathered) -> Gathered:
    """Gradient of `CoFInAl.mean_of` by logits and fine vectors, written out: no graph, no copies.

    The mean is sum_g P_g c_g, with c_g the mean inside grade g. Its slope by logit g is
    P_g (c_g - mean); by fine vector u_g it is P_g sharpness sum_s q_gs (m_s - c_g) times the slope
    of the cosine, (e_s - cos_s u / |u|) / |u|.
    """
    G, S = at.logits.shape[-1], model.settings.sub_grades
    edges_KL = model.cell_edges().double()
    middle_KGS = ((edges_KL[:, 1:] + edges_KL[:, :-1]) / 2).unflatten(-1, (G, S))
    chance_KG = at.logits.softmax(-1)
    cosine_KGS = model.cosines(at.fine)
    sharpness_K11 = model.log_sharpness_K.double().exp()[:, None, None]
    inside_KGS = (sharpness_K11 * cosine_KGS).softmax(-1)
    centre_KG = (inside_KGS * middle_KGS).sum(-1)
    mean_K1 = (chance_KG * centre_KG).sum(-1, keepdim=True)
    pull_KGS = chance_KG.unsqueeze(-1) * sharpness_K11
    pull_KGS = pull_KGS * inside_KGS * (middle_KGS - centre_KG.unsqueeze(-1))
    length_KG1 = at.fine.norm(dim=-1, keepdim=True).clamp(min=1e-12)
    along_KG1 = (pull_KGS * cosine_KGS).sum(-1, keepdim=True)
    towards_KGE = pull_KGS @ model.etf_SE.double() - along_KG1 * at.fine / length_KG1
    return Gathered(chance_KG * (centre_KG - mean_K1), towards_KGE / length_KG1)
