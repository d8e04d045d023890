"""CoFInAl: coarse-to-fine assessment of a long performance.

Paper: "CoFInAl: Enhancing Action Quality Assessment with Coarse-to-Fine Instruction Alignment",
IJCAI 2024, https://arxiv.org/abs/2404.13999.
Reproduced: temporal fusion of clips, grade parsing by learned grade prototypes, fine-grained
scoring against a fixed simplex frame of sub-grade prototypes, score = grade + place in the grade,
and the three loss terms. Differs from the released program: grades are intervals of the score
scale with ordered probabilities; the place spans the whole grade; sub-grades are ordered; padding
is invisible; nothing crosses between videos of a batch; one model serves several targets.
Added: a read-out that sees time averages (docs/recipe.md has what it brings).

Letters: B videos, T clips, C backbone channels, D model width, G grades, S sub-grades,
E embedding width of the frame, K targets, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cofinal.grades import (
    expected_score,
    grade_edges,
    place_in_grades,
    to_unit_score,
    unit_edges,
)
from cofinal.layers.attention import DecoderBlock, EncoderBlock, relative_time_code
from cofinal.layers.etf import direction_to_place, place_to_direction, simplex_etf
from cofinal.layers.losses import (
    dot_regression,
    grade_cross_entropy,
    prototype_separation,
    scaled_squared_error,
)
from cofinal.layers.summary import whole_and_segments
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.models.interface import (
    AssessmentModel,
    Labels,
    ModelOutput,
    StagedClips,
    Task,
    summarise_each,
)
from cofinal.models.ridge import RidgeReadout, solve_ridge

# A logistic distribution of this scale has standard deviation one.
LOGISTIC_SCALE = 3**0.5 / torch.pi


class TemporalFusion(nn.Module):
    """TFM: projects clips to the model width and lets them exchange information over time."""

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
    """GPM: learned grade prototypes ask the fused clips for evidence of their grade."""

    def __init__(self, settings: CoFInAlSettings, targets: int) -> None:
        super().__init__()
        K, G, D = targets, settings.grades, settings.width
        self.prototypes_KGD = nn.Parameter(torch.randn(K, G, D) * 0.5)
        self.blocks = nn.ModuleList(
            DecoderBlock(D, settings.heads, settings.dropout)
            for _ in range(settings.decoder_layers)
        )
        self.norm = nn.LayerNorm(D)

    def forward(self, fused_BTD: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Returns grade features (B, K, G, D) and their attention to clips (B, K, G, T)."""
        B, T, _ = fused_BTD.shape
        K, G, D = self.prototypes_KGD.shape
        query_BQD = self.prototypes_KGD.reshape(1, K * G, D).expand(B, -1, -1)
        for block in self.blocks:
            query_BQD, attention_BQT = block(query_BQD, fused_BTD, mask_BT)
        return self.norm(query_BQD).view(B, K, G, D), attention_BQT.view(B, K, G, T)


