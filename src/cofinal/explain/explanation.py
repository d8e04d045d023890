"""Everything that is told of one performance: evidence, strongest moments, performances alike."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np

from cofinal.errors import CofinalError
from cofinal.explain.causes import with_causes, with_element_causes
from cofinal.explain.elements import ElementSource, PlacedElement, stretch_points
from cofinal.explain.evidence import WIDTH, Evidence, occlusion, votes
from cofinal.explain.moments import Moment, strongest_moments
from cofinal.explain.neighbours import STRANGE, Neighbour, NeighbourIndex
from cofinal.explain.ways import Way
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import ModelOutput
from cofinal.records import ClipFeatures, Prediction, Record

Method = Literal["votes", "occlusion", "attention", "gradients"]
# Of this similarity on, two performances are the same film: vectors are kept with 16 bits.
SAME = 0.99


@dataclass(frozen=True, eq=False)
class TargetExplanation(Record):
    """What is told of one target."""

    target: str
    score: float
    grade: int | None
    grades: int
    """How many there are; 1 for methods without."""
    moments: list[Moment]
    neighbours: list[list[Neighbour]]
    """For each grade, lowest first; empty if the model keeps no index. Where there is an execution,
    their scores are executions."""
    execution: float | None = None
    """What is left of the score without what is given, in points; None where nothing is."""


@dataclass(frozen=True, eq=False)
class Explanation(Record):
    """What is told of one performance."""

    id: str
    evidence: Evidence
    targets: list[TargetExplanation]
    strangeness: float | None
    """Percentage of training performances that are less unlike the rest of them."""
    elements: list[PlacedElement] = field(default_factory=list)
    """Empty without a sheet."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return {
            "id": self.id,
            "strangeness": self.strangeness,
            "evidence": self.evidence.to_json(),
            "targets": [asdict(target) for target in self.targets],
            "elements": [element.to_json() for element in self.elements],
        }

    @property
    def strange(self) -> bool:
        """Whether people should be warned that it is unlike the training data."""
        return self.strangeness is not None and self.strangeness >= STRANGE

    @property
    def trained_on(self) -> Neighbour | None:
        """The training performance that this one is, or equals; None if there is none."""
        alike = [n for told in self.targets for grade in told.neighbours for n in grade]
        return next((n for n in alike if n.similarity >= SAME), None)


def explain(
    model: Ensemble,
    features: ClipFeatures,
    prediction: Prediction,
    index: NeighbourIndex | None,
    method: Method | None = None,
    width: int = WIDTH,
    moments: int = 3,
    source: ElementSource | None = None,
    output: ModelOutput | None = None,
) -> Explanation:
    """Gathers what a prediction rests on.

    Args:
        model: the trained members.
        features: what they saw.
        prediction: what they said of it.
        index: of the training performances, where the model keeps one.
        method: how evidence is found; None for votes, or occlusion where the model has none.
        width: for occlusion: clips left out together.
        moments: moments told for each target, 1 or more.
        source: elements of the performances, where a sheet is given.
        output: what the model said of this performance alone, where it is at hand; so votes need
            no second pass.

    Raises:
        CofinalError: no moments, or evidence that this method or performance cannot give.
    """
    if moments < 1:
        raise CofinalError(f"--moments is {moments}; expected 1 or more")
    evidence = find_evidence(model, features, method, width, output)
    found = {t.target: strongest_moments(evidence, t.target, moments) for t in prediction.targets}
    if evidence.method == "occlusion":
        found = left_out_whole(model, features, found)
    found = {name: with_causes(model, features, found[name], evidence.row(name)) for name in found}
    targets = []
    for entry in prediction.targets:
        grades = max(entry.grades, 1)
        alike = [
            index.nearest(features.values, entry.target, grade)
            for grade in range(1, grades + 1)
            if index is not None
        ]
        targets.append(
            TargetExplanation(
                entry.target,
                entry.score,
                entry.grade,
                grades,
                found[entry.target],
                alike,
                entry.execution.score if entry.execution else None,
            )
        )
    percentile = index.strangeness(features.values).percentile if index else None
    elements = source.explain(model, features, evidence) if source else []
    elements = with_element_causes(model, features, elements, evidence.targets)
    return Explanation(prediction.id, evidence, targets, percentile, elements)


def left_out_whole(
    model: Ensemble, features: ClipFeatures, found: dict[str, list[Moment]]
) -> dict[str, list[Moment]]:
    """The moments of each target with the points it loses without all their clips, strongest first.

    All moments are left out side by side, so that the whole is assessed once.
    """
    stretches = [one.stretch for moments in found.values() for one in moments]
    if not stretches:
        return found
    points_KE = stretch_points(model, features.values, stretches)
    worth = {}
    for target, moments in found.items():
        own_E, points_KE = np.split(points_KE, [len(moments)], axis=1)
        k = model.first.task.targets.index(target)
        told = [replace(m, value=float(v)) for m, v in zip(moments, own_E[k], strict=True)]
        worth[target] = sorted(told, key=lambda one: -abs(one.value))
    return worth


def find_evidence(
    model: Ensemble,
    features: ClipFeatures,
    method: Method | None = None,
    width: int = WIDTH,
    output: ModelOutput | None = None,
) -> Evidence:
    """The evidence of the method asked for; see `explain` for arguments.

    Raises:
        CofinalError: evidence that the model or the performance cannot give.
    """
    if method is None:
        return votes(model, features, output) or occlusion(model, features, width)
    found = Way(method, method, width).explain(model, features, output)
    if found is None:
        raise CofinalError(f"this model's method has no {method}; use --method occlusion")
    return found
