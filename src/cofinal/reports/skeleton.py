"""The person that `pose` followed, as lines that a page draws over its film."""

from __future__ import annotations

import json

import numpy as np

from cofinal.skeleton.joints import JOINTS
from cofinal.skeleton.keypoints import Keypoints

_SIDE = (
    *(("shoulder", "elbow"), ("elbow", "wrist"), ("shoulder", "hip")),
    *(("hip", "knee"), ("knee", "ankle"), ("ankle", "foot")),
)
BONES = (
    *((f"{side}_{a}", f"{side}_{b}") for side in ("left", "right") for a, b in _SIDE),
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
)


def skeleton_lines(keypoints: Keypoints) -> str | None:
    """JSON for the page: size, seconds, bones as pairs of numbers, and joints frame by frame.

    Returns:
        None for keypoints that do not lie in a picture.
    """
    if keypoints.picture is None or keypoints.positions_FJD.shape[2] != 2:
        return None
    known = [name for name in JOINTS if name in keypoints.joints]
    places_FJ2 = keypoints.positions_FJD[:, [keypoints.joints[name] for name in known]]
    frames = [
        np.rint(joints_J2).astype(int).ravel().tolist() if np.isfinite(joints_J2).all() else None
        for joints_J2 in places_FJ2
    ]
    bones = [[known.index(a), known.index(b)] for a, b in BONES if a in known and b in known]
    return json.dumps(
        {
            "size": keypoints.picture,
            "seconds": np.round(keypoints.seconds_F, 3).tolist(),
            "bones": bones,
            "frames": frames,
        },
        separators=(",", ":"),
    )