class SummaryReadout(nn.Module):
    """Closed-form read-out of the time average and of soft segments: a level without gradients."""

    def __init__(self, channels: int, targets: int, segments: int) -> None:
        super().__init__()
        self.segments = segments
        self.readout = RidgeReadout(channels * (1 + segments), targets)

    def features(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns (B, C * (1 + segments))."""
        return whole_and_segments(clips_BTC, mask_BT, self.segments)

    def fit(self, clips: Sequence[Tensor], scores_NK: np.ndarray) -> np.ndarray:
        """Solves the read-out; returns the root mean square leave-one-out error per target."""
        features_NF = summarise_each(self.features, clips)
        channels = features_NF.shape[1] // (1 + self.segments)
        # Half of the weight to the whole performance, half to its segments together.
        importance_F = np.full(features_NF.shape[1], (0.5 / max(self.segments, 1)) ** 0.5)
        importance_F[:channels] = 0.5**0.5
        solution = solve_ridge(features_NF, scores_NK, importance_F)
        self.readout.set(solution)
        return solution.held_out_error_K

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """Returns points (B, K)."""
        return self.readout(self.features(clips_BTC, mask_BT))


@dataclass
class View:
    """What the network sees in a performance, before it is placed on the score scale."""

    level_BK: Tensor
    """Overall level as a unit score: a bias plus the evidence of every grade."""
    grade_features_BKGD: Tensor
    correction_BKGE: Tensor
    """How each grade's feature moves the place that the level implies."""
    attention_BKGT: Tensor


class CoFInAl(AssessmentModel):
    """The coarse-to-fine model; read `forward` first."""

    Settings = CoFInAlSettings
    etf_SE: Tensor
    level_error_K: Tensor

    def __init__(self, task: Task, settings: CoFInAlSettings) -> None:
        super().__init__(task, settings, settings.grades)
        K, G, D, E = len(task.targets), settings.grades, settings.width, settings.embedding_width
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        self.fusion = TemporalFusion(settings, self.whitening.width)
        self.parsing = GradeParsing(settings, K)
        self.evidence_KGD = nn.Parameter(torch.randn(K, G, D) * 0.02)
        self.level_bias_K = nn.Parameter(torch.full((K,), 0.5))
        self.to_correction = nn.Linear(D, E, bias=False)
        self.summary = SummaryReadout(task.channels, K, settings.summary_segments)
        # The frame is one of many equal rotations; members of an ensemble share this one.
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("etf_SE", simplex_etf(settings.sub_grades, E, generator))
        self.register_buffer("level_error_K", torch.ones(K))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns grade edges, whitening, summary read-out and how far a level can be trusted."""
        scores_NK = labels.scores_NK
        edges_KG = np.stack(
            [grade_edges(s, self.settings.grades, self.settings.spacing) for s in scores_NK.T]
        )
        self.edges_KG.copy_(torch.from_numpy(edges_KG))
        self.whitening.fit(clips)
        # Held-out error of the summary, as a unit score: the width of the grade probabilities.
        # Training errors would not do, since a trained network has next to none.
        error_K = self.summary.fit(clips, scores_NK) / (edges_KG[:, -1] - edges_KG[:, 0])
        self.level_error_K.copy_(torch.from_numpy(error_K))
        unit_NK = to_unit_score(torch.from_numpy(scores_NK).float(), self.edges_KG)
        with torch.no_grad():
            self.level_bias_K.copy_(unit_NK.mean(0))

    @torch.no_grad()
    def start_from(self, prepared: AssessmentModel) -> None:
        """Takes over what another member prepared; the level starts at the mean score."""
        super().start_from(prepared)
        assert isinstance(prepared, CoFInAl)
        self.level_bias_K.copy_(prepared.level_bias_K)

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Whitened principal components of the clips."""
        return self.whitening(clips)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Clips -> fused clips -> grade features -> grade and place in the grade -> score."""
        view = self.look(self.fixed_stage(clips_BTC), mask_BT)
        share = self.settings.summary_share
        if share:
            points_BK = self.summary(clips_BTC, mask_BT)
            summary_BK = to_unit_score(points_BK, self.edges_KG).to(view.level_BK.dtype)
            view.level_BK = (1 - share) * view.level_BK + share * summary_BK
        return self.assess(view)

    def look(self, staged_BTC: Tensor, mask_BT: Tensor) -> View:
        """TFM and GPM: fuses the clips, then lets each grade prototype gather its evidence."""
        fused_BTD = self.fusion(staged_BTC, mask_BT)
        features_BKGD, attention_BKGT = self.parsing(fused_BTD, mask_BT)
        evidence_BKG = (features_BKGD * self.evidence_KGD).sum(-1)
        level_BK = self.level_bias_K + evidence_BKG.sum(-1) / self.settings.grades
        return View(level_BK, features_BKGD, self.to_correction(features_BKGD), attention_BKGT)

    def assess(self, view: View) -> ModelOutput:
        """Coarse, then fine: grade probabilities, place in each grade, expected score."""
        probabilities_BKG = self.grade_probabilities(view.level_BK, self.level_error_K)
        edges_KG = self.edges_as(view.level_BK)
        # FGS: the level implies a direction in the frame; the grade's feature corrects it.
        implied_BKGE = place_to_direction(place_in_grades(view.level_BK, edges_KG), self.etf_SE)
        direction_BKGE = F.normalize(
            implied_BKGE + self.settings.correction_share * view.correction_BKGE, dim=-1
        )
        place_BKG = direction_to_place(direction_BKGE, self.etf_SE)
        return ModelOutput(
            unit_score_BK=expected_score(probabilities_BKG, place_BKG, edges_KG),
            grade_probabilities_BKG=probabilities_BKG,
            place_BKG=place_BKG,
            attention_BKGT=view.attention_BKGT,
            extras={"direction_BKGE": direction_BKGE, "level_BK": view.level_BK},
        )

    def grade_probabilities(self, level_BK: Tensor, spread_K: Tensor) -> Tensor:
        """Ordered grades: P(score above an edge) falls with the edge, so neighbours come first.

        Cumulative logistic link; P(grade) = P(above its lower edge) - P(above its upper edge).
        """
        inner_KG = self.edges_as(level_BK)[:, 1:-1]
        scale_K1 = (LOGISTIC_SCALE * spread_K).unsqueeze(-1)
        above_BKG = torch.sigmoid((level_BK.unsqueeze(-1) - inner_KG) / scale_K1)
        certain = torch.ones_like(level_BK).unsqueeze(-1)
        return torch.cat([certain, above_BKG], -1) - torch.cat([above_BKG, 0 * certain], -1)

    def edges_as(self, like: Tensor) -> Tensor:
        """Grade edges as unit scores (K, G + 1), in the precision of `like`."""
        return unit_edges(self.edges_KG).to(like.dtype)

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Coarse, fine, separation and score terms of the network alone.

        The summary read-out has its own closed-form training: fitted values of one would teach the
        other to rely on what it has learned by heart.
        """
        settings = self.settings
        view = self.look(staged.values_BTC, staged.mask_BT)
        output = self.assess(view)
        assert output.grade_probabilities_BKG is not None
        unit_BK = to_unit_score(labels.scores_NK, self.edges_KG).to(view.level_BK.dtype)
        # Near an edge both grades are right: the target is as soft as a part of the level's error.
        softness_K = settings.target_softness * self.level_error_K
        target_BKG = self.grade_probabilities(unit_BK, softness_K)
        place_BKG = place_in_grades(unit_BK, self.edges_as(unit_BK))
        true_direction_BKGE = place_to_direction(place_BKG, self.etf_SE)
        return {
            "grade": grade_cross_entropy(output.grade_probabilities_BKG, target_BKG),
            "place": settings.place_weight
            * dot_regression(output.extras["direction_BKGE"], true_direction_BKGE, target_BKG),
            "score": settings.score_weight
            * scaled_squared_error(output.unit_score_BK, unit_BK, self.level_error_K),
            "separation": settings.separation_weight
            * prototype_separation(view.grade_features_BKGD),
        }
