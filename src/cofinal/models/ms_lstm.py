"""Two recurrent views of a performance: its most telling clips, and its course at several scales.

Paper: Xu et al., TCSVT 2019, "Learning to score figure skating sport videos" (MS-LSTM; S-LSTM and
M-LSTM are its parts). Recurrence with skips: Campos et al., ICLR 2018 (Skip RNN).
Reproduced: S-LSTM, which reads rows of self-attention over the clips, with the term that keeps the
rows apart; M-LSTM, convolutions over time at several scales, each read by an LSTM that learns which
steps to skip; squared error. Differs: whitened principal components of the clips at hand instead of
C3D features; every performance is first averaged in equally many equal parts, which keeps the
recurrence short and makes padding invisible; all parts share one hidden layer before the scores;
one network serves several targets. Answers leap where an update gate turns over, so that there, and
only there, rounding errors could show.

Letters: B videos, T clips, C backbone channels, P equal parts, R attention rows, D model width,
K targets, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.grades import to_unit_score
from cofinal.layers.convolution import Conv1d
from cofinal.layers.losses import row_separation, scaled_squared_error
from cofinal.layers.recurrence import Lstm
from cofinal.layers.summary import equal_segments
from cofinal.layers.whitening import ClipWhitening
from cofinal.methods.ms_lstm import MsLstmSettings
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, StagedClips, Task
from cofinal.models.ridge import standard_scale

# Parts that one step of each convolution sees; neighbouring steps overlap by half.
SCALES = (2, 4, 8)


class SelfAttentiveLstm(nn.Module):
    """S-LSTM: learned rows of attention pick out moments, which an LSTM reads."""

    def __init__(self, channels: int, settings: MsLstmSettings) -> None:
        super().__init__()
        D = settings.width
        self.to_rows = nn.Sequential(
            nn.Linear(channels, D, bias=False), nn.Tanh(), nn.Linear(D, settings.rows, bias=False)
        )
        self.lstm = Lstm(channels, D)

    def forward(self, parts_BPC: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the last state (B, D) and the attention (B, R, P)."""
        attention_BRP = self.to_rows(parts_BPC).transpose(1, 2).softmax(-1)
        return self.lstm(attention_BRP @ parts_BPC), attention_BRP


class MultiScaleLstm(nn.Module):
    """M-LSTM: convolutions over time, each followed by an LSTM with skips."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            Conv1d(channels, width, scale, stride=scale // 2) for scale in SCALES
        )
        self.lstms = nn.ModuleList(Lstm(width, width, skips=True) for _ in SCALES)

    def forward(self, parts_BPC: Tensor) -> Tensor:
        """Returns the last states of all scales (B, scales * D)."""
        states = [
            lstm(convolution(parts_BPC.transpose(1, 2)).relu().transpose(1, 2))
            for convolution, lstm in zip(self.convolutions, self.lstms, strict=True)
        ]
        return torch.cat(states, -1)


class MsLstm(AssessmentModel):
    """S-LSTM and M-LSTM side by side, then one hidden layer."""

    Settings = MsLstmSettings
    mean_K: Tensor
    spread_K: Tensor

    def __init__(self, task: Task, settings: MsLstmSettings) -> None:
        super().__init__(task, settings)
        D, K = settings.width, len(task.targets)
        self.whitening = ClipWhitening(task.channels, settings.principal_components)
        self.self_attentive = SelfAttentiveLstm(self.whitening.width, settings)
        self.multi_scale = MultiScaleLstm(self.whitening.width, D)
        self.to_score = nn.Sequential(
            nn.Dropout(settings.dropout),
            nn.Linear((1 + len(SCALES)) * D, D),
            nn.ReLU(),
            nn.Dropout(settings.dropout),
            nn.Linear(D, K),
        )
        self.register_buffer("mean_K", torch.zeros(K))
        self.register_buffer("spread_K", torch.ones(K))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Learns the whitening and the mean and spread of the scores."""
        self.learn_range(labels.scores_NK)
        self.whitening.fit(clips)
        for mine_K, value_K in zip(
            (self.mean_K, self.spread_K), standard_scale(labels.scores_NK), strict=True
        ):
            mine_K.copy_(torch.from_numpy(value_K))

    def fixed_stage(self, clips: Tensor) -> Tensor:
        """Whitened principal components of the clips."""
        return self.whitening(clips)

    def look(self, staged_BTC: Tensor, mask_BT: Tensor) -> tuple[Tensor, Tensor]:
        """Returns points (B, K) and the attention over equal parts (B, R, P)."""
        parts_BPC = equal_segments(staged_BTC, mask_BT, self.settings.parts)
        moments_BD, attention_BRP = self.self_attentive(parts_BPC)
        states_BD = torch.cat([moments_BD, self.multi_scale(parts_BPC)], -1)
        return self.mean_K + self.spread_K * self.to_score(states_BD), attention_BRP

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        points_BK, _ = self.look(self.fixed_stage(clips_BTC), mask_BT)
        return ModelOutput(to_unit_score(points_BK, self.range_K2))

    def training_loss(self, staged: StagedClips, labels: Labels[Tensor]) -> dict[str, Tensor]:
        """Squared error in standard deviations of the scores, and the rows' likeness."""
        points_BK, attention_BRP = self.look(staged.values_BTC, staged.mask_BT)
        return {
            "score": scaled_squared_error(points_BK, labels.scores_NK, self.spread_K),
            "rows": self.settings.row_weight * row_separation(attention_BRP),
        }
