"""HGCN: clips are refined to shots, shots gathered to scenes, scenes to a score, by graphs.

Paper: Zhou et al., "Hierarchical graph convolutional networks for action quality assessment", IEEE
TCSVT 2023, https://doi.org/10.1109/TCSVT.2023.3281413.
Reproduced, in the form of the authors' programs: a clip gives to and takes from its two neighbours
by how they differ; learned adjacencies, of content and of place; shots from neighbours up to two
away; a learned transformation from shots to scenes; scenes that gather from scenes; a mean and a
variance of the score for each scene; grouped maps. With the published sizes (1024 channels, ten
clips, seven scenes) it has the published number of parameters.
Differs: the backbone stays frozen and its principal components are read, with widths in the same
proportion; a performance is resampled to N equal parts, so that padding is settled before the
graphs; the transformation is divided by N and the score is the mean over scenes, where they were
sums that start far from any score; scenes gather from earlier ones alone, as the paper says, by
minus infinity, where the programs' zero lets all through; the answer is the mean, not a draw, and
the squared error of a draw is taken in expectation; scores are in training deviations, with two
maps for each target.

Letters: B videos, T clips of a video, N parts of it (graph nodes), S scenes, C channels, D width,
K targets. Nodes are the last axis here, as one-dimensional convolutions have it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.errors import CofinalError
from cofinal.layers.convolution import Conv1d
from cofinal.layers.summary import equal_segments
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.hgcn import HgcnSettings
from cofinal.models.deviation import DeviationModel
from cofinal.models.interface import Labels, ModelOutput, StagedClips, Task


def near(nodes: int, reach: int) -> Tensor:
    """One where two nodes are at most `reach` apart, zero elsewhere: (N, N)."""
    place_N = torch.arange(nodes)
    return ((place_N[:, None] - place_N[None, :]).abs() <= reach).float()


def quarter(channels: int, groups: int) -> int:
    """A quarter of the channels, as many in every group and at least one."""
    return max(channels // (4 * groups), 1) * groups


def spread_out(weight_BNN: Tensor, nodes_BCN: Tensor) -> Tensor:
    """Node j gathers weight_ij of every node i: (B, C, N)."""
    return nodes_BCN @ weight_BNN


class ClipRefinement(nn.Module):
    """A clip keeps itself and takes from its two neighbours by how they differ, sign included."""

    near_NN: Tensor

    def __init__(self, channels: int, width: int, clips: int, groups: int) -> None:
        super().__init__()
        self.compare = Conv1d(channels, quarter(channels, groups), 1, groups=groups)
        self.to_output = Conv1d(channels, width, 1, groups=groups)
        self.register_buffer("near_NN", near(clips, 1), persistent=False)

    def edges(self, clips_BCN: Tensor) -> Tensor:
        """Weights (B, N, N): mean over channels of tanh(i - j) between neighbours, 1 on itself."""
        seen_BCN = self.compare(clips_BCN).relu()
        gap_BNN = (seen_BCN[..., :, None] - seen_BCN[..., None, :]).tanh().mean(1)
        own_NN = torch.eye(gap_BNN.shape[-1], dtype=gap_BNN.dtype, device=gap_BNN.device)
        return self.near_NN * (gap_BNN + own_NN)

    def forward(self, clips_BCN: Tensor) -> Tensor:
        """Returns refined clips (B, D, N)."""
        refined: Tensor = self.to_output(spread_out(self.edges(clips_BCN), clips_BCN)).relu()
        return refined


class Adjacency(nn.Module):
    """Learned affinity of nodes: of what they hold, and of where they are."""

    def __init__(self, channels: int, nodes: int, groups: int = 1) -> None:
        super().__init__()
        narrow = quarter(channels, groups)
        self.to_asker = Conv1d(channels, narrow, 1, groups=groups, bias=False)
        self.to_asked = Conv1d(channels, narrow, 1, groups=groups, bias=False)
        self.strength = nn.Parameter(torch.ones(()))
        self.place_NN = nn.Parameter(torch.eye(nodes))

    def forward(self, nodes_BCN: Tensor) -> Tensor:
        """Returns affinities (B, N, N), of any size and sign."""
        asker_BCN, asked_BCN = self.to_asker(nodes_BCN), self.to_asked(nodes_BCN)
        content_BNN = asker_BCN.transpose(-1, -2) @ asked_BCN / math.sqrt(asker_BCN.shape[-2])
        return self.strength * content_BNN + self.place_NN


class SceneConstruction(nn.Module):
    """Refined clips become shots of their neighbourhood, and shots are put together to scenes."""

    near_NN: Tensor

    def __init__(self, width: int, clips: int, scenes: int, groups: int) -> None:
        super().__init__()
        self.affinity = Adjacency(width, clips, groups)
        self.to_shot = Conv1d(width, width // 2, 1, groups=groups)
        self.scene_affinity = Adjacency(width, clips)
        self.to_scene = Conv1d(width, scenes, 1)
        self.usual_SN = nn.Parameter(torch.ones(scenes, clips))
        self.strength = nn.Parameter(torch.ones(()))
        self.register_buffer("near_NN", near(clips, 2), persistent=False)

    def gathered(self, affinity: Adjacency, clips_BDN: Tensor) -> Tensor:
        """Clips after each has shared itself out over all, most of all to its neighbours."""
        return spread_out((self.near_NN + affinity(clips_BDN)).softmax(-1), clips_BDN)

    def forward(self, clips_BDN: Tensor) -> Tensor:
        """Returns scenes (B, D / 2, S)."""
        shots_BDN = self.to_shot(self.gathered(self.affinity, clips_BDN)).relu()
        own_BSN = self.to_scene(self.gathered(self.scene_affinity, clips_BDN)).relu()
        transformation_BSN = (self.usual_SN + self.strength * own_BSN) / clips_BDN.shape[-1]
        return shots_BDN @ transformation_BSN.transpose(-1, -2)


class ActionAggregation(nn.Module):
    """Each scene gathers from the scenes before it."""

    later_SS: Tensor

    def __init__(self, width: int, scenes: int, groups: int) -> None:
        super().__init__()
        self.affinity = Adjacency(width, scenes, groups)
        self.to_output = Conv1d(width, width // 2, 1, groups=groups)
        later_SS = torch.ones(scenes, scenes).triu().bool()
        self.register_buffer("later_SS", later_SS, persistent=False)

    def forward(self, scenes_BDS: Tensor) -> Tensor:
        """Returns actions (B, D / 2, S)."""
        logits_BSS = self.affinity(scenes_BDS).masked_fill(~self.later_SS, -math.inf)
        actions: Tensor = self.to_output(spread_out(logits_BSS.softmax(-1), scenes_BDS)).relu()
        return actions


class Hierarchy(nn.Module):
    """Clips -> shots -> scenes -> mean and log-variance of the score of each scene."""

    def __init__(
        self, channels: int, width: int, clips: int, scenes: int, targets: int, groups: int = 1
    ) -> None:
        super().__init__()
        self.refinement = ClipRefinement(channels, width, clips, groups)
        self.construction = SceneConstruction(width, clips, scenes, groups)
        self.aggregation = ActionAggregation(width // 2, scenes, groups)
        self.to_mean = Conv1d(width // 4, targets, 1)
        self.to_log_variance = Conv1d(width // 4, targets, 1)

    def forward(self, clips_BCN: Tensor) -> tuple[Tensor, Tensor]:
        """Returns means and log-variances of the scenes (B, K, S)."""
        actions_BDS = self.aggregation(self.construction(self.refinement(clips_BCN)))
        return self.to_mean(actions_BDS), self.to_log_variance(actions_BDS)


class Hgcn(DeviationModel):
    """Equal parts of a performance -> hierarchy of graphs -> mean over scenes."""

    Settings = HgcnSettings

    def __init__(self, task: Task, settings: HgcnSettings) -> None:
        super().__init__(task, settings)
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        channels = self.whitening.width
        if channels % settings.groups:
            raise CofinalError(
                f"{channels} channels of clips cannot be shared by {settings.groups} groups; set "
                "groups or principal_components so that one divides the other"
            )
        self.hierarchy = Hierarchy(
            channels,
            settings.width,
            settings.clips,
            settings.scenes,
            len(task.targets),
            settings.groups,
        )

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the scale of the scores and the principal components."""
        self.learn_scale(labels.scores_NK)
        self.whitening.fit(clips)

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Leading principal components of the clips."""
        return self.whitening(clips)

    def scenes(self, staged_BTC: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Means and variances of the scenes (B, K, S), in training deviations."""
        parts_BNC = equal_segments(staged_BTC, mask_BT, self.settings.clips)
        mean_BKS, log_variance_BKS = self.hierarchy(parts_BNC.transpose(-1, -2))
        return mean_BKS, log_variance_BKS.exp()

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        mean_BKS, _ = self.scenes(self.fixed_stage(clips_BTC), mask_BT)
        return self.assessed(mean_BKS.mean(-1), scene_BKS=mean_BKS)

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Expected squared error of the mean of a draw from each scene."""
        mean_BKS, variance_BKS = self.scenes(staged.values_BTC, staged.mask_BT)
        error_BK = mean_BKS.mean(-1) - self.deviation(labels.scores_NK)
        return {
            "score": error_BK.square().mean(),
            "spread": (variance_BKS.mean(-1) / variance_BKS.shape[-1]).mean(),
        }
