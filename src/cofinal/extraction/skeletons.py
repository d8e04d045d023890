"""Backbone `skeleton`: files of keypoints, from any tool, to clip features.

    read_skeleton -> body_of -> descriptors_of

The same clips as of films: sampled at the recipe's rate, whole clips, what is left over dropped
equally at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cofinal.errors import CofinalError
from cofinal.extraction.backbones import SKELETON
from cofinal.extraction.clips import ClipPlan, plan_clips
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.sources import expand
from cofinal.records import ClipFeatures, natural_key
from cofinal.skeleton.body import body_of
from cofinal.skeleton.descriptors import descriptors_of
from cofinal.skeleton.joints import joint_map
from cofinal.skeleton.keypoints import Keypoints
from cofinal.skeleton.readers import SUFFIXES, read_skeleton, skeleton_id

# Sampled frames of one performance: half a day at 50 a second.
MAX_FRAMES = 2_160_000


def skeleton_features(
    positions: np.ndarray,
    joints: str | Mapping[str, int],
    fps: float,
    *,
    visibility: np.ndarray | None = None,
    up: str | None = None,
    recipe: ExtractionRecipe | None = None,
    id: str = "",
) -> ClipFeatures:
    """Clip features of one performance's skeletons.

    Args:
        positions: (frames, joints, 2 or 3) in any unit of length; NaN where a joint was not seen.
        joints: a layout ("mediapipe", "coco-17", "openpose-25", "kinect-v2", ...), or joint name
            -> number; see `cofinal.skeleton.joints`.
        fps: frames per second of `positions`.
        visibility: (frames, joints), 0 to 1; 1 wherever a position is, if left out.
        up: axis that points up, for example "y" or "-z"; "-y" in pictures and "y" in 3-D if left
            out.
        recipe: clips and rate; 32 frames at 25 fps if left out.
        id: name of the performance.

    Returns:
        features (clips, 263); `cofinal.skeleton.descriptors.CHANNELS` names the channels.

    Raises:
        CofinalError: another shape, unknown joints, or a rate that is none.
    """
    positions = np.asarray(positions, dtype=np.float64)
    if positions.ndim != 3 or positions.shape[2] not in (2, 3) or not positions.size:
        raise CofinalError(
            f"positions have shape {positions.shape}; expected (frames, joints, 2 or 3)"
        )
    if not 0 < fps < math.inf:
        raise CofinalError(f"fps is {fps}; expected a number above 0")
    seen_FJ = np.isfinite(positions).all(axis=2)
    shown_FJ = seen_FJ.astype(float)
    if visibility is not None:
        shown_FJ = np.where(seen_FJ, np.nan_to_num(visibility), 0.0)
    keypoints = Keypoints(
        positions,
        shown_FJ,
        np.arange(len(positions)) / fps,
        joint_map(joints, positions.shape[1]),
        up or ("-y" if positions.shape[2] == 2 else "y"),
    )
    return features_of(keypoints, recipe or ExtractionRecipe(SKELETON), id)


def features_of(keypoints: Keypoints, recipe: ExtractionRecipe, id: str) -> ClipFeatures:
    """Clip features of keypoints; `recipe` gives rate and clips."""
    plan, frames = plan_skeleton(keypoints.seconds_F, recipe)
    return ClipFeatures(
        describe_clips(keypoints, plan, frames),
        id=id,
        recipe=recipe.feature_recipe(None),
        first_clip_seconds=plan.first_clip_seconds,
        own_fps=plan.fps,
        found_share=keypoints.found_share,
    )


def describe_clips(keypoints: Keypoints, plan: ClipPlan, frames: int) -> np.ndarray:
    """(T, C) descriptors of the clips of `plan`, out of so many sampled frames."""
    starts = [plan.first_frame + clip * plan.stride_frames for clip in range(plan.clips)]
    return descriptors_of(body_of(keypoints, plan.fps, frames), starts, plan.clip_frames)


def plan_skeleton(seconds_F: np.ndarray, recipe: ExtractionRecipe) -> tuple[ClipPlan, int]:
    """Which sampled frames form which clip, and how many sampled frames there are."""
    interval = float(np.median(np.diff(seconds_F))) if len(seconds_F) > 1 else 1 / 25
    fps = 1 / interval if recipe.fps == "native" else recipe.fps
    shown = float(seconds_F[-1] - seconds_F[0]) + interval
    if not shown * fps <= MAX_FRAMES:
        raise CofinalError(
            f"the skeletons last {shown:,.0f} seconds at {fps:g} frames per second, "
            f"more than {MAX_FRAMES:,} frames; correct their times, or cut them"
        )
    frames = max(1, math.ceil(shown * fps - 0.25))
    return plan_clips(frames, recipe.clip_frames, recipe.stride_frames, fps), frames


def extract_skeleton(path: str | Path, recipe: ExtractionRecipe) -> ClipFeatures:
    """Clip features of a skeleton file; a `CofinalError` names what it lacks."""
    path = Path(path)
    return features_of(read_skeleton(path), recipe, skeleton_id(path))


def find_skeletons(sources: Sequence[str | Path]) -> dict[str, Path]:
    """Lists the skeleton files that files, folders and glob patterns name; see `find_videos`.

    A folder that holds OpenPose's files, one a frame, is one performance.

    Raises:
        CofinalError: nothing found, or two of the same name.
    """
    found: dict[str, Path] = {}
    for source in sources:
        for path in _inside(str(source)):
            other = found.setdefault(skeleton_id(path), path)
            if other.absolute() != path.absolute():
                raise CofinalError(
                    f"{other} and {path} would both become {skeleton_id(path)}.npy; rename one of "
                    "them, or extract them into different folders"
                )
    if not found:
        raise CofinalError(
            f"no skeletons named; give files ({', '.join(SUFFIXES)}), folders or patterns of some"
        )
    return dict(sorted(found.items(), key=lambda entry: natural_key(entry[0])))


def _inside(source: str) -> list[Path]:
    path = Path(source)
    if path.is_dir() and any(path.glob("*_keypoints.json")):
        return [path]
    if path.is_dir():
        frames = {file.parent for file in path.rglob("*_keypoints.json")}
        files = [
            file
            for file in path.rglob("*")
            if file.name.endswith(SUFFIXES) and file.parent not in frames
        ]
        return sorted([*frames, *files])
    return expand(source, SUFFIXES)
