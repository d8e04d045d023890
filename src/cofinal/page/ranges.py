"""Files sent whole or one range of them, as browsers ask that seek in a film."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
from starlette.responses import Response, StreamingResponse

from cofinal.errors import CofinalError

PIECE = 256 * 2**10
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def wanted(header: str | None, size: int) -> tuple[int, int] | None:
    """The bytes from the first up to the one behind the last; None if there are no such.

    Args:
        header: of the request; None for the whole file.
        size: of the file, in bytes.
    """
    if header is None:
        return 0, size
    found = RANGE.fullmatch(header.strip())
    if found is None or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:  # so many bytes at the end
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1 if last else size, size)
    return (start, stop) if start < stop else None


async def send_file(path: Path, mime: str, header: str | None) -> Response:
    """A file or one range of it.

    Args:
        path: the file, which was checked.
        mime: its kind.
        header: the request's Range header.

    Raises:
        CofinalError: it cannot be read.
    """
    try:
        file = await anyio.open_file(path, "rb")
    except OSError as error:
        raise CofinalError(f"{path.name} cannot be read ({error.strerror})") from error
    size = os.fstat(file.wrapped.fileno()).st_size
    part = wanted(header, size)
    if part is None:
        await file.aclose()
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    start, stop = part

    async def pieces() -> AsyncIterator[bytes]:
        async with file:
            await file.seek(start)
            left = stop - start
            while left > 0 and (piece := await file.read(min(PIECE, left))):
                left -= len(piece)
                yield piece

    headers = {"accept-ranges": "bytes", "content-length": str(stop - start)}
    if header is not None:
        headers["content-range"] = f"bytes {start}-{stop - 1}/{size}"
    return StreamingResponse(pieces(), 206 if header else 200, headers, media_type=mime)
