"""One person through a stretch of frames: found in some of them, followed both ways, then judged.

Whoever was followed at the end of the stretch before is followed on.

Letters: T frames of a stretch, J landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import torch

from cofinal.extraction.pose.detector import Detector, Region
from cofinal.extraction.pose.landmarks import LANDMARKS, Landmarks, Sight

# Frames of a stretch, in which the detector looks at every eighth.
STRETCH_FRAMES, DETECT_EVERY, DETECT_FIRST = 32, 8, 4
# Most persons that are looked at in one frame, most runs of sights followed in one stretch, and how
# often more the detector looks where nobody was found.
MOST_PERSONS, MOST_TRACKS, MORE_LOOKS = 2, 8, 6
LEAST_CONFIDENCE = 0.5
# Shoulders, elbows, wrists, hips, knees, ankles.
LIMBS = [*range(11, 17), *range(23, 29)]
# A sight counts if the limbs are visible so much in the mean, and the region has a body's size:
# shares of the frame's height.
LEAST_VISIBILITY, SMALLEST, LARGEST = 0.5, 0.12, 2.2
# Scores within this share of the best are a tie, which motion decides.
TIE = 0.1


@dataclass
class Track:
    """One person's sights by frame."""

    sights: dict[int, Sight] = field(default_factory=dict)

    def score(self) -> float:
        """How likely it is whom the film is about: visibility x time x size."""
        seen = [s.visibility_J[LIMBS].mean() * s.region.size for s in self.sights.values()]
        return float(np.sum(seen))

    def motion(self) -> float:
        """Mean movement of the limbs from frame to frame, in sizes of the region."""
        frames = sorted(self.sights)
        steps = [
            np.linalg.norm(
                self.sights[b].places_J2[LIMBS] - self.sights[a].places_J2[LIMBS], axis=1
            ).mean()
            / self.sights[a].region.size
            for a, b in pairwise(frames)
        ]
        return float(np.mean(steps)) if steps else 0.0

    def has(self, frame: int, region: Region) -> bool:
        """Whether this person is already followed in that region of the frame."""
        return frame in self.sights and self.sights[frame].following.is_near(region)

    def size(self) -> float:
        """Usual size of the region in pixels."""
        return float(np.median([sight.region.size for sight in self.sights.values()]))


class Tracker:
    """Follows people through stretches of frames."""

    def __init__(self, detector: Detector, landmarks: Landmarks) -> None:
        self.detector, self.landmarks = detector, landmarks

    def to(self, device: torch.device) -> None:
        """Moves the networks to a device."""
        self.detector.graph.to(device)
        self.landmarks.graph.to(device)

    def follow(self, frames: list[np.ndarray], before: Sight | None = None) -> dict[int, Sight]:
        """The sights of one person by frame; frames in which nobody was found are left out.

        Args:
            frames: of a stretch.
            before: the sight in the frame before the stretch, if there was one.
        """
        tracks: list[Track] = []
        if before is not None:
            known = self._onwards(frames, range(len(frames)), before)
            tracks += [Track(known)] if known else []
        for start in range(min(DETECT_FIRST, len(frames) - 1), len(frames), DETECT_EVERY):
            self._look(frames, start, tracks)
        # Where nobody was followed to, looking in the middle of what is left often helps.
        looked = set(range(DETECT_FIRST, len(frames), DETECT_EVERY))
        for _ in range(MORE_LOOKS):
            left = gaps(len(frames), person_of(tracks), looked)
            if not left:
                break
            longest = max(left, key=len)
            middle = longest[len(longest) // 2]
            looked.add(middle)
            self._look(frames, middle, tracks)
        return person_of(tracks)

    def _look(self, frames: list[np.ndarray], start: int, tracks: list[Track]) -> None:
        """Follows those in a frame who are not followed yet; adds them to `tracks`."""
        if len(tracks) >= MOST_TRACKS and all(start in track.sights for track in tracks):
            return
        for region in self.detector.regions(frames[start], MOST_PERSONS):
            if len(tracks) < MOST_TRACKS and not any(t.has(start, region) for t in tracks):
                track = self._track(frames, start, region)
                tracks += [track] if track.sights else []

    def _track(self, frames: list[np.ndarray], start: int, region: Region) -> Track:
        """Follows whoever is in a region of a frame, forwards and then backwards."""
        first = self.landmarks.look(frames[start], region)
        if first.confidence < LEAST_CONFIDENCE:
            return Track()
        after = self._onwards(frames, range(start + 1, len(frames)), first)
        before = self._onwards(frames, range(start - 1, -1, -1), first)
        return Track(before | {start: first} | after)

    def _onwards(
        self, frames: list[np.ndarray], numbers: Iterable[int], last: Sight
    ) -> dict[int, Sight]:
        """The sights that follow `last`, frame after frame, until the body is lost."""
        sights: dict[int, Sight] = {}
        for number in numbers:
            if not last.region.is_near(last.following):
                break
            sight = self.landmarks.look(frames[number], last.following)
            if sight.confidence < LEAST_CONFIDENCE:
                # In quick turns the body is often still where it was.
                sight = self.landmarks.look(frames[number], last.region)
            if sight.confidence < LEAST_CONFIDENCE:
                break
            sights[number] = last = sight
        return sights


def gaps(frames: int, person: dict[int, Sight], looked: set[int]) -> list[list[int]]:
    """Runs of frames without a sight, in which the detector has not looked either."""
    runs: list[list[int]] = [[]]
    for number in range(frames):
        if number in person or number in looked:
            runs.append([])
        else:
            runs[-1].append(number)
    return [run for run in runs if run]


def person_of(tracks: list[Track]) -> dict[int, Sight]:
    """Whom the film is about; frames without this person are filled by others of about its size."""
    if not tracks:
        return {}
    best = max(track.score() for track in tracks)
    tied = [track for track in tracks if track.score() >= (1 - TIE) * best]
    chosen = max(tied, key=Track.motion)
    person = dict(chosen.sights)
    for track in sorted(tracks, key=Track.score, reverse=True):
        if 0.5 < track.size() / chosen.size() < 2:
            person = track.sights | person
    return person


def counts(sight: Sight, frame_height: int) -> bool:
    """Whether a sight is a body and not noise: limbs visible, and of a body's size."""
    share = sight.region.size / frame_height
    visible = sight.visibility_J[LIMBS].mean()
    return bool(visible >= LEAST_VISIBILITY and SMALLEST <= share <= LARGEST)


def as_arrays(person: dict[int, Sight], frames: int, frame_height: int) -> tuple[np.ndarray, ...]:
    """Places (T, 33, 2), NaN where nobody counts, and visibility (T, 33)."""
    places_TJ2 = np.full((frames, LANDMARKS, 2), np.nan, dtype=np.float32)
    visibility_TJ = np.zeros((frames, LANDMARKS), dtype=np.float32)
    for number, sight in person.items():
        if counts(sight, frame_height):
            places_TJ2[number], visibility_TJ[number] = sight.places_J2, sight.visibility_J
    return places_TJ2, visibility_TJ
