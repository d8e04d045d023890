"""What people gave the performances in a report: judges' marks and official scores.

Letters: N performances, J judges.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cofinal.data.findings import refuse_errors
from cofinal.data.judges import JudgeMarks, judge_marks
from cofinal.data.labels import read_csv_labels
from cofinal.errors import CofinalError


@dataclass(frozen=True)
class HumanScores:
    """What people gave the performances; each part is empty where its file is not given."""

    judges: JudgeMarks | None = None
    official: dict[str, dict[str, float]] = field(default_factory=dict)
    """Id -> target -> official score."""
    files: dict[str, Path] = field(default_factory=dict)
    """Flag -> the file that was read."""

    def marks_of(self, identifier: str) -> dict[str, tuple[float, ...]]:
        """Target -> what each judge gave a performance."""
        if self.judges is None or identifier not in self.judges.ids:
            return {}
        row = self.judges.ids.index(identifier)
        rows = {target: marks_NJ[row] for target, marks_NJ in self.judges.marks.items()}
        return {
            t: tuple(float(m) for m in marks_J if math.isfinite(m)) for t, marks_J in rows.items()
        }

    def check(self, ids: Sequence[str], targets: Sequence[str]) -> None:
        """Refuses files that concern none of the performances, and names that occur twice.

        Raises:
            CofinalError: as said.
        """
        for identifier in ids:
            if ids.count(identifier) > 1:
                raise CofinalError(
                    f"two performances are called {identifier!r}; name each once, or rename one"
                )
        known = {
            "--judges": [i for i in ids if set(self.marks_of(i)) & set(targets)],
            "--labels": [i for i in ids if set(self.official.get(i, ())) & set(targets)],
        }
        for flag, path in self.files.items():
            if not known[flag]:
                raise CofinalError(
                    f"{path} has nothing on {', '.join(ids[:3])} ({', '.join(targets)}); "
                    f"name a file that does with {flag}, or leave it out"
                )


def read_human_scores(judges: Path | None, labels: Path | None) -> HumanScores:
    """Reads the files that are given.

    Raises:
        CofinalError: a file that cannot be read or is faulty.
    """
    files = {"--judges": judges, "--labels": labels}
    return HumanScores(
        judge_marks(judges) if judges else None,
        _official(labels) if labels else {},
        {flag: path for flag, path in files.items() if path is not None},
    )


def _official(path: Path) -> dict[str, dict[str, float]]:
    table = read_csv_labels(path)
    refuse_errors(table.findings)
    return {label.id: label.scores for label in table.labels}
