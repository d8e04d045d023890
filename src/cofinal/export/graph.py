"""What an exported model computes: from clips and mask to scores, cells and votes.

Letters: B videos, T clips, C backbone channels, K targets, G grades, L cells.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from cofinal.files.atomic import json_text
from cofinal.layers.quantiles import QuantileFunction
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import AssessmentModel, ModelOutput


class ExportedModel(nn.Module):
    """All members as one graph. `outputs` names its answers in order.

    Answers: "score" (B, K) in points; where the method has cells, "cells" (B, K, L): the mean over
    members of the mass of each cell, lowest first; where it has votes, "votes" (B, K, G, T).
    """

    def __init__(self, model: Ensemble) -> None:
        super().__init__()
        self.model = model.eval()
        with torch.no_grad():
            output = model.member(0)(*example(model, (4, 3)))
        self.has_cells = bool(output.parts) and is_of_cells(output.parts[0])
        self.has_votes = output.votes_BKGT is not None
        self.edges_KL = self.cell_edges(output) if self.has_cells else None

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the answers."""
        return ("score", *(("cells",) * self.has_cells), *(("votes",) * self.has_votes))

    def forward(self, clips: Tensor, mask: Tensor) -> tuple[Tensor, ...]:
        """Assesses clips (B, T, C), float32; the mask (B, T) is true at valid ones, which come
        first."""
        members = [self.model.member(i) for i in range(len(self.model.members))]
        answers = [member(clips, mask) for member in members]
        scores = [member.score(one) for member, one in zip(members, answers, strict=True)]
        found = [torch.stack(scores).mean(0)]
        if self.has_cells:
            masses = [one.parts[0].levels_BKU.diff(dim=-1).float() for one in answers]
            found.append(torch.stack(masses).mean(0))
        if self.has_votes:
            found.append(torch.stack([one.votes_BKGT for one in answers]).mean(0))
        return tuple(found)

    def cell_edges(self, output: ModelOutput) -> list[list[float]]:
        """Edges (K, L + 1) of the cells in points."""
        low_K1, high_K1 = self.model.first.range_K2.double().split(1, dim=1)
        edges_KL = low_K1 + output.parts[0].units_BKU[0] * (high_K1 - low_K1)
        return [[round(edge, 6) for edge in row] for row in edges_KL.tolist()]


def is_of_cells(part: QuantileFunction) -> bool:
    """Whether a distribution is mass in cells that are the same for all performances."""
    return bool((part.units_BKU == part.units_BKU[:1]).all())


def example(model: Ensemble, lengths: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """Clips and mask of performances of so many clips, drawn by chance on the model's scale."""
    generator = torch.Generator().manual_seed(0)
    channels = model.first.task.channels
    mask_BT = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
    clips_BTC = torch.randn(*mask_BT.shape, channels, generator=generator)
    return clips_BTC * mask_BT.unsqueeze(-1), mask_BT


def metadata(graph: ExportedModel, info: ModelInfo) -> dict[str, str]:
    """What whoever runs the file must know, each as JSON."""
    first: AssessmentModel = graph.model.first
    edges = first.edges_KG
    known: dict[str, Any] = {
        "method": info.preset.method,
        "targets": list(info.task.targets),
        "channels": info.task.channels,
        "backbone": info.recipe.backbone,
        "grade_edges": None if edges.isnan().any() else edges.tolist(),
        "cell_edges": graph.edges_KL,
        "outputs": list(graph.outputs),
    }
    return {name: json_text(value).strip() for name, value in known.items()}
