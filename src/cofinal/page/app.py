"""The application: a folder of films, its file of marks, and all routes behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from cofinal.page.access import Place
from cofinal.page.films import Films
from cofinal.page.guard import Guard
from cofinal.page.jobs import Jobs
from cofinal.page.previews import Previews
from cofinal.page.routes import agreement, compare, entry, export, home, model, rate
from cofinal.page.store import Store
from cofinal.page.views import page

ROOMS = (entry, home, rate, compare, agreement, model, export)


def open_place(folder: Path) -> Place:
    """A folder with its file of marks.

    Raises:
        CofinalError: no folder, or one that cannot be written to.
    """
    films = Films(folder)
    store = Store(films.folder)
    return Place(films, store, Previews(films), Jobs(store))


def build_app(place: Place, port: int, open_to_network: bool = False) -> Guard:
    """The guarded application.

    Args:
        place: what it serves.
        port: on which it listens.
        open_to_network: whether other machines may ask.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        place.close()

    app = Starlette(
        routes=[route for room in ROOMS for route in room.ROUTES],
        exception_handlers={404: _nowhere, 405: _nowhere},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # an address is right or wrong
    app.state.place = place
    return Guard(app, port, open_to_network)


async def _nowhere(request: Request, error: Exception) -> Response:
    return page(
        request, "mistake.html", 404, sentence="There is nothing at this address.", back="/"
    )
