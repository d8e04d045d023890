"""What a score rests on, clip by clip: attention, leaving clips out, integrated gradients.

Sources: occlusion, Zeiler and Fergus, "Visualizing and understanding convolutional networks",
ECCV 2014; integrated gradients, Sundararajan et al., "Axiomatic attribution for deep networks",
ICML 2017; attention of grade prototypes, CoFInAl (IJCAI 2024) section 3.
Reproduced: all three, for every method of this package. Differs: left-out clips are truly taken out
of the sequence, which methods that see no padding allow, instead of being painted over; the path
integral is a sum over the middles of its steps.

Letters: B sequences, T clips, C backbone channels, K targets, W windows, S steps, G grades.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cofinal.errors import CofinalError
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import ModelOutput
from cofinal.records import ClipFeatures, Record
from cofinal.times import ClipTimes, times_json

Mode = Literal["remove", "mean"]
# Clips left out together unless told otherwise. One clip told most on nearly every count, see
# docs/explanations_measured.md: wider windows blur the moment.
WIDTH = 1
# Sequences assessed together: enough to fill two cores, small enough for any memory.
BATCH = 32
# How far integrated gradients may miss the difference they explain, as a share of the score range.
# Smooth methods stay far below; answers that leap where gradients see nothing do not.
COMPLETENESS = 0.02


@dataclass(frozen=True, eq=False)
class Evidence(Record):
    """What each clip of one performance did to its scores."""

    method: str
    """"votes", "attention", "occlusion" or "gradients"."""
    targets: tuple[str, ...]
    """Names of the K targets."""
    values_KT: np.ndarray = field(repr=False)
    """Points by which a clip raised the score; for attention its share, each row summing to one."""
    times: ClipTimes | None = None
    """When the clips are in the video, where known."""
    width: int = 1
    """Clips left out together; 1 for methods that look at single clips."""
    windows_KW: np.ndarray | None = field(default=None, repr=False)
    """Occlusion: points by which the `width` clips from clip w on raised the score together."""
    average_K: np.ndarray | None = field(default=None, repr=False)
    """Votes: the answer at the average of the training performances, in points; each row of values
    adds up to the score less this."""
    difference_K: np.ndarray | None = field(default=None, repr=False)
    """Gradients: the score less the baseline's, in points, which each row of values adds up to."""

    @property
    def unit(self) -> str:
        """What the values count: "points" or "share"."""
        return "share" if self.method == "attention" else "points"

    def row(self, target: str) -> int:
        """The row of a target's values."""
        if target not in self.targets:
            raise CofinalError(
                f"target {target!r} has no evidence; this model predicts {', '.join(self.targets)}"
            )
        return self.targets.index(target)

    def seconds(self, clip: int) -> float | None:
        """When the time of a clip, counted from 0, begins; None where that is not known."""
        return None if self.times is None else self.times.border(clip)

    def average(self, target: str) -> float | None:
        """Votes: the answer for an average performance, in points."""
        return None if self.average_K is None else float(self.average_K[self.row(target)])

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return {
            "method": self.method,
            "unit": self.unit,
            "width": self.width,
            **times_json(self.times),
            "values": dict(zip(self.targets, self.values_KT.tolist(), strict=True)),
            "average": None
            if self.average_K is None
            else dict(zip(self.targets, self.average_K.tolist(), strict=True)),
        }


@torch.no_grad()
def attention(model: Ensemble, features: ClipFeatures) -> Evidence | None:
    """Mean attention of a method's queries, of CoFInAl's grade prototypes for example.

    Attention says where a method looked, not what it made of it: it has no sign and no points.

    Returns:
        Shares; None for methods without attention.
    """
    clips_1TC = _clips(features)[None]
    output = model(clips_1TC, _whole(clips_1TC))
    if output.attention_BKGT is None:
        return None
    share_KT = output.attention_BKGT[0].mean(1)
    return _evidence("attention", model, features, share_KT)


