"""A model that knows what is given of one performance: its answers are points of the total.

So evidence, moments and causes, which ask a model for scores, tell points of the printed score.

Letters: B views of the one performance, T clips, C backbone channels, K targets.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cofinal.distributions import ScoreDistribution
from cofinal.given.numbers import Given
from cofinal.models.ensemble import Ensemble
from cofinal.models.given_readout import GivenReadout
from cofinal.models.interface import ClipPoints, ModelOutput


class GivenAnswer(Ensemble):
    """The members of a model, whose answer is put together with what is given of a performance."""

    matrix_KK: Tensor
    shift_K: Tensor

    def __init__(self, model: Ensemble, readout: GivenReadout | None, given: Given) -> None:
        """Takes the members of a model.

        Args:
            model: trained members.
            readout: for targets with covariates.
            given: what is known of one performance.
        """
        super().__init__([model.member(number) for number in range(len(model.members))])
        self.readout, self.given = readout, given
        count = len(given.targets)
        matrix_KK, shift_1K = np.eye(count), np.zeros((1, count))
        if readout is not None:
            matrix_KK, shift_1K = readout.linear(given)
        factor_1K, term_1K = given.factors, given.terms
        self.register_buffer("matrix_KK", torch.from_numpy(factor_1K.T * matrix_KK))
        self.register_buffer("shift_K", torch.from_numpy(factor_1K * shift_1K + term_1K)[0])

    def score(self, output: ModelOutput) -> Tensor:
        """Total in points (B, K)."""
        return (super().score(output).double() @ self.matrix_KK.T + self.shift_K).float()

    def clip_points(self, clips_TC: Tensor, output: ModelOutput | None = None) -> ClipPoints | None:
        """What each clip (T, C) added to the total at the average; exact, as the rest is linear."""
        found = super().clip_points(clips_TC, output)
        if found is None:
            return None
        average_K, points_KT = found.average_K.double(), found.points_KT.double()
        return ClipPoints(
            self.matrix_KK @ average_K + self.shift_K,
            self.matrix_KK @ points_KT,
        )

    def distribution(self, output: ModelOutput) -> ScoreDistribution:
        """Distributions (B, K) of the total."""
        video = super().distribution(output)
        given = self.given.subset([0] * len(video.levels))
        execution = video if self.readout is None else self.readout.answer(video, given)
        return given.total(execution)
