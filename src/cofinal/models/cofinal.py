"""CoFInAl: coarse-to-fine assessment of a long performance.

Paper: "CoFInAl: Enhancing Action Quality Assessment with Coarse-to-Fine Instruction Alignment",
IJCAI 2024, https://arxiv.org/abs/2404.13999.
Reproduced: temporal fusion of clips, grade parsing by learned grade prototypes, fine-grained
scoring against a fixed simplex frame of sub-grade prototypes, dot regression to these. Differs:
grades are intervals of the score scale; a prototype answers for its own grade alone; grade and
sub-grade together are one distribution over the score scale, whose mean is the score; padding is
invisible; nothing crosses between videos of a batch; one model serves several targets.
Added: a closed-form read-out that sees time averages (docs/recipe.md has what it brings).

What a prototype gathers is a sum over clips, with nothing non-linear after it, so every clip has a
vote for every grade, and the votes add up to the grade's logit.

Letters: B videos, T clips, C backbone channels, D model width, G grades, S sub-grades, L = G S
cells, E embedding width of the frame, K targets, N performances.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cofinal.grades import grade_edges, place_in_grades, to_unit_score, unit_edges
from cofinal.layers.attention import EncoderBlock, relative_time_code
from cofinal.layers.etf import simplex_etf
from cofinal.layers.losses import (
    dot_regression,
    grade_cross_entropy,
    ranked_probability_score,
    scaled_squared_error,
)
from cofinal.layers.quantiles import LOGISTIC_SCALE, cell_edges, of_cells, of_logistic
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.models.interface import (
    AssessmentModel,
    ClipPoints,
    Labels,
    ModelOutput,
    StagedClips,
    Task,
    pad_clips,
)
from cofinal.models.summary import SummaryReadout
from cofinal.models.votes import View, points_of_votes


class TemporalFusion(nn.Module):
    """TFM: projects clips to the model width and lets them exchange information over time.

    Without encoder layers nothing crosses between clips: a clip's vote then rests on it alone.
    """

    def __init__(self, settings: CoFInAlSettings, channels: int) -> None:
        super().__init__()
        D, dropout = settings.width, settings.dropout
        self.time_code = settings.time_code
        self.project = nn.Sequential(
            nn.Linear(channels, D), nn.LayerNorm(D), nn.GELU(), nn.Dropout(dropout), nn.Linear(D, D)
        )
        self.blocks = nn.ModuleList(
            EncoderBlock(D, settings.heads, dropout) for _ in range(settings.encoder_layers)
        )
        self.norm = nn.LayerNorm(D)

    def forward(self, staged_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns fused clips (B, T, D)."""
        fused_BTD = self.project(staged_BTC)
        if self.time_code:
            fused_BTD = fused_BTD + self.time_code * relative_time_code(
                mask_BT, fused_BTD.shape[-1]
            ).to(fused_BTD.dtype)
        for block in self.blocks:
            fused_BTD = block(fused_BTD, mask_BT)
        return self.norm(fused_BTD)


