"""Published data sets as they lie on disk, with generated features where no real ones are had."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cofinal.data.cards import load_card
from cofinal.data.labels import read_card_labels
from cofinal.generated.synthetic import features_for_scores
from shared_files import data_folder


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
