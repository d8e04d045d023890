"""What a report says in words, beside its drawings."""

from __future__ import annotations

from collections.abc import Sequence

from cofinal.explain.aligner import Placement
from cofinal.explain.elements import PlacedElement, told_places
from cofinal.explain.evidence import Evidence
from cofinal.records import TargetPrediction
from cofinal.reports.model_facts import ModelFacts
from cofinal.reports.page_data import Rank
from cofinal.times import span

# Points below which two decimals would tell next to nothing.
SMALL = 0.05
MINUS, DASH = "\N{MINUS SIGN}", "\N{EN DASH}"


def points(value: float) -> str:
    """A score, for example "8.42"."""
    return f"{value:.2f}".replace("-", MINUS)


def signed(value: float) -> str:
    """Points added or lost, for example "+0.42"; what is small has a digit more."""
    digits = 2 if abs(value) >= SMALL or not value else 3
    return f"{value:+.{digits}f}".replace("-", MINUS)


def short(value: float, evidence: Evidence) -> str:
    """The number alone: signed points, or the share of attention."""
    return signed(value) if evidence.unit == "points" else percent(value)


def percent(share: float) -> str:
    """A share, for example "41 %"."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def amount(value: float, evidence: Evidence) -> str:
    """What a moment counts: signed points, or the share of attention."""
    return (
        f"{signed(value)} points" if evidence.unit == "points" else f"{percent(value)} of attention"
    )


def clips_when(first_clip: int, clips: int, evidence: Evidence) -> str:
    """When clips are seen, for example "0:05 to 0:09"; their numbers where times are unknown."""
    ends = evidence.seconds(first_clip), evidence.seconds(first_clip + clips)
    return span(*ends, (first_clip, clips))


def element_when(place: Placement) -> str:
    """When an element is seen, alike."""
    return span(place.start_seconds, place.end_seconds, place.stretch)


def elements_sentence(elements: Sequence[PlacedElement], evidence: Evidence) -> str:
    """What the table of elements tells, and where their places come from."""
    added_up = "share of attention" if evidence.method == "attention" else "points"
    what = (
        "Points by which each score changes for this model when the whole element is left out"
        if evidence.method == "occlusion"
        else f"The evidence of each score's time line, in {added_up}, added up over the element's "
        "clips"
    )
    places = told_places(elements)
    return (
        f"{what}: no judge's value, grade of execution or deduction. "
        f"{places[0].upper()}{places[1:]}."
    )


def score_sentence(entry: TargetPrediction, facts: ModelFacts) -> str:
    """What the interval promises, or why there is none."""
    if entry.interval is None or entry.confidence is None:
        return (
            "No interval is known, because this model was not calibrated: how far the score may be "
            "off cannot be told. Training with --calibration folds adds one."
        )
    low, high = entry.interval
    return (
        f"Of many performances like the {facts.calibrated_on} the model was calibrated on, "
        f"{100 * entry.confidence:g} % have the judges' score inside such an interval, here "
        f"{points(low)} to {points(high)}. That is no promise for a single performance, nor for "
        "other events, judges or cameras."
    )


def execution_sentence(entry: TargetPrediction) -> str | None:
    """The total as execution and what was given; None where nothing was."""
    told = entry.execution
    if told is None:
        return None
    text = f"{points(entry.score)} = {points(told.score)} of execution"
    if told.factor != 1:
        text += f" \N{MULTIPLICATION SIGN} {told.factor:g} given"
    if told.term:
        text += f" {'+' if told.term > 0 else MINUS} {points(abs(told.term))} given"
    if told.interval:
        text += f"; the execution is {points(told.interval[0])} to {points(told.interval[1])}"
    return f"{text}. The grade is the execution's."


def grade_sentence(entry: TargetPrediction) -> str | None:
    """Grade and place in words; None for models that know no grades."""
    if entry.grade is None or entry.grade_edges is None:
        return None
    low, high = entry.grade_edges[entry.grade - 1 : entry.grade + 1]
    assert entry.at_least is not None and entry.at_most is not None
    return (
        f"The score lies in grade {entry.grade} of {entry.grades} ({points(low)} to "
        f"{points(high)} points), {entry.place_words}. With {percent(entry.at_least)} it is grade "
        f"{entry.grade} or higher, with {percent(entry.at_most)} grade {entry.grade} or lower."
    )


def judges_sentence(entry: TargetPrediction, marks: Sequence[float]) -> str | None:
    """The judges' spread against the score; None without marks."""
    if not marks:
        return None
    low, high = min(marks), max(marks)
    if len(marks) == 1:
        return f"One judge gave {points(low)}."
    if entry.score < low:
        where = f"{points(low - entry.score)} points below the lowest of them"
    elif entry.score > high:
        where = f"{points(entry.score - high)} points above the highest of them"
    else:
        where = "among them"
    return (
        f"{len(marks)} judges gave {points(low)} to {points(high)}, {points(high - low)} points "
        f"apart; the model's score lies {where}."
    )


def left_out(width: int) -> str:
    """What occlusion leaves out for one bar."""
    return "its clip is left out" if width == 1 else f"the {width} clips around it are left out"


def evidence_sentence(evidence: Evidence) -> str:
    """What the bars of the time line mean, and what they do not."""
    if evidence.method == "attention":
        return (
            "Bars show where the model looked. "
            "Looking has no direction: it may have raised the score or lowered it."
        )
    if evidence.method == "votes":
        return (
            "A bar is the points that its clip added to the answer for an average performance: "
            "upwards raised the score, downwards lowered it, and all bars together make the "
            "difference. It is not a judge's deduction."
        )
    what = (
        left_out(evidence.width)
        if evidence.method == "occlusion"
        else "the performance departs from its own average there (integrated gradients)"
    )
    return (
        f"A bar is the points by which the score changes for this model when {what}: upwards "
        "raised the score, downwards lowered it. It is not a judge's deduction."
    )


def rows_sentence(entry: TargetPrediction) -> str:
    """What the rows below the bars mean."""
    if entry.votes is not None:
        return (
            "The rows below the bars show what each clip says for a grade (blue) and against it "
            "(orange): the stronger the colour, the more."
        )
    if entry.attention is None:
        return ""
    most = float(entry.attention.max()) * entry.attention.shape[1]
    return (
        "The rows below the bars show where each query of the model looked: the stronger the "
        f"colour, the more. The most is {most:.1f} times an equal share of attention."
    )


def sum_sentence(entry: TargetPrediction, evidence: Evidence) -> str | None:
    """The score as a sum; None for evidence that does not add up."""
    average = evidence.average(entry.target)
    if average is None:
        return None
    # Of the printed numbers, so that the sum is right to the eye.
    rest = round(entry.score, 2) - round(average, 2)
    sign = "+" if rest >= 0 else MINUS
    return (
        f"{points(entry.score)} = {points(average)} for an average performance {sign} "
        f"{points(abs(rest))}: the bars."
    )


def place_label(rank: Rank) -> str:
    """A place among several, for example "3", or "2\N{EN DASH}4" where intervals overlap."""
    return str(rank.best) if rank.best == rank.worst else f"{rank.best}{DASH}{rank.worst}"
