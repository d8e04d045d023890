"""Whether the raters agree, in numbers and in words: `cofinal agreement` on the page's marks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cofinal.agreement.figures import draw_agreement
from cofinal.agreement.measure import TargetAgreement, measure_agreement
from cofinal.agreement.model import read_predictions
from cofinal.agreement.reliability import judges_needed
from cofinal.agreement.tables import AgreementReport
from cofinal.config import AgreementSettings
from cofinal.data.judges import JudgeMarks, judge_marks
from cofinal.errors import CofinalError
from cofinal.page.exports import write
from cofinal.page.films import Films
from cofinal.page.store import Store

# What Krippendorff asks for, and the least that he lets pass for tentative conclusions.
USUAL, LEAST = 0.8, 0.667
# The reliability for which it is told how many raters or repeats it takes.
WANTED = 0.9
# Fewer films tell a correlation only so roughly that any would do.
FEW_FILMS = 20

Predictions = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Agreement:
    """What was found about the raters."""

    found: list[TargetAgreement]
    left_out: dict[str, str]
    """Target -> why nothing can be said of it yet."""
    judged: JudgeMarks
    predictions: Predictions | None
    """Target -> film -> points of the model, which is then one more judge."""

    def save(self, folder: Path) -> list[Path]:
        """Writes agreement.json, agreement.md and a figure of each target; gives their paths."""
        settings = AgreementSettings()
        report = AgreementReport("cofinal agreement judges.csv", None, settings, self.found)
        report.save(folder / "agreement" / "agreement")
        draw_agreement(self.found, self.judged, folder / "agreement", self.predictions)
        return sorted((folder / "agreement").iterdir())

    def draw(self, number: int, folder: Path) -> None:
        """Draws the figure of one target, counted from 0, into a folder."""
        draw_agreement([self.found[number]], self.judged, folder, self.predictions)


def agreement(store: Store, films: Films, predicted: Path | None = None) -> Agreement:
    """Measures the raters on every target that two of them marked.

    Args:
        store: the file of marks.
        films: beside which judges.csv is written, which the command line takes as it is.
        predicted: predictions.csv of an evaluation.

    Raises:
        CofinalError: there are no marks.
    """
    judged = judge_marks(write(store, films, "judges.csv"))
    predictions = None
    if predicted is not None and predicted.is_file():
        predictions = read_predictions(predicted, tuple(judged.marks))
    found: list[TargetAgreement] = []
    left_out = {}
    for target in judged.marks:
        settings = AgreementSettings(targets=(target,))
        try:
            found += measure_agreement(judged, settings, None, predictions)
        except CofinalError as error:
            left_out[target] = str(error)
    return Agreement(found, left_out, judged, predictions)


def sentences(one: TargetAgreement) -> Iterator[str]:
    """What the numbers mean, for people who do not know them."""
    yield from _whether(one)
    yield from _who(one)
    yield from _how_many(one)
    yield from _again(one)
    yield from _model(one)
    if one.performances < FEW_FILMS:
        yield (
            f"{one.performances} films are few: look at the intervals, not at the numbers alone, "
            "and mark more films before you decide anything by this."
        )


def _whether(one: TargetAgreement) -> Iterator[str]:
    if one.alpha is None:
        return
    if one.alpha >= USUAL:
        verdict = "The raters agree well"
    elif one.alpha >= LEAST:
        verdict = "The raters agree enough for tentative conclusions"
    elif one.alpha > 0:
        verdict = "The raters agree too little for their mean to be trusted as it is"
    else:
        verdict = "The raters agree no more than chance would"
    within = ""
    if one.alpha_interval:
        low, high = one.alpha_interval
        within = f", between {low:.2f} and {high:.2f} with 95 % confidence"
    demand = f"{USUAL} is the usual demand"
    yield f"{verdict}: Krippendorff's alpha is {one.alpha:.2f}{within}; {demand}."


def _who(one: TargetAgreement) -> Iterator[str]:
    """Raters whose level differs from the others' beyond chance, the one farthest off first."""
    certain = [
        row
        for row in one.differences
        if row.bias_interval and (row.bias_interval[0] > 0 or row.bias_interval[1] < 0)
    ]
    if len(one.judges) == 2:
        certain = [row for row in certain if row.bias > 0]  # the other one is its mirror
    for row in sorted(certain, key=lambda row: -abs(row.bias)):
        word = "more" if row.bias > 0 else "less"
        assert row.bias_interval is not None
        low, high = sorted(abs(end) for end in row.bias_interval)
        others = [name for name in one.judges if name != row.judge]
        yield (
            f"{row.judge} gives {abs(row.bias):.2f} points {word} than "
            f"{others[0] if len(others) == 1 else 'the others'} on average "
            f"({low:.2f} to {high:.2f})."
        )
    if not certain and len(one.differences) > 1:
        yield "Nobody is certainly more generous or stricter than the others."


def _how_many(one: TargetAgreement) -> Iterator[str]:
    needed = one.needed.get(f"{WANTED:g}")
    if one.reliability is None:
        yield "How many raters are needed can be told once two films have the marks of everyone."
    elif needed is None:
        yield (
            "No number of raters like these would give a mean to rely on: talk about the scale "
            "first."
        )
    else:
        short = needed - one.reliability.judges
        enough = f"{short} more than there are" if short > 0 else "there are enough"
        raters = "one rater" if needed == 1 else f"{needed} raters"
        yield f"A mean with reliability {WANTED} needs {raters} like these: {enough}."


def _again(one: TargetAgreement) -> Iterator[str]:
    for row in one.repeats:
        films = f"{row.performances} film{'s' if row.performances > 1 else ''}"
        told = (
            f"{row.judge} saw {films} twice unawares; two of {row.judge}'s marks must differ by "
            f"{row.smallest_change:.2f} points to mean different performances"
        )
        needed = judges_needed(row.icc, WANTED) if row.icc is not None else None
        if needed is None:
            yield f"{told}."
        elif needed == 1:
            yield f"{told}. One mark of {row.judge}'s repeats with reliability {WANTED}."
        else:
            yield (
                f"{told}. The mean of {needed} marks of the same film, days apart, would repeat "
                f"with reliability {WANTED}."
            )


def _model(one: TargetAgreement) -> Iterator[str]:
    if one.model is None:
        return
    row = one.model
    if row.worth_judges is not None:
        yield (
            f"The model errs as much as the mean of {row.worth_judges:.1f} raters would, on "
            f"{row.performances} films that it had not seen."
        )
    else:
        side = "above" if row.difference.bias > 0 else "below"
        yield (
            f"The model, asked about {row.performances} films that it had not seen, is on average "
            f"{abs(row.difference.bias):.2f} points {side} the raters' mean."
        )
