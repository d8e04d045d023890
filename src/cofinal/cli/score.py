"""`cofinal score`: what a trained model says of performances."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cofinal.cli.performances import VIDEO_FLAGS, PerformancesCommand
from cofinal.times import ClipTimes, clock

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from cofinal.modelfolder.given import Numbers
    from cofinal.records import ClipFeatures, ExecutionPrediction, Prediction, TargetPrediction
    from cofinal.scorer import Scorer

# Clips listed as those that said most.
CLIPS_SHOWN = 3
# Attention that nowhere exceeds so many equal shares points at no clip.
EVEN = 1.1
# Below this share of frames a score rests on too little of the performance.
LEAST_FOUND = 0.6


@dataclass(frozen=True)
class Score(PerformancesCommand):
    """Score performances, from video files or from clip features.

    Features of videos are kept in the user's cache folder, so scoring a video again is quick.

    A model that was calibrated gives an interval with each score. Of many performances that are
    exchangeable with those it was calibrated on, the named share have their score inside; this is
    no promise for a single one, nor for other events, cameras or kinds of performances.
    """

    json: bool = field(default=False, kw_only=True)
    """Print everything as JSON, attention included."""
    confidence: float | None = field(default=None, kw_only=True)
    """Confidence of the interval of each score; 0.9 if left out and the model is calibrated."""

    # The model itself scores on the device.
    only_for_videos = tuple(name for name in VIDEO_FLAGS if name != "device")

    def run(self) -> int:
        """Scores and prints."""
        self.check_performances("score")
        scorer = self.scorer(self.confidence, self.device)
        numbers = self.numbers(scorer)
        predictions, status = self.each(lambda path: self.predict(scorer, path, numbers[path]))
        if self.json:
            print(json.dumps([prediction.to_json() for prediction in predictions], indent=2))
        elif predictions:
            print("\n\n".join(describe_prediction(prediction) for prediction in predictions))
        return status

    def predict(self, scorer: Scorer, path: Path, given: Numbers) -> Prediction:
        """The prediction for one file, with warnings about what it rests on."""
        features = self.features(scorer, path)
        prediction = scorer.score(features, given)
        for doubt in doubts(scorer, features):
            print(f"warning: {doubt}", file=sys.stderr)
        return prediction


def doubts(scorer: Scorer, features: ClipFeatures) -> list[str]:
    """Why a score should be trusted less."""
    told = []
    if features.found_share is not None and features.found_share < LEAST_FOUND:
        told.append(
            f"in {features.id} the person was found in only {features.found_share:.0%} of the "
            "frames; do not trust this score much"
        )
    strangeness = scorer.neighbours and scorer.neighbours.strangeness(features.values)
    if strangeness and strangeness.is_strange:
        told.append(
            f"{features.id} is unlike the training data, stranger than "
            f"{strangeness.percentile:.0f} % of it; trust this score less"
        )
    return told


def describe_prediction(prediction: Prediction) -> str:
    """A prediction for people."""
    lines = [f"{prediction.id} ({prediction.clips} clips)"]
    for entry in prediction.targets:
        lines += describe_target(entry, prediction)
    return "\n".join(lines)


def describe_target(entry: TargetPrediction, prediction: Prediction) -> list[str]:
    """Score, grade, place and the clips that said most, one thing a line."""
    lines = [f"  {entry.target}: {entry.score:.2f} points{grade_text(entry)}"]
    if entry.grade_probabilities:
        chances = " ".join(f"{chance:.0%}" for chance in entry.grade_probabilities)
        lines.append(f"    grade probabilities, lowest first: {chances}")
    if entry.execution:
        lines.append(f"    {made_of(entry.score, entry.execution)}")
    if entry.interval:
        low, high = entry.interval
        confidence = f" ({100 * entry.confidence:g} %)" if entry.confidence else ""
        lines.append(f"    between {low:.2f} and {high:.2f} points{confidence}")
    if entry.votes is not None and entry.grade is not None:
        own_T = entry.votes[entry.grade - 1]
        lines.append(f"    most for this grade: {strongest_clips(own_T, prediction.times)}")
        lines.append(f"    most against it: {strongest_clips(-own_T, prediction.times)}")
    if entry.attention is not None:
        for number, shares in enumerate(entry.attention, 1):
            of = f"query {number}" if len(entry.attention) > 1 else "it"
            lines.append(f"    {of} looked {looked_at(shares, prediction.times)}")
    return lines


def made_of(score: float, execution: ExecutionPrediction) -> str:
    """The total as a sum, for example "45.20 = 6.78 of execution x 3.2 + 24.50 given"."""
    text = f"{score:.2f} = {execution.score:.2f} of execution"
    if execution.factor != 1:
        text += f" x {execution.factor:g} given"
    if execution.term:
        text += f" {execution.term:+.2f} given"
    return text


def grade_text(entry: TargetPrediction) -> str:
    """Grade and place as a judge would say them; nothing where grades are not known."""
    if entry.grade is None or entry.grade_edges is None:
        return ""
    low, high = entry.grade_edges[entry.grade - 1 : entry.grade + 1]
    return (
        f": grade {entry.grade} of {entry.grades} ({low:.2f} to {high:.2f}), {entry.place_words}; "
        f"{entry.at_least:.0%} at least grade {entry.grade}, {entry.at_most:.0%} at most"
    )


def strongest_clips(value_T: np.ndarray, times: ClipTimes | None) -> str:
    """When the clips of the highest values are, in the order of time."""
    clips = sorted(value_T.argsort()[::-1][:CLIPS_SHOWN])
    names = (clock(times.border(int(t))) if times else f"clip {t + 1}" for t in clips)
    return ", ".join(dict.fromkeys(names))  # clips of one second have one name


def looked_at(shares_T: np.ndarray, times: ClipTimes | None) -> str:
    """Where attention lies, for example "most at 0:05, 0:09, 0:41"."""
    if shares_T.max() * len(shares_T) <= EVEN:
        return "at all clips about alike"
    return f"most at {strongest_clips(shares_T, times)}"
