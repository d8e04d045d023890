"""Descriptors of skeletons: known angles, and what must not matter."""

from __future__ import annotations

import numpy as np
import pytest
from figures import JOINT_NUMBERS, squatting

from cofinal import skeleton_features
from cofinal.errors import CofinalError
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.skeleton.body import straighten
from cofinal.skeleton.descriptors import CHANNELS
from cofinal.skeleton.joints import JOINTS
from cofinal.skeleton.smoothness import log_jerk, spectral_arc_length

NUMBER = {channel.name: number for number, channel in enumerate(CHANNELS)}


def channels(positions: np.ndarray, fps: float = 25.0, **more: object) -> np.ndarray:
    return skeleton_features(positions, JOINT_NUMBERS, fps, **more).values  # type: ignore[arg-type]


def told(values: np.ndarray, name: str, clip: int = 0) -> float:
    return float(values[clip, NUMBER[name]])


def test_about_250_channels_have_names_words_and_finite_values() -> None:
    assert 230 <= len(CHANNELS) <= 270
    assert len(NUMBER) == len({channel.words for channel in CHANNELS}) == len(CHANNELS)
    values = channels(squatting())
    assert values.shape == (2, len(CHANNELS)) and values.dtype == np.float32


def test_known_angles_and_lengths() -> None:
    # Both clips of 32 frames hold most of a squat: 90 degrees at the bottom, 180 when straight.
    values = channels(squatting())
    assert told(values, "knee_min") == pytest.approx(90, abs=0.5)
    assert told(values, "knee_max") == pytest.approx(180, abs=2)
    assert told(values, "knee_difference_max") == pytest.approx(0, abs=1e-3)
    # One arm hangs along the trunk, the other is held out: 0 and 90 degrees.
    assert told(values, "shoulder_mean") == pytest.approx(45, abs=1e-3)
    assert told(values, "shoulder_difference_mean") == pytest.approx(90, abs=1e-3)
    assert told(values, "elbow_mean") == pytest.approx(180, abs=1e-2)
    assert told(values, "trunk_lean_max") == pytest.approx(0, abs=1e-2)
    # In torso lengths of 5: feet 2 apart, hands 0 and 4 below the shoulders, hips sink by 2.34.
    assert told(values, "stance_width_mean") == pytest.approx(2 / 5, abs=1e-4)
    assert told(values, "hand_height_mean") == pytest.approx(-2 / 5, abs=1e-4)
    assert told(values, "found_mean") == told(values, "arms_visibility_mean") == 1
    # Highest angular speed of the knee: 2 * 45 degrees * pi / 2 a second.
    assert told(values, "knee_speed_max") == pytest.approx(45 * np.pi, rel=0.02)


@pytest.mark.parametrize("what", ["moved", "scaled", "turned", "mirrored"])
def test_place_size_direction_and_side_do_not_matter(what: str) -> None:
    body = squatting()
    turn = np.array([[0.6, 0, 0.8], [0, 1, 0], [-0.8, 0, 0.6]])
    other = {
        "moved": body + np.array([3.0, -7.0, 20.0]),
        "scaled": body * 0.013,
        "turned": body @ turn.T,
        "mirrored": mirrored(body),
    }[what]
    expected = channels(body)
    np.testing.assert_allclose(np.abs(channels(other)), np.abs(expected), atol=2e-3)


def mirrored(body: np.ndarray) -> np.ndarray:
    swap = [
        JOINT_NUMBERS[n.replace("left", "x").replace("right", "left").replace("x", "right")]
        for n in JOINTS
    ]
    return body[:, swap] * np.array([-1.0, 1.0, 1.0])


def test_frames_in_which_a_tool_swaps_left_and_right_are_put_straight() -> None:
    body = squatting()
    wrong = body.copy()
    swap = mirrored(body) * np.array([-1.0, 1.0, 1.0])
    wrong[10:14], wrong[40] = swap[10:14], swap[40]
    np.testing.assert_allclose(channels(wrong), channels(body), atol=1e-5)
    fixed, _ = straighten(wrong, np.ones(wrong.shape[:2]))
    np.testing.assert_array_equal(fixed, body)


