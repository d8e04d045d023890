"""Joints that descriptors use, and where the skeletons of known tools have them."""

from __future__ import annotations

from collections.abc import Mapping

from cofinal.errors import CofinalError

PAIRS = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")
JOINTS = ("head", *(f"{side}_{pair}" for pair in PAIRS for side in ("left", "right")))
# Without these there is no root, no unit and no direction.
NEEDED = ("left_shoulder", "right_shoulder", "left_hip", "right_hip")
JointMap = Mapping[str, int]


def _layout(head: int, left: Mapping[str, int], right: Mapping[str, int]) -> dict[str, int]:
    sides = {f"left_{k}": v for k, v in left.items()} | {f"right_{k}": v for k, v in right.items()}
    return {"head": head, **sides}


def _chain(*places: int) -> dict[str, int]:
    """Places of a side's shoulder, elbow, wrist, hip, knee, ankle and, if given, foot."""
    return dict(zip(PAIRS, places, strict=False))


# Numbers of the joints in each tool's own documentation; feet are the toes.
LAYOUTS: dict[str, dict[str, int]] = {
    "mediapipe": _layout(0, _chain(11, 13, 15, 23, 25, 27, 31), _chain(12, 14, 16, 24, 26, 28, 32)),
    "coco-17": _layout(0, _chain(5, 7, 9, 11, 13, 15), _chain(6, 8, 10, 12, 14, 16)),
    "openpose-25": _layout(0, _chain(5, 6, 7, 12, 13, 14, 19), _chain(2, 3, 4, 9, 10, 11, 22)),
    "openpose-18": _layout(0, _chain(5, 6, 7, 11, 12, 13), _chain(2, 3, 4, 8, 9, 10)),
    "kinect-v2": _layout(3, _chain(4, 5, 6, 12, 13, 14, 15), _chain(8, 9, 10, 16, 17, 18, 19)),
    "ui-prmd": _layout(4, _chain(7, 8, 9, 14, 15, 16, 17), _chain(11, 12, 13, 18, 19, 20, 21)),
}
COUNTS = {
    "mediapipe": 33,
    "coco-17": 17,
    "openpose-25": 25,
    "openpose-18": 18,
    "kinect-v2": 25,
    "ui-prmd": 22,
}


def joint_map(joints: str | JointMap, count: int) -> dict[str, int]:
    """Which of `count` joints is which.

    Args:
        joints: the name of a layout, or joint name -> number from 0.
        count: J, joints in the data.

    Raises:
        CofinalError: an unknown layout or name, a number out of range, or no shoulders or hips.
    """
    if isinstance(joints, str):
        if joints not in LAYOUTS:
            raise CofinalError(f"joints {joints!r} is unknown; use one of {', '.join(LAYOUTS)}")
        if count != COUNTS[joints]:
            raise CofinalError(
                f"{count} joints were given, but {joints} has {COUNTS[joints]}; name another "
                "layout, or give the number of each joint"
            )
        return LAYOUTS[joints]
    unknown = sorted(set(joints) - set(JOINTS))
    if unknown:
        raise CofinalError(f"joint {unknown[0]!r} is unknown; name {', '.join(JOINTS)}")
    missing = [name for name in NEEDED if name not in joints]
    if missing:
        raise CofinalError(f"joint {missing[0]!r} is missing; shoulders and hips are needed")
    for name, number in joints.items():
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < count:
            raise CofinalError(
                f"joint {name!r} has number {number!r}; expected a whole one from 0 to {count - 1}"
            )
    return dict(joints)
