"""A folder of generated routines, as one's own data lie: videos, labels, sheets, judges' marks.

    videos/ID.mp4   the films
    skeletons/ID.keypoints.npz  the figures' joints, as a faultless tool would measure them
    labels.csv      id,difficulty,execution,total,split,event,athlete
    judges.csv      id,judge,target,mark: each judge's execution mark
    sheets.json     ID -> what happened when, and what each judge took off for it

A film that is there and was made from the same routine with the same settings is kept: it carries a
hash of both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.errors import CofinalError
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import csv_text
from cofinal.generated.encoding import film_comment, import_av, write_film
from cofinal.generated.figure import JOINT
from cofinal.generated.performance import frame_times, performed_joints
from cofinal.generated.rendering import FilmSettings, film
from cofinal.generated.routine import PerformedElement, Routine
from cofinal.generated.rules import ELEMENTS
from cofinal.progress import track
from cofinal.skeleton.keypoints import SUFFIX, Keypoints, write_keypoints

TARGETS = ("difficulty", "execution", "total")
# Raised when the same routine would look different, so that older films are made anew.
LOOK = 1
COMMENT = "cofinal routine"
# The figure's hands are wrists to others, and its feet, which have no toes, are ankles.
FIGURE_JOINTS = {"head": JOINT["head"]} | {
    f"{side}_{theirs}": JOINT[f"{side[0]}{ours}"]
    for side in ("left", "right")
    for theirs, ours in (
        *(("shoulder", "shoulder"), ("elbow", "elbow"), ("wrist", "hand")),
        *(("hip", "hip"), ("knee", "knee"), ("ankle", "foot")),
    )
}


def write_routines(
    folder: str | Path,
    routines: Sequence[Routine],
    settings: FilmSettings | None = None,
    *,
    workers: int = 1,
    show_progress: bool = False,
) -> Path:
    """Writes routines with everything known of them; does only what is missing.

    Args:
        folder: created if missing.
        routines: from `generate_routines`.
        settings: size and speed of the films.
        workers: films at a time, each in a process of its own.
        show_progress: on standard error.

    Returns:
        the path of the labels, which are written last: where they are, all is.

    Raises:
        CofinalError: the folder cannot be written, or holds films that are not of these routines.
    """
    if workers < 1:
        raise CofinalError(f"workers is {workers}; expected 1 or more")
    import_av()
    folder, settings = Path(folder), settings or FilmSettings()
    missing = missing_films(folder / "videos", routines, settings)
    seconds = sum(routine.seconds for routine in missing)
    with track("films", seconds, shown=show_progress) as advance:
        done = 0.0
        for one in _make_films(folder / "videos", missing, settings, workers):
            done += one
            advance(done)
    for routine in routines:
        write_keypoints(
            folder / "skeletons" / f"{routine.id}{SUFFIX}", figure_keypoints(routine, settings.fps)
        )
    write_json(folder / "sheets.json", {r.id: routine_sheet(r) for r in routines})
    write_text(folder / "judges.csv", csv_text(("id", "judge", "target", "mark"), marks(routines)))
    write_text(folder / "labels.csv", csv_text(_COLUMNS, map(_label, routines)))
    return folder / "labels.csv"


def figure_keypoints(routine: Routine, fps: float) -> Keypoints:
    """The figure's joints in metres, y up, at the times of a film's frames; all of them visible."""
    times_F = frame_times(routine, fps)
    points_FJX = performed_joints(routine, times_F)
    return Keypoints(points_FJX, np.ones(points_FJX.shape[:2]), times_F, FIGURE_JOINTS, "y")


def missing_films(
    videos: Path, routines: Sequence[Routine], settings: FilmSettings
) -> list[Routine]:
    """The routines whose films are absent or were made otherwise.

    Raises:
        CofinalError: the folder holds a film that is not one of ours to replace.
    """
    known = {f"{routine.id}.mp4" for routine in routines}
    for path in sorted(videos.glob("*.mp4")):
        if path.name not in known or not (film_comment(path) or "").startswith(COMMENT):
            raise CofinalError(
                f"{path} is not of these routines; choose another folder, or move the file away"
            )
    return [
        routine
        for routine in routines
        if film_comment(videos / f"{routine.id}.mp4") != film_hash(routine, settings)
    ]


def film_hash(routine: Routine, settings: FilmSettings) -> str:
    """What a film says of itself: equal for equal frames."""
    shown = {**asdict(routine), "film": asdict(settings), "look": LOOK}
    for name in ("id", "split", "sheets"):
        del shown[name]
    del shown["event"]["judges"]
    text = json.dumps(shown, sort_keys=True)
    return f"{COMMENT} {hashlib.sha256(text.encode()).hexdigest()}"


def _make_films(
    videos: Path, routines: Sequence[Routine], settings: FilmSettings, workers: int
) -> Iterator[float]:
    make = partial(_make_film, videos, settings)
    if workers == 1:
        yield from map(make, routines)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator_unordered")
    yield from parallel(delayed(make)(routine) for routine in routines)


def _make_film(videos: Path, settings: FilmSettings, routine: Routine) -> float:
    """Writes one film; returns its seconds."""
    path = videos / f"{routine.id}.mp4"
    write_film(path, film(routine, settings), settings, film_hash(routine, settings))
    return routine.seconds


def routine_sheet(routine: Routine) -> dict[str, Any]:
    """The judges' sheet of a routine, as plain values; times are seconds of the film."""
    return {
        "athlete": routine.athlete.name,
        "event": routine.event.name,
        "seconds": round(routine.seconds, 3),
        "beat_seconds": round(routine.beat, 4),
        "difficulty": routine.difficulty,
        "execution": routine.execution,
        "total": routine.total,
        "true_execution": routine.true_execution,
        "marks": routine.marks,
        "elements": [_element_sheet(routine, i, e) for i, e in enumerate(routine.elements)],
    }


def _element_sheet(routine: Routine, number: int, element: PerformedElement) -> dict[str, Any]:
    rule = ELEMENTS[element.name]
    return {
        "start": round(element.start, 3),
        "end": round(element.end, 3),
        "element": element.name,
        "family": rule.family,
        "base_value": rule.value,
        "recognised": element.recognised,
        "value": element.value,
        "faults": [
            {
                "fault": fault.name,
                "start": round(fault.start, 3),
                "end": round(fault.end, 3),
                "deduction": fault.deduction,
            }
            for fault in element.faults
        ],
        "judges": {judge: sheet[number] for judge, sheet in routine.sheets.items()},
    }


def marks(routines: Iterable[Routine]) -> Iterator[tuple[str, str, str, float]]:
    """Id, judge, target and mark of every judge of every routine."""
    for routine in routines:
        for judge, mark in routine.marks.items():
            yield routine.id, judge, "execution", mark


_COLUMNS = ("id", *TARGETS, "split", "event", "athlete")


def _label(routine: Routine) -> tuple[str | float, ...]:
    scores = (routine.difficulty, routine.execution, routine.total)
    return (routine.id, *scores, routine.split, routine.event.name, routine.athlete.name)
