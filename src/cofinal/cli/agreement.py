"""`cofinal agreement`: do the judges agree, and does a model agree with them?"""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import tyro

from cofinal.config import AgreementSettings
from cofinal.errors import CofinalError
from cofinal.files.atomic import keep


@dataclass(frozen=True)
class Agreement:
    """Tell how reliable judges' marks are, each judge's bias, and how many judges are needed."""

    marks: tyro.conf.Positional[Path]
    """CSV of judges' marks (id, judge, target, mark, and occasion if judges marked twice; or a
    column for each judge), score sheets (.json), or a data set's folder in which such lie."""
    components: bool = field(default=False, kw_only=True)
    """Of score sheets, every component's mark instead of each judge's sums."""
    settings: tyro.conf.OmitArgPrefixes[AgreementSettings] = field(
        default=AgreementSettings(), kw_only=True
    )
    """What is measured."""
    groups: Path | None = field(default=None, kw_only=True)
    """CSV with the columns id and that of --group: reliability is then measured inside groups."""
    group: str = field(default="event", kw_only=True)
    """Column of --groups."""
    predictions: Path | None = field(default=None, kw_only=True)
    """predictions.csv of `cofinal evaluate --out`: the model is measured as one more judge."""
    out: Path | None = field(default=None, kw_only=True)
    """Folder for agreement.json and agreement.md."""
    figures: bool = field(default=False, kw_only=True)
    """Draw every judge's differences into --out; needs the extra `report`."""
    json: bool = field(default=False, kw_only=True)
    """Print the result as JSON."""

    def run(self) -> int:
        """Measures and prints the tables."""
        from cofinal.agreement.figures import draw_agreement
        from cofinal.agreement.measure import group_names, measure_agreement
        from cofinal.agreement.model import read_predictions
        from cofinal.agreement.tables import AgreementReport
        from cofinal.data.judges import judge_marks
        from cofinal.files.lock import alone_in

        if self.figures and self.out is None:
            raise CofinalError("figures need a folder; add --out FOLDER, or leave --figures out")
        judged = judge_marks(self.marks, components=self.components)
        targets = self.settings.targets or tuple(judged.marks)
        groups_N = group_names(self.groups, self.group, judged.ids) if self.groups else None
        predictions = read_predictions(self.predictions, targets) if self.predictions else None
        found = measure_agreement(judged, self.settings, groups_N, predictions, self.group)
        report = AgreementReport(
            shlex.join(["cofinal", *sys.argv[1:]]),
            self.group if self.groups else None,
            self.settings,
            found,
        )
        if self.out is not None:
            with alone_in(self.out):
                keep(partial(report.save, self.out / "agreement"))
                if self.figures:
                    draw_agreement(found, judged, self.out, predictions)
        print(json.dumps(report.to_json(), indent=2) if self.json else report.markdown())
        return 0
