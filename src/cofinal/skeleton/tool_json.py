"""JSON of MediaPipe, OpenPose and COCO-style tools, as they write it.

Where several persons are in a frame, the one nearest to the person before is taken; the first is
the largest and surest. A frame without anybody stays, with nothing seen.
Letters: F frames, J joints, P persons of a frame.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.errors import CofinalError
from cofinal.files.reading import read_json
from cofinal.files.tables import finite
from cofinal.settings import quoted
from cofinal.skeleton.keypoints import FARTHEST
from cofinal.skeleton.raw import RawSkeleton

WHAT = "keypoints of MediaPipe, OpenPose or COCO"
LANDMARKS = ("landmarks", "pose_landmarks", "keypoints")
WORLD = ("world_landmarks", "pose_world_landmarks")
OPENPOSE = {25: "openpose-25", 18: "openpose-18"}
# Landmarks within this of the unit square are shares of the picture and not pixels.
SHARES = (-4.0, 5.0)
# Digits of a frame's number.
LONGEST_NUMBER = 18


def raw_from_folder(path: Path) -> RawSkeleton:
    """OpenPose's folder: a file NAME_000000000012_keypoints.json a frame."""
    files = sorted(path.glob("*_keypoints.json"))
    if not files:
        raise CofinalError(f"{path} holds no *_keypoints.json as OpenPose writes them")
    return _openpose([read_json(file, WHAT) for file in files], str(path))


def raw_from_json(path: Path, picture: tuple[int, int] | None) -> RawSkeleton:
    """One file of all frames, of whichever tool.

    Args:
        path: the file.
        picture: width and height, if landmarks are shares of them and the file does not tell.
    """
    content, where = read_json(path, WHAT), str(path)
    if isinstance(content, dict) and isinstance(content.get("annotations"), list):
        return _coco(content["annotations"], where)
    if isinstance(content, dict) and "people" in content:
        content = [content]
    if isinstance(content, list) and content and isinstance(content[0], dict):
        if "people" in content[0]:
            return _openpose(content, where)
        if "image_id" in content[0]:
            return _coco(content, where)
    return _mediapipe(content, where, picture)


def _triples(values: Any, where: str) -> np.ndarray:
    """A flat list of x, y, confidence as (J, 3)."""
    if not isinstance(values, list) or len(values) % 3:
        raise CofinalError(f"{where}: keypoints are no list of x, y, confidence; export them again")
    found = np.array([finite(value, "keypoint", where) for value in values]).reshape(-1, 3)
    if (np.abs(found) > FARTHEST).any():
        raise CofinalError(f"{where}: a keypoint is beyond {FARTHEST:g} pixels; export them again")
    return found


def _openpose(frames: list[Any], where: str) -> RawSkeleton:
    people: list[list[np.ndarray]] = []
    for frame in frames:
        persons = frame.get("people") if isinstance(frame, dict) else None
        if not isinstance(persons, list):
            raise CofinalError(f"{where}: a frame has no list of people; export it again")
        flat = [p.get("pose_keypoints_2d") if isinstance(p, dict) else None for p in persons]
        people.append([_triples(values, where) for values in flat])
    values = _one_person(people, where)
    return RawSkeleton(values[..., :2], values[..., 2], layout=OPENPOSE.get(values.shape[1]))


def _coco(records: list[Any], where: str) -> RawSkeleton:
    frames: dict[int, list[np.ndarray]] = {}
    for record in records:
        if not isinstance(record, dict) or not isinstance(record.get("image_id"), int | str):
            raise CofinalError(f"{where}: a record has no image_id; expected COCO keypoints")
        digits = "".join(re.findall("[0-9]", Path(str(record["image_id"])).stem))
        if not 0 < len(digits) <= LONGEST_NUMBER:
            raise CofinalError(
                f"{where}: image_id {quoted(record['image_id'])} holds no frame number"
            )
        frames.setdefault(int(digits), []).append(_triples(record.get("keypoints"), where))
    if not frames:
        raise CofinalError(f"{where} holds no records; expected COCO keypoints")
    numbers = range(min(frames), max(frames) + 1)
    if len(numbers) > 10 * len(frames) + 1000:
        raise CofinalError(
            f"{where}: image_id runs from {numbers[0]} to {numbers[-1]}; expected frames"
        )
    values = _one_person([frames.get(n, []) for n in numbers], where)
    shown = values[..., 2]
    # Annotations count 0 to 2 where results have a confidence.
    visibility = shown / 2 if shown.max(initial=0) > 1 else shown
    return RawSkeleton(
        values[..., :2], visibility, layout="coco-17" if values.shape[1] == 17 else None
    )


