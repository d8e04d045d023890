"""A folder of tiny films, and browsers without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the page is served with Starlette")
pytest.importorskip("httpx2", reason="Starlette's test client needs httpx2")
from page_visitors import PORT, Visitor

from cofinal.generated.encoding import write_film
from cofinal.generated.rendering import FilmSettings
from cofinal.page.access import Place
from cofinal.page.app import open_place

NAMES = ("a", "b", "c", "d", "e", "f")


@pytest.fixture(scope="session")
def film_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """One second of noise."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    settings = FilmSettings(64, 48, 10)
    frames = np.random.default_rng(0).integers(0, 256, (10, 48, 64, 3), np.uint8)
    write_film(path, list(frames), settings, "test")
    return path.read_bytes()


@pytest.fixture
def films(tmp_path: Path, film_bytes: bytes) -> Path:
    """Six films in a folder, one of them in a folder inside."""
    folder = tmp_path / "films"
    (folder / "more").mkdir(parents=True)
    for name in NAMES:
        where = folder / "more" if name == "f" else folder
        (where / f"{name}.mp4").write_bytes(film_bytes)
    return folder


@pytest.fixture
def place(films: Path) -> Iterator[Place]:
    """The folder, opened."""
    found = open_place(films)
    yield found
    found.close()


@pytest.fixture
def organiser(place: Place) -> Visitor:
    """The organiser's browser, with one target chosen."""
    visitor = Visitor(place)
    visitor.get(f"/start/{place.token}")
    target = {"name": "score", "lowest": 0, "highest": 10, "step": 0.25}
    assert visitor.tell("/targets", {"targets": [target]}).status_code == 200
    return visitor


__all__ = ["PORT"]
