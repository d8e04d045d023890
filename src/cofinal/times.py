"""When clips are in a video, by one convention, and how times are written.

Clips may overlap or leave gaps. So a clip stands for the time around its middle that is nearer to
it than to its neighbours: one step, however long the clip itself is. Elements, faults, moments and
the time lines of reports all go by this.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

# A stretch of clips: the first one, counted from 0, and how many.
Stretch = tuple[int, int]
# Times that differ by less are the same: they come from frames, and differ by rounding alone.
SAME_SECONDS = 1e-6
# Hours, if there are any; minutes, which only without hours may be 60 or more; seconds.
CLOCK = re.compile(r"(?:([0-9]{1,4}):(?=[0-5][0-9]:))?([0-9]{1,4}):([0-5][0-9](?:\.[0-9]{1,9})?)")


@dataclass(frozen=True)
class ClipTimes:
    """When the clips of one performance are."""

    first_seconds: float
    """When the first clip starts in the video."""
    step_seconds: float
    """From one clip's start to the next one's."""
    clip_seconds: float
    """How long a clip is."""

    def border(self, clip: float) -> float:
        """When the time of a clip, counted from 0, begins and that of the one before it ends."""
        overlap = self.clip_seconds - self.step_seconds
        return self.first_seconds + overlap / 2 + clip * self.step_seconds

    def clip_at(self, seconds: float) -> float:
        """The clip that a time belongs to, and the share of it that is gone: 2.5 in its middle.

        The inverse of `border`.
        """
        return (seconds - self.border(0)) / self.step_seconds

    def stretch(self, start: float, end: float, clips: int) -> Stretch:
        """The clips whose middle lies in a time, at least the one nearest to the time's middle.

        Args:
            start: seconds; a middle that equals it lies in the time.
            end: seconds; a middle that equals it does not.
            clips: how many there are.
        """
        first, last = (math.ceil(self.clip_at(s - SAME_SECONDS) - 0.5) for s in (start, end))
        first, last = max(first, 0), min(last, clips)
        if last > first:
            return first, last - first
        nearest = math.floor(self.clip_at((start + end) / 2 + SAME_SECONDS))
        return min(max(nearest, 0), clips - 1), 1


def times_json(times: ClipTimes | None) -> dict[str, float | None]:
    """As JSON tells them; null where they are not known."""
    return {
        "seconds_per_clip": times.step_seconds if times else None,
        "first_clip_seconds": times.first_seconds if times else None,
        "clip_seconds": times.clip_seconds if times else None,
    }


def clock(seconds: float) -> str:
    """A time in a video as minutes and whole seconds, for example "1:05"."""
    return "{}:{:02d}".format(*divmod(int(seconds + SAME_SECONDS), 60))


def read_clock(text: str) -> float | None:
    """Seconds of "1:05", "1:05.2" or "1:02:05"; None for anything else, such as "1:75"."""
    found = CLOCK.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = found.groups()
    return 3600 * float(hours or 0) + 60 * float(minutes) + float(seconds)


def span(start: float | None, end: float | None, stretch: Stretch) -> str:
    """A stretch as "0:05 to 0:09"; where times are not known, as "clip 4" or "clips 4 to 6"."""
    if start is not None and end is not None:
        return f"{clock(start)} to {clock(end)}"
    first, clips = stretch
    return f"clip {first + 1}" if clips == 1 else f"clips {first + 1} to {first + clips}"
