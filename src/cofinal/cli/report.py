"""`cofinal report`: a page, a picture or data of what a model says of performances, and why."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from cofinal.cli.performances import PerformancesCommand
from cofinal.settings import Between, Count

if TYPE_CHECKING:
    from cofinal.records import ClipFeatures
    from cofinal.reports.page_data import Report
    from cofinal.scorer import Scorer

SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".png": "png"}


@dataclass(frozen=True)
class ReportCommand(PerformancesCommand):
    """Make a page of scores, their intervals, and the moments they rest on.

    The page needs no network and no other file, but for videos too large to be put into it. Several
    performances are ranked. A page shows names and scores of the training performances that are
    most alike.
    """

    out: Annotated[Path | None, tyro.conf.arg(aliases=["-o"])] = field(default=None, kw_only=True)
    """File to write; "-" prints JSON. By default report.html, report.png, or JSON on the screen."""
    format: Literal["html", "json", "png"] | None = field(default=None, kw_only=True)
    """By default what the ending of --out says, else html."""
    video: Path | None = field(default=None, kw_only=True)
    """For .npy files: their video, or the folder in which ID.mp4 (or another ending) lies."""
    embed_video: Literal["auto", "yes", "no"] = field(default="auto", kw_only=True)
    """Put videos into the page; "auto" does so up to 64 MB, and links to larger ones."""
    judges: Path | None = field(default=None, kw_only=True)
    """Marks of each judge: a CSV with id, judge, target, mark, or Fis-V's score sheets."""
    labels: Path | None = field(default=None, kw_only=True)
    """Official scores: a CSV with id and a column per score."""
    sheet: Path | None = field(default=None, kw_only=True)
    """Elements of the performances in order (JSON or CSV): shows what each did to the scores. Times
    come from the sheet, else from a model trained with `--sheet`."""
    confidence: float | None = field(default=None, kw_only=True)
    """Confidence of the intervals; 0.9 if left out and the model is calibrated."""
    method: Literal["votes", "occlusion", "attention", "gradients"] | None = field(
        default=None, kw_only=True
    )
    """Evidence: clips' votes, which add up to the score; leave clips out; where the model looked;
    or follow the score's gradients. Votes, or occlusion where a model has none, if left out."""
    width: Count = field(default=1, kw_only=True)
    """For occlusion: clips left out together."""
    moments: Annotated[int, Between(0, 1000)] = field(default=3, kw_only=True)
    """Moments shown for each score."""

    def run(self) -> int:
        """Writes the report."""
        from cofinal.reports.output import check_target, write_report

        self.check_performances("report on")
        self.check_video()
        kind, out = self.chosen()
        if out is not None:
            check_target(out, kind, [*self.performances, *self.material()])
        report, status = self.report(out if kind == "html" else None)
        write_report(report, kind, out)
        if out is not None:
            print(f"Report: {out}")
        return status

    def chosen(self) -> tuple[str, Path | None]:
        """The format, and the file; None for the screen."""
        from cofinal.errors import CofinalError

        suffix = SUFFIXES.get(self.out.suffix.lower()) if self.out else None
        to_screen = self.out == Path("-")
        kind = self.format or suffix or ("json" if to_screen else "html")
        if suffix is None and self.out and self.out.suffix:
            raise CofinalError(
                f"--out {self.out} ends in {self.out.suffix}; expected .html, .json or .png "
                "(a page prints to PDF from the browser)"
            )
        if suffix is not None and suffix != kind:
            raise CofinalError(
                f"--out {self.out} ends as {suffix} does, but --format is {kind}; leave one out"
            )
        if to_screen and kind != "json":
            raise CofinalError(f"--out - prints JSON only, not {kind}; name a file")
        if to_screen or (self.out is None and kind == "json"):
            return kind, None
        return kind, self.out or Path(f"report.{kind}")

    def check_video(self) -> None:
        """Refuses a --video that does not tell which performance it shows."""
        from cofinal.data.archives import is_features
        from cofinal.errors import CofinalError

        if self.video is None or self.video.is_dir():
            return
        if not is_features(self.performances[0]):
            raise CofinalError(
                f"--video goes with .npy files, but {self.performances[0]} is none; "
                "name the video alone"
            )
        if len(self.performances) > 1:
            raise CofinalError(
                f"--video {self.video} is one file for {len(self.performances)} performances; "
                "name the folder in which their videos lie"
            )

    def material(self) -> list[Path]:
        """Files given beside the performances."""
        return [p for p in (self.video, self.judges, self.labels, self.sheet) if p is not None]

    def report(self, out: Path | None) -> tuple[Report, int]:
        """Everything that the report shows; videos only if `out` is a page. And the exit status."""
        from cofinal.errors import CofinalError
        from cofinal.workflows import ReportSettings, report_on

        scorer = self.scorer(self.confidence)
        numbers = self.numbers(scorer, self.sheet)
        found, status = self.each(lambda path: (self.seen(scorer, path), numbers[path]))
        if not found:
            raise CofinalError("no performance is left to report on; mend the files named above")
        seen, given = zip(*found, strict=True)
        how = ReportSettings(
            self.judges,
            self.labels,
            self.sheet,
            self.embed_video,
            self.method,
            self.width,
            self.moments,
        )
        refused: list[CofinalError] = []
        report = report_on(scorer, seen, out, how, given, refused.append)
        if not report.performances and len(refused) == 1:
            raise refused[0]
        for sentence in dict.fromkeys(map(str, refused)):
            print(f"cofinal: error: {sentence}", file=sys.stderr)
        if not report.performances:
            raise CofinalError("no performance is left to report on; mend the files named above")
        return report, 1 if refused else status

    def seen(self, scorer: Scorer, path: Path) -> tuple[ClipFeatures, Path | None]:
        """Features of one file, and its video where there is one."""
        from cofinal.data.archives import is_features
        from cofinal.reports.film import find_video, timed_by

        features = self.features(scorer, path)
        if not is_features(path):
            return features, path
        video = find_video(self.video, features.id) if self.video else None
        return (timed_by(features, video) if video else features), video
