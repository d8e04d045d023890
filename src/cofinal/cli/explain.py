"""`cofinal explain`: the moments that a score rests on, and training performances alike."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cofinal.cli.performances import PerformancesCommand
from cofinal.settings import Between, Count
from cofinal.times import span

if TYPE_CHECKING:
    from cofinal.explain.elements import PlacedElement
    from cofinal.explain.evidence import Evidence
    from cofinal.explain.explanation import Explanation, TargetExplanation
    from cofinal.explain.moments import Moment


@dataclass(frozen=True)
class Explain(PerformancesCommand):
    """Tell which moments raised or lowered the scores of performances, and whom they are like.

    A moment's points are what its clips added to the answer for an average performance ("votes"):
    with those of all other clips they add up to the score. Methods without votes leave single
    clips out instead ("occlusion"): points are how much the score changes then. Neither is a
    judge's deduction; docs/explanations_measured.md has what both were measured to be worth.
    """

    method: Literal["votes", "occlusion", "attention", "gradients"] | None = field(
        default=None, kw_only=True
    )
    """Clips' votes, which add up to the score; or leave clips out; or tell where the model looked;
    or follow the score's gradients. Votes, or occlusion where a model has none, if left out."""
    width: Count = field(default=1, kw_only=True)
    """For occlusion: clips left out together."""
    moments: Annotated[int, Between(0, 1000)] = field(default=3, kw_only=True)
    """Moments told for each target."""
    sheet: Path | None = field(default=None, kw_only=True)
    """Elements of the performances in order (JSON or CSV): tells what each did to the scores. Times
    come from the sheet, else from a model trained with `--sheet`."""
    json: bool = field(default=False, kw_only=True)
    """Print everything as JSON, each clip's evidence included."""

    def run(self) -> int:
        """Explains and prints."""
        from cofinal.modelfolder.aligner import element_source

        self.check_performances("explain")
        scorer = self.scorer()
        _ = scorer.neighbours  # read now: a damaged index is one mistake, not one a performance
        source = element_source(self.sheet, scorer.folder or self.model, scorer.info)
        how = (self.method, self.width, self.moments)
        numbers = self.numbers(scorer, self.sheet)

        def explained(path: Path) -> Explanation:
            features = self.features(scorer, path)
            return scorer.score_and_explain(features, *how, numbers[path], source)[1]

        told, status = self.each(explained)
        if self.json:
            print(json.dumps([entry.to_json() for entry in told], indent=2))
        elif told:
            print("\n\n".join(describe_explanation(entry) for entry in told))
        return status


def describe_explanation(entry: Explanation) -> str:
    """An explanation for people."""
    from cofinal.explain.elements import told_places

    lines = [f"{entry.id} ({entry.evidence.values_KT.shape[1]} clips)"]
    if entry.strange:
        lines.append(
            f"  unlike the training data: stranger than {entry.strangeness:.0f} % of it, "
            "so trust the score less"
        )
    if entry.elements:
        lines.append(f"  {told_places(entry.elements)}")
    if entry.trained_on:
        lines.append(
            f"  the model was trained on this very performance ({entry.trained_on.id}), "
            "so its score says nothing about new ones"
        )
    for told in entry.targets:
        grade = "" if told.grade is None else f", grade {told.grade} of {told.grades}"
        execution = "" if told.execution is None else f", {told.execution:.2f} of execution"
        lines.append(f"  {told.target}: {told.score:.2f} points{execution}{grade}")
        average = entry.evidence.average(told.target)
        if average is not None:
            lines.append(
                f"    {told.score:.2f} = {average:.2f} for an average performance "
                f"{round(told.score, 2) - round(average, 2):+.2f} by its clips"
            )
        lines += [f"    {line(one, entry.evidence)}" for one in told.moments]
        if not told.moments:
            lines.append("    no moment counts for more than another")
        lines += [f"    {element_line(one, told.target, entry.evidence)}" for one in entry.elements]
        lines += neighbour_lines(told)
    if not any(told.neighbours for told in entry.targets):
        lines.append(
            "  this model keeps no index of its training performances, so none alike are named, "
            "nor whether this one is unlike them"
        )
    return "\n".join(lines)


def line(one: Moment, evidence: Evidence) -> str:
    """A moment, for example "1:05 to 1:09: -0.80 points"."""
    when = span(one.start_seconds, one.end_seconds, one.stretch)
    return f"{when}: {evidence_value(one.value, evidence)}{most_by(one.cause)}"


def evidence_value(value: float, evidence: Evidence) -> str:
    """What a value of evidence counts, for example "-0.80 points"."""
    return f"{value:+.2f} points" if evidence.unit == "points" else f"{value:.0%} looked at"


def element_line(one: PlacedElement, target: str, evidence: Evidence) -> str:
    """An element, for example "3. split leap, 1:05 to 1:09: -0.80 points"."""
    place = one.placement
    when = span(place.start_seconds, place.end_seconds, place.stretch)
    value = evidence_value(one.values[target], evidence)
    cause = most_by(one.causes.get(target, ""))
    return f"{one.number}. {one.element.name}, {when}: {value}{cause}"


def most_by(cause: str) -> str:
    """The quantity that did most, where there is one."""
    return f", most by {cause}" if cause else ""


def neighbour_lines(told: TargetExplanation) -> list[str]:
    """The training performances most like this one, a line per grade."""
    lines = []
    for grade, alike in enumerate(told.neighbours, 1):
        of_what = "" if told.execution is None else "execution "
        names = ", ".join(
            f"{n.id} ({of_what}{n.score:.2f}, similarity {n.similarity:.2f})" for n in alike
        )
        of = f"    most alike in grade {grade}" if told.grade is not None else "    most alike"
        lines.append(f"{of}: {names or 'none'}")
    return lines
