"""Yardsticks: a detector that was shown the faults' times, and one that knows nothing.

Letters: T clips, C backbone channels, N performances.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

# The detector is a yardstick and not tuned: components, and how little its weights are held back.
COMPONENTS, LOOSENESS = 100, 0.01


def detector_scores(
    clips: Sequence[np.ndarray],
    faulty_NT: Sequence[np.ndarray],
    folds: Sequence[np.ndarray],
) -> dict[int, np.ndarray]:
    """Position -> scores (1, T) of a detector that was trained on the times of the faults.

    Logistic regression on a clip's principal components, on the performances of the other folds.

    Args:
        clips: N arrays (T, C).
        faulty_NT: for each performance which clips are faulty.
        folds: positions held out together.
    """
    found = {}
    for held_out in folds:
        rest = np.setdiff1d(np.concatenate(folds), held_out)
        values_XC = np.concatenate([clips[i] for i in rest]).astype(np.float64)
        faulty_X = np.concatenate([faulty_NT[i] for i in rest])
        if faulty_X.all() or not faulty_X.any():
            continue
        detector = make_pipeline(
            StandardScaler(),
            PCA(min(COMPONENTS, *values_XC.shape), random_state=0),
            LogisticRegression(C=LOOSENESS, max_iter=2000),
        ).fit(values_XC, faulty_X)
        for i in held_out:
            found[int(i)] = detector.decision_function(clips[i].astype(np.float64))[None]
    return found


def unlike_the_mean(clips_TC: np.ndarray) -> np.ndarray:
    """Distance (1, T) of each clip from the performance's mean clip: no model, no training."""
    values_TC = clips_TC.astype(np.float64)
    distance_1T: np.ndarray = np.linalg.norm(values_TC - values_TC.mean(0), axis=1)[None]
    return distance_1T
