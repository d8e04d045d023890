"""`cofinal data audit`: labels that look like mistakes, the most suspicious first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from cofinal.cli.settings import MethodCommand, tell_taken
from cofinal.errors import CofinalError
from cofinal.progress import track
from cofinal.settings import Between, Count

if TYPE_CHECKING:
    from cofinal.audit.labels.suspects import Suspect
    from cofinal.data.labels import Label

QUICK_METHOD = "ridge"
EXPLANATION = (
    "Surprise is the decimal logarithm of how many times\n"
    "likelier the label is if something went wrong than if not. Rare performances are surprising\n"
    "too: look a label up before you correct it."
)


@dataclass(frozen=True)
class Audit(MethodCommand):
    """Rank labels by how much they look like mistakes; nothing is changed.

    Each label is compared with what models predict that were trained on others, with the labels of
    the other targets, and with what typical slips would have made of a fitting label: two targets
    swapped, two neighbouring digits transposed, the decimal point moved. The method is the quick
    ridge regression unless --method or --preset names another.
    """

    folds: Annotated[int, Between(2, 10_000)] = field(default=10, kw_only=True)
    """Parts of the data, each predicted by a model trained on the others."""
    repeats: Count = field(default=3, kw_only=True)
    """Partitions whose predictions are averaged."""
    per_category: bool = field(default=False, kw_only=True)
    """Train one model per category (apparatus) instead of one for all."""
    top: Annotated[int, Between(1, 10**9)] = field(default=20, kw_only=True)
    """How many labels to tell."""

    @classmethod
    def with_settings(cls, flags: Sequence[str]) -> type:
        """Starts from the quick method where the flags name none."""
        named = any(flag.split("=")[0] in ("--method", "--preset") for flag in flags)
        return super().with_settings(flags if named else [*flags, "--method", QUICK_METHOD])

    def run(self) -> int:
        """Audits and prints the ranking."""
        from cofinal.audit.labels.suspects import audit_labels
        from cofinal.data.dataset import load_dataset, read_labels
        from cofinal.models import learns_from_judges

        if self.source.given or self.source.sheet:
            flag = "--given" if self.source.given else "--sheet"
            raise CofinalError(f"labels are audited as judges gave them; leave out {flag}")
        preset = self.chosen_preset()
        dataset = load_dataset(self.source, learns_from_judges(preset))
        tell_taken(self.source)
        with track("auditing", 1.0) as advance:
            suspects = audit_labels(
                dataset,
                preset,
                self.folds,
                self.repeats,
                self.per_category,
                lambda name, done, total: advance(done / total, name),
            )
        labels = {label.id: label for label in read_labels(self.source).labels}
        told = suspects[: self.top]
        if self.json:
            print(
                json.dumps([_record(r, s, labels[s.id]) for r, s in enumerate(told, 1)], indent=2)
            )
            return 0
        print(table(told, labels))
        print(f"\nThe first {len(told)} of {len(suspects)} labels. {EXPLANATION}")
        return 0


def _record(rank: int, suspect: Suspect, label: Label) -> dict[str, object]:
    return {"rank": rank, "file": label.file, "line": label.line, **suspect.to_json()}


def table(suspects: Sequence[Suspect], labels: dict[str, Label]) -> str:
    """The ranking as a plain table: scores as given, as predicted in brackets, as corrected."""
    from cofinal.files.tables import aligned

    targets = list(suspects[0].given)
    head = ["", "id", "line", *(f"{t} (predicted)" for t in targets), "surprise", "likeliest slip"]
    rows = [head]
    for rank, suspect in enumerate(suspects, 1):
        label = labels[suspect.id]
        scores = [f"{suspect.given[t]:g} ({suspect.predicted[t]:.1f})" for t in targets]
        slip = "-"
        if suspect.corrected:
            changed = [t for t in targets if suspect.corrected[t] != suspect.given[t]]
            values = ", ".join(f"{t} {suspect.corrected[t]:g}" for t in changed)
            slip = f"{suspect.slip}: {values}"
        place = f"{label.file}:{label.line}"
        rows.append([str(rank), suspect.id, place, *scores, f"{suspect.surprise:.2f}", slip])
    return aligned(rows)