def votes(
    model: Ensemble, features: ClipFeatures, output: ModelOutput | None = None
) -> Evidence | None:
    """Points that each clip added to the answer at the average: they and it add up to the score.

    Exact, and no clip is left out or changed for it; see `models.votes`. `output` is what the model
    said of this performance alone, where it is at hand.

    Returns:
        Points, with the answer at the average in `average_K`; None for methods without votes.
    """
    found = model.clip_points(_clips(features), output)
    if found is None:
        return None
    average_K = found.average_K.detach().cpu().numpy()
    return _evidence("votes", model, features, found.points_KT.detach(), average_K=average_K)


@torch.no_grad()
def occlusion(
    model: Ensemble, features: ClipFeatures, width: int = WIDTH, mode: Mode = "remove"
) -> Evidence:
    """Points each clip is worth: the score of all clips less the score without a window of them.

    Windows slide by one clip; a clip's value is the mean over the windows that hold it, so it says
    what `width` clips around it are worth together, not the clip alone.

    Args:
        model: the trained members.
        features: one performance.
        width: clips left out together, fewer than T.
        mode: "remove" takes the clips out, as if they had never been filmed: nothing strange is
            put in their place, but what follows moves up, which methods that know the place in the
            performance also see. "mean" puts the performance's mean clip there: everything else
            keeps its place, but a mean clip is itself a clip that nobody performed.

    Raises:
        CofinalError: a width that leaves nothing, or an unknown mode.
    """
    clips_TC = _clips(features)
    left_out_WT = _windows(len(clips_TC), width, features.id)
    if mode not in ("remove", "mean"):
        raise CofinalError(f"mode {mode!r} is unknown; use 'remove' or 'mean'")
    without = [_without(clips_TC, rows_BT, mode) for rows_BT in left_out_WT.split(BATCH)]
    score_WK = torch.cat([score_points(model, clips_BTC) for clips_BTC in without])
    windows_KW = (score_points(model, clips_TC[None]) - score_WK).double().T
    held_WT = left_out_WT.double()
    return _evidence(
        "occlusion",
        model,
        features,
        windows_KW @ held_WT / held_WT.sum(0),
        width=width,
        windows_KW=windows_KW.cpu().numpy(),
    )


def integrated_gradients(
    model: Ensemble,
    features: ClipFeatures,
    baseline: Literal["mean"] | np.ndarray = "mean",
    steps: int = 32,
) -> Evidence:
    """Points each clip added on the straight way from a baseline to the performance.

    Each row of values adds up to the score less the baseline's score, up to a share of the score
    range (`COMPLETENESS`); that difference is in `difference_K`.

    Args:
        model: the trained members.
        features: one performance.
        baseline: "mean" is the performance's own mean clip, shown all the time; or an array (C,)
            or (T, C), for example the mean of all training clips.
        steps: S, steps of the way.

    Raises:
        CofinalError: a baseline of another shape, no steps, or a method whose answers leap, so
            that its gradients do not add up.
    """
    if steps < 1:
        raise CofinalError(f"{steps} steps; integrated gradients need 1 or more, for example 32")
    clips_TC = _clips(features)
    start_TC = _baseline(clips_TC, baseline)
    share_S = (torch.arange(steps, device=clips_TC.device) + 0.5) / steps
    slopes = [
        _gradients(model, torch.lerp(start_TC, clips_TC, share_B[:, None, None]))
        for share_B in share_S.split(BATCH)
    ]
    slope_KTC = torch.stack(slopes).sum(0) / steps
    values_KT = (slope_KTC * (clips_TC - start_TC)).sum(-1)
    with torch.no_grad():
        score_2K = score_points(model, torch.stack([clips_TC, start_TC])).double()
    difference_K = score_2K[0] - score_2K[1]
    _refuse_leaps(model, values_KT, difference_K, steps)
    return _evidence(
        "gradients", model, features, values_KT, difference_K=difference_K.cpu().numpy()
    )


def _clips(features: ClipFeatures) -> Tensor:
    return torch.from_numpy(features.values).float()


