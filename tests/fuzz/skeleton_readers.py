"""Readers of skeletons, from any tool's file to features."""

from __future__ import annotations

import io
import json
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from mutations import (
    mutated_array,
    mutated_bytes,
    mutated_json,
    mutated_text,
    one_of,
)
from subjects import Subject
from text_readers import npy

from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.skeletons import extract_skeleton
from cofinal.skeleton.keypoints import ARRAYS, Keypoints, read_keypoints, write_keypoints
from cofinal.skeleton.readers import JOINTS_FILE

FRAMES = 12
RECIPE = ExtractionRecipe("skeleton", clip_frames=8, stride_frames=4)
RNG = np.random.default_rng(0)


def body(joints: int, axes: int) -> np.ndarray:
    """A person in pixels, moving a little."""
    still = RNG.uniform(50, 400, (1, joints, axes))
    return np.round(still + RNG.normal(0, 3, (FRAMES, joints, axes)), 2)


def mediapipe() -> bytes:
    """As MediaPipe's landmarks are written, in shares of the picture."""
    shares = (body(33, 3) / 500).round(4).tolist()
    frames = [
        {"landmarks": [{"x": x, "y": y, "z": z, "visibility": 0.9} for x, y, z in frame]}
        for frame in shares
    ]
    return json.dumps({"fps": 25, "width": 640, "height": 480, "frames": frames}).encode()


def openpose() -> bytes:
    """As OpenPose writes frames, in one file."""
    frames = [
        {"people": [{"pose_keypoints_2d": np.insert(frame, 2, 0.8, 1).reshape(-1).tolist()}]}
        for frame in body(25, 2)
    ]
    return json.dumps(frames).encode()


def coco() -> bytes:
    """As COCO's results are written."""
    records = [
        {"image_id": i, "keypoints": np.insert(frame, 2, 2, 1).reshape(-1).tolist()}
        for i, frame in enumerate(body(17, 2))
    ]
    return json.dumps(records).encode()


def table() -> bytes:
    """Named columns."""
    names = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "head")
    header = ["time", *(f"{name}_{axis}" for name in names for axis in "xy")]
    rows = [[f / 25, *frame.reshape(-1)] for f, frame in enumerate(body(5, 2))]
    return "\n".join(",".join(map(str, row)) for row in [header, *rows]).encode()


def kinect() -> bytes:
    """A line a frame of 25 joints, without a header."""
    return "\n".join(",".join(map(str, row)) for row in body(25, 3).reshape(FRAMES, -1)).encode()


def kept() -> dict[str, np.ndarray]:
    """The arrays of a file of keypoints."""
    path = Path("/dev/shm" if Path("/dev/shm").is_dir() else "/tmp") / "cofinal-fuzz.keypoints.npz"
    positions = body(17, 2)
    joints = {"left_shoulder": 5, "right_shoulder": 6, "left_hip": 11, "right_hip": 12}
    keypoints = Keypoints(
        positions, np.ones((FRAMES, 17)), np.arange(FRAMES) / 25, joints, "-y", (640, 480)
    )
    write_keypoints(path, keypoints)
    with np.load(path) as file:
        found = {name: file[name] for name in file.files}
    path.unlink()
    return found


KEPT = kept()


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    """Arrays as the content of a `.npz` file."""
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]
    return stream.getvalue()


def mutated_kept(rng: Random, content: bytes) -> bytes:
    """Changed arrays in a sound archive."""
    arrays = dict(KEPT)
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(ARRAYS)
        if rng.random() < 0.1:
            arrays.pop(name, None)
        elif name in arrays:
            arrays[name] = mutated_array(rng, arrays[name])
    return packed(arrays)


def mutated_numbers(rng: Random, content: bytes) -> bytes:
    """A sound `.npy` file of a changed array."""
    return npy(mutated_array(rng, np.load(io.BytesIO(content))))


def check_features(folder: Path, features: Any) -> None:
    """Clips of 263 finite channels, at times that make sense."""
    assert features.values.shape[1] == 263 and np.isfinite(features.values).all()
    assert features.found_share is not None and 0 <= features.found_share <= 1


def check_keypoints(folder: Path, keypoints: Keypoints) -> None:
    """What is written and read again is the same, as far as float32 tells."""
    write_keypoints(folder / "again.keypoints.npz", keypoints)
    again = read_keypoints(folder / "again.keypoints.npz")
    np.testing.assert_array_equal(again.positions_FJD, keypoints.positions_FJD.astype(np.float32))
    assert again.joints == dict(keypoints.joints) and again.up == keypoints.up


def subjects() -> list[Subject]:
    """Every reader of skeletons."""
    layouts = {
        "a.json": ("skeletons, MediaPipe", mediapipe(), mutated_json, b""),
        "b.json": ("skeletons, OpenPose", openpose(), mutated_json, b'fps = 25\nup = "-y"\n'),
        "c.json": ("skeletons, COCO", coco(), mutated_json, b"fps = 25\n"),
        "a.csv": ("skeletons, named columns", table(), mutated_text, b""),
        "b.csv": ("skeletons, Kinect", kinect(), mutated_text, b""),
        "a.npy": (
            "skeletons, .npy",
            npy(body(17, 2)),
            one_of(mutated_bytes, mutated_numbers),
            b'layout = "coco-17"\nfps = 25\nup = "-y"\npicture = [640, 480]\n',
        ),
    }
    found = []
    for file, (name, content, change, hints) in layouts.items():
        files = {file: (content, change)}
        if hints:
            files[JOINTS_FILE] = (hints, mutated_text)
        read = lambda folder, file=file: extract_skeleton(folder / file, RECIPE)  # noqa: E731
        found.append(Subject(name, files, read, check_features, weight=8))
    file = "a.keypoints.npz"
    found.append(
        Subject(
            "skeletons, kept keypoints",
            {file: (packed(KEPT), one_of(mutated_bytes, mutated_kept, mutated_kept))},
            lambda folder: extract_skeleton(folder / file, RECIPE),
            check_features,
            weight=8,
        )
    )
    found.append(
        Subject(
            "kept keypoints, alone",
            {file: (packed(KEPT), one_of(mutated_bytes, mutated_kept, mutated_kept))},
            lambda folder: read_keypoints(folder / file),
            check_keypoints,
            weight=5,
        )
    )
    return found
