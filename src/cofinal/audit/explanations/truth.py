"""What is known of a data set's performances beyond their scores: elements, their places, faults.

Letters: N performances, T clips, F faults of a performance, C backbone channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cofinal.audit.explanations.faults import ClipMarks, FaultFinding, find_faults
from cofinal.config import ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.data.sheets import Element, read_sheets
from cofinal.errors import CofinalError
from cofinal.evaluation.resampling import Units
from cofinal.explain.aligner import equal_parts
from cofinal.explain.aligner_fit import fit_aligner
from cofinal.explain.elements import given_places
from cofinal.records import ClipFeatures
from cofinal.times import ClipTimes, Stretch

TIMES, EQUAL, ALIGNED = "times", "equal parts", "aligned"
# The detector is a yardstick and not tuned: components, and how little its weights are held back.
COMPONENTS, LOOSENESS = 100, 0.01


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


def mark_clips(elements: Sequence[Element], clips: int, times: ClipTimes) -> ClipMarks:
    """Marks the clips of a performance by the times of its elements and faults.

    Args:
        elements: with times.
        clips: T.
        times: when the clips are.
    """
    faults = [fault for element in elements for fault in element.faults]
    timed = [(one.start_seconds, one.end_seconds) for one in elements]
    own_ET = _own([(a, b) for a, b in timed if a is not None and b is not None], clips, times)
    own_FT = _own([(one.start_seconds, one.end_seconds) for one in faults], clips, times)
    return ClipMarks(
        np.asarray(own_FT.any(0)),
        np.asarray(own_ET.any(0)),
        own_FT / own_FT.sum(1, keepdims=True),
        np.array([fault.deduction for fault in faults]),
    )


def _own(stretches_F: Sequence[tuple[float, float]], clips: int, times: ClipTimes) -> np.ndarray:
    """True (F, T) where a clip belongs to a stretch of time."""
    own_FT = np.zeros((len(stretches_F), clips), dtype=bool)
    for own_T, (start, end) in zip(own_FT, stretches_F, strict=True):
        first, count = times.stretch(start, end, clips)
        own_T[first : first + count] = True
    return own_FT


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
        aligner = fit_aligner(dataset.subset(rest).clips, [sheets[i] for i in rest])
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
    units = Units.of(dataset, ProtocolSettings())
    return {
        name: find_faults(
            list(scores.values()), [marks[i] for i in scores], units.among(np.array(list(scores)))
        )
        for name, scores in found.items()
        if scores
    }


def detector_scores(
    clips: Sequence[np.ndarray],
    faulty_NT: Sequence[np.ndarray],
    folds: Sequence[np.ndarray],
) -> dict[int, np.ndarray]:
    """Position -> scores (1, T) of a detector that was trained on the times of the faults.

    Logistic regression on a clip's principal components, on the performances of the other folds.

    Args:
        clips: N arrays (T, C).
        faulty_NT: for each performance which clips are faulty.
        folds: positions held out together.
    """
    found = {}
    for held_out in folds:
        rest = np.setdiff1d(np.concatenate(folds), held_out)
        values_XC = np.concatenate([clips[i] for i in rest]).astype(np.float64)
        faulty_X = np.concatenate([faulty_NT[i] for i in rest])
        if faulty_X.all() or not faulty_X.any():
            continue
        detector = make_pipeline(
            StandardScaler(),
            PCA(min(COMPONENTS, *values_XC.shape), random_state=0),
            LogisticRegression(C=LOOSENESS, max_iter=2000),
        ).fit(values_XC, faulty_X)
        for i in held_out:
            found[int(i)] = detector.decision_function(clips[i].astype(np.float64))[None]
    return found


def unlike_the_mean(clips_TC: np.ndarray) -> np.ndarray:
    """Distance (1, T) of each clip from the performance's mean clip: no model, no training."""
    values_TC = clips_TC.astype(np.float64)
    distance_1T: np.ndarray = np.linalg.norm(values_TC - values_TC.mean(0), axis=1)[None]
    return distance_1T
