"""Which frames form which clip: counts, times and the rule for what is left over."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from video_files import frame_number, numbered_frame, write_video

from cofinal.extraction.clips import Ahead, clips_from_frames, frames_on_screen, plan_clips
from cofinal.extraction.decoding import decoded_frames
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.scanning import scan_timeline
from cofinal.extraction.timeline import DecodedFrame
from shared_files import data_folder

REAL = {
    # file: sampled frames at 25 fps = length * 25 by the table beside the files, and clips.
    "clean_and_jerk.mp4": (453, 14),
    "arm_wrestling.mp4": (250, 7),
    "balance_beam_01.avi": (125, 3),
    "balance_beam_05.avi": (95, 2),
    "balance_beam_10.avi": (122, 3),
    "pancake.mkv": (259, 8),
    "dive.gif": (53, 1),
}


@given(frames=st.integers(1, 2000), clip=st.integers(2, 64), stride=st.integers(1, 100))
def test_plan_is_whole_centred_and_as_long_as_possible(frames: int, clip: int, stride: int) -> None:
    plan = plan_clips(frames, clip, stride, 25)
    wanted = list(plan.wanted_frames())
    assert wanted == sorted(set(wanted))
    if frames < clip:
        assert (plan.clips, plan.first_frame) == (1, 0)
        return
    end = plan.first_frame + (plan.clips - 1) * stride + clip
    before, after = plan.first_frame, frames - end
    assert 0 <= after - before <= 1
    assert before + after < stride
    assert wanted[0] == before and wanted[-1] == end - 1


def test_left_over_frames_are_dropped_equally() -> None:
    assert plan_clips(125, 32, 32, 25).first_frame == 14  # 125 = 3 * 32 + 29: 14 before, 15 after
    assert plan_clips(128, 32, 32, 25).first_frame == 0
    assert plan_clips(125, 32, 32, 25).first_clip_seconds == 14 / 25


@pytest.mark.parametrize("name", REAL)
def test_real_videos_give_the_expected_counts(name: str) -> None:
    timeline = scan_timeline(data_folder() / "videos" / name)
    frames, clips = REAL[name]
    assert timeline.frame_count(25) == frames
    assert plan_clips(frames, 32, 32, 25).clips == clips


# Frames of the files, by the table beside them.
STORED = {
    "clean_and_jerk.mp4": 355,
    "arm_wrestling.mp4": 280,
    "balance_beam_05.avi": 95,
    "pancake.mkv": 310,
    "dive.gif": 21,
}


@pytest.mark.parametrize("name", STORED)
def test_at_its_native_rate_each_stored_frame_is_taken_once(name: str) -> None:
    path = data_folder() / "videos" / name
    timeline = scan_timeline(path)
    fps = timeline.rate("native")
    count = timeline.frame_count(fps)
    assert count == STORED[name]
    frames = list(decoded_frames(path, timeline, "av"))
    shown = [f.shown_seconds for _, f in frames_on_screen(frames, range(count), fps)]
    assert shown == [frame.shown_seconds for frame in frames]


REORDERED = {"bf": "2", "b_strategy": "0", "b": "5000000", "qmax": "2"}


def shown_times(frames: list[DecodedFrame], count: int, fps: float) -> list[float]:
    return [float(f.shown_seconds) for _, f in frames_on_screen(frames, range(count), fps)]


@pytest.mark.parametrize("name", REAL)
def test_real_frames_are_those_on_screen(name: str) -> None:
    path = data_folder() / "videos" / name
    timeline = scan_timeline(path)
    frames = list(decoded_frames(path, timeline, "av"))
    count = timeline.frame_count(25)
    times = np.array([float(f.shown_seconds) for f in frames])
    # Independent: the last timestamp not after the instant, found by bisection over all of them.
    instants = (np.arange(count) + 0.25) / 25
    expected = times[np.searchsorted(times, instants, side="right") - 1]
    found = np.array(shown_times(frames, count, 25))
    np.testing.assert_allclose(found, expected, atol=1e-9)
    interval = np.diff(times).max()
    assert (instants - found >= 0).all() and (instants - found <= interval + 1e-9).all()


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_reordered_frames_of_an_avi_are_timed_right(tmp_path: Path, codec: str) -> None:
    # AVI stores no presentation times, and both codecs reorder frames here: 12 wrong guesses.
    frames = [numbered_frame(n) for n in range(50)]
    path = write_video(tmp_path / "b.avi", frames, codec=codec, options=REORDERED)
    timeline = scan_timeline(path)
    assert timeline.frame_count(25) == 50
    shown = list(decoded_frames(path, timeline, "av"))
    found = [frame_number(f.to_rgb()) for _, f in frames_on_screen(shown, range(50), 25)]
    assert found == list(range(50))


def test_25_fps_takes_every_frame_once_despite_jitter() -> None:
    jitter_ms = [0, 7, -6, 9, -9, 3, 0, -2]
    frames = [
        DecodedFrame(Fraction(40 * n + jitter_ms[n % 8], 1000), lambda n=n: numbered_frame(n))
        for n in range(40)
    ]
    order = [frame_number(f.to_rgb()) for _, f in frames_on_screen(frames, range(40), 25)]
    assert order == list(range(40))


def test_variable_rate_follows_presentation_times(tmp_path: Path) -> None:
    # Ten frames at 10 fps, a held frame of half a second, then 20 frames at 50 fps.
    times = [100 * n for n in range(10)] + [1500 + 20 * n for n in range(20)]
    path = write_video(
        tmp_path / "variable.mkv",
        [numbered_frame(n) for n in range(30)],
        codec="ffv1",
        times_ms=times,
    )
    timeline = scan_timeline(path)
    frames = decoded_frames(path, timeline, "av")
    found = [
        frame_number(f.to_rgb())
        for _, f in frames_on_screen(frames, range(timeline.frame_count(25)), 25)
    ]
    expected = [
        max(n for n, shown in enumerate(times) if shown <= 40 * k + 10) for k in range(len(found))
    ]
    assert found == expected
    assert found[23:37] == [9] * 14


def test_overlapping_and_spaced_clips_hold_the_right_frames() -> None:
    frames = [DecodedFrame(Fraction(n, 25), lambda n=n: numbered_frame(n)) for n in range(50)]
    for stride, starts in ((4, range(1, 42, 4)), (20, (1, 21, 41))):
        recipe = ExtractionRecipe(
            backbone="motion", clip_frames=8, stride_frames=stride, input_px=32
        )
        plan = plan_clips(50, 8, stride, 25)
        clips = list(clips_from_frames(frames, plan, recipe))
        numbers = [[frame_number(frame) for frame in clip] for clip in clips]
        assert numbers == [list(range(s, s + 8)) for s in starts]


def test_a_short_video_holds_its_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "five.avi", [numbered_frame(10 * n) for n in range(5)])
    timeline = scan_timeline(path)
    plan = plan_clips(timeline.frame_count(25), 32, 32, 25)
    (clip,) = clips_from_frames(decoded_frames(path, timeline, "av"), plan, ExtractionRecipe())
    assert [frame_number(frame) for frame in clip] == [0, 10, 20, 30] + [40] * 28


def test_decoding_runs_at_most_a_few_clips_ahead() -> None:
    made = threading.Semaphore(0)
    count = 0

    def clips() -> Iterator[np.ndarray]:
        nonlocal count
        for _ in range(100):
            count += 1
            made.release()
            yield np.zeros(1)

    with Ahead(clips(), depth=2) as ahead:
        next(ahead)
        for _ in range(4):
            assert made.acquire(timeout=5)
        assert not made.acquire(timeout=0.3)
    assert count == 4


def test_errors_of_the_decoder_reach_the_consumer() -> None:
    def clips() -> Iterator[np.ndarray]:
        yield np.zeros(1)
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"), Ahead(clips()) as ahead:
        list(ahead)
