"""Films that browsers do not play get a copy in the cache; the films stay as they are."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest
from page_visitors import Visitor

from cofinal.extraction.playable import playable
from cofinal.extraction.scanning import scan_timeline
from cofinal.page.access import Place
from cofinal.page.transcoding import transcode


def write(
    path: Path, codec: str, kind: str, frames: int = 12, size: tuple[int, int] = (62, 46)
) -> None:
    """A film whose pictures are darker and darker."""
    with av.open(str(path), "w", format=kind) as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            grey = np.full((size[1], size[0], 3), 240 - 15 * number, np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(grey, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)


def greys(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [
            float(frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)
        ]


@pytest.mark.parametrize(
    ("codec", "kind", "suffix"), [("mpeg4", "avi", ".avi"), ("mpeg4", "matroska", ".mkv")]
)
def test_a_copy_is_playable_and_shows_the_same_when(
    tmp_path: Path, codec: str, kind: str, suffix: str
) -> None:
    film = tmp_path / f"film{suffix}"
    write(film, codec, kind)
    assert playable(film)[1] is not None
    made = transcode(film, tmp_path / "out", "name")
    assert playable(made)[1] is None
    assert greys(made) == pytest.approx(greys(film), abs=6)
    seconds = scan_timeline(film).duration_seconds
    assert scan_timeline(made).duration_seconds == pytest.approx(seconds, abs=0.11)


def test_large_films_become_small(tmp_path: Path) -> None:
    film = tmp_path / "film.avi"
    write(film, "mpeg4", "avi", frames=2, size=(1922, 202))
    with av.open(str(transcode(film, tmp_path, "small"))) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (960, 100)


def test_the_page_makes_it_and_the_film_stays(
    place: Place, organiser: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COFINAL_CACHE", str(tmp_path / "cache"))
    for path in place.films.folder.rglob("*.mp4"):
        path.unlink()
    film = place.films.folder / "old.avi"
    write(film, "mpeg4", "avi")
    before = hashlib.sha256(film.read_bytes()).hexdigest()
    place.films._looked = -100.0
    rater = organiser.invite("Ana")
    assert "data-preview" in rater.get("/rate/1").text
    end = time.monotonic() + 60
    while (answer := rater.get("/rate/1/film")).status_code == 503 and time.monotonic() < end:
        time.sleep(0.1)
    assert answer.status_code == 200
    assert answer.headers["content-type"] in ("video/mp4", "video/webm")
    assert hashlib.sha256(film.read_bytes()).hexdigest() == before
    assert [path.name for path in place.films.folder.rglob("*.mp4")] == []
    assert len(list((tmp_path / "cache" / "previews").iterdir())) == 1


def test_what_is_no_film_gets_a_sentence(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    film.write_bytes(b"nothing of a film" * 100)
    command = [sys.executable, "-m", "cofinal.page.transcoding", str(film), str(tmp_path), "name"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "is not a video" in ended.stdout
    assert ended.stdout.count("\n") == 1
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == [film]
