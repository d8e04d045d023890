"""Training batches: what a step sees of the performances, gathered when it is seen.

Letters: N performances, B videos in a batch, T clips, C channels, K targets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from cofinal.config import TrainingSettings
from cofinal.models.interface import AssessmentModel, Labels, StagedClips


@dataclass
class Batch:
    """What one training step sees."""

    clips_BTC: Tensor
    """Staged."""
    mask_BT: Tensor
    scores_BK: Tensor
    """Points."""
    marks_BKJ: Tensor | None = None
    """Judges' marks in points, for a method that learns from them."""

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What `vmap` takes; `Batch(*tensors)` is the same batch."""
        tensors = (self.clips_BTC, self.mask_BT, self.scores_BK)
        return tensors if self.marks_BKJ is None else (*tensors, self.marks_BKJ)

    def loss(self, model: AssessmentModel) -> dict[str, Tensor]:
        """The loss terms of a model."""
        staged = StagedClips(self.clips_BTC, self.mask_BT)
        return model.training_loss(staged, Labels(self.scores_BK, self.marks_BKJ))


class ClipTensors(Sequence[Tensor]):
    """Arrays (T, C) as float32 tensors, each made when it is asked for, so that none is kept."""

    def __init__(self, clips: Sequence[np.ndarray]) -> None:
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, position: int) -> Tensor:  # type: ignore[override]
        return torch.from_numpy(self.clips[position]).float()


@dataclass
class PackedClips:
    """N performances of different length, end to end."""

    clips_PC: Tensor
    """All clips of all performances, one after the other, in the precision they came in."""
    start_N: Tensor
    length_N: Tensor

    @classmethod
    def of(cls, clips: Iterable[Tensor], lengths: Sequence[int]) -> PackedClips:
        """Packs (T, C) tensors, of which one at a time is held beside the packed ones.

        Args:
            clips: N tensors of one width and type.
            lengths: T of each.
        """
        length_N = torch.tensor(lengths)
        start_N = length_N.cumsum(0) - length_N
        clips_PC: Tensor | None = None
        for start, length, values in zip(start_N.tolist(), lengths, clips, strict=True):
            if clips_PC is None:
                clips_PC = values.new_empty(sum(lengths), values.shape[1])
            clips_PC[start : start + length] = values
        assert clips_PC is not None
        return cls(clips_PC, start_N, length_N)

    @property
    def device(self) -> torch.device:
        """Where batches are."""
        return self.clips_PC.device

    def to(self, device: torch.device) -> PackedClips:
        """The same with all clips on a device."""
        return replace(self, clips_PC=self.clips_PC.to(device))

    def performances(self) -> Sequence[Tensor]:
        """Each performance's clips (T, C)."""
        return self.clips_PC.split(self.length_N.tolist())

    def gather(self, rows_B: Tensor, clip_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """Clips number `clip_BT` of performances `rows_B`, float32; zero where masked out."""
        index_BT = self.start_N[rows_B].unsqueeze(1) + clip_BT.masked_fill(~mask_BT, 0)
        device = self.clips_PC.device
        clips_BTC = self.clips_PC[index_BT.to(device)].float()
        return clips_BTC.mul_(mask_BT.to(device).unsqueeze(-1))


class HeldClips:
    """N performances where the data set has them, in memory or on disk; only batches are copied."""

    device = torch.device("cpu")

    def __init__(self, clips: Sequence[np.ndarray]) -> None:
        self.clips = clips
        self.length_N = torch.tensor([len(values) for values in clips])

    def to(self, device: torch.device) -> HeldClips | PackedClips:
        """Packed on another device, as they are on the CPU."""
        if device == self.device:
            return self
        clips = map(torch.from_numpy, self.clips)
        return PackedClips.of(clips, self.length_N.tolist()).to(device)

    def performances(self) -> Sequence[Tensor]:
        """Each performance's clips (T, C)."""
        return ClipTensors(self.clips)

    def gather(self, rows_B: Tensor, clip_BT: Tensor, mask_BT: Tensor) -> Tensor:
        """As `PackedClips.gather`."""
        chosen_BT = clip_BT.masked_fill(~mask_BT, 0)
        parts = [
            torch.from_numpy(self.clips[row])[chosen_T]
            for row, chosen_T in zip(rows_B.tolist(), chosen_BT, strict=True)
        ]
        return torch.stack(parts).float().mul_(mask_BT.unsqueeze(-1))


def choose_clips(
    length_B: Tensor, settings: TrainingSettings, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Which clips of each performance this pass sees.

    Returns:
        (B, T) clip numbers in time order, and the mask (B, T) of valid ones, which come first.
    """
    if settings.view == "window":
        return _window(length_B, settings.view_clips, generator)
    longest = int(length_B.max())
    position_T = torch.arange(longest)
    exists_BT = position_T < length_B.unsqueeze(1)
    if settings.view == "whole":
        return position_T.expand(len(length_B), -1), exists_BT
    # A random subset: the clips with the smallest random keys, put back in order. A fixed number
    # rather than a share, so that one long performance does not pad the whole batch.
    kept_B1 = length_B.clamp(max=settings.view_clips).unsqueeze(1)
    keys_BT = torch.rand(len(length_B), longest, generator=generator).masked_fill(~exists_BT, 2.0)
    rank_BT = keys_BT.argsort(1).argsort(1)
    chosen_BT = position_T.where(rank_BT < kept_B1, torch.full((), longest)).sort(1).values
    chosen_BT = chosen_BT[:, : int(kept_B1.max())]
    return chosen_BT, chosen_BT < longest


def _window(length_B: Tensor, clips: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """A random run of consecutive clips; shorter performances are seen whole, with padding.

    Differs: the last window can be drawn too, which the released program never does.
    """
    last_start_B = (length_B - clips).clamp(min=0)
    start_B = (torch.rand(len(length_B), generator=generator) * (last_start_B + 1)).long()
    position_BT = start_B.unsqueeze(1) + torch.arange(clips)
    return position_BT, position_BT < length_B.unsqueeze(1)


def draw_batch(
    packed: PackedClips | HeldClips,
    labels: Labels[Tensor],
    rows_B: Tensor,
    settings: TrainingSettings,
    generator: torch.Generator,
) -> Batch:
    """One training batch: chosen clips, mixed pairs, blanked channels.

    All randomness comes from `generator`, so that an epoch repeats exactly.
    """
    clip_BT, mask_BT = choose_clips(packed.length_N[rows_B], settings, generator)
    clips_BTC = packed.gather(rows_B, clip_BT, mask_BT)
    known = [values for values in (labels.scores_NK, labels.marks_NKJ) if values is not None]
    known = [values[rows_B.to(values.device)] for values in known]
    if settings.mixing > 0:
        partner_B = torch.randperm(len(rows_B), generator=generator)
        share = _beta(settings.mixing, generator)
        clips_BTC = share * clips_BTC + (1 - share) * stretch(clips_BTC, mask_BT, partner_B)
        known = [
            share * values + (1 - share) * values[partner_B.to(values.device)] for values in known
        ]
    if settings.channel_dropout > 0:
        keep_B1C = (
            torch.rand(len(rows_B), 1, clips_BTC.shape[-1], generator=generator)
            >= settings.channel_dropout
        )
        scale = 1 / (1 - settings.channel_dropout)
        clips_BTC = clips_BTC * (keep_B1C * scale).to(clips_BTC.device)
    return Batch(clips_BTC, mask_BT.to(clips_BTC.device), *known)


def stack_batches(batches: Sequence[Batch], copies: int) -> tuple[Tensor, ...]:
    """S batches of the same size as tensors (S * copies, ...), padded to one length."""
    longest = max(batch.mask_BT.shape[1] for batch in batches)
    parts = []
    for batch in batches:
        missing = longest - batch.mask_BT.shape[1]
        parts.append(
            (
                F.pad(batch.clips_BTC, (0, 0, 0, missing)),
                F.pad(batch.mask_BT, (0, missing)),
                *batch.tensors[2:],
            )
        )
    return tuple(
        torch.stack(same).repeat_interleave(copies, 0) for same in zip(*parts, strict=True)
    )


def stretch(clips_BTC: Tensor, mask_BT: Tensor, partner_B: Tensor) -> Tensor:
    """Each performance's partner, its clips picked to the performance's own length.

    Mixing then meets opening with opening and final spin with final spin.
    """
    length_B1 = mask_BT.sum(1, keepdim=True)
    partner_length_B1 = length_B1[partner_B]
    position_T = torch.arange(mask_BT.shape[1])
    clip_BT = (position_T * partner_length_B1 / length_B1).long().minimum(partner_length_B1 - 1)
    device = clips_BTC.device
    mixed_BTC = clips_BTC[partner_B.unsqueeze(1).to(device), clip_BT.to(device)]
    return mixed_BTC * mask_BT.to(device).unsqueeze(-1)


def _beta(parameter: float, generator: torch.Generator) -> float:
    """A draw from Beta(a, a) by NumPy, since torch offers none with a generator of one's own."""
    seed = int(torch.randint(2**63 - 1, (), generator=generator))
    return float(np.random.default_rng(seed).beta(parameter, parameter))
