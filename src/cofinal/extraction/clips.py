"""From frames to clips of equal length, streaming: memory does not grow with the video.

Rules, all stated in time order:
  - sampled frame k is the one on screen at (k + 1/4) / fps seconds (see `timeline`), so a video of
    28, 19.62, 30 or variable frames per second becomes one of `fps`; at the video's own rate
    ("native") each of its frames is taken once;
  - clips of `clip_frames` start every `stride_frames`; frames left over are dropped equally at
    both ends, an odd one at the end;
  - a video shorter than one clip gives one clip: its last frame is held until the clip is full.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.timeline import DecodedFrame, sampling_instant
from cofinal.extraction.transforms import frame_pixels


@dataclass(frozen=True)
class ClipPlan:
    """Which sampled frames form which clip."""

    first_frame: int
    """Sampled frame at which the first clip starts."""
    clips: int
    """Number of clips, at least 1."""
    clip_frames: int
    """Frames in a clip."""
    stride_frames: int
    """Frames from one clip's start to the next one's."""
    fps: float
    """Sampled frames per second."""

    @property
    def first_clip_seconds(self) -> float:
        """When the first clip starts in the video."""
        return self.first_frame / self.fps

    def wanted_frames(self) -> Iterator[int]:
        """Numbers of the sampled frames that any clip holds, increasing."""
        after = self.first_frame
        for clip in range(self.clips):
            start = self.first_frame + clip * self.stride_frames
            yield from range(max(start, after), start + self.clip_frames)
            after = start + self.clip_frames


def plan_clips(frames: int, clip_frames: int, stride_frames: int, fps: float) -> ClipPlan:
    """Places as many whole clips as fit into `frames` sampled frames, centred.

    Args:
        frames: sampled frames of the video, at least 1.
        clip_frames: frames in a clip.
        stride_frames: frames from start to start.
        fps: sampled frames per second.
    """
    if frames <= clip_frames:
        return ClipPlan(0, 1, clip_frames, stride_frames, fps)
    clips = (frames - clip_frames) // stride_frames + 1
    left_over = frames - ((clips - 1) * stride_frames + clip_frames)
    return ClipPlan(left_over // 2, clips, clip_frames, stride_frames, fps)


def frames_on_screen(
    frames: Iterable[DecodedFrame], wanted: Iterable[int], fps: float
) -> Iterator[tuple[int, DecodedFrame]]:
    """Gives, for each wanted sampled frame, the decoded frame on screen at its instant.

    Args:
        frames: in order of presentation; one that appears before its predecessor is passed over.
        wanted: increasing numbers of sampled frames.
        fps: sampling rate.

    Yields:
        (number, frame); the first frame stands in before it appears, the last one after its end.
    """
    numbers = iter(wanted)
    number = next(numbers, None)
    shown: DecodedFrame | None = None
    for frame in frames:
        while (
            number is not None
            and shown is not None
            and sampling_instant(number, fps) < frame.shown_seconds
        ):
            yield number, shown
            number = next(numbers, None)
        if number is None:
            return
        if shown is None or frame.shown_seconds >= shown.shown_seconds:
            shown = frame
    while number is not None and shown is not None:
        yield number, shown
        number = next(numbers, None)


def clips_from_frames(
    frames: Iterable[DecodedFrame], plan: ClipPlan, recipe: ExtractionRecipe
) -> Iterator[np.ndarray]:
    """Cuts clips out of a stream of frames.

    Yields:
        uint8 (clip_frames, input_px, input_px, 3) RGB, `plan.clips` times.
    """
    window: deque[np.ndarray] = deque(maxlen=plan.clip_frames)
    source: DecodedFrame | None = None
    next_end = plan.first_frame + plan.clip_frames
    for number, frame in frames_on_screen(frames, plan.wanted_frames(), plan.fps):
        # At 10 source frames a second each is wanted 2 or 3 times, but resized once.
        window.append(window[-1] if frame is source else frame_pixels(frame.to_rgb(), recipe))
        source = frame
        if number + 1 == next_end:
            yield np.stack(window)
            next_end += plan.stride_frames


class Ahead:
    """Runs an iterator of clips in a thread, at most `depth` clips ahead of its consumer.

    Exceptions of the producer are raised in the consumer; leaving the `with` block stops it. The
    thread resizes with one core: frames are small, and the other cores belong to the backbone.
    """

    def __init__(self, clips: Iterator[np.ndarray], depth: int = 3) -> None:
        self._clips = clips
        self._queue: queue.Queue[np.ndarray | BaseException | None] = queue.Queue(depth)
        self._stop = threading.Event()
        self._torch_threads = torch.get_num_threads()
        self._thread = threading.Thread(target=self._produce, name="decoder", daemon=True)

    def __enter__(self) -> Iterator[np.ndarray]:
        self._thread.start()
        return self._consume()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _consume(self) -> Iterator[np.ndarray]:
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item

    def _produce(self) -> None:
        # OpenMP counts threads per calling thread; torch also keeps the number for later ones.
        torch.set_num_threads(1)
        try:
            for clip in self._clips:
                if not self._put(clip):
                    break
            self._put(None)
        except BaseException as error:
            self._put(error)
        finally:
            torch.set_num_threads(self._torch_threads)
            close = getattr(self._clips, "close", None)
            if close is not None:
                close()

    def _put(self, item: np.ndarray | BaseException | None) -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False
