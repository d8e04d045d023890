"""Several models of one method that answer as one: the average over seeds.

Letters: M members, B videos, T clips, C backbone channels, K targets, G grades.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cofinal.distributions import ScoreDistribution
from cofinal.models.interface import AssessmentModel, ClipPoints, ModelOutput, pad_clips


class Ensemble(nn.Module):
    """Averages its members: scores, votes, and distributions by their quantile functions."""

    def __init__(self, members: Sequence[AssessmentModel]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def first(self) -> AssessmentModel:
        """A member; task, settings and score range are the same in all."""
        return self.member(0)

    def member(self, number: int) -> AssessmentModel:
        """A member by its number from 0."""
        member = self.members[number]
        assert isinstance(member, AssessmentModel)
        return member

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch: means over members, and their distributions for the pool."""
        # A caller's own mixed precision must not change a score.
        with torch.autocast(clips_BTC.device.type, enabled=False):
            common = self.first.common(clips_BTC, mask_BT)
            seen = (clips_BTC, mask_BT, *([] if common is None else [common]))
            outputs: list[ModelOutput] = [member(*seen) for member in self.members]
        return ModelOutput(
            unit_score_BK=torch.stack([output.unit_score_BK for output in outputs]).mean(0),
            parts=[part for output in outputs for part in output.parts],
            votes_BKGT=_mean([output.votes_BKGT for output in outputs]),
            attention_BKGT=_mean([output.attention_BKGT for output in outputs]),
            views=[view for output in outputs for view in output.views],
        )

    def distribution(self, output: ModelOutput) -> ScoreDistribution:
        """Distributions (B, K) in points, pooled over members."""
        return self.first.distribution(output)

    def clip_points(self, clips_TC: Tensor, output: ModelOutput | None = None) -> ClipPoints | None:
        """What each clip (T, C) added to the answer at the average: means over members.

        Args:
            clips_TC: a performance.
            output: what `forward` said of it alone, where that is known.
        """
        if output is None and self.first.shares_points:
            output = self(*pad_clips([clips_TC]))
        return self.first.points_of(list(self.members), clips_TC, output)

    def score(self, output: ModelOutput) -> Tensor:
        """Scores in points (B, K)."""
        return self.first.score(output)


def _mean(several: Sequence[Tensor | None]) -> Tensor | None:
    """Mean over members of what all or none of them have."""
    there = [one for one in several if one is not None]
    return torch.stack(there).mean(0) if there else None
