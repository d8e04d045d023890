"""Everything that a report shows, as plain records: page, picture and JSON are made of these.

Letters: T clips, K targets, G grades, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cofinal.explain.elements import PlacedElement
from cofinal.explain.evidence import Evidence
from cofinal.explain.explanation import Explanation, TargetExplanation
from cofinal.explain.neighbours import STRANGE, Neighbour
from cofinal.records import Prediction, TargetPrediction
from cofinal.reports.film import Film
from cofinal.reports.model_facts import ModelFacts
from cofinal.version import __version__

KIND = "cofinal report"


@dataclass(frozen=True, eq=False)
class Performance:
    """One performance of a report."""

    prediction: Prediction
    explanation: Explanation
    film: Film | None = None
    marks: dict[str, tuple[float, ...]] = field(default_factory=dict)
    """Target -> what each judge alone gave."""
    official: dict[str, float] = field(default_factory=dict)
    """Target -> the official score, where known."""

    @property
    def id(self) -> str:
        """Name of the performance."""
        return self.prediction.id

    @property
    def elements(self) -> list[PlacedElement]:
        """The elements in order; empty without a sheet."""
        return self.explanation.elements

    @property
    def evidence(self) -> Evidence:
        """What each clip did to the scores."""
        return self.explanation.evidence

    @property
    def seconds(self) -> float | None:
        """Seconds that the clips last, where known."""
        times = self.prediction.times
        return None if times is None else times.step_seconds * self.prediction.clips

    @property
    def targets(self) -> list[tuple[TargetPrediction, TargetExplanation]]:
        """What was predicted of each target, with what is told of it."""
        return list(zip(self.prediction.targets, self.explanation.targets, strict=True))

    @property
    def trained_on(self) -> Neighbour | None:
        """The training performance that this one is, or equals; None if there is none."""
        return self.explanation.trained_on

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON; pictures are left out."""
        targets = []
        for predicted, told in self.targets:
            name = predicted.target
            extra = {
                "moments": [asdict(one) for one in told.moments],
                "neighbours": [[asdict(n) for n in grade] for grade in told.neighbours],
                "judges": list(self.marks.get(name, ())),
                "official": self.official.get(name),
            }
            targets.append(predicted.to_json() | extra)
        return self.prediction.to_json() | {
            "targets": targets,
            "strangeness": self.explanation.strangeness,
            "unlike_training_data": self.explanation.strange,
            "trained_on": self.trained_on.id if self.trained_on else None,
            "video": self.film.name if self.film else None,
            "evidence": self.evidence.to_json(),
            "elements": [element.to_json() for element in self.elements],
        }


@dataclass(frozen=True)
class Rank:
    """The place of one performance among several."""

    performance: Performance
    predicted: TargetPrediction
    best: int
    """The best place that its interval leaves possible, from 1; without intervals, its place."""
    worst: int


@dataclass(frozen=True)
class Report:
    """One or more performances as one model sees them."""

    model: ModelFacts
    performances: tuple[Performance, ...]

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the scores."""
        return self.model.targets

    def ranking(self, target: str) -> list[Rank]:
        """The performances from the highest score down, with the places they may have."""
        entries = [(one, one.prediction[target]) for one in self.performances]
        entries.sort(key=lambda pair: -pair[1].score)
        predicted = [entry for _, entry in entries]
        return [
            Rank(one, entry, *places(predicted, place))
            for place, (one, entry) in enumerate(entries, 1)
        ]

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return {
            "kind": KIND,
            "cofinal": __version__,
            "strange_from": STRANGE,
            "model": self.model.to_json(),
            "performances": [one.to_json() for one in self.performances],
            "ranking": {
                target: [
                    {"id": r.performance.id, "score": r.predicted.score}
                    | {"best": r.best, "worst": r.worst}
                    for r in self.ranking(target)
                ]
                for target in (self.targets if len(self.performances) > 1 else ())
            },
        }


def instants(explanation: Explanation) -> list[float]:
    """Seconds in the middle of the strongest moments, of which a page shows pictures."""
    moments = [one for told in explanation.targets for one in told.moments]
    return [
        (one.start_seconds + one.end_seconds) / 2
        for one in moments
        if one.start_seconds is not None and one.end_seconds is not None
    ]


def places(ranked: Sequence[TargetPrediction], place: int) -> tuple[int, int]:
    """The best and the worst place (from 1) of the one at `place`, by the intervals.

    Only one whose interval lies wholly above is certainly better; where intervals overlap, the
    two are not told apart.
    """
    interval = ranked[place - 1].interval
    if interval is None:
        return place, place
    known = [entry.interval for entry in ranked if entry.interval is not None]
    above = sum(low > interval[1] for low, _ in known)
    below = sum(high < interval[0] for _, high in known)
    return 1 + above, len(ranked) - below
