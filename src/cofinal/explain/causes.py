"""What in a moment's channels did it, where channels have names: descriptors of skeletons.

For each named quantity (all statistics of one curve) its channels in the moment's clips are set to
what they are in the mean of the other clips; what the score then loses was theirs.
Letters: T clips, C channels, K targets.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cofinal.explain.moments import Moment
from cofinal.extraction.backbones import BACKBONES, POSE, SKELETON
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.records import ClipFeatures
from cofinal.skeleton.descriptors import CHANNELS, Channel


def named_channels(backbone: str | None) -> dict[int, Channel]:
    """Column -> channel of the columns that have names, among those of joined backbones."""
    found: dict[int, Channel] = {}
    first = 0
    for part in (backbone or "").split("+"):
        if part in (POSE, SKELETON):
            found |= {first + number: channel for number, channel in enumerate(CHANNELS)}
            return found
        if part not in BACKBONES:  # of the user's own, or another maker's
            break
        first += BACKBONES[part].output_width
    return found


def with_causes(
    model: Ensemble, features: ClipFeatures, moments: list[Moment], target: int
) -> list[Moment]:
    """Moments with the quantity that did most to each, as the model sees it, in words and units."""
    named = named_channels(features.recipe.backbone)
    if not named or not moments:
        return moments
    return [
        replace(one, cause=_cause(model, features.values, one, target, named)) for one in moments
    ]


def _cause(
    model: Ensemble, values_TC: np.ndarray, moment: Moment, target: int, named: dict[int, Channel]
) -> str:
    inside = np.zeros(len(values_TC), dtype=bool)
    inside[moment.first_clip : moment.first_clip + moment.clips] = True
    if inside.all():
        return ""
    usual_C = values_TC[~inside].mean(axis=0)
    curves: dict[str, list[int]] = {}
    for column, channel in named.items():
        curves.setdefault(channel.curve, []).append(column)
    others = []
    for columns in curves.values():
        changed_TC = values_TC.copy()
        changed_TC[np.ix_(inside, np.array(columns))] = usual_C[columns]
        others.append(changed_TC)
    scores = predict_scores(model, [values_TC, *others])[:, target]
    worth = (scores[0] - scores[1:]) * np.sign(moment.value)
    if worth.max() <= 0:
        return ""
    columns = list(curves.values())[int(worth.argmax())]
    first = named[columns[0]]
    here, elsewhere = values_TC[inside][:, columns[0]].mean(), usual_C[columns[0]]
    unit = f" {first.unit}" if first.unit else ""
    return f"{first.words} ({here:.3g}{unit}, elsewhere {elsewhere:.3g})"