def _whole(clips_BTC: Tensor) -> Tensor:
    """The mask (B, T) of sequences without padding."""
    return torch.ones(clips_BTC.shape[:2], dtype=torch.bool, device=clips_BTC.device)


def score_points(model: Ensemble, clips_BTC: Tensor) -> Tensor:
    """Points (B, K) of sequences without padding."""
    return model.score(model(clips_BTC, _whole(clips_BTC)))


def _windows(clips: int, width: int, name: str) -> Tensor:
    """True (W, T) where a window holds a clip."""
    if not 1 <= width < clips:
        raise CofinalError(
            f"leaving out {width} of the {clips} clips of {name or 'a performance'} leaves no "
            f"comparison; choose a width from 1 to {clips - 1}"
            if clips > 1
            else f"{name or 'the performance'} has one clip, so none can be left out; "
            "use attention or gradients"
        )
    start_W1 = torch.arange(clips - width + 1).unsqueeze(1)
    clip_T = torch.arange(clips)
    return (clip_T >= start_W1) & (clip_T < start_W1 + width)


def _without(clips_TC: Tensor, left_out_BT: Tensor, mode: Mode) -> Tensor:
    """The performance without each window: (B, T - width, C), or (B, T, C) with the mean clip."""
    if mode == "mean":
        return torch.where(left_out_BT.unsqueeze(-1), clips_TC.mean(0), clips_TC)
    kept = (~left_out_BT).nonzero()[:, 1].view(len(left_out_BT), -1)
    return clips_TC[kept]


def _baseline(clips_TC: Tensor, baseline: Literal["mean"] | np.ndarray) -> Tensor:
    """Where the way starts: (T, C)."""
    if isinstance(baseline, str):
        if baseline != "mean":
            raise CofinalError(f"baseline {baseline!r} is unknown; use 'mean' or an array")
        return clips_TC.mean(0).expand_as(clips_TC)
    start = torch.from_numpy(np.asarray(baseline)).to(clips_TC)
    if start.shape not in (clips_TC.shape, clips_TC.shape[1:]) or not start.isfinite().all():
        T, C = clips_TC.shape
        raise CofinalError(
            f"the baseline has shape {tuple(start.shape)}; expected finite values of shape ({C},) "
            f"or ({T}, {C})"
        )
    return start.expand_as(clips_TC)


def _gradients(model: Ensemble, way_BTC: Tensor) -> Tensor:
    """Sum over the sequences of each score's gradient: (K, T, C), float64."""
    with torch.enable_grad():
        way_BTC = way_BTC.requires_grad_()
        score_BK = score_points(model, way_BTC)
        if not score_BK.requires_grad:  # a method that sees no clips
            return way_BTC.new_zeros((score_BK.shape[1], *way_BTC.shape[1:])).double()
        slopes = [
            torch.autograd.grad(score_B.sum(), way_BTC, retain_graph=True, materialize_grads=True)
            for score_B in score_BK.unbind(1)
        ]
    return torch.stack([slope_BTC.double().sum(0) for (slope_BTC,) in slopes])


def _refuse_leaps(model: Ensemble, values_KT: Tensor, difference_K: Tensor, steps: int) -> None:
    """Refuses values that do not add up to the difference which they should explain."""
    range_K = model.first.range_K2[:, 1] - model.first.range_K2[:, 0]
    found_K = values_KT.sum(1)
    # Written so that what is not a number is refused too.
    for k in (~((found_K - difference_K).abs() <= COMPLETENESS * range_K)).nonzero().flatten():
        raise CofinalError(
            f"the gradients of {model.first.task.targets[int(k)]} add up to {found_K[k]:.2f} "
            f"points instead of {difference_K[k]:.2f} in {steps} steps, as where answers leap; "
            "take more steps, or use occlusion"
        )


def _evidence(
    method: str, model: Ensemble, features: ClipFeatures, values_KT: Tensor, **more: Any
) -> Evidence:
    return Evidence(
        method,
        model.first.task.targets,
        values_KT.double().cpu().numpy(),
        features.times,
        **more,
    )