def _one_person(people: list[list[np.ndarray]], where: str) -> np.ndarray:
    """(F, J, 3) of one person, NaN and confidence 0 where not seen."""
    counts = {len(person) for persons in people for person in persons}
    if len(counts) != 1:
        raise CofinalError(f"{where}: persons have {sorted(counts)} joints; expected one number")
    (joints,) = counts
    values = np.zeros((len(people), joints, 3))
    values[..., :2] = np.nan
    last = None
    for f, persons in enumerate(people):
        seen = [_seen(person) for person in persons]
        fits = [np.isfinite(p[:, 0]).any() for p in seen]
        if not any(fits):
            continue
        ranks = [_rank(p, last) if fit else np.inf for p, fit in zip(seen, fits, strict=True)]
        values[f] = seen[int(np.argmin(ranks))]
        last = np.nanmean(values[f, :, :2], axis=0)
    return values


def _seen(person: np.ndarray) -> np.ndarray:
    """A person with NaN where the confidence is 0."""
    seen = person.astype(float)
    seen[seen[:, 2] <= 0, :2] = np.nan
    return seen


def _rank(person: np.ndarray, last: np.ndarray | None) -> float:
    """Smaller is likelier the same person: distance to the last one, or size and confidence."""
    if last is not None:
        return float(np.linalg.norm(np.nanmean(person[:, :2], axis=0) - last))
    return -float(np.ptp(person[np.isfinite(person[:, 1]), 1]) * person[:, 2].mean())


def _mediapipe(content: Any, where: str, picture: tuple[int, int] | None) -> RawSkeleton:
    """A list of frames, each a list of {x, y, z, visibility} or an object that holds one."""
    frames, about = content, {}
    if isinstance(content, dict):
        frames, about = content.get("frames"), content
    if not isinstance(frames, list) or not frames:
        raise CofinalError(f"{where} is no list of frames; expected {WHAT}")
    world = any(isinstance(f, dict) and any(key in f for key in WORLD) for f in frames)
    found = [_landmarks(frame, WORLD if world else LANDMARKS, where) for frame in frames]
    counts = {len(marks) for marks in found if marks}
    if len(counts) != 1:
        raise CofinalError(f"{where}: frames have {sorted(counts)} landmarks; expected one number")
    (joints,) = counts
    values = np.full((len(frames), joints, 4), np.nan)
    values[..., 3] = 0.0
    for f, marks in enumerate(found):
        for j, mark in enumerate(marks):
            values[f, j] = _landmark(mark, where)
    fps = about.get("fps")
    if world:
        positions, size = values[..., :3], None
    else:
        positions, size = _in_pixels(values[..., :2], about, where, picture)
    return RawSkeleton(
        positions,
        values[..., 3],
        _times(frames, where),
        "mediapipe" if joints == 33 else None,
        fps=None if fps is None else finite(fps, "fps", where),
        up="-y",
        picture=size,
    )


def _landmarks(frame: Any, keys: tuple[str, ...], where: str) -> list[Any]:
    if isinstance(frame, dict):
        frame = next((frame[key] for key in keys if key in frame), None)
    if isinstance(frame, dict):
        frame = frame.get("landmark")
    if frame is None:
        return []
    # The newer interface answers a list of persons, of whom the first is the surest.
    if isinstance(frame, list) and frame and isinstance(frame[0], list):
        frame = frame[0]
    if not isinstance(frame, list):
        raise CofinalError(f"{where}: a frame is no list of landmarks; expected {WHAT}")
    return frame


def _landmark(mark: Any, where: str) -> tuple[float, float, float, float]:
    if not isinstance(mark, dict) or "x" not in mark or "y" not in mark:
        raise CofinalError(f"{where}: a landmark has no x and y; expected {WHAT}")
    x, y = finite(mark["x"], "x", where), finite(mark["y"], "y", where)
    z = finite(mark.get("z", 0.0), "z", where)
    return x, y, z, finite(mark.get("visibility", 1.0), "visibility", where)


def _in_pixels(
    shares: np.ndarray, about: dict[str, Any], where: str, picture: tuple[int, int] | None
) -> tuple[np.ndarray, tuple[int, int] | None]:
    size = picture
    if "width" in about and "height" in about:
        size = (
            int(finite(about["width"], "width", where)),
            int(finite(about["height"], "h", where)),
        )
    if not ((shares > SHARES[0]) & (shares < SHARES[1]) | ~np.isfinite(shares)).all():
        return shares, size
    if size is None:
        raise CofinalError(
            f"{where}: landmarks are shares of a picture whose size is not told; write "
            "picture = [1920, 1080], or what it is, into joints.toml"
        )
    return shares * np.array(size, dtype=float), size


def _times(frames: list[Any], where: str) -> np.ndarray | None:
    for key, scale in (("seconds", 1.0), ("time", 1.0), ("timestamp_ms", 1e-3)):
        if all(isinstance(frame, dict) and key in frame for frame in frames):
            return np.array([finite(frame[key], key, where) * scale for frame in frames])
    return None
