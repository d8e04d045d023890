"""A film to keypoints: whole frames, stretch by stretch.

Letters: F frames of the film that are looked at, T frames of a stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import numpy as np
import torch

from cofinal.extraction.clips import Ahead, frames_on_screen
from cofinal.extraction.pose.landmarks import Sight
from cofinal.extraction.pose.tracking import STRETCH_FRAMES, Tracker, as_arrays
from cofinal.extraction.timeline import DecodedFrame
from cofinal.extraction.transforms import resize, short_side_size
from cofinal.skeleton.joints import LAYOUTS
from cofinal.skeleton.keypoints import Keypoints

# Larger frames are made smaller; a person needs no more pixels than this leaves.
SHORT_SIDE_PX = 480
OnFrames = Callable[[int, int], None]
"""Called with the number of sampled frames, and of those that are done."""


def watch(
    frames: Iterable[DecodedFrame],
    count: int,
    fps: float,
    tracker: Tracker,
    on_frames: OnFrames | None = None,
) -> Keypoints:
    """Follows the person of a film.

    Args:
        frames: decoded, in order.
        count: sampled frames.
        fps: sampled frames per second; a film's frame that is sampled twice is looked at once.
        tracker: from `load_tracker`.
        on_frames: told of progress.

    Returns:
        keypoints in pixels of the film, at the times of its own frames.
    """
    seconds: list[float] = []
    sizes: list[tuple[int, int]] = []
    numbers: list[int] = []

    def distinct() -> Iterator[np.ndarray]:
        last: DecodedFrame | None = None
        for number, frame in frames_on_screen(frames, range(count), fps):
            if frame is not last:
                last = frame
                picture = frame.to_rgb()
                seconds.append(float(frame.shown_seconds))
                sizes.append((picture.shape[1], picture.shape[0]))
                numbers.append(number)
                yield small(picture)

    places, shown, done = [], [], 0
    before: Sight | None = None
    with Ahead(_stretches(distinct()), depth=1) as stretches:
        for stretch in stretches:
            person = tracker.follow(list(stretch), before)
            before = person.get(len(stretch) - 1)
            found = as_arrays(person, len(stretch), stretch.shape[1])
            places.append(found[0] * (sizes[done][1] / stretch.shape[1]))
            shown.append(found[1])
            done += len(stretch)
            if on_frames is not None:
                on_frames(count, numbers[done - 1] + 1)
    return Keypoints(
        np.concatenate(places),
        np.concatenate(shown),
        np.array(seconds[:done]),
        LAYOUTS["mediapipe"],
        "-y",
        sizes[0],
    )


def small(picture_HWC: np.ndarray) -> np.ndarray:
    """A frame whose short side is at most SHORT_SIDE_PX, its shape kept."""
    height, width = picture_HWC.shape[:2]
    if min(height, width) <= SHORT_SIDE_PX:
        return picture_HWC
    size = short_side_size(height, width, SHORT_SIDE_PX)
    return resize(torch.from_numpy(picture_HWC), *size).numpy()


def _stretches(pictures: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    while stretch := list(islice(pictures, STRETCH_FRAMES)):
        yield np.stack(stretch)
