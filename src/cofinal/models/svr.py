"""Support vector regression on time-averaged clip features: the field's classical read-out.

Source: Parmar and Morris, CVPR Workshops 2017, "Learning to score Olympic events" (C3D-SVR:
averaged clip features, one support vector regression a score); scikit-learn's SVR solves it.
Reproduced: the regression, on the clip features at hand. Differs: a Gaussian kernel on standardised
features; scores are standardised, so that cost and tolerance mean the same for every score scale.

Letters: B videos, T clips, C backbone channels, K targets, N performances, S support vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cofinal.grades import to_unit_score
from cofinal.layers.summary import time_average
from cofinal.methods.svr import SvrSettings
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, Task, summarise_each
from cofinal.models.ridge import standard_scale


class KernelReadout(nn.Module):
    """Fitted Gaussian-kernel regressions as fixed tensors: f(x) = sum_s w_s exp(-g |x - s|^2) + b.

    All targets share one list of support vectors; one that a target does not use weighs 0 there.
    """

    support_SC: Tensor
    weights_SK: Tensor
    bias_K: Tensor
    gamma: Tensor

    def __init__(self, channels: int, targets: int) -> None:
        super().__init__()
        self.register_buffer("support_SC", torch.zeros(0, channels))
        self.register_buffer("weights_SK", torch.zeros(0, targets))
        self.register_buffer("bias_K", torch.zeros(targets))
        self.register_buffer("gamma", torch.zeros(()))

    def fit(self, features_NC: np.ndarray, scores_NK: np.ndarray, settings: SvrSettings) -> None:
        """Solves one regression a target, on standardised features and scores in points."""
        from sklearn.svm import SVR  # only training waits for scikit-learn

        gamma = settings.gamma / features_NC.shape[1]
        centre_K, spread_K = standard_scale(scores_NK)
        weights_NK, bias_K = np.zeros(scores_NK.shape), np.zeros(len(centre_K))
        for k, target_N in enumerate(((scores_NK - centre_K) / spread_K).T):
            regression = SVR(C=settings.cost, epsilon=settings.epsilon, gamma=gamma)
            regression.fit(features_NC, target_N)
            weights_NK[regression.support_, k] = regression.dual_coef_[0]
            bias_K[k] = regression.intercept_[0]
        used_N = weights_NK.any(1)
        self.support_SC = torch.from_numpy(features_NC[used_N]).to(self.support_SC)
        self.weights_SK = torch.from_numpy(weights_NK[used_N] * spread_K).to(self.weights_SK)
        self.bias_K.copy_(torch.from_numpy(bias_K * spread_K + centre_K))
        self.gamma.fill_(gamma)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Makes room for as many support vectors as are saved; only fitting says how many."""
        for name in ("support_SC", "weights_SK"):
            saved, mine = state_dict.get(prefix + name), getattr(self, name)
            if saved is not None:
                setattr(self, name, mine.new_empty(len(saved), *mine.shape[1:]))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, features_BC: Tensor) -> Tensor:
        """Returns points (B, K)."""
        # Without matrix products, whose rounding errors depend on the size of the batch.
        distance_BS = torch.cdist(
            features_BC, self.support_SC, compute_mode="donot_use_mm_for_euclid_dist"
        )
        return (-self.gamma * distance_BS.square()).exp() @ self.weights_SK + self.bias_K


class Svr(AssessmentModel):
    """One Gaussian-kernel support vector regression a target, evaluated in torch."""

    Settings = SvrSettings
    holds_performances = True
    mean_C: Tensor
    scale_C: Tensor

    def __init__(self, task: Task, settings: SvrSettings) -> None:
        super().__init__(task, settings)
        self.register_buffer("mean_C", torch.zeros(task.channels))
        self.register_buffer("scale_C", torch.ones(task.channels))
        self.readout = KernelReadout(task.channels, len(task.targets))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Standardises the averaged features and solves the regressions."""
        self.learn_range(labels.scores_NK)
        features_NC = summarise_each(time_average, clips)
        mean_C, scale_C = standard_scale(features_NC)
        self.mean_C.copy_(torch.from_numpy(mean_C))
        self.scale_C.copy_(torch.from_numpy(scale_C))
        self.readout.fit((features_NC - mean_C) / scale_C, labels.scores_NK, self.settings)

    def start_from(self, prepared: AssessmentModel) -> None:
        """Takes over everything, loading rather than copying: the sizes may differ."""
        self.load_state_dict(prepared.state_dict())

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        average_BC = time_average(clips_BTC.float(), mask_BT)
        points_BK = self.readout((average_BC - self.mean_C) / self.scale_C)
        return ModelOutput(to_unit_score(points_BK, self.range_K2))