class GradeParsing(nn.Module):
    """GPM: learned grade prototypes ask the fused clips; each gathers a feature of its own."""

    def __init__(self, settings: CoFInAlSettings, targets: int) -> None:
        super().__init__()
        K, G, D = targets, settings.grades, settings.width
        self.prototypes_KGD = nn.Parameter(torch.randn(K, G, D) * 0.5)
        self.to_key = nn.Linear(D, D)
        self.to_value = nn.Sequential(nn.Linear(D, D, bias=False), nn.Dropout(settings.dropout))

    def forward(self, fused_BTD: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns grade features (B, K, G, D), attention (B, K, G, T) and values (B, T, D).

        feature = sum over clips of attention x value.
        """
        key_BTD, value_BTD = self.to_key(fused_BTD), self.to_value(fused_BTD)
        likeness_BKGT = torch.einsum("kgd,btd->bkgt", self.prototypes_KGD, key_BTD)
        likeness_BKGT = likeness_BKGT / math.sqrt(key_BTD.shape[-1])
        attention_BKGT = likeness_BKGT.masked_fill(~mask_BT[:, None, None], -math.inf).softmax(-1)
        feature_BKGD = torch.einsum("bkgt,btd->bkgd", attention_BKGT, value_BTD)
        return feature_BKGD, attention_BKGT, value_BTD


class CoFInAl(AssessmentModel):
    """The coarse-to-fine model; read `forward` first."""

    Settings = CoFInAlSettings
    knows_error = True
    common_parts = ("whitening", "summary")
    shares_points = True
    etf_SE: Tensor
    mean_logits_KG: Tensor
    mean_fine_KGE: Tensor

    def __init__(self, task: Task, settings: CoFInAlSettings) -> None:
        super().__init__(task, settings, settings.grades)
        K, G, D, E = len(task.targets), settings.grades, settings.width, settings.embedding_width
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        self.fusion = TemporalFusion(settings, self.whitening.width)
        self.parsing = GradeParsing(settings, K)
        self.vote_KGD = nn.Parameter(torch.randn(K, G, D) * 0.02)
        self.bias_KG = nn.Parameter(torch.zeros(K, G))
        self.to_fine = nn.Linear(D, E, bias=False)
        self.log_sharpness_K = nn.Parameter(torch.full((K,), math.log(settings.sharpness)))
        self.summary = SummaryReadout(task.channels, K, settings.summary_segments)
        # The frame is one of many equal rotations; members of an ensemble share this one.
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("etf_SE", simplex_etf(settings.sub_grades, E, generator))
        self.register_buffer("mean_logits_KG", torch.zeros(K, G))
        self.register_buffer("mean_fine_KGE", torch.zeros(K, G, E))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns grade edges, whitening, and the summary read-out with its held-out error."""
        scores_NK = labels.scores_NK
        settings = self.settings
        self.learn_range(scores_NK, lambda s: grade_edges(s, settings.grades, settings.spacing))
        self.whitening.fit(clips)
        # The unit of every loss term: training errors would not do, since a trained network has
        # next to none.
        self.learn_error(self.summary.fit(clips, scores_NK))

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Whitened principal components of the clips."""
        return self.whitening(clips)

    def common(self, clips_BTC: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Whitened clips and the summary's unit scores (B, K): all members share both."""
        summary_BK = to_unit_score(self.summary(clips_BTC, mask_BT), self.range_K2)
        return self.fixed_stage(clips_BTC), summary_BK

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor, common: Any = None) -> ModelOutput:
        """Clips -> fused clips -> grade features -> grade, sub-grade -> one distribution."""
        staged_BTC, summary_BK = common or self.common(clips_BTC, mask_BT)
        view = self.look(staged_BTC, mask_BT)
        mass_BKL = self.cells(view.logits_BKG, view.fine_BKGE)
        share = self.settings.summary_share
        return ModelOutput(
            unit_score_BK=(1 - share) * self.mean(mass_BKL) + share * summary_BK,
            parts=[
                of_cells(mass_BKL, self.cell_edges(), 1 - share),
                of_logistic(summary_BK, self.error_K, share),
            ],
            votes_BKGT=self.votes(view),
            attention_BKGT=view.attention_BKGT,
            views=[view],
        )

    def look(self, staged_BTC: Tensor, mask_BT: Tensor) -> View:
        """TFM, then GPM: coarse and fine answer of every grade prototype."""
        fused_BTD = self.fusion(staged_BTC, mask_BT)
        feature_BKGD, attention_BKGT, value_BTD = self.parsing(fused_BTD, mask_BT)
        logits_BKG = (feature_BKGD * self.vote_KGD).sum(-1) + self.bias_KG
        return View(logits_BKG, self.to_fine(feature_BKGD), attention_BKGT, value_BTD)

    def cells(self, logits_BKG: Tensor, fine_BKGE: Tensor) -> Tensor:
        """Probability (B, K, L) of every sub-grade of every grade, lowest first.

        Coarse: softmax over grades. Fine (FGS): softmax over the frame's sub-grade prototypes.
        """
        cosine_BKGS = self.cosines(fine_BKGE)
        sharpness_K11 = self.log_sharpness_K.exp()[:, None, None]
        inside_BKGS = (sharpness_K11 * cosine_BKGS).softmax(-1)
        return (logits_BKG.softmax(-1).unsqueeze(-1) * inside_BKGS).flatten(-2)

    def cosines(self, fine_BKGE: Tensor) -> Tensor:
        """Likeness (B, K, G, S) of each grade's vector to the sub-grade prototypes."""
        return F.normalize(fine_BKGE, dim=-1) @ self.etf_SE.T.to(fine_BKGE.dtype)

    def mean(self, mass_BKL: Tensor) -> Tensor:
        """Mean (B, K) of the distribution over cells, as a unit score."""
        edges_KL = self.cell_edges()
        return (mass_BKL * (edges_KL[:, 1:] + edges_KL[:, :-1]) / 2).sum(-1)

    def cell_edges(self) -> Tensor:
        """Edges (K, L + 1) of the sub-grades as unit scores."""
        return cell_edges(unit_edges(self.edges_KG), self.settings.sub_grades)

    def votes(self, view: View) -> Tensor:
        """What each clip says for (above zero) or against each grade: (B, K, G, T).

        A clip's attention times its value; their sum over clips is the grade's logit, less what
        all grades have in common, which decides nothing, and the bias.
        """
        said_BKGT = torch.einsum("kgd,btd->bkgt", self.vote_KGD, view.values_BTD)
        votes_BKGT = view.attention_BKGT * said_BKGT
        return votes_BKGT - votes_BKGT.mean(2, keepdim=True)

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Coarse and fine term, and two of the distribution, of the network alone.

        The summary read-out has its own closed-form training: fitted values of one would teach the
        other to rely on what it has learned by heart.
        """
        settings, view = self.settings, self.look(staged.values_BTC, staged.mask_BT)
        unit_BK = to_unit_score(labels.scores_NK, self.range_K2)
        target_BKG = self.soft_grades(unit_BK)
        mass_BKL = self.cells(view.logits_BKG, view.fine_BKGE)
        return {
            "grade": grade_cross_entropy(view.logits_BKG.softmax(-1), target_BKG),
            "place": settings.place_weight
            * dot_regression(self.true_cosines(view.fine_BKGE, unit_BK), target_BKG),
            "cells": settings.cells_weight
            * ranked_probability_score(mass_BKL, unit_BK, self.cell_edges(), self.error_K),
            "score": settings.score_weight
            * scaled_squared_error(self.mean(mass_BKL), unit_BK, self.error_K),
        }

    def soft_grades(self, unit_BK: Tensor) -> Tensor:
        """True grade (B, K, G), softened: near an edge both grades are right."""
        inner_KG = unit_edges(self.edges_KG)[:, 1:-1]
        scale_K1 = (LOGISTIC_SCALE * self.settings.target_softness * self.error_K).unsqueeze(-1)
        above_BKG = torch.sigmoid((unit_BK.unsqueeze(-1) - inner_KG) / scale_K1)
        return F.pad(above_BKG, (1, 0), value=1.0) - F.pad(above_BKG, (0, 1), value=0.0)

    def true_cosines(self, fine_BKGE: Tensor, unit_BK: Tensor) -> Tensor:
        """Likeness (B, K, G) of each grade's vector to the prototype of the true sub-grade."""
        sub_grades = self.settings.sub_grades
        place_BKG = place_in_grades(unit_BK, unit_edges(self.edges_KG))
        # A diverged training must end in a loss that is no number, not in an index that is none.
        cell_BKG = (place_BKG.nan_to_num() * sub_grades).long().clamp(max=sub_grades - 1)
        return self.cosines(fine_BKGE).gather(-1, cell_BKG.unsqueeze(-1)).squeeze(-1)

    @torch.no_grad()
    def finish(self, staged: Sequence[Tensor]) -> None:
        """Learns what the prototypes gather from the average training performance."""
        views = [self.look(*pad_clips([clips])) for clips in staged]
        self.mean_logits_KG.copy_(torch.cat([view.logits_BKG for view in views]).mean(0))
        self.mean_fine_KGE.copy_(torch.cat([view.fine_BKGE for view in views]).mean(0))

    def clip_points(self, clips_TC: Tensor) -> ClipPoints:
        """What each clip added to the answer at the average; see `models.votes`."""
        return self.points_of([self], clips_TC, self(*pad_clips([clips_TC])))

    @classmethod
    def points_of(
        cls, members: Sequence[CoFInAl], clips_TC: Tensor, output: ModelOutput | None
    ) -> ClipPoints:
        """The same for the mean of members, from what they have seen already."""
        return points_of_votes(members, output.views if output else [], clips_TC)
