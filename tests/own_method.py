"""A method of a user's own, in a file that the package knows nothing of: nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from torch import Tensor

from cofinal.grades import to_unit_score
from cofinal.layers.summary import time_average
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, Task, summarise_each
from cofinal.settings import Between, Choices, MethodSettings


@dataclass(frozen=True)
class NearestSettings(MethodSettings):
    """Settings of `Nearest`."""

    neighbours: Annotated[int, Between(1, 100)] = 3
    """Training performances whose scores are averaged."""

    search = {"model.neighbours": Choices(1, 3, 9)}  # noqa: RUF012
    training = {"epochs": 7}  # noqa: RUF012


class Nearest(AssessmentModel):
    """The mean score of the training performances whose time averages are nearest."""

    Settings = NearestSettings
    known_NC: Tensor
    scores_NK: Tensor

    def __init__(self, task: Task, settings: NearestSettings) -> None:
        super().__init__(task, settings)
        self.register_buffer("known_NC", torch.zeros(0, task.channels))
        self.register_buffer("scores_NK", torch.zeros(0, len(task.targets)))

    def prepare(self, clips: Sequence[Tensor], labels: Labels[np.ndarray]) -> None:
        """Keeps the training performances."""
        self.learn_range(labels.scores_NK)
        self.known_NC = torch.from_numpy(summarise_each(time_average, clips)).float()
        self.scores_NK = torch.from_numpy(labels.scores_NK).float()

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        for name in ("known_NC", "scores_NK"):
            setattr(self, name, torch.zeros_like(state[prefix + name]))
        super()._load_from_state_dict(state, prefix, *rest)

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch."""
        average_BC = time_average(clips_BTC.float(), mask_BT)
        # Without matrix products, whose rounding errors depend on the size of the batch.
        distance_BN = torch.cdist(
            average_BC, self.known_NC, compute_mode="donot_use_mm_for_euclid_dist"
        )
        count = min(self.settings.neighbours, len(self.known_NC))
        nearest_BE = distance_BN.topk(count, largest=False).indices
        unit_BK = to_unit_score(self.scores_NK[nearest_BE].mean(1), self.range_K2)
        return ModelOutput(unit_score_BK=unit_BK)
