"""What the GDLT authors' program computes: Likert scoring by learned queries.

Paper: Xu et al., "Likert Scoring with Grade Decoupling for Long-term Action Assessment", CVPR 2022.
Reproduced: the behaviour of the released program, parameter names included, so that the authors'
checkpoints load and give their numbers.
Differs: any width and query count; padded clips are not attended to; labels are scaled without
truncation of the range; several targets are several independent networks.

Letters: B videos, T clips, C backbone channels, D model width, Q queries, K targets,
N performances.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cofinal.grades import to_unit_score
from cofinal.layers.losses import hardest_triplet
from cofinal.layers.postnorm import Layers, PostNormDecoderLayer, PostNormEncoderLayer
from cofinal.methods.gdlt import GdltSettings
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, StagedClips, Task


class Transformer(nn.Module):
    """PyTorch's standard layers with their defaults: one head, feed-forward three times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner, dropout = 3 * width, 0.3
        self.encoder = Layers([PostNormEncoderLayer(width, inner, dropout)], width)
        # PyTorch's stacks copy one layer, so that both start from the same weights.
        layer = PostNormDecoderLayer(width, inner, dropout)
        self.decoder = Layers([layer, deepcopy(layer)], width)

    def forward(
        self, clips_BTD: Tensor, query_BQD: Tensor, mask_BT: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Returns answers to the queries (B, Q, D) and their last attention (B, Q, T)."""
        for layer in self.encoder.layers:
            clips_BTD = layer(clips_BTD, mask_BT)
        memory_BTD = self.encoder.norm(clips_BTD)
        for layer in self.decoder.layers:
            query_BQD, share_BQT = layer(query_BQD, memory_BTD, mask_BT)
        return self.decoder.norm(query_BQD), share_BQT


class ReleasedTrunk(nn.Module):
    """Projection, encoder and decoder with learned queries, shared by both programs."""

    def __init__(self, channels: int, width: int, queries: int) -> None:
        super().__init__()
        self.in_proj = nn.Sequential(
            nn.Conv1d(channels, 2 * width, 1),
            nn.BatchNorm1d(2 * width),
            nn.ReLU(),
            nn.Conv1d(2 * width, width, 1),
            nn.BatchNorm1d(width),
        )
        self.transformer = Transformer(width)
        self.prototype = nn.Embedding(queries, width)
        self.regressor = nn.Linear(width, queries)

    def features(self, clips_BTC: Tensor, mask_BT: Tensor) -> dict[str, Tensor]:
        """Returns prototype_features (B, Q, D) and attention (B, Q, T)."""
        projected_BTD = self.project(clips_BTC.flatten(0, 1)).unflatten(0, clips_BTC.shape[:2])
        query_BQD = self.prototype.weight.expand(clips_BTC.shape[0], -1, -1)
        features_BQD, share_BQT = self.transformer(projected_BTD, query_BQD, mask_BT)
        return {"prototype_features": features_BQD, "attention": share_BQT}

    def project(self, clips_PC: Tensor) -> Tensor:
        """`in_proj` on clips in rows: its convolutions see one clip, so they are linear maps."""
        for layer in self.in_proj:
            if isinstance(layer, nn.Conv1d):
                clips_PC = F.linear(clips_PC, layer.weight.squeeze(-1), layer.bias)
            else:
                clips_PC = layer(clips_PC)
        return clips_PC


def diagonal_grade(head: nn.Linear, features_BQD: Tensor, weights_Q: Tensor) -> Tensor:
    """Coarse output (B,): feature i through output i alone, sigmoid, share of the sum, weighted."""
    own_BQ = head(features_BQD).diagonal(dim1=-2, dim2=-1).sigmoid()
    return (own_BQ / own_BQ.sum(-1, keepdim=True) * weights_Q).sum(-1)


class GdltNetwork(ReleasedTrunk):
    """One GDLT network in the layout of its authors' checkpoints."""

    weights_Q: Tensor

    def __init__(self, channels: int, settings: GdltSettings) -> None:
        super().__init__(channels, settings.width, settings.queries)
        weights_Q = torch.linspace(0, 1, settings.queries)
        self.register_buffer("weights_Q", weights_Q, persistent=False)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> dict[str, Tensor]:
        """Returns coarse (B,) and unit_score (B,) with what `features` returns."""
        answer = self.features(clips_BTC, mask_BT)
        coarse_B = diagonal_grade(self.regressor, answer["prototype_features"], self.weights_Q)
        return answer | {"coarse": coarse_B, "unit_score": coarse_B}


class Gdlt(AssessmentModel):
    """One network a target; scores from 0 to `score_unit` points if given."""

    Settings: ClassVar[type] = GdltSettings
    network_class: Callable[[int, Any], ReleasedTrunk] = GdltNetwork

    def __init__(self, task: Task, settings: GdltSettings) -> None:
        super().__init__(task, settings)
        self.networks = nn.ModuleList(
            self.network_class(task.channels, settings) for _ in task.targets
        )
        if settings.score_unit:
            self.range_K2.copy_(torch.tensor([0.0, settings.score_unit]).expand_as(self.range_K2))
            self.edges_KG.fill_(torch.nan)  # not known of a checkpoint of the authors

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns grades, and the range unless scores are divided by a constant as released."""
        released_K2 = self.range_K2.clone()
        self.learn_range(labels.scores_NK)
        if self.settings.score_unit:
            self.range_K2.copy_(released_K2)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch, each video as if it were alone."""
        answers = [network(clips_BTC.float(), mask_BT) for network in self.networks]
        stacked = {name: torch.stack([a[name] for a in answers], 1) for name in answers[0]}
        return ModelOutput(
            stacked.pop("unit_score"),
            attention_BKGT=stacked.pop("attention", None),
            extras=stacked,
        )

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Squared error of the unit score and the hardest-triplet term, summed over targets."""
        unit_BK = to_unit_score(labels.scores_NK, self.range_K2).to(staged.values_BTC.dtype)
        answers = [network(staged.values_BTC, staged.mask_BT) for network in self.networks]
        coarse_K = [F.mse_loss(a["coarse"], unit_BK[:, k]) for k, a in enumerate(answers)]
        triplet_K = [hardest_triplet(a["prototype_features"]) for a in answers]
        return {
            "coarse": torch.stack(coarse_K).sum(),
            "triplet": self.settings.triplet_weight * torch.stack(triplet_K).sum(),
        }
