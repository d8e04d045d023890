"""One film made playable, as a process: `python -m cofinal.page.transcoding FILM FOLDER NAME`.

H.264 in mp4 where FFmpeg was built with it, else VP8 in webm; small, since it is only looked at.
Prints the file it wrote, or one sentence and exits with status 1.
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.extraction.containers import decoding_errors, import_av, open_video
from cofinal.files.atomic import atomic_path

WIDEST = 960
# Encoder, container, options: fast, with a picture to jump to every second or so.
ENCODERS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("libx264", "mp4", {"preset": "veryfast", "crf": "23", "g": "25", "movflags": "+faststart"}),
    ("libvpx", "webm", {"deadline": "realtime", "cpu-used": "8", "crf": "12", "b": "2M"}),
)
# Times of frames are kept to the millisecond, so that moments lie where they lie in the film.
TICK = Fraction(1, 1000)


def transcode(film: Path, folder: Path, name: str) -> Path:
    """Writes FOLDER/NAME.mp4 or .webm; whole or absent.

    Raises:
        CofinalError: the film cannot be read, or nothing can be encoded here.
    """
    available = import_av().codecs_available
    chosen = next((one for one in ENCODERS if one[0] in available), None)
    if chosen is None:
        raise CofinalError("FFmpeg was built without H.264 and VP8; install another PyAV")
    codec, container, options = chosen
    path = folder / f"{name}.{container}"
    with atomic_path(path) as temporary:
        _encode(film, temporary, codec, container, options)
    return path


def _encode(film: Path, out: Path, codec: str, kind: str, options: dict[str, str]) -> None:
    av = import_av()
    with open_video(film) as video, av.open(str(out), "w", format=kind) as made:
        stream = made.add_stream(codec, rate=round(1 / video.frame_interval), options=options)
        context = video.stream.codec_context
        scale = min(WIDEST / context.width, 1.0)
        stream.width, stream.height = (
            max(round(side * scale / 2), 1) * 2 for side in (context.width, context.height)
        )
        stream.pix_fmt, stream.codec_context.time_base = "yuv420p", TICK
        start, last = None, -1
        with decoding_errors(film):
            for number, frame in enumerate(video.container.decode(video.stream)):
                shown = frame.time if frame.time is not None else number * video.frame_interval
                start = shown if start is None else start
                tick = round((float(shown) - float(start)) / float(TICK))
                if tick <= last:
                    continue
                last = tick
                made.mux(stream.encode(_small(frame, stream, tick)))
        made.mux(stream.encode(None))


def _small(frame: Any, stream: Any, tick: int) -> Any:
    small = frame.reformat(stream.width, stream.height, "yuv420p")
    small.pts, small.time_base = tick, TICK
    return small


def main() -> int:
    """Runs the process."""
    try:
        print(transcode(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
    except CofinalError as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
