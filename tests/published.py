"""Published data sets as they lie on disk, with generated features where no real ones are had."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cofinal.data.cards import load_card
from cofinal.data.labels import read_card_labels
from cofinal.generated.synthetic import ELEMENTS, synthesise
from shared_files import data_folder


def features_for_scores(
    scores: np.ndarray, channels: int, clips: tuple[int, int], seed: int = 0
) -> list[np.ndarray]:
    """Features that fit given scores (N, K), for label files whose real features are not at hand.

    Nothing measured on them says anything about real performances; they show that a path works.
    """
    rng = np.random.default_rng(seed)
    unit = (scores - scores.mean(0)) / np.maximum(scores.std(0), 1e-9)
    noise = rng.normal(0, 0.5, (len(scores), ELEMENTS, scores.shape[1]))
    events = np.zeros(len(scores), dtype=int)
    return synthesise(unit[:, None, :] + noise, events, channels, clips, rng)


def write_rg(folder: Path) -> Path:
    """The real label files of Rhythmic Gymnastics with generated features, in its layout."""
    for name in ("train.txt", "test.txt"):
        (folder / name).write_bytes((data_folder() / "rg" / name).read_bytes())
    labels = read_card_labels(load_card("rg"), folder).labels
    scores = np.array([[label.scores["Total"]] for label in labels])
    (folder / "swintx_avg_fps25_clip32").mkdir()
    for label, values in zip(labels, features_for_scores(scores, 1024, (7, 8)), strict=True):
        path = folder / "swintx_avg_fps25_clip32" / f"{label.id}.npy"
        np.save(path, values.astype(np.float16))
    return folder
