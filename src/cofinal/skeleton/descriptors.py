"""A clip of a body as named channels.

Left and right enter only as their mean and absolute difference, so that mirrored performances and
tools that swap sides give the same numbers. What cannot be seen is 0, and the shares found say so.
Sources: low cosine terms of joint paths, Pirsiavash et al., ECCV 2014; angles for rehabilitation,
Liao et al., arXiv 1901.10435.
Letters: T frames of a clip, N of a performance, J joints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct

from cofinal.skeleton import angles
from cofinal.skeleton.body import Body
from cofinal.skeleton.joints import JOINTS
from cofinal.skeleton.smoothness import log_jerk, spectral_arc_length

AXES = ("sideways", "up", "depth")
COSINES = 4
PLACED = ("shoulder", "elbow", "wrist", "knee", "ankle", "foot")
MOVED = ("wrist", "ankle")
# A path with fewer frames seen than this share of the clip has no shape.
LEAST_SEEN = 0.5
PARTS = {
    "arms": ("elbow", "wrist"),
    "legs": ("knee", "ankle"),
    "trunk": ("shoulder", "hip"),
}


@dataclass(frozen=True)
class Channel:
    """One number of a clip."""

    name: str
    """Identifier, for example "knee_difference_mean"."""
    words: str
    """For people, for example "knee, difference left/right"."""
    unit: str
    """Of the value: "degrees", "degrees/s", "torso lengths", "torso lengths/s", "share" or ""."""
    curve: str
    """The quantity whose course over the clip it tells, for example "knee_difference"."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A quantity over the frames of a performance."""

    name: str
    """Identifier of the quantity."""
    words: str
    """For people."""
    unit: str
    """Of its values."""
    values_N: np.ndarray
    """NaN where it cannot be seen."""


def descriptors_of(body: Body, starts: Sequence[int], clip_frames: int) -> np.ndarray:
    """Descriptors of clips.

    Args:
        body: from `body_of`.
        starts: frame at which each clip starts.
        clip_frames: frames in a clip; what lies beyond the performance's end is not seen.

    Returns:
        (clips, len(CHANNELS)) float32, finite.
    """
    with np.errstate(invalid="ignore"):
        told = {channel.name: values for channel, values in _tell(body, starts, clip_frames)}
    values = np.stack([told[channel.name] for channel in CHANNELS], axis=1)
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def _tell(
    body: Body, starts: Sequence[int], clip_frames: int
) -> Iterable[tuple[Channel, np.ndarray]]:
    """Every channel with its value in each clip."""
    clips = [slice(start, start + clip_frames) for start in starts]
    for curve in angle_curves(body):
        yield from _statistics(curve, clips, ("mean", "std", "min", "max", "change"))
        turning_N = _rate(curve.values_N[:, None], body.fps)
        speed = Curve(f"{curve.name}_speed", f"speed of {curve.words}", "degrees/s", turning_N)
        yield from _statistics(speed, clips, ("mean", "max"))
    for curve in place_curves(body):
        yield from _statistics(curve, clips, ("mean", "std"))
    for curve in path_curves(body):
        yield from _cosines(curve, clips)
    for curve in speed_curves(body):
        yield from _statistics(curve, clips, ("mean", "max"))
        if "difference" not in curve.name:
            yield from _smoothness(curve, clips, body.fps)
    for curve in stance_curves(body):
        yield from _statistics(curve, clips, ("mean", "max"))
    for curve in sight_curves(body):
        yield from _statistics(curve, clips, ("mean",), clip_frames)


def _halves(name: str, words: str, unit: str, left: np.ndarray, right: np.ndarray) -> list[Curve]:
    """Mean and absolute difference of both sides; one side seen alone is the mean."""
    seen = np.isfinite(left).astype(int) + np.isfinite(right)
    total = np.nan_to_num(left) + np.nan_to_num(right)
    mean = np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
    return [
        Curve(name, words, unit, mean),
        Curve(f"{name}_difference", f"{words}, difference left/right", unit, np.abs(left - right)),
    ]


def angle_curves(body: Body) -> list[Curve]:
    """Angles of limbs, trunk and head."""
    curves: list[Curve] = []
    for name, (left, right) in angles.bends(body.joints_NJ3).items():
        curves += _halves(name, f"{name} angle", "degrees", left, right)
    words = {
        "trunk_lean": "lean of the trunk",
        "trunk_bend": "bend of the trunk to the side",
        "hip_line": "tilt of the hips",
        "head": "bend of the head",
    }
    found = angles.lines(body.joints_NJ3)
    return curves + [Curve(n, words[n], "degrees", found[n]) for n in angles.LINES]


def place_curves(body: Body) -> list[Curve]:
    """Where joints are from the hips, axis by axis."""
    curves: list[Curve] = []
    head_N3 = body.joints_NJ3[:, JOINTS.index("head")]
    for a, axis in enumerate(AXES):
        for name in PLACED:
            left, right = angles.pair(body.joints_NJ3, name)
            words = f"{name} {axis} of the hips"
            curves += _halves(f"{name}_{axis}", words, "torso lengths", left[:, a], right[:, a])
        words = f"head {axis} of the hips"
        curves.append(Curve(f"head_{axis}", words, "torso lengths", head_N3[:, a]))
    return curves


def path_curves(body: Body) -> list[Curve]:
    """Paths whose shape is told: of the hips from where they mostly are, of limbs from them."""
    curves: list[Curve] = []
    for a, axis in enumerate(AXES):
        words = f"path of the hips {axis}"
        curves.append(Curve(f"hips_path_{axis}", words, "torso lengths", body.root_N3[:, a]))
        for name in MOVED:
            left, right = angles.pair(body.joints_NJ3, name)
            words = f"path of the {name}s {axis}"
            curves += _halves(
                f"{name}_path_{axis}", words, "torso lengths", left[:, a], right[:, a]
            )
    return curves


