"""T2CR: a performance seen at two densities, compared with exemplars and scored by itself.

Paper: "Two-path target-aware contrastive regression for action quality assessment", Information
Sciences 2024, https://doi.org/10.1016/j.ins.2024.120347; its text was not at hand, and everything
here follows what is known of the authors' programs.
Reproduced: a full and a thin path of clips through the same attention over features and clips; a
decoder that lets one sequence look at another; a regression shared by the difference to an
exemplar, the difference of a performance's own paths (nothing), and the score itself; the losses of
agreement and contrast of the paths, of difference, score and helper score, and ten times the own
difference; the answer is the mean of exemplar plus difference and the score of the full path.
Differs: the backbone stays frozen and its principal components are read; the paths are means around
evenly spaced moments, so that padding is settled first, and the thin one is brought to the full
one's length by a learned map instead of convolutions with batch norm, which mixes performances;
exemplars are training performances evenly over the score range, the same for every performance; in
training the exemplar is the next performance of the batch, whose order is random; no term for the
kind of action, for there is one; none of soft alignment, for free programmes do not align; scores
in training deviations, a map for each target.

Letters: B videos, E exemplars, T clips, N moments (full path; thin: half), C channels, D width,
K targets, Q and V moments of a sequence that looks and of one that is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.layers.attention import Attention
from cofinal.layers.convolution import Conv1d
from cofinal.layers.losses import path_contrast
from cofinal.layers.summary import soft_segments
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.t2cr import T2crSettings
from cofinal.models.core import even_choice
from cofinal.models.deviation import DeviationModel
from cofinal.models.interface import Labels, ModelOutput, StagedClips, Task, pad_clips

# Parts of the width inside the gates of features and of clips, as published.
FEATURE_REDUCTION, CLIP_REDUCTION = 16, 10
OWN_DIFFERENCE_WEIGHT = 10.0


def bottleneck(width: int, reduction: int) -> nn.Sequential:
    """Two linear maps without biases, ReLU between, narrower inside."""
    narrow = max(width // reduction, 1)
    return nn.Sequential(
        nn.Linear(width, narrow, bias=False), nn.ReLU(), nn.Linear(narrow, width, bias=False)
    )


class FeatureGate(nn.Module):
    """Squeeze and excitation: every feature times a share that the mean over clips decides."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_share = bottleneck(width, FEATURE_REDUCTION)

    def forward(self, clips_BNC: Tensor) -> Tensor:
        """Returns gated clips (B, N, C)."""
        return clips_BNC * self.to_share(clips_BNC.mean(-2, keepdim=True)).sigmoid()


class ClipGate(nn.Module):
    """CBAM with clips in the place of channels: a share for every clip, then for every feature."""

    def __init__(self, clips: int) -> None:
        super().__init__()
        self.to_clip_share = bottleneck(clips, CLIP_REDUCTION)
        self.to_feature_share = Conv1d(2, 1, 3, padding=1)

    def forward(self, clips_BNC: Tensor) -> Tensor:
        """Returns gated clips (B, N, C), added to what came in."""
        logits_BN = self.to_clip_share(clips_BNC.amax(-1)) + self.to_clip_share(clips_BNC.mean(-1))
        gated_BNC = clips_BNC * logits_BN.sigmoid().unsqueeze(-1)
        extremes_B2C = torch.stack([gated_BNC.amax(-2), gated_BNC.mean(-2)], dim=-2)
        return clips_BNC + gated_BNC * self.to_feature_share(extremes_B2C).sigmoid()


