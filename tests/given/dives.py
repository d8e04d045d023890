"""Simulated dives: execution follows from the clips, difficulty multiplies it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Dives:
    """N dives with what made their scores."""

    clips: list[np.ndarray]
    execution: np.ndarray
    difficulty: np.ndarray
    events: list[str]

    @property
    def scores(self) -> np.ndarray:
        """What the judges gave: difficulty times execution."""
        return self.difficulty * self.execution


def dives(count: int = 60, seed: int = 0) -> Dives:
    """Dives of which a ridge regression finds the execution almost exactly."""
    rng = np.random.default_rng(seed)
    clips = []
    for _ in range(count):
        own = rng.normal(size=5)
        clips.append((own + rng.normal(size=(rng.integers(4, 8), 5)) / 4).astype(np.float32))
    average = np.stack([values.mean(0, dtype=np.float64) for values in clips])
    execution = 20 + average @ [2.0, -1.0, 1.0, 0.0, 0.5]
    difficulty = rng.uniform(1.5, 3.8, count).round(1)
    return Dives(clips, execution, difficulty, [f"event {i % 6}" for i in range(count)])


def write_dives(folder: Path, found: Dives) -> Path:
    """Dives as one's own data lie on disk, a fifth of them in the split "test"."""
    (folder / "features").mkdir(parents=True)
    lines = ["id,score,difficulty,event,split"]
    for i, clips in enumerate(found.clips):
        np.save(folder / "features" / f"d{i}.npy", clips)
        split = "test" if i % 5 == 0 else "train"
        cells = (f"d{i}", f"{found.scores[i]:.6f}", found.difficulty[i], found.events[i], split)
        lines.append(",".join(map(str, cells)))
    labels = folder / "labels.csv"
    labels.write_text("\n".join(lines) + "\n")
    return labels