def speed_curves(body: Body) -> list[Curve]:
    """Speeds of hips, hands and feet, not counting what the whole body does."""
    unit = "torso lengths/s"
    curves = [Curve("hips_velocity", "speed of the hips", unit, _rate(body.root_N3, body.fps))]
    for name in MOVED:
        left, right = (_rate(side, body.fps) for side in angles.pair(body.joints_NJ3, name))
        curves += _halves(f"{name}_velocity", f"speed of the {name}s", unit, left, right)
    return curves


def _rate(values_ND: np.ndarray, fps: float) -> np.ndarray:
    """How fast values (N, D) change, per second: (N,), at least 0."""
    if len(values_ND) < 2:
        return np.full(len(values_ND), np.nan)
    return np.linalg.norm(np.gradient(values_ND, axis=0), axis=1) * fps


def stance_curves(body: Body) -> list[Curve]:
    """How wide feet stand, how high hands are, and whether the head is below the hips."""
    left_foot, right_foot = angles.pair(body.joints_NJ3, "ankle")
    wrists = _halves(
        "hand_height",
        "height of the hands above the shoulders",
        "torso lengths",
        *(
            wrist[:, 1] - shoulder[:, 1]
            for wrist, shoulder in zip(
                angles.pair(body.joints_NJ3, "wrist"),
                angles.pair(body.joints_NJ3, "shoulder"),
                strict=True,
            )
        ),
    )
    width_N = np.linalg.norm(left_foot - right_foot, axis=1)
    head_N = body.joints_NJ3[:, JOINTS.index("head"), 1]
    upside_N = np.where(np.isfinite(head_N), (head_N < 0).astype(float), np.nan)
    return [
        Curve("stance_width", "distance of the feet", "torso lengths", width_N),
        wrists[0],
        Curve("inversion", "head below the hips", "share", upside_N),
    ]


def sight_curves(body: Body) -> list[Curve]:
    """How much was seen: of the body, and of its parts."""
    seen_N = (body.visibility_NJ > 0).any(axis=1).astype(float)
    curves = [Curve("found", "frames in which the body was found", "share", seen_N)]
    for part, pairs in PARTS.items():
        index = [JOINTS.index(f"{side}_{name}") for name in pairs for side in ("left", "right")]
        shown_N = body.visibility_NJ[:, index].mean(axis=1)
        curves.append(Curve(f"{part}_visibility", f"visibility of the {part}", "share", shown_N))
    shown_N = body.visibility_NJ[:, JOINTS.index("head")]
    return [*curves, Curve("head_visibility", "visibility of the head", "share", shown_N)]


STATISTICS = {
    "mean": "",
    "std": "spread of ",
    "min": "least ",
    "max": "greatest ",
    "change": "change of ",
}


def _statistics(
    curve: Curve, clips: Sequence[slice], wanted: Sequence[str], frames: int | None = None
) -> Iterable[tuple[Channel, np.ndarray]]:
    """Statistics of a curve in each clip, over the frames seen, or over `frames` where given."""
    table = np.zeros((len(clips), len(STATISTICS)))
    for row, clip in enumerate(clips):
        seen = curve.values_N[clip]
        seen = seen[np.isfinite(seen)]
        if len(seen):
            mean = seen.sum() / (frames or len(seen))
            table[row] = (mean, seen.std(), seen.min(), seen.max(), seen[-1] - seen[0])
    for column, (name, words) in enumerate(STATISTICS.items()):
        if name in wanted:
            channel = Channel(
                f"{curve.name}_{name}", f"{words}{curve.words}", curve.unit, curve.name
            )
            yield channel, table[:, column]


def _cosines(curve: Curve, clips: Sequence[slice]) -> Iterable[tuple[Channel, np.ndarray]]:
    """The first terms of the cosine transform in each clip, of whatever number of frames."""
    table = np.zeros((len(clips), COSINES))
    for row, clip in enumerate(clips):
        values = curve.values_N[clip]
        seen = np.flatnonzero(np.isfinite(values))
        if len(values) >= COSINES and len(seen) >= LEAST_SEEN * len(values):
            whole = np.interp(np.arange(len(values)), seen, values[seen])
            table[row] = dct(whole, norm="ortho")[:COSINES] / np.sqrt(len(values))
    for term in range(COSINES):
        words = f"{curve.words}, wave {term}"
        yield Channel(f"{curve.name}_wave_{term}", words, curve.unit, curve.name), table[:, term]


def _smoothness(
    curve: Curve, clips: Sequence[slice], fps: float
) -> Iterable[tuple[Channel, np.ndarray]]:
    jerk, arc = np.zeros(len(clips)), np.zeros(len(clips))
    for row, clip in enumerate(clips):
        seen = curve.values_N[clip]
        seen = seen[np.isfinite(seen)]
        jerk[row], arc[row] = log_jerk(seen, fps), spectral_arc_length(seen, fps)
    for name, words, values in (("log_jerk", "log jerk", jerk), ("sparc", "SPARC", arc)):
        told = f"smoothness ({words}) of {curve.words}"
        yield Channel(f"{curve.name}_{name}", told, "", curve.name), values


def _channels() -> tuple[Channel, ...]:
    nothing = Body(
        np.full((1, len(JOINTS), 3), np.nan), np.full((1, 3), np.nan), np.zeros((1, len(JOINTS))), 1
    )
    with np.errstate(invalid="ignore"):
        return tuple(channel for channel, _ in _tell(nothing, [0], 1))


CHANNELS = _channels()