class SeparableAttention(nn.Module):
    """Self-attention of MobileViT v2: all clips give one context, by which each is multiplied."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.to_logit = nn.Linear(width, 1)
        self.to_key, self.to_value, self.to_output = (nn.Linear(width, width) for _ in range(3))
        for layer in (self.to_logit, self.to_key, self.to_value, self.to_output):
            nn.init.normal_(layer.weight, std=0.001)
            nn.init.zeros_(layer.bias)

    def forward(self, clips_BND: Tensor) -> Tensor:
        """Returns answers (B, N, D)."""
        share_BN1 = self.to_logit(clips_BND).softmax(-2)
        context_B1D = (share_BN1 * self.to_key(clips_BND)).sum(-2, keepdim=True)
        answer: Tensor = self.to_output(self.to_value(clips_BND) * context_B1D)
        return answer


class CrossLayer(nn.Module):
    """One sequence looks at another, then a feed-forward network; pre-norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_own, self.norm_other, self.norm_feed = (nn.LayerNorm(width) for _ in range(3))
        self.attention = Attention(width, heads, biases=False)
        self.feed = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, own_BQD: Tensor, other_BVD: Tensor) -> Tensor:
        """Returns the sequence (B, Q, D) that has looked."""
        answer_BQD, _ = self.attention(self.norm_own(own_BQD), self.norm_other(other_BVD), None)
        own_BQD = own_BQD + answer_BQD
        seen: Tensor = own_BQD + self.feed(self.norm_feed(own_BQD))
        return seen


class Decoder(nn.Module):
    """What one performance is beside another: (B, Q, D) of the first after looking at the second.

    Sequences of one path have N moments; those of both, full before thin, have twice as many.
    """

    def __init__(self, clips: int, width: int, heads: int, layers: int) -> None:
        super().__init__()
        self.over_first, self.over_second = nn.Linear(clips, clips), nn.Linear(clips, clips)
        self.within = SeparableAttention(width)
        self.layers = nn.ModuleList(CrossLayer(width, heads) for _ in range(layers))

    def forward(self, own_BQD: Tensor, other_BVD: Tensor) -> Tensor:
        """Lets `own` look at `other`; both have one path, or both have two."""
        clips = self.over_first.in_features
        if own_BQD.shape[-2] == clips:
            own_BQD = over_clips(self.over_first, own_BQD)
            other_BVD = over_clips(self.over_second, other_BVD)
        else:
            own_BQD, other_BVD = (
                torch.cat(
                    [
                        over_clips(self.over_first, both[..., :clips, :]),
                        over_clips(self.over_second, both[..., clips:, :]),
                    ],
                    dim=-2,
                )
                for both in (own_BQD, other_BVD)
            )
        own_BQD = own_BQD + self.within(own_BQD)
        other_BVD = other_BVD + self.within(other_BVD)
        for layer in self.layers:
            own_BQD = layer(own_BQD, other_BVD)
        return own_BQD


def over_clips(linear: nn.Linear, clips_BND: Tensor) -> Tensor:
    """A linear map over clips instead of features."""
    mapped: Tensor = linear(clips_BND.transpose(-1, -2))
    return mapped.transpose(-1, -2)


class Regressor(nn.Module):
    """Sequence -> K numbers: the mean over its moments of what each says."""

    def __init__(self, width: int, targets: int) -> None:
        super().__init__()
        self.hidden = nn.Sequential(
            nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width), nn.ReLU()
        )
        self.gate = FeatureGate(width)
        self.to_score = nn.Linear(width, targets)

    def forward(self, clips_BND: Tensor) -> Tensor:
        """Returns (B, K)."""
        said: Tensor = self.to_score(self.gate(self.hidden(clips_BND))).mean(-2)
        return said


