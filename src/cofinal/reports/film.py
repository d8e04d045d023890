"""The video of a performance as a report shows it: embedded or beside the page, with pictures.

Of films that browsers do not play a report shows pictures alone.
"""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from cofinal.errors import CofinalError
from cofinal.extraction.clips import plan_clips
from cofinal.extraction.containers import VIDEO_SUFFIXES
from cofinal.extraction.decoding import decoded_frames
from cofinal.extraction.playable import playable
from cofinal.extraction.scanning import scan_timeline
from cofinal.extraction.timeline import Timeline
from cofinal.extras import import_extra
from cofinal.records import ClipFeatures
from cofinal.reports.skeleton import skeleton_lines
from cofinal.skeleton.keypoints import read_keypoints

Embed = Literal["auto", "yes", "no"]
# All films of a page together: what mail programs and browsers still take in one file.
EMBED_BYTES = 64 * 2**20
PICTURE_WIDTH = 240
QUALITY = 78
STRIP_PICTURES = 8


@dataclass(frozen=True)
class Film:
    """A video on a page."""

    name: str
    """Its file's name."""
    seconds: float
    """How long it is."""
    mime: str
    unplayable: str | None
    """Why browsers do not play it; None if they do."""
    pictures: dict[float, str] = field(repr=False)
    """Seconds -> a small picture as a data URI."""
    data: str | None = field(default=None, repr=False)
    """The file in base64; None if it lies beside the page."""
    link: str | None = None
    """Where it lies relative to the page; None if it is embedded."""
    skeleton: str | None = field(default=None, repr=False)
    """The person that was followed, as `skeleton_lines` tells; None where nobody was."""

    def picture(self, seconds: float) -> str | None:
        """The picture taken nearest to a time."""
        if not self.pictures:
            return None
        return self.pictures[min(self.pictures, key=lambda taken: abs(taken - seconds))]

    @property
    def strip(self) -> list[str]:
        """Pictures at equal steps over the whole film."""
        return [self.pictures[s] for s in strip_instants(self.seconds) if s in self.pictures]


def find_video(where: Path, name: str) -> Path:
    """The video given for a performance, or that of its name in the folder given.

    Raises:
        CofinalError: the folder has none.
    """
    if not where.is_dir():
        return where
    place = where / name  # in a sub-folder, for a name such as "2014/p00"
    beside = sorted(place.parent.iterdir()) if place.parent.is_dir() else []
    found = [
        path for path in beside if path.stem == place.name and path.suffix.lower() in VIDEO_SUFFIXES
    ]
    if not found:
        raise CofinalError(
            f"{where} has no video {name}.mp4 (or .webm, .mov, ...); add it, or leave out --video"
        )
    return found[0]


def timed_by(features: ClipFeatures, video: Path) -> ClipFeatures:
    """Features with the time at which their first clip starts in their video.

    Raises:
        CofinalError: they cannot have been made from this video.
    """
    recipe = features.recipe
    if recipe.clip_frames is None or recipe.fps is None:
        raise CofinalError(
            f"how long the clips of {features.id} are is not known, so {video} cannot be shown "
            "with them; name the video instead of the .npy file, or leave out --video"
        )
    timeline = scan_timeline(video)
    fps = timeline.rate(recipe.fps)
    stride = recipe.stride_frames or recipe.clip_frames
    plan = plan_clips(timeline.frame_count(fps), recipe.clip_frames, stride, fps)
    if plan.clips != len(features.values):
        raise CofinalError(
            f"{video} has {plan.clips} clips, but the features {features.id} have "
            f"{len(features.values)}; name the video they were made from"
        )
    return replace(features, first_clip_seconds=plan.first_clip_seconds, own_fps=plan.fps)


def embeds(paths: Sequence[Path], wanted: Embed) -> bool:
    """Whether the films of a page go into it."""
    if wanted != "auto":
        return wanted == "yes"
    return sum(path.stat().st_size for path in paths) <= EMBED_BYTES


def read_film(
    path: Path,
    page: Path | None,
    embed: bool,
    instants: Sequence[float],
    keypoints: Path | None = None,
) -> Film:
    """Reads a video for a report.

    Args:
        path: the video.
        page: the file that will show it, to which links are relative; None for reports that show
            no film, which then has no pictures.
        embed: whether the page holds it.
        instants: seconds of the video of which pictures are wanted, beside those of the strip.
        keypoints: file of the person that was followed in it.

    Raises:
        CofinalError: no video that can be decoded, or no library for pictures.
    """
    mime, unplayable = playable(path)
    timeline = scan_timeline(path)
    seconds = timeline.duration_seconds
    if page is None:
        return Film(path.name, seconds, mime, unplayable, {})
    pictures = take_pictures(path, timeline, [*instants, *strip_instants(seconds)])
    data = link = None
    if unplayable is None and embed:
        data = base64.b64encode(path.read_bytes()).decode("ascii")
    elif unplayable is None:
        link = quote(Path(os.path.relpath(path.resolve(), page.resolve().parent)).as_posix())
    lines = skeleton_lines(read_keypoints(keypoints)) if keypoints and not unplayable else None
    return Film(path.name, seconds, mime, unplayable, pictures, data, link, lines)


def strip_instants(seconds: float) -> list[float]:
    """Middles of the equal parts of a film."""
    return [seconds * (i + 0.5) / STRIP_PICTURES for i in range(STRIP_PICTURES)]


def take_pictures(path: Path, timeline: Timeline, instants: Sequence[float]) -> dict[float, str]:
    """Small pictures at the given seconds, in one pass over the video."""
    waiting = sorted(set(instants))
    pictures: dict[float, str] = {}
    for frame in decoded_frames(path, timeline, "av"):
        shown = float(frame.shown_seconds + timeline.frame_interval)
        due = [s for s in waiting if s < shown]
        if due:
            picture = jpeg(frame.to_rgb())
            pictures.update(dict.fromkeys(due, picture))
            waiting = waiting[len(due) :]
    return pictures


def jpeg(rgb_HW3: Any) -> str:
    """A frame as a small JPEG in a data URI."""
    image_module = import_extra("PIL.Image", "pictures are written with Pillow", "report")
    image = image_module.fromarray(rgb_HW3)
    width = min(PICTURE_WIDTH, image.width)
    image = image.resize((width, max(round(image.height * width / image.width), 1)))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode("ascii")
