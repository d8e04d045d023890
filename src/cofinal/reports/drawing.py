"""Where things lie in a report's drawings: across in percent, so that pages fit any width.

Letters: T clips, G grades.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cofinal.records import TargetPrediction
from cofinal.reports.page_data import Performance, Rank
from cofinal.times import clock

# Heights in pixels.
BARS = 120
# Seconds between marks of the time axis, of which the finest that leaves room is taken.
STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
MOST_TICKS = 6
# Of the score scale: room left at both ends, and the least distance of two numbers.
MARGIN, APART = 4.0, 10.0
# Times an equal share of attention that is drawn in full colour.
FULL = 3.0


@dataclass(frozen=True)
class Box:
    """A rectangle: across in percent of the width, down in pixels (or rows)."""

    x: float
    width: float
    y: float
    height: float
    kind: str = ""
    """What it stands for: "up" or "down" for evidence."""


@dataclass(frozen=True)
class Tick:
    """A mark on an axis."""

    x: float
    label: str


@dataclass(frozen=True)
class Bars:
    """Bars of evidence around a zero line."""

    boxes: tuple[Box, ...]
    zero: float
    """Pixels from the top to the zero line."""
    top: float
    """The value at the top, in points or as a share."""
    bottom: float
    """The value at the bottom, zero or below."""


def evidence_bars(value_T: np.ndarray, height: float = BARS) -> Bars:
    """Bars of clips, upwards for those that raised the score; one scale for both directions."""
    top, bottom = max(float(value_T.max()), 0.0), min(float(value_T.min()), 0.0)
    reach = (top - bottom) or 1.0
    zero = height * top / reach if top > bottom else height / 2
    boxes = []
    for clip, value in enumerate(value_T):
        tall = height * abs(float(value)) / reach
        y = zero - tall if value > 0 else zero
        kind = "up" if value > 0 else "down"
        boxes.append(Box(100 * clip / len(value_T), 100 / len(value_T), y, tall, kind))
    return Bars(tuple(boxes), zero, top, bottom)


@dataclass(frozen=True)
class Rows:
    """Strips below the bars: what was said or looked at, clip by clip, the last row first."""

    of: str
    """What a row stands for: "grade" or "query"."""
    values: np.ndarray
    """(rows, T) strength of colour from -1 (against) to 1 (for)."""


def rows(predicted: TargetPrediction) -> Rows | None:
    """Votes for and against each grade, else attention; None for methods without both.

    Full strength of attention is `FULL` times an equal share or, where that is reached, the most
    there is: so attention that hardly differs looks that way.
    """
    if predicted.votes is not None:
        strongest = float(np.abs(predicted.votes).max()) or 1.0
        return Rows("grade", (predicted.votes / strongest)[::-1].round(3))
    if predicted.attention is None:
        return None
    full = max(float(predicted.attention.max()), FULL / predicted.attention.shape[1])
    return Rows("query", (predicted.attention / full)[::-1].round(3))


def time_ticks(performance: Performance) -> list[Tick]:
    """Marks of the time axis; numbers of clips where times are not known."""
    clips, times = performance.prediction.clips, performance.prediction.times
    if times is None:
        every = max(-(-clips // MOST_TICKS), 1)
        return [Tick(100 * (i + 0.5) / clips, str(i + 1)) for i in range(0, clips, every)]
    first, last = times.border(0), times.border(clips)
    every = next((s for s in STEPS if (last - first) / s <= MOST_TICKS), STEPS[-1])
    marks = range(0, int(last) + 1, every)
    return [Tick(100 * (s - first) / (last - first), clock(s)) for s in marks if s >= first]


def element_boxes(performance: Performance) -> list[Box]:
    """Where the elements lie on the time line: their times if known, else their clips."""
    times, clips = performance.prediction.times, performance.prediction.clips
    boxes = []
    for place in (one.placement for one in performance.elements):
        start, end = place.start_seconds, place.end_seconds
        first, last = float(place.first_clip), float(place.first_clip + place.clips)
        if times is not None and start is not None and end is not None:
            first, last = times.clip_at(start), times.clip_at(end)
        left, right = 100 * first / clips, 100 * last / clips
        left, right = max(left, 0.0), min(right, 100.0)
        boxes.append(Box(left, max(right - left, 0.5), 0, 0))
    return boxes


@dataclass(frozen=True)
class Scale:
    """Points across, in percent: where scores, grades and marks lie."""

    low: float
    high: float

    def at(self, points: float) -> float:
        """Percent from the left."""
        return MARGIN + (100 - 2 * MARGIN) * (points - self.low) / ((self.high - self.low) or 1.0)


def scale_over(points: Sequence[float]) -> Scale:
    """The scale that holds all of these."""
    return Scale(min(points), max(points))


def spaced(points: Sequence[float], scale: Scale) -> list[Tick]:
    """Numbers under a scale, without those that would touch the one before; both ends stay."""
    ticks: list[Tick] = []
    end = scale.at(points[-1])
    for value in points[:-1]:
        x = scale.at(value)
        if (not ticks or x - ticks[-1].x >= APART) and (not ticks or end - x >= APART):
            ticks.append(Tick(x, f"{value:.2f}"))
    return [*ticks, Tick(end, f"{points[-1]:.2f}")]


@dataclass(frozen=True)
class ScoreDrawing:
    """Where things lie on the scale of one score."""

    bands: tuple[Box, ...]
    """Grades, lowest first; one band for methods without."""
    edges: tuple[Tick, ...]
    score: float
    interval: Box | None
    marks: tuple[float, ...]
    official: float | None


def score_drawing(
    performance: Performance, predicted: TargetPrediction, whole: tuple[float, float]
) -> ScoreDrawing:
    """Draws the scale of one score; `whole` is what the model can express, in points."""
    edges = predicted.grade_edges or whole
    marks = performance.marks.get(predicted.target, ())
    official = performance.official.get(predicted.target)
    others = (*marks, *(predicted.interval or ()), predicted.score)
    scale = scale_over([*edges, *others, *([] if official is None else [official])])
    ends = [scale.at(edge) for edge in edges]
    bands = [Box(a, b - a, 0, 0) for a, b in itertools.pairwise(ends)]
    interval = None
    if predicted.interval:
        low, high = map(scale.at, predicted.interval)
        interval = Box(low, high - low, 0, 0)
    return ScoreDrawing(
        tuple(bands),
        tuple(spaced(edges, scale)),
        scale.at(predicted.score),
        interval,
        tuple(map(scale.at, marks)),
        None if official is None else scale.at(official),
    )


@dataclass(frozen=True)
class Whisker:
    """A score with its interval on a scale that several performances share."""

    score: float
    interval: Box | None


def whisker(predicted: TargetPrediction, ranks: Sequence[Rank]) -> Whisker:
    """Draws one score among those it is ranked with."""
    values = [v for r in ranks for v in (r.predicted.score, *(r.predicted.interval or ()))]
    scale = scale_over(values)
    if predicted.interval is None:
        return Whisker(scale.at(predicted.score), None)
    low, high = map(scale.at, predicted.interval)
    return Whisker(scale.at(predicted.score), Box(low, high - low, 0, 0))
