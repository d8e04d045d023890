"""Ridge regression on clip features averaged in a few equal parts of the performance.

Source: temporal segments as the field pools them (Wang et al., ECCV 2016, "Temporal segment
networks"), with the read-out of `ridge`.
Reproduced: the standard baseline that sees roughly when something happened. Differs: a clip on a
border is shared between its two segments, so that performances shorter than the number of segments
are answered too.

Letters: B videos, T clips, C backbone channels, P segments, K targets.
"""

from __future__ import annotations

from torch import Tensor

from cofinal.layers.summary import equal_segments
from cofinal.methods.ridge_segments import RidgeSegmentsSettings
from cofinal.models.interface import Task
from cofinal.models.ridge import Ridge, RidgeReadout


class RidgeSegments(Ridge):
    """Linear in the averages of equal time segments."""

    Settings = RidgeSegmentsSettings

    def __init__(self, task: Task, settings: RidgeSegmentsSettings) -> None:
        super().__init__(task, settings)
        self.readout = RidgeReadout(task.channels * settings.segments, len(task.targets))

    def features(self, clips_BTC: Tensor, mask_BT: Tensor) -> Tensor:
        """The segments' averages end to end: (B, P * C)."""
        return equal_segments(clips_BTC, mask_BT, self.settings.segments).flatten(1)
