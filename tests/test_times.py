"""When clips are: one convention, against clips looked at one by one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.times import ClipTimes, clock, read_clock, span, times_json


def brute_force(
    first: int, step: int, length: int, start: Fraction, end: Fraction, clips: int
) -> tuple[int, int]:
    """The clips whose middle lies in a time, else the nearest to its middle; all in frames."""
    middles = [first + step * t + Fraction(length, 2) for t in range(clips)]
    own = [t for t, middle in enumerate(middles) if start <= middle < end]
    if own:
        return own[0], len(own)
    # Between two clips that are equally near the later one: times are half-open.
    away = [abs(middle - (start + end) / 2) for middle in middles]
    return max(t for t in range(clips) if away[t] == min(away)), 1


def test_a_time_holds_the_clips_whose_middles_it_holds_or_the_nearest() -> None:
    rng = np.random.default_rng(0)
    single = ties = 0
    for _ in range(3000):
        fps = int(rng.choice([24, 25, 30]))
        length, step = (int(n) for n in rng.integers(1, 40, 2))
        first, clips = int(rng.integers(0, step)), int(rng.integers(1, 20))
        ends = sorted(Fraction(int(n), 2) for n in rng.choice(2 * clips * step + 99, 2, False))
        start, end = ends
        times = ClipTimes(first / fps, step / fps, length / fps)
        expected = brute_force(first, step, length, start, end, clips)
        assert times.stretch(float(start / fps), float(end / fps), clips) == expected
        middles = {first + step * t + Fraction(length, 2) for t in range(clips)}
        ties += start in middles or end in middles
        single += expected[1] == 1
    assert single > 500 and ties > 100


def test_borders_lie_between_middles_and_clips_are_counted_from_them() -> None:
    overlapping = FeatureRecipe(clip_frames=48, stride_frames=16, fps=25.0)
    features = ClipFeatures(np.zeros((4, 2), np.float32), "p", overlapping, first_clip_seconds=3.0)
    times = features.times
    assert times is not None
    for clip in range(4):
        middle = 3.0 + 16 / 25 * clip + 48 / 25 / 2
        assert times.border(clip) == pytest.approx(middle - 8 / 25)
        assert times.border(clip + 1) == pytest.approx(middle + 8 / 25)
        assert times.clip_at(middle) == pytest.approx(clip + 0.5)
    assert FeatureRecipe(clip_frames=32, fps=32.0).times(0.5) == ClipTimes(0.5, 1.0, 1.0)
    assert FeatureRecipe(stride_frames=8, fps=16.0).times() == ClipTimes(0.0, 0.5, 0.5)
    assert FeatureRecipe(clip_frames=32).times() is None
    assert set(times_json(None).values()) == {None}
    assert times_json(ClipTimes(1, 2, 3)) == {
        "seconds_per_clip": 2,
        "first_clip_seconds": 1,
        "clip_seconds": 3,
    }


def test_times_are_written_in_whole_seconds_that_have_gone_by() -> None:
    seconds = (0, 59.99, 60, 65.4, 3600)
    assert [clock(s) for s in seconds] == ["0:00", "0:59", "1:00", "1:05", "60:00"]
    assert clock(sum([0.1] * 650)) == "1:05"  # 64.99999999999937
    for seconds in (0, 59, 60, 605, 3600, 100_000):
        assert read_clock(clock(seconds)) == seconds
    assert read_clock("2:00:09.25") == 7209.25
    wrong = [
        "65",
        "1:5",
        "1:60",
        "1:61:00",
        "-1:05",
        ":05",
        "1:05.",
        " 1:05",
        "1:05:",
        "1:\N{ARABIC-INDIC DIGIT ZERO}5",
        "",
    ]
    assert [read_clock(text) for text in wrong] == [None] * len(wrong)
    assert span(5.2, 9.9, (0, 3)) == "0:05 to 0:09"
    assert span(None, None, (3, 1)) == "clip 4"
    assert span(None, 9.0, (3, 2)) == "clips 4 to 5"
