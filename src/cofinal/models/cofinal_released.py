"""What the released CoFInAl program computes; its trunk is that of its parent `gdlt`.

Paper: CoFInAl, IJCAI 2024, https://arxiv.org/abs/2404.13999.
Reproduced: the behaviour of the released program, parameter names included, so that the authors'
checkpoints load and give their numbers. Where the released answer depends on the rest of the batch,
the answer for a batch of one is given, since that is what was evaluated; in training, features
attend across the videos of the batch as they do there.
Differs: as `gdlt` does.

Letters: B videos, T clips, C backbone channels, D model width, E classes of the fine stage,
Q queries, K targets.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cofinal.errors import CofinalError
from cofinal.grades import to_unit_score
from cofinal.layers.etf import simplex_etf
from cofinal.layers.losses import hardest_triplet
from cofinal.methods.cofinal_released import ReleasedSettings
from cofinal.models.gdlt import Gdlt, ReleasedTrunk, diagonal_grade
from cofinal.models.interface import Labels, StagedClips

SUB_GRADES = 100
# The fine stage adds the index of the nearest prototype over this: the 3rd and 4th decimal.
FINE_STEPS = 10_000


def preset_weights(preset: int, queries: int) -> tuple[Tensor, Tensor]:
    """Fixed weights of the coarse outputs and of the reversed ones, by the program's number.

    Presets 0 and 1 are defined for any number of queries, 2 and 3 for four.
    """
    if preset < 2:
        weights_Q = torch.linspace(0, 1, queries + preset)[preset:]
        return weights_Q, weights_Q.flip(0)
    if queries != 4:
        raise CofinalError(f"weights {preset} are defined for 4 queries, not {queries}; use 0 or 1")
    if preset == 2:
        return torch.tensor([0.1, 0.2, 0.8, 1.0]), torch.tensor([1.0, 1.0, -1.0, -1.0])
    weights_Q = torch.tensor([-1.0, -0.8, 0.8, 1.0])
    return weights_Q, weights_Q.flip(0)


class CoFInAlNetwork(ReleasedTrunk):
    """One released CoFInAl network in the layout of its authors' checkpoints."""

    etf_vec1: Tensor
    weights_Q: Tensor
    reversed_weights_Q: Tensor

    def __init__(self, channels: int, settings: ReleasedSettings) -> None:
        super().__init__(channels, settings.width, settings.queries)
        width, queries = settings.width, settings.queries
        weights_Q, reversed_Q = preset_weights(settings.weights, queries)
        self.register_buffer("weights_Q", weights_Q, persistent=False)
        self.register_buffer("reversed_weights_Q", reversed_Q, persistent=False)
        if settings.reverse_head:
            self.regressor_revert = nn.Linear(width, queries)
        # Names as in the checkpoints: index 0 of a list; 1 and 2 after a flattening step.
        self.regi = nn.ModuleList([nn.MultiheadAttention(width, 4)])
        fine_head = nn.Sequential(
            nn.Flatten(), nn.Linear(width * queries, width), nn.Linear(width, SUB_GRADES)
        )
        self.regressori = nn.ModuleList([fine_head])
        # Columns are the classes. A frame of 100 vectors in 100 dimensions, as released.
        frame = simplex_etf(SUB_GRADES, SUB_GRADES, torch.Generator().manual_seed(0)).T
        self.register_buffer("etf_vec1", frame.contiguous())

    def forward(
        self, clips_BTC: Tensor, mask_BT: Tensor, across_batch: bool = False
    ) -> dict[str, Tensor]:
        """Returns coarse and fine outputs and unit scores (B,) with what `features` returns.

        `across_batch` lets features attend across the videos of the batch, as in training there.
        """
        answer = self.features(clips_BTC, mask_BT)
        features_BQD = answer["prototype_features"]
        coarse_B = diagonal_grade(self.regressor, features_BQD, self.weights_Q)
        fine_BE = self.fine(features_BQD, across_batch)
        position_B = (fine_BE @ self.etf_vec1).argmax(-1) / FINE_STEPS
        answer |= {"coarse": coarse_B, "fine": fine_BE}
        if not self.has_reverse_head:
            return answer | {"unit_score": coarse_B + position_B}
        reversed_B = diagonal_grade(self.regressor_revert, features_BQD, self.reversed_weights_Q)
        unit_B = (coarse_B + 1 - reversed_B) / 2 + position_B
        return answer | {"coarse_reversed": reversed_B, "unit_score": unit_B}

    @property
    def has_reverse_head(self) -> bool:
        """Whether there is a second coarse head."""
        return hasattr(self, "regressor_revert")

    def fine(self, features_BQD: Tensor, across_batch: bool) -> Tensor:
        """Unit vectors (B, 100) to be compared with the frame."""
        attention: Any = self.regi[0]
        if across_batch:
            fused_BQD = attention(features_BQD, features_BQD, features_BQD, need_weights=False)[0]
        else:
            # Attention over a batch of one: every weight is 1, so only the value path remains.
            value_weight = attention.in_proj_weight.chunk(3)[2]
            value_bias = attention.in_proj_bias.chunk(3)[2]
            fused_BQD = attention.out_proj(F.linear(features_BQD, value_weight, value_bias))
        return F.normalize(self.regressori[0](fused_BQD), dim=-1)


class ReleasedCoFInAl(Gdlt):
    """CoFInAl as released."""

    Settings = ReleasedSettings
    network_class = CoFInAlNetwork

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Coarse squared errors, fine L1 and the hardest-triplet term, summed over targets."""
        unit_BK = to_unit_score(labels.scores_NK, self.range_K2).to(staged.values_BTC.dtype)
        losses: dict[str, Tensor] = {}
        for network, unit_B in zip(self.networks, unit_BK.T, strict=True):
            for name, value in self.network_loss(network, staged, unit_B).items():
                losses[name] = losses.get(name, staged.values_BTC.new_zeros(())) + value
        return losses

    def network_loss(self, network: Any, staged: StagedClips, unit_B: Tensor) -> dict[str, Tensor]:
        """The released loss of one target."""
        answer = network(staged.values_BTC, staged.mask_BT, across_batch=True)
        # The score's 1st and 2nd decimal are the coarse target, its 3rd and 4th the fine one.
        # Differs: rounded before the floor, so that 0.29 x 10000 is 2900 and not 2899.
        steps_B = (unit_B.double() * FINE_STEPS).round(decimals=3).floor().long()
        coarse_B = (steps_B.div(100, rounding_mode="floor") / 100).to(unit_B.dtype)
        frame_BE = network.etf_vec1.T[steps_B % SUB_GRADES]
        losses = {
            "coarse": F.mse_loss(answer["coarse"], coarse_B),
            "fine": F.l1_loss(answer["fine"], frame_BE),
            "triplet": self.settings.triplet_weight * hardest_triplet(answer["prototype_features"]),
        }
        if network.has_reverse_head:
            losses["reversed"] = F.mse_loss(answer["coarse_reversed"], 1 - coarse_B)
        return losses
