"""What the last training came to, as its job wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cofinal.files.reading import read_json
from cofinal.page.store import Store


@dataclass(frozen=True)
class Outcome:
    """The last finished training."""

    run: str
    """Its folder's name."""
    backbone: str
    labels: str
    """What it learned from: the text of its labels."""
    measures: list[dict[str, Any]]
    """Of each target, see `learning`."""
    group: bool
    """Whether films of one group were kept together in the test."""
    folds: int
    intervals: bool
    """Whether scores have intervals."""
    broken: list[str]
    """Why films have no features."""
    scores: dict[str, Any]
    """Film -> whether it was learned from, and what the model says of each target."""

    @property
    def learned(self) -> list[str]:
        """The films that were learned from."""
        return [film for film, told in self.scores.items() if told["learned"]]

    def points(self, film: str) -> dict[str, float]:
        """Target -> the model's points for a film; empty where it has none."""
        targets = self.scores.get(film, {"targets": {}})["targets"]
        return {name: told["score"] for name, told in targets.items()}

    def report(self, out: Path, film: str) -> Path:
        """Where the report of a film lies, if it was written."""
        return out / "runs" / self.run / "reports" / f"{film}.html"

    def predictions(self, out: Path) -> Path:
        """What was predicted of unseen films, as `cofinal evaluate` writes it."""
        return out / "runs" / self.run / "evaluation" / "predictions.csv"


def last_outcome(store: Store, out: Path) -> Outcome | None:
    """The last finished training; None before the first, or where its folder is gone."""
    run = store.setting("run", None)
    path = out / "runs" / str(run) / "outcome.json"
    if run is None or not path.is_file():
        return None
    told = read_json(path, "what a training came to")
    labels = (path.parent / "labels.csv").read_text(encoding="utf-8")
    told["group"] = told["group"] is not None
    return Outcome(run=str(run), labels=labels, **told)
