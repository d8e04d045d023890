"""The same performance twice: against every pair compared by brute force."""

from __future__ import annotations

import time
from itertools import combinations

import numpy as np
import pytest

from cofinal.data.content import LARGEST_SHIFT, SAME_CONTENT, find_same_content, same_content
from cofinal.data.labels import Label


def performances(count: int, seed: int, channels: int = 24) -> list[np.ndarray]:
    """Random performances of 10 to 30 clips whose channels differ in mean and spread."""
    draws = np.random.default_rng(seed)
    spread, mean = draws.uniform(0.1, 9, channels), draws.normal(0, 5, channels)
    return [
        (mean + spread * draws.normal(size=(draws.integers(10, 30), channels))).astype(np.float32)
        for _ in range(count)
    ]


def by_brute_force(clips: list[np.ndarray]) -> dict[tuple[int, int], float]:
    """The definition, pair by pair, shift by shift, clip by clip."""
    every = np.concatenate(clips).astype(np.float64)
    mean, spread = every.mean(0), every.std(0)
    pairs = {}
    for a, b in combinations(range(len(clips)), 2):
        if abs(len(clips[a]) - len(clips[b])) > LARGEST_SHIFT:
            continue
        cosines = []
        for shift in range(-LARGEST_SHIFT, LARGEST_SHIFT + 1):
            first = (clips[a][max(shift, 0) :] - mean) / spread
            second = (clips[b][max(-shift, 0) :] - mean) / spread
            in_step = [
                x @ y / np.linalg.norm(x) / np.linalg.norm(y)
                for x, y in zip(first, second, strict=False)
            ]
            cosines.append(np.mean(in_step))
        if max(cosines) > SAME_CONTENT:
            pairs[a, b] = max(cosines)
    return pairs


@pytest.mark.parametrize("seed", range(4))
def test_pairs_are_those_that_brute_force_finds(seed: int) -> None:
    clips = performances(40, seed)
    draws = np.random.default_rng(seed)
    # Copies from exact to just not the same any more, shifted to either side.
    for copy, noise in enumerate(np.linspace(0, 0.9, 12)):
        values = clips[copy]
        other = values + noise * values.std(0) * draws.normal(size=values.shape)
        clips.append(other[copy % 3 :].astype(np.float32))
        clips.append(other[: len(other) - copy % 3].astype(np.float32))
    expected = by_brute_force(clips)
    assert 12 < len(expected) < 40
    found = same_content(clips)
    assert found == pytest.approx(expected, abs=1e-4)


def test_what_all_performances_share_makes_none_the_same() -> None:
    clips = [values + 100 for values in performances(6, 0)]
    assert same_content(clips) == {}
    assert same_content(clips[:1]) == {} and same_content([]) == {}


def test_performances_of_different_length_are_not_compared() -> None:
    clips = performances(6, 1)
    long = np.concatenate([clips[0], clips[1]])
    assert same_content([*clips, long, long[:-3]]) == {}
    assert list(same_content([*clips, long, long[:-2]])) == [(6, 7)]


def test_short_performances_must_agree_fully() -> None:
    clips = performances(6, 2)
    short = clips[0][:5]
    noisy = short + 0.3 * clips[0].std(0) * np.random.default_rng(0).normal(size=short.shape)
    assert same_content([*clips, short, noisy.astype(np.float32)]) == {}
    assert list(same_content([*clips, short, short.copy()])) == [(6, 7)]


def test_forty_copies_of_one_film_are_one_finding() -> None:
    clips = performances(60, 3)
    clips[10:50] = [clips[10]] * 40
    clips[5] = clips[3]
    labels = [
        Label(f"p{i}", {"score": float(i > 20)}, "train", "labels.csv", i + 2) for i in range(60)
    ]
    pair, copies = sorted(find_same_content(labels, clips), key=lambda finding: finding.line or 0)
    assert (
        "p5 shows the same performance as p3 (labels.csv:5; clips agree to 1.00), with the same"
        in (pair.message)
    )
    assert "p11, p12, p13 and 36 more show the same performance as p10 (labels.csv:12;" in (
        copies.message
    )
    assert "with other scores; keep one, or keep all in one fold" in copies.message
    assert (copies.line, copies.severity) == (13, "warning")


def test_thousands_of_performances_are_compared_in_seconds() -> None:
    """By pairs clip by clip, 2,000 of them took half a minute."""
    draws = np.random.default_rng(0)
    clips = [draws.normal(size=(40, 16)).astype(np.float32) for _ in range(2000)]
    clips[1500] = clips[7]
    started = time.process_time()
    assert list(same_content(clips)) == [(7, 1500)]
    assert time.process_time() - started < 10
