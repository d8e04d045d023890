"""What a backbone sees of a film's picture, and what about it is not as it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.extraction.containers import decoding_errors, open_video
from cofinal.extraction.decoding import decode_packet
from cofinal.extraction.recipe import WHOLE, ExtractionRecipe
from cofinal.extraction.stills import STILLS_A_SECOND, is_stills, read_picture, still_files
from cofinal.extraction.timeline import Timeline
from cofinal.extraction.transforms import short_side_size

# Less than this of a side is worth a word: 66 % of the width of a 16:9 film is usual.
SEEN = 0.6
# FFmpeg's numbers of the curves that bright films are made with: PQ and HLG.
BRIGHT = {16, 18}
PROGRESSIVE = (0, 1)


@dataclass(frozen=True)
class Picture:
    """The first frame of a film, as its file describes it."""

    width: int
    """Pixels, upright."""
    height: int
    streams: int = 1
    """Films in the file, of which the first is watched."""
    pixel_aspect: float = 1.0
    """Width of a pixel by its height, as it should be shown."""
    interlaced: bool = False
    bright: bool = False
    """Whether its colours are those of HDR."""
    stills: bool = False
    """Whether it is a folder of pictures."""

    def seen(self, recipe: ExtractionRecipe) -> tuple[float, float]:
        """Shares of width and height that backbones see which see a square."""
        if set(recipe.backbone.split("+")) <= WHOLE.keys():
            return 1.0, 1.0
        rows, columns = short_side_size(self.height, self.width, recipe.short_side_px)
        return min(1.0, recipe.crop_width_px / columns), min(1.0, recipe.crop_height_px / rows)

    def remarks(self, recipe: ExtractionRecipe, timeline: Timeline, still: bool) -> tuple[str, ...]:
        """What may surprise, a clause each.

        Args:
            recipe: how it is watched.
            timeline: when it is shown.
            still: whether its features are the same in every clip, or all zero.
        """
        told = [
            f"only the middle {share:.0%} of the picture's {side} is seen"
            for side, share in zip(("width", "height"), self.seen(recipe), strict=True)
            if share < SEEN
        ]
        if still:
            told.append("nothing moves in the part of the picture that is seen")
        if timeline.joins:
            told.append(f"{len(timeline.joins) + 1} recordings follow one another in the file")
        if self.streams > 1:
            told.append(f"the first of {self.streams} films in the file is watched")
        if self.interlaced:
            told.append("frames are interlaced and seen with their combs; deinterlace them")
        if abs(self.pixel_aspect - 1) > 0.01:
            told.append(
                f"pixels are {self.pixel_aspect:.2f} times as wide as high, but are seen as "
                "squares; scale the film to square pixels"
            )
        if self.bright:
            told.append("colours are HDR and look flat here; convert the film to SDR")
        if self.stills:
            told.append(f"pictures of a folder are taken as {STILLS_A_SECOND} frames a second")
        return tuple(told)


def look(path: str | Path) -> Picture:
    """Looks at the first frame of a film.

    Raises:
        CofinalError: no film, or one without a frame.
    """
    if is_stills(path):
        height, width = read_picture(still_files(path)[0]).shape[:2]
        return Picture(width, height, stills=True)
    with open_video(path) as video, decoding_errors(video.path):
        frame = _first_frame(video.container, video.stream)
        if frame is None:
            raise CofinalError(f"{path} decodes to no frame at all; copy or convert it again")
        context = video.stream.codec_context
        aspect = float(video.stream.sample_aspect_ratio or context.sample_aspect_ratio or 1)
        turned = round(frame.rotation / 90) % 2 == 1
        sides = (frame.height, frame.width) if turned else (frame.width, frame.height)
        return Picture(
            *sides,
            streams=video.films,
            pixel_aspect=1 / aspect if turned else aspect,
            interlaced=_interlaced(frame, context),
            bright=int(context.color_trc or 0) in BRIGHT,
        )


def _first_frame(container: Any, stream: Any) -> Any:
    """The first packet that decodes gives it; damaged ones are passed over."""
    for packet in container.demux(stream):
        if frames := decode_packet(packet):
            return frames[0]
    return None


def _interlaced(frame: Any, context: Any) -> bool:
    return bool(frame.interlaced_frame) or getattr(context, "field_order", 0) not in PROGRESSIVE
