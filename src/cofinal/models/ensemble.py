"""Several models of one method that answer as one: the average over seeds.

Letters: M members, B videos, T clips, C backbone channels, K targets, G grades.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from cofinal.models.interface import AssessmentModel, ModelOutput


class Ensemble(nn.Module):
    """Averages its members so that score = expectation over grades holds for the average too."""

    def __init__(self, members: Sequence[AssessmentModel]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def first(self) -> AssessmentModel:
        """A member; task, settings and score range are the same in all."""
        member = self.members[0]
        assert isinstance(member, AssessmentModel)
        return member

    def forward(self, clips_BTC: Tensor, mask_BT: Tensor) -> ModelOutput:
        """Assesses a batch: means over members; places weighted by how probable their grade is."""
        # A caller's own mixed precision must not change a score.
        with torch.autocast(clips_BTC.device.type, enabled=False):
            outputs: list[ModelOutput] = [member(clips_BTC, mask_BT) for member in self.members]
        if len(outputs) == 1:
            return outputs[0]
        unit_MBK = torch.stack([output.unit_score_BK for output in outputs])
        answer = ModelOutput(unit_score_BK=unit_MBK.mean(0))
        if outputs[0].grade_probabilities_BKG is not None:
            chance = torch.stack([output.grade_probabilities_BKG for output in outputs])  # type: ignore[misc]
            place = torch.stack([output.place_BKG for output in outputs])  # type: ignore[misc]
            answer.grade_probabilities_BKG = chance.mean(0)
            # Weighted so that the mean of expected scores is the expectation of the means.
            answer.place_BKG = (chance * place).sum(0) / chance.sum(0).clamp(min=1e-12)
        if outputs[0].attention_BKGT is not None:
            answer.attention_BKGT = torch.stack(
                [output.attention_BKGT for output in outputs]  # type: ignore[misc]
            ).mean(0)
        return answer

    def score(self, output: ModelOutput) -> Tensor:
        """Scores in points (B, K)."""
        return self.first.score(output)
