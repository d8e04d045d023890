"""Generated performances with known grades: for the demo, for tests, and to try things out.

A performance is a string of elements (jumps, spins, steps) with pauses between. What an element is
and how well it goes shows in its clips as two directions of the feature space, under noise and an
event's own look; the score is the sum over elements. So the truth is known, and finding it takes
what the method claims to do: gathering evidence over a long time.

Letters: N performances, T clips, C channels, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from cofinal.data.features import RECIPE_FILE, write_values
from cofinal.files.atomic import write_json, write_text
from cofinal.files.tables import csv_text
from cofinal.records import FeatureRecipe

TARGETS = ("difficulty", "execution")
RECIPE = FeatureRecipe(backbone="generated", clip_frames=32, stride_frames=32, fps=25.0)
ELEMENTS = 7
# Labelled performances that are held out as the split "test".
TEST_SHARE = 0.25


@dataclass(frozen=True)
class Generated:
    """Generated performances."""

    clips: list[np.ndarray]
    """N arrays (T, C), float32."""
    scores: np.ndarray
    """(N, 2) points: difficulty, execution."""
    events: list[str]


def generate(
    performances: int = 160, channels: int = 64, clips: tuple[int, int] = (70, 110), seed: int = 0
) -> Generated:
    """Generates performances with their scores; the same seed gives the same performances.

    Args:
        performances: N.
        channels: C, at least 4.
        clips: smallest and largest number of clips, T.
        seed: seed of everything random.
    """
    rng = np.random.default_rng(seed)
    values = rng.uniform(2, 8, (performances, ELEMENTS))
    execution = np.clip(
        rng.normal(0, 0.8, (performances, 1)) + rng.normal(0, 1.2, (performances, ELEMENTS)), -3, 3
    )
    scores = np.stack([values.sum(1), 25 + 1.5 * execution.sum(1)], axis=1)
    events = rng.integers(8, size=performances)
    signals = np.stack([(values - 5) / 2, execution], axis=-1)
    features = synthesise(signals, events, channels, clips, rng)
    return Generated(features, scores.round(2), [f"E{event}" for event in events])


def synthesise(
    signals: np.ndarray,
    events: np.ndarray,
    channels: int,
    clips: tuple[int, int],
    rng: np.random.Generator,
) -> list[np.ndarray]:
    """Clip features (T, C) in which each element shows its signals while it lasts.

    Args:
        signals: (N, elements, K) what each element shows, about -2 to 2.
        events: (N,) event numbers; each has its own constant look.
    """
    elements, targets = signals.shape[1:]
    directions = np.linalg.qr(rng.normal(size=(channels, channels)))[0]
    looks = rng.normal(0, 0.5, (events.max() + 1, channels))
    features = []
    for one, event in zip(signals, events, strict=True):
        length = int(rng.integers(clips[0], clips[1] + 1))
        clip_values = rng.normal(0, 0.6, (length, channels)) + looks[event]
        starts = np.linspace(0, length, elements, endpoint=False).astype(int)
        lasts = max(length // (elements + 3), 1)
        for element, start in enumerate(starts):
            span = slice(start, start + lasts)
            clip_values[span] += 2.0 * directions[targets]
            clip_values[span] += 1.5 * one[element] @ directions[:targets]
        features.append(clip_values.astype(np.float32))
    return features


def write_features(folder: str | Path, ids: Sequence[str], clips: Sequence[np.ndarray]) -> None:
    """Writes one `.npy` per performance and `features.json` beside them."""
    folder = Path(folder)
    for identifier, values in zip(ids, clips, strict=True):
        write_values(folder / f"{identifier}.npy", values)
    write_json(folder / RECIPE_FILE, asdict(RECIPE))


def write_dataset(folder: str | Path, generated: Generated) -> Path:
    """Writes `labels.csv` and `features/` as one's own data lie; returns the path of the labels."""
    folder = Path(folder)
    ids = [f"p{i:03d}" for i in range(len(generated.clips))]
    first_test = round(len(ids) * (1 - TEST_SHARE))
    splits = ["train" if i < first_test else "test" for i in range(len(ids))]
    columns = zip(ids, *generated.scores.T, splits, generated.events, strict=True)
    write_features(folder / "features", ids, generated.clips)
    write_text(folder / "labels.csv", csv_text(["id", *TARGETS, "split", "event"], columns))
    return folder / "labels.csv"
