"""What was found about the judges as tables, each number with a sentence on what it means."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cofinal.agreement.bland_altman import Difference
from cofinal.agreement.measure import TargetAgreement
from cofinal.agreement.model import ModelAsJudge
from cofinal.agreement.reliability import Reliability
from cofinal.agreement.repeats import Repeat
from cofinal.config import AgreementSettings
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import markdown_table
from cofinal.version import __version__

HEAD = ("", "value", "95 % interval", "what it means")
Row = tuple[str, str, str, str]
DIFFERENCE_HEAD = (
    "judge", "performances", "bias", "95 % interval", "spread", "limits of agreement",
)  # fmt: skip
REPEAT_HEAD = (
    "judge", "performances", "ICC(2,1)", "95 % interval", "standard error", "smallest change",
    "drift",
)  # fmt: skip


@dataclass(frozen=True)
class AgreementReport:
    """The agreement of judges on every target, with everything to repeat it."""

    command: str
    group: str | None
    """Column of the groups inside which reliability was measured; None for none."""
    settings: AgreementSettings
    targets: Sequence[TargetAgreement]

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values."""
        return {
            "command": self.command,
            "version": __version__,
            "group": self.group,
            "settings": asdict(self.settings),
            "targets": [found.to_json() for found in self.targets],
        }

    def markdown(self) -> str:
        """All tables as Markdown."""
        lines = ["# Do the judges agree?", "", f"`{self.command}`", ""]
        for found in self.targets:
            lines += target_lines(found, self.group)
        return "\n".join(lines[:-1])

    def save(self, stem: str | Path) -> None:
        """Writes STEM.json and STEM.md."""
        write_json(f"{stem}.json", self.to_json())
        write_text(f"{stem}.md", self.markdown() + "\n")


def target_lines(found: TargetAgreement, group: str | None) -> list[str]:
    """Heading, notes and tables of one target, with an empty line behind each."""
    heading = f"## {found.target}: {found.performances} performances, {len(found.judges)} judges"
    lines = [line for text in (heading, *notes(found, group)) for line in (text, "")]
    lines += markdown_table(HEAD, panel_rows(found))
    lines += ["Each judge against the mean of the others, in points:", ""]
    lines += markdown_table(DIFFERENCE_HEAD, map(difference_row, found.differences))
    lines += [
        "A judge with a bias above 0 is generous; of its differences from the others 95 % lie "
        "between the limits.",
        "",
    ]
    if found.repeats:
        lines += ["The same judge again, first mark against last:", ""]
        lines += markdown_table(REPEAT_HEAD, map(repeat_row, found.repeats))
        lines += ["No agreement with others can exceed a judge's with its own marks.", ""]
    if found.model:
        lines += [
            f"The model as one more judge, on {found.model.performances} performances it was not "
            "trained on:",
            "",
        ]
        lines += markdown_table(HEAD, model_rows(found.model))
    return lines


def notes(found: TargetAgreement, group: str | None) -> Iterator[str]:
    """What was measured on other performances or columns than the heading says."""
    if found.seats < len(found.judges):
        yield (
            f"Panels change: no performance has more than {found.seats} marks. Reliability is that "
            "of seats, which a performance's judges take in the order of their names."
        )
    if found.reliability is None:
        yield (
            f"Reliability needs two performances with the marks of all {found.seats}; there are "
            "none, so only the numbers are told that allow gaps."
        )
    elif found.reliability.performances < found.performances:
        yield (
            f"Reliability is measured on the {found.reliability.performances} performances that "
            f"{'all' if found.seats == len(found.judges) else 'as many'} judges marked"
            + (f" and whose {group} has another one." if group else ".")
        )
    if group and found.reliability:
        yield (
            f"Reliability is that inside one {group}, where levels are alike and one panel sits; "
            "the other numbers are over all performances."
        )
    yield f"Bootstrap intervals (alpha, SRCC, ratio) draw {found.human.resampled}."


def reliability_rows(reliable: Reliability) -> Iterator[Row]:
    """Rows about marks of which none is missing."""
    share = f"{max(reliable.icc_one, 0):.0%}"
    yield (
        "ICC(2,1)", number(reliable.icc_one), ends(reliable.icc_one_interval),
        f"{share} of the variance of one judge's mark is the performance's; the rest is who "
        "judges, and chance",
    )  # fmt: skip
    yield (
        "ICC(2,k)", number(reliable.icc_panel), ends(reliable.icc_panel_interval),
        f"the same for the mean of {reliable.judges} judges",
    )  # fmt: skip
    yield (
        "standard error of a mark", number(reliable.standard_error, 2), "",
        "points by which one judge's mark typically misses what all such judges would give",
    )  # fmt: skip
    yield (
        "smallest detectable change", number(reliable.smallest_change, 2), "",
        "points; two marks of single judges that differ by less may mean equal performances",
    )  # fmt: skip


