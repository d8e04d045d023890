"""`cofinal score`: what a trained model says of performances."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

if TYPE_CHECKING:
    from cofinal.records import Prediction, TargetPrediction

# Clips listed as those a grade prototype looked at most.
CLIPS_SHOWN = 3


@dataclass(frozen=True)
class Score:
    """Score performances from their clip features."""

    model: tyro.conf.Positional[Path]
    """Model folder."""
    features: tyro.conf.Positional[tuple[Path, ...]]
    """One or more .npy files of clip features."""
    json: bool = field(default=False, kw_only=True)
    """Print everything as JSON, attention included."""

    def run(self) -> int:
        """Scores and prints."""
        from cofinal.errors import CofinalError
        from cofinal.scorer import Scorer

        if not self.features:
            raise CofinalError("no features named; give one or more .npy files after the model")
        predictions = Scorer.load(self.model).score_many(self.features)
        if self.json:
            print(json.dumps([prediction.to_json() for prediction in predictions], indent=2))
        else:
            print("\n\n".join(describe(prediction) for prediction in predictions))
        return 0


def describe(prediction: Prediction) -> str:
    """A prediction for people."""
    lines = [f"{prediction.id} ({prediction.clips} clips)"]
    for entry in prediction.targets:
        lines += describe_target(entry, prediction.seconds_per_clip)
    return "\n".join(lines)


def describe_target(entry: TargetPrediction, seconds_per_clip: float | None) -> list[str]:
    """Score, grade, place and the clips looked at, one thing a line."""
    lines = [f"  {entry.target}: {entry.score:.2f} points"]
    if entry.grade_probabilities and entry.grade_edges and entry.grade and entry.place is not None:
        low, high = entry.grade_edges[entry.grade - 1 : entry.grade + 1]
        chances = " ".join(f"{chance:.0%}" for chance in entry.grade_probabilities)
        lines.append(
            f"    grade {entry.grade} of {len(entry.grade_probabilities)} "
            f"({low:.2f} to {high:.2f} points), place in it {entry.place:.2f}"
        )
        lines.append(f"    grade probabilities, lowest first: {chances}")
    if entry.attention is not None:
        for grade, shares in enumerate(entry.attention, 1):
            strongest = sorted(shares.argsort()[::-1][:CLIPS_SHOWN])
            moments = ", ".join(moment(clip, seconds_per_clip) for clip in strongest)
            lines.append(f"    prototype {grade} looked most at {moments}")
    return lines


def moment(clip: int, seconds_per_clip: float | None) -> str:
    """A clip as minutes and seconds where known, else by its number from 1."""
    if seconds_per_clip is None:
        return f"clip {clip + 1}"
    minutes, seconds = divmod(round(clip * seconds_per_clip), 60)
    return f"{minutes}:{seconds:02d}"