def test_short_gaps_are_filled_and_long_ones_are_told() -> None:
    body = squatting()
    short, long = body.copy(), body.copy()
    short[20:24] = np.nan
    long[5:27] = np.nan
    np.testing.assert_allclose(channels(short)[0], channels(body)[0], rtol=0.2, atol=1.0)
    assert told(channels(long), "found_mean") == pytest.approx(10 / 32)
    assert np.isfinite(channels(long)).all()


def test_absent_parts_are_zero_and_say_so() -> None:
    body = squatting()
    for name in ("wrist", "elbow"):
        body[:, [JOINT_NUMBERS[f"left_{name}"], JOINT_NUMBERS[f"right_{name}"]]] = np.nan
    values = channels(body)
    for name in ("elbow_mean", "wrist_velocity_max", "wrist_velocity_sparc", "wrist_up_std"):
        assert told(values, name) == 0
    assert told(values, "arms_visibility_mean") == 0 and told(values, "legs_visibility_mean") == 1
    nothing = channels(np.full((40, 15, 3), np.nan))
    assert np.abs(nothing).max() == 0


@pytest.mark.parametrize("fps", [12.5, 30.0, 50.0])
def test_the_frame_rate_does_not_matter(fps: float) -> None:
    expected = channels(squatting(100, 25))
    found = channels(squatting(round(4 * fps), fps), fps)
    assert found.shape == expected.shape
    places = [NUMBER[f"{name}_{s}"] for name in ("knee", "hip", "head_up") for s in ("mean", "std")]
    np.testing.assert_allclose(found[:, places], expected[:, places], rtol=0.02, atol=0.02)


def test_pictures_have_rows_that_grow_downwards_and_no_depth() -> None:
    flat = squatting()[..., :2] * np.array([1.0, -1.0])
    values = channels(flat)
    assert told(values, "shoulder_difference_mean") == pytest.approx(90, abs=1e-3)
    assert told(values, "inversion_mean") == 0
    assert told(channels(-flat), "inversion_mean") == 1
    depth = [number for name, number in NUMBER.items() if "_depth" in name]
    assert np.abs(values[:, depth]).max() == 0


def test_a_short_performance_is_one_clip_of_what_there_is() -> None:
    values = channels(squatting(20))
    assert values.shape[0] == 1 and told(values, "found_mean") == pytest.approx(20 / 32)
    assert told(values, "knee_min") > 90
    assert channels(squatting(1)).shape == (1, len(CHANNELS))


def test_smoothness_of_the_smoothest_reach() -> None:
    # The minimum-jerk speed 30 t^2 (1 - t)^2 has peak 15/8 and the integral 720 of its squared
    # second derivative, so ln(720 / (15/8)^2) = ln 204.8.
    t = np.linspace(0, 1, 2001)
    speed = 30 * t**2 * (1 - t) ** 2
    assert log_jerk(speed, 2000) == pytest.approx(-np.log(204.8), abs=0.01)
    assert log_jerk(speed * 7, 1000) == pytest.approx(-np.log(204.8), abs=0.01)
    jerky = speed + 0.2 * np.sin(6 * np.pi * t) ** 2
    assert log_jerk(jerky, 2000) < log_jerk(speed, 2000)
    assert -1.6 < spectral_arc_length(speed, 2000) < -1.35
    assert spectral_arc_length(jerky, 2000) < spectral_arc_length(speed, 2000)


def test_what_is_no_skeleton_is_refused() -> None:
    body = squatting()
    with pytest.raises(CofinalError, match=r"shape \(64, 45\); expected \(frames, joints, 2 or 3"):
        skeleton_features(body.reshape(64, -1), JOINT_NUMBERS, 25)
    with pytest.raises(CofinalError, match="15 joints were given, but coco-17 has 17"):
        skeleton_features(body, "coco-17", 25)
    with pytest.raises(CofinalError, match="joints 'blender' is unknown; use one of mediapipe"):
        skeleton_features(body, "blender", 25)
    with pytest.raises(CofinalError, match="joint 'left_shoulder' is missing"):
        skeleton_features(body, {"head": 0}, 25)
    with pytest.raises(CofinalError, match="'head' has number 15; expected a whole one from 0 to"):
        skeleton_features(body, {**JOINT_NUMBERS, "head": 15}, 25)
    with pytest.raises(CofinalError, match="fps is 0; expected a number above 0"):
        skeleton_features(body, JOINT_NUMBERS, 0)
    with pytest.raises(CofinalError, match="skeletons are no films"):
        ExtractionRecipe("skeleton+frames").parts()
