"""What each element of a performance did to its scores.

Votes, like all evidence that adds up, are added up over its clips. Occlusion leaves out the whole
element, since what single clips are worth does not add up (docs/explanations_measured.md).

Letters: T clips, C backbone channels, K targets, E elements.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from cofinal.data.sheets import Element
from cofinal.errors import CofinalError
from cofinal.explain.aligner import Aligner, Placement
from cofinal.explain.evidence import Evidence
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import pad_clips
from cofinal.records import ClipFeatures, Record
from cofinal.times import ClipTimes, Stretch

# An element may end so long after the last clip: what does not fill a clip has no features.
SLACK_SECONDS = 5.0


@dataclass(frozen=True, eq=False)
class PlacedElement(Record):
    """An element in time, and what it did to each score."""

    number: int
    """Counted from 1, in the order performed."""
    element: Element
    placement: Placement
    values: dict[str, float]
    """Target -> points by which it raised the score, or its share of attention."""
    causes: dict[str, str] = field(default_factory=dict)
    """Target -> the named quantity that did most to it, where the features' channels have names."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return {
            "number": self.number,
            "element": self.element.name,
            "family": self.element.family,
            **vars(self.placement),
            "values": self.values,
            "causes": self.causes,
        }


def told_places(elements: Sequence[PlacedElement]) -> str:
    """Where the places of elements come from, for people."""
    sure = [one.placement.confidence for one in elements]
    known = [confidence for confidence in sure if confidence is not None]
    if not known:
        return "elements at the sheet's times"
    return (
        "elements where the model's aligner places them, learned from order alone "
        f"(confidence {min(known):.2f} to {max(known):.2f})"
    )


@dataclass(frozen=True)
class ElementSource:
    """What elements there are, and what places them in time."""

    sheets: dict[str, tuple[Element, ...]]
    """Id -> elements in order."""
    aligner: Aligner | None
    """Places elements whose times the sheet does not tell."""

    def explain(
        self, model: Ensemble, features: ClipFeatures, evidence: Evidence
    ) -> list[PlacedElement]:
        """Places the elements of a performance and tells what each did to the scores.

        Raises:
            CofinalError: no sheet of this performance, nothing to place its elements by, or an
                element that leaves no other clip.
        """
        elements, places = place_elements(features, self.sheets, self.aligner)
        if evidence.method == "occlusion":
            points_KE = leave_out(model, features, elements, places)
        else:
            points_KE = sum_evidence(evidence, places)
        return [
            PlacedElement(
                number, element, place, dict(zip(evidence.targets, points_K.tolist(), strict=True))
            )
            for number, (element, place, points_K) in enumerate(
                zip(elements, places, points_KE.T, strict=True), 1
            )
        ]


def place_elements(
    features: ClipFeatures,
    sheets: dict[str, tuple[Element, ...]],
    aligner: Aligner | None,
) -> tuple[tuple[Element, ...], list[Placement]]:
    """The elements of a performance, by its id, and their places: the sheet's, else the aligner's.

    Raises:
        CofinalError: no sheet of this performance, or nothing to place its elements by.
    """
    if features.id not in sheets:
        raise CofinalError(
            f"the sheet has no elements of {features.id!r}, only of {_some(list(sheets))}; "
            "add them, or rename the file to the id in the sheet"
        )
    elements = sheets[features.id]
    given = given_places(elements, len(features.values), features.times, features.id)
    if given is not None:
        return elements, given
    if aligner is None:
        raise CofinalError(
            f"nothing tells when the elements of {features.id!r} were performed; add start and end "
            "to the sheet, or train the model with `cofinal train --sheet FILE`, which learns it"
        )
    return elements, aligner.place(features, elements)


def leave_out(
    model: Ensemble,
    features: ClipFeatures,
    elements: Sequence[Element],
    places: Sequence[Placement],
) -> np.ndarray:
    """Points (K, E) that each element is worth to this model: see `stretch_points`.

    Raises:
        CofinalError: an element that takes all clips.
    """
    T = len(features.values)
    for element, place in zip(elements, places, strict=True):
        if place.clips >= T:
            raise CofinalError(
                f"{element.name!r} takes all {T} clips of {features.id!r}, so leaving it out "
                "leaves nothing to compare with; correct the sheet, or use --method gradients"
            )
    return stretch_points(model, features.values, [place.stretch for place in places])


@torch.no_grad()
def stretch_points(
    model: Ensemble, clips_TC: np.ndarray, stretches: Sequence[Stretch]
) -> np.ndarray:
    """Points (K, E) that stretches are worth: the score less the score without the stretch.

    Args:
        model: the trained members.
        clips_TC: one performance.
        stretches: first clip and number of clips of each; none of them holds all clips.
    """
    clips = torch.from_numpy(clips_TC).float()
    without = [torch.cat([clips[:first], clips[first + count :]]) for first, count in stretches]
    whole_1K, score_EK = model.score(model(*pad_clips([clips, *without]))).split([1, len(without)])
    points_KE: np.ndarray = (whole_1K - score_EK).T.double().numpy()
    return points_KE


def sum_evidence(evidence: Evidence, places: Sequence[Placement]) -> np.ndarray:
    """Evidence (K, E) of each place, its clips' values added up."""
    return stretch_sums(evidence.values_KT, [place.stretch for place in places])


def stretch_sums(evidence_XT: np.ndarray, stretches: Sequence[Stretch]) -> np.ndarray:
    """Evidence (X, E) of each stretch, its clips added up."""
    return np.stack([evidence_XT[:, a : a + n].sum(1) for a, n in stretches], axis=1)


def given_places(
    elements: Sequence[Element], clips: int, times: ClipTimes | None, name: str
) -> list[Placement] | None:
    """Places by the sheet's own times; None where the sheet, or the features, tell no times.

    Args:
        elements: of one performance.
        clips: T.
        times: when its clips are, where known.
        name: of the performance, for messages.

    Raises:
        CofinalError: times of some elements alone, or an element or fault beyond the clips.
    """
    known = sum(element.start_seconds is not None for element in elements)
    if 0 < known < len(elements):
        raise CofinalError(
            f"the sheet has times of {known} of the {len(elements)} elements of {name!r}; "
            "give start and end of all, or of none"
        )
    if not known or times is None:
        return None
    return [_given_place(element, clips, times, name) for element in elements]


def _given_place(element: Element, clips: int, times: ClipTimes, name: str) -> Placement:
    start, end, last = element.start_seconds, element.end_seconds, times.border(clips)
    assert start is not None and end is not None
    beyond = f"seconds, but the {clips} clips of {name!r} end at {last:g}; correct the sheet"
    if start >= last:
        raise CofinalError(f"{element.name!r} starts at {start:g} {beyond}")
    parts = [(element.name, end), *((fault.name, fault.end_seconds) for fault in element.faults)]
    for what, ends in parts:
        if ends > last + SLACK_SECONDS:
            raise CofinalError(f"{what!r} ends at {ends:g} {beyond}")
    return Placement(*times.stretch(start, end, clips), start, end)


def _some(names: list[str], count: int = 3) -> str:
    """The first few names of many."""
    return ", ".join(names[:count]) + (f" and {len(names) - count} more" * (len(names) > count))
