"""What is known of a data set's performances beyond their scores: elements, their places, faults.

Letters: N performances, T clips.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cofinal.audit.explanations.detector import detector_scores, unlike_the_mean
from cofinal.audit.explanations.faults import ClipMarks, FaultFinding, find_faults, mark_clips
from cofinal.config import DataSource
from cofinal.data.cards import load_card
from cofinal.data.dataset import Dataset
from cofinal.data.sheets import Element, read_sheets
from cofinal.errors import CofinalError
from cofinal.explain.aligner import equal_parts
from cofinal.explain.aligner_fit import fit_aligner
from cofinal.explain.elements import given_places
from cofinal.records import ClipFeatures
from cofinal.times import Stretch

SHEETS = "sheets.json"
TIMES, EQUAL, ALIGNED = "times", "equal parts", "aligned"


@dataclass(frozen=True)
class Truth:
    """What sheets say of the performances, by position in the data set."""

    sheets: dict[int, tuple[Element, ...]] = field(repr=False)
    marks: dict[int, ClipMarks] = field(repr=False)
    """Faulty clips; empty where no faults or no times are known."""
    placements: dict[str, dict[int, list[Stretch]]] = field(repr=False)
    """Where the elements are: by their times, in equal parts, by an aligner."""
    yardsticks: dict[str, FaultFinding]
    """How well faults are found by a detector that was shown their times, and without a model."""
    notes: list[str]
    """What could not be judged, and why."""


def sheet_file(source: DataSource, given: Path | None) -> Path | None:
    """Where the sheets lie: the path given, else what the card names or `sheets.json` of a CSV."""
    if given is not None:
        return given
    if source.is_csv:
        path = Path(source.dataset).parent / SHEETS
    else:
        name = load_card(source.dataset).judge_file
        path = (source.data or Path()) / (name or SHEETS)
    return path if path.is_file() else None


def read_truth(dataset: Dataset, path: Path | None, folds: Sequence[np.ndarray]) -> Truth:
    """Reads the sheets and finds out what can be judged by them.

    Args:
        dataset: all performances.
        path: of the sheets, or None.
        folds: positions held out together.

    Raises:
        CofinalError: faulty sheets, or sheets of none of the performances.
    """
    if path is None:
        note = "no sheet of elements: neither faults nor elements are judged; name one with --sheet"
        return Truth({}, {}, {}, {}, [note])
    by_id = read_sheets(path)
    sheets = {i: by_id[name] for i, name in enumerate(dataset.ids) if name in by_id}
    if not sheets:
        raise CofinalError(
            f"{path} has no sheet of any performance of {dataset.name}; name the sheets of these "
            "performances with --sheet"
        )
    notes = []
    if len(sheets) < len(dataset):
        notes.append(f"{len(dataset) - len(sheets)} performances have no sheet")
    given = _given(dataset, sheets)
    marks = _marks(dataset, {i: sheets[i] for i in given})
    if not marks:
        notes.append("no times of faults are known, so it is not judged whether they are found")
    placements = {
        TIMES: given,
        EQUAL: {i: equal_parts(len(dataset.clips[i]), len(e)) for i, e in sheets.items()},
        ALIGNED: _aligned(dataset, sheets, folds),
    }
    known = {name: places for name, places in placements.items() if places}
    return Truth(sheets, marks, known, _yardsticks(dataset, marks, folds), notes)


def _marks(dataset: Dataset, timed: dict[int, tuple[Element, ...]]) -> dict[int, ClipMarks]:
    """Faulty clips of performances whose elements have times; none if nobody has a fault."""
    if not any(element.faults for elements in timed.values() for element in elements):
        return {}
    marks = {}
    for i, elements in timed.items():
        times = dataset.times(i)
        assert times is not None, "elements with times were placed by them"
        marks[i] = mark_clips(elements, len(dataset.clips[i]), times)
    return marks


def _given(dataset: Dataset, sheets: dict[int, tuple[Element, ...]]) -> dict[int, list[Stretch]]:
    """Where elements are by their sheets' times, as `cofinal explain --sheet` places them."""
    places = {
        i: given_places(elements, len(dataset.clips[i]), dataset.times(i), dataset.ids[i])
        for i, elements in sheets.items()
    }
    return {i: [place.stretch for place in found] for i, found in places.items() if found}


def _aligned(
    dataset: Dataset, sheets: dict[int, tuple[Element, ...]], folds: Sequence[np.ndarray]
) -> dict[int, list[Stretch]]:
    """Where aligners place elements that learned from the other folds' order alone."""
    found = {}
    for held_out in folds:
        inside = set(map(int, held_out))
        rest = [i for i in sheets if i not in inside]
        aligner = fit_aligner([dataset.clips[i] for i in rest], [sheets[i] for i in rest])
        for i in inside & set(sheets):
            placed = aligner.place(ClipFeatures(dataset.clips[i]), sheets[i])
            found[i] = [place.stretch for place in placed]
    return found


def _yardsticks(
    dataset: Dataset, marks: dict[int, ClipMarks], folds: Sequence[np.ndarray]
) -> dict[str, FaultFinding]:
    """What a detector finds that was shown the faults, and what is found without any model."""
    if not marks:
        return {}
    parts = [np.array([i for i in held_out if int(i) in marks], dtype=int) for held_out in folds]
    faulty = [marks[i].faulty_T if i in marks else np.empty(0) for i in range(len(dataset))]
    shown = detector_scores(dataset.clips, faulty, parts) if len(parts) > 1 else {}
    found = {
        "ceiling: a detector trained on the faults' times": shown,
        "no model: distance from the mean clip": {
            i: unlike_the_mean(dataset.clips[i]) for i in marks
        },
    }
    return {
        name: find_faults(list(scores.values()), [marks[i] for i in scores])
        for name, scores in found.items()
        if scores
    }
