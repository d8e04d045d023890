"""What did it in a moment or an element, where channels have names: descriptors of skeletons.

For each named quantity (all statistics of one curve) its channels in the stretch's clips are set to
what they are in the mean of the other clips; what the score then loses was theirs.
Letters: T clips, C channels, K targets, Q quantities.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cofinal.explain.elements import PlacedElement
from cofinal.explain.moments import Moment
from cofinal.extraction.backbones import BACKBONES, POSE, SKELETON
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.records import ClipFeatures
from cofinal.skeleton.descriptors import CHANNELS, Channel
from cofinal.times import Stretch


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
    if not named:
        return moments
    return [
        replace(one, cause=causes(model, features, one.stretch, {target: one.value}, named)[target])
        for one in moments
    ]


def with_element_causes(
    model: Ensemble,
    features: ClipFeatures,
    elements: list[PlacedElement],
    targets: Sequence[str],
) -> list[PlacedElement]:
    """Elements with the quantity that did most to each, for every target, alike."""
    named = named_channels(features.recipe.backbone)
    if not named:
        return elements
    found = []
    for one in elements:
        values = {k: one.values[target] for k, target in enumerate(targets)}
        told = causes(model, features, one.placement.stretch, values, named)
        found.append(replace(one, causes={target: told[k] for k, target in enumerate(targets)}))
    return found


def causes(
    model: Ensemble,
    features: ClipFeatures,
    stretch: Stretch,
    values: dict[int, float],
    named: dict[int, Channel],
) -> dict[int, str]:
    """The quantity that did most in a stretch, for each target by number; "" where none did.

    Args:
        model: the trained members.
        features: of the performance.
        stretch: first clip and number of clips.
        values: target -> what the stretch did to its score, whose sign counts.
        named: column -> channel.
    """
    values_TC = features.values
    inside_T = np.zeros(len(values_TC), dtype=bool)
    inside_T[stretch[0] : sum(stretch)] = True
    if inside_T.all():
        return dict.fromkeys(values, "")
    usual_C = values_TC[~inside_T].mean(axis=0)
    curves: dict[str, list[int]] = {}
    for column, channel in named.items():
        curves.setdefault(channel.curve, []).append(column)
    quantities = list(curves.values())
    others = []
    for columns in quantities:
        changed_TC = values_TC.copy()
        changed_TC[np.ix_(inside_T, np.array(columns))] = usual_C[columns]
        others.append(changed_TC)
    score_K, *score_QK = predict_scores(model, [values_TC, *others])
    lost_QK = score_K - np.stack(score_QK)
    found = {}
    for k, value in values.items():
        worth_Q = lost_QK[:, k] * np.sign(value)
        column = quantities[int(worth_Q.argmax())][0]
        told = in_words(named[column], values_TC[inside_T, column].mean(), usual_C[column])
        found[k] = told if worth_Q.max() > 0 else ""
    return found


def in_words(channel: Channel, here: float, elsewhere: float) -> str:
    """A quantity and its values, for example "knee angle (8 degrees, elsewhere 0)"."""
    unit = f" {channel.unit}" if channel.unit else ""
    return f"{channel.words} ({here:.3g}{unit}, elsewhere {elsewhere:.3g})"
