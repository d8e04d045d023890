"""A stick figure that squats and waves, whose every angle is known."""

from __future__ import annotations

import numpy as np

from cofinal.skeleton.joints import JOINTS

JOINT_NUMBERS = {name: number for number, name in enumerate(JOINTS)}


def squatting(frames: int = 64, fps: float = 25.0, depth: float = 3.0) -> np.ndarray:
    """Positions (frames, 15, 3): x to the figure's left, y up, z ahead; trunk of length 5.

    Both knees bend from straight to 90 degrees and back in each two seconds; thighs and shanks
    have length 4. The left arm hangs, the right one is held out sideways.
    """
    seconds = np.arange(frames) / fps
    # Half of what the knee lacks to 180 degrees; thigh and shank lean by it in the z-y plane.
    lean = np.radians(45) * (1 - np.cos(np.pi * seconds)) / 2
    hip_y = 8 * np.cos(lean)
    knee_z = 4 * np.sin(lean)
    body = np.zeros((frames, len(JOINTS), 3))
    for side, x in (("left", 1.0), ("right", -1.0)):
        number = {name: JOINT_NUMBERS[f"{side}_{name}"] for name in
                  ("shoulder", "elbow", "wrist", "hip", "knee", "ankle", "foot")}  # fmt: skip
        body[:, number["hip"]] = np.stack([x + 0 * hip_y, hip_y, 0 * hip_y], -1)
        body[:, number["knee"]] = np.stack([x + 0 * hip_y, hip_y / 2, knee_z], -1)
        body[:, number["ankle"], 0] = x
        body[:, number["foot"]] = (x, 0.0, 1.0)
        shoulder = np.stack([x + 0 * hip_y, hip_y + 5, 0 * hip_y], -1)
        body[:, number["shoulder"]] = shoulder
        arm = np.array([0.0, -2.0, 0.0]) if side == "left" else np.array([-2.0, 0.0, 0.0])
        body[:, number["elbow"]], body[:, number["wrist"]] = shoulder + arm, shoulder + 2 * arm
    body[:, JOINT_NUMBERS["head"]] = np.stack([0 * hip_y, hip_y + 7, 0 * hip_y], -1)
    return body