def panel_rows(found: TargetAgreement) -> Iterator[Row]:
    """Rows about the panel as a whole."""
    human = found.human
    if found.reliability:
        yield from reliability_rows(found.reliability)
    yield (
        "Krippendorff's alpha, interval", number(found.alpha), ends(found.alpha_interval),
        "1 is perfect, 0 what chance gives; .8 is the usual demand, .667 the least",
    )  # fmt: skip
    yield (
        "Krippendorff's alpha, ordinal", number(found.ordinal_alpha),
        ends(found.ordinal_alpha_interval), "the same when only the order of marks counts",
    )  # fmt: skip
    if found.edges:
        edges = ", ".join(f"{edge:.2f}" for edge in found.edges[1:-1])
        yield (
            f"weighted kappa, {len(found.edges) - 1} grades", number(found.kappa), "",
            f"agreement of two judges' grades beyond chance; grades change at {edges}",
        )  # fmt: skip
    yield (
        "SRCC of one judge", number(human.srcc), ends(human.srcc_interval),
        "rank correlation with the mean of the others",
    )  # fmt: skip
    if human.within_srcc is not None:
        meaning = "the same among the performances of one group, averaged"
        yield "SRCC inside groups", number(human.within_srcc), "", meaning
    if found.needed:
        needed = ", ".join("-" if count is None else str(count) for count in found.needed.values())
        wanted = ", ".join(found.needed)
        meaning = f"so many judges' mean has reliability {wanted} (Spearman-Brown)"
        yield "judges needed", needed, "", meaning


def difference_row(row: Difference) -> list[str]:
    """One judge's bias and spread."""
    numbers = [f"{row.bias:+.2f}", ends(row.bias_interval, 2, "+"), number(row.spread, 2)]
    return [row.judge, str(row.performances), *numbers, ends(row.limits, 2, "+")]


def repeat_row(row: Repeat) -> list[str]:
    """How well one judge repeats its own marks."""
    points = [number(row.standard_error, 2), number(row.smallest_change, 2), f"{row.drift:+.2f}"]
    return [
        row.judge,
        str(row.performances),
        number(row.icc),
        ends(row.icc_interval),
        *points,
    ]


def model_rows(model: ModelAsJudge) -> Iterator[Row]:
    """Rows about the model as one more judge."""
    gap, worth = model.difference, model.worth_judges
    yield (
        "bias", f"{gap.bias:+.2f}", ends(gap.bias_interval, 2, "+"),
        "points above the mean of the judges",
    )  # fmt: skip
    yield (
        "spread", number(gap.spread, 2), ends(gap.limits, 2, "+"),
        "standard deviation of its differences, and the limits of agreement in points",
    )  # fmt: skip
    yield "SRCC", number(model.srcc), "", "rank correlation with the mean of the judges"
    yield "weighted kappa", number(model.kappa), "", "mean over the judges, of grades"
    if model.panel and model.panel_with_model:
        joined = model.panel_with_model
        yield (
            "ICC(2,1) with the model", number(joined.icc_one), ends(joined.icc_one_interval),
            f"of the judges alone {model.panel.icc_one:.3f} on the same performances",
        )  # fmt: skip
    yield (
        "ratio of disagreement", number(model.ratio), ends(model.ratio_interval),
        "two judges' mean squared difference over the model's from a judge; 1 if it passes for one",
    )  # fmt: skip
    if worth is None:
        yield "worth in judges", "all", "", "it errs no more than the mean of the whole panel"
    else:
        yield "worth in judges", number(worth, 2), "", "so many judges' mean would err as much"


def number(value: float | None, digits: int = 3) -> str:
    """A number for people, a dash where undefined."""
    return "-" if value is None else f"{value:.{digits}f}"


def ends(interval: tuple[float, float] | None, digits: int = 3, sign: str = "") -> str:
    """An interval for people, a dash where undefined."""
    return "-" if interval is None else " to ".join(f"{x:{sign}.{digits}f}" for x in interval)
