"""Whether browsers play a film: H.264, VP8, VP9 and AV1 in mp4 or webm."""

from __future__ import annotations

from pathlib import Path

from cofinal.extraction.containers import open_video

PLAYABLE = {
    ".mp4": ("video/mp4", ("h264", "av1", "vp9")),
    ".m4v": ("video/mp4", ("h264",)),
    ".webm": ("video/webm", ("vp8", "vp9", "av1", "libdav1d")),
}
# 10 bits or full colour are beyond most browsers.
PIXELS = ("yuv420p", "yuvj420p")


def playable(path: Path) -> tuple[str, str | None]:
    """MIME type, and why browsers do not play it or None.

    Raises:
        CofinalError: no video.
    """
    mime, codecs = PLAYABLE.get(path.suffix.lower(), ("", ()))
    with open_video(path) as video:
        context = video.stream.codec_context
        codec, pixels = context.name, context.pix_fmt
    if not mime:
        return "", f"files ending in {path.suffix or 'nothing'}"
    if codec not in codecs:
        return mime, f"videos coded as {codec}"
    if pixels not in PIXELS:
        return mime, f"pixels kept as {pixels}"
    return mime, None