class T2cr(DeviationModel):
    """Two paths -> attention -> beside exemplars and alone -> the mean of both answers."""

    Settings = T2crSettings
    holds_performances = True
    exemplar_full_ENC: Tensor
    exemplar_thin_EMC: Tensor
    exemplar_deviation_EK: Tensor

    def __init__(self, task: Task, settings: T2crSettings) -> None:
        super().__init__(task, settings)
        N, D, K, E = settings.clips, settings.width, len(task.targets), settings.exemplars
        thin = max(N // 2, 1)
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        C = self.whitening.width
        self.lengthen = nn.Linear(thin, N)
        self.gates = nn.Sequential(FeatureGate(C), ClipGate(N))
        self.embed = nn.Sequential()
        for narrow_from, narrow_to in pairwise((C, 4 * D, D)):
            self.embed.extend([nn.Linear(narrow_from, narrow_to), nn.ReLU()])
        self.to_helper = nn.Linear(D, K)
        self.decoder = Decoder(N, D, settings.heads, settings.layers)
        self.regressor = Regressor(D, K)
        self.register_buffer("exemplar_full_ENC", torch.zeros(E, N, C))
        self.register_buffer("exemplar_thin_EMC", torch.zeros(E, thin, C))
        self.register_buffer("exemplar_deviation_EK", torch.zeros(E, K))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the scale of the scores and principal components; picks exemplars."""
        self.learn_scale(labels.scores_NK)
        self.whitening.fit(clips)
        deviation_NK = self.deviation(torch.from_numpy(labels.scores_NK))
        for place, index in enumerate(even_choice(deviation_NK.numpy(), self.settings.exemplars)):
            full_BNC, thin_BMC = self.paths(*pad_clips([self.fixed_stage(clips[index])]))
            self.exemplar_full_ENC[place] = full_BNC[0]
            self.exemplar_thin_EMC[place] = thin_BMC[0]
            self.exemplar_deviation_EK[place] = deviation_NK[index]

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Leading principal components of the clips."""
        return self.whitening(clips)

    def paths(self, staged_BTC: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Means around evenly spaced moments: N of the full path, half as many of the thin one."""
        full, thin = (
            soft_segments(staged_BTC, mask_BT, moments)
            for moments in (self.settings.clips, self.lengthen.in_features)
        )
        return full, thin

    def features(self, full_BNC: Tensor, thin_BMC: Tensor) -> tuple[Tensor, Tensor]:
        """Features of both paths (B, N, D)."""
        full_BND, thin_BND = (
            self.embed(self.gates(path_BNC))
            for path_BNC in (full_BNC, over_clips(self.lengthen, thin_BMC))
        )
        return full_BND, thin_BND

    def difference(self, own_BQD: Tensor, other_BQD: Tensor) -> Tensor:
        """How far performances are above others (B, K), from both paths of each."""
        said: Tensor = self.regressor(self.decoder(own_BQD, other_BQD))
        return said

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Each performance by itself and beside every exemplar; the mean of what both say."""
        own_full, own_thin = self.features(*self.paths(self.fixed_stage(clips_BTC), mask_BT))
        own_BQD = torch.cat([own_full, own_thin], dim=-2)
        other_EQD = torch.cat(self.features(self.exemplar_full_ENC, self.exemplar_thin_EMC), dim=-2)
        B, E = own_BQD.shape[0], other_EQD.shape[0]
        difference_BEK = self.difference(
            own_BQD.repeat_interleave(E, 0), other_EQD.repeat(B, 1, 1)
        ).unflatten(0, (B, E))
        beside_BK = (self.exemplar_deviation_EK + difference_BEK).mean(1)
        alone_BK = self.regressor(own_full)
        return self.assessed(
            (beside_BK + alone_BK) / 2, difference_BEK=difference_BEK, alone_BK=alone_BK
        )

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """The terms of the paths, of differences and of scores; the exemplar is the next one."""
        full_BND, thin_BND = self.features(*self.paths(staged.values_BTC, staged.mask_BT))
        both_BQD = torch.cat([full_BND, thin_BND], dim=-2)
        true_BK = self.deviation(labels.scores_NK)
        gap_BK = self.difference(both_BQD, both_BQD.roll(-1, 0)) - true_BK + true_BK.roll(-1, 0)
        own_BK = self.regressor(self.decoder(full_BND, thin_BND))
        paths = (full_BND, thin_BND)
        return {
            "agreement": (full_BND - thin_BND).square().mean(),
            "contrast": path_contrast(full_BND.mean(-2), thin_BND.mean(-2)),
            "difference": gap_BK.square().mean(),
            "score": total_error([self.regressor(path_BND) for path_BND in paths], true_BK),
            "helper": total_error(
                [self.to_helper(path_BND).mean(-2) for path_BND in paths], true_BK
            ),
            "own": OWN_DIFFERENCE_WEIGHT * own_BK.square().mean(),
        }


def total_error(answers: Sequence[Tensor], true_BK: Tensor) -> Tensor:
    """Sum of the mean squared errors of several answers (B, K)."""
    return torch.stack([(answer_BK - true_BK).square().mean() for answer_BK in answers]).sum()
