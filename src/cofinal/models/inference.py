"""Running a model over many performances of different length.

Letters: N performances, B videos, T clips, C channels, G grades, K targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from cofinal.distributions import ScoreDistribution
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import ModelOutput, pad_clips

# Performances assessed together: enough to fill two cores, small enough for any memory.
BATCH = 16


@torch.no_grad()
def assess_all(
    model: Ensemble, clips: Sequence[np.ndarray], device: torch.device | str = "cpu"
) -> Iterator[tuple[list[int], ModelOutput]]:
    """Assesses performances in batches of similar length.

    Args:
        model: trained members, on `device`.
        clips: N arrays (T, C).

    Yields:
        The positions in `clips` of a batch, and the output for them.
    """
    order = sorted(range(len(clips)), key=lambda index: len(clips[index]))
    for start in range(0, len(order), BATCH):
        index = order[start : start + BATCH]
        batch = [torch.from_numpy(clips[i]).to(device).float() for i in index]
        yield index, model(*pad_clips(batch))


def predict_distributions(
    model: Ensemble, clips: Sequence[np.ndarray], device: torch.device | str = "cpu"
) -> ScoreDistribution:
    """Distributions (N, K) in points of N performances, at least one, in the order of `clips`."""
    found: dict[int, ScoreDistribution] = {}
    for index, output in assess_all(model, clips, device):
        distribution = model.distribution(output)
        found |= {i: distribution[row] for row, i in enumerate(index)}
    return ScoreDistribution.stack([found[i] for i in range(len(clips))])


def predict_scores(
    model: Ensemble, clips: Sequence[np.ndarray], device: torch.device | str = "cpu"
) -> np.ndarray:
    """Scores in points (N, K), float64, in the order of `clips`."""
    if not clips:
        return np.empty((0, len(model.first.task.targets)))
    return predict_distributions(model, clips, device).score
