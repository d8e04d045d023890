"""Ways in: the start address, personal links, style sheets and scripts."""

from __future__ import annotations

import secrets

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from cofinal.page.access import place_of, stranger
from cofinal.page.raters import rater_of
from cofinal.page.views import asset


async def start(request: Request) -> Response:
    """The start address makes a browser the organiser's."""
    place = place_of(request)
    if not secrets.compare_digest(request.path_params["token"].encode(), place.token.encode()):
        return stranger(request)
    response = RedirectResponse("/", 303)
    place.welcome(response)
    return response


async def join(request: Request) -> Response:
    """A personal link makes a browser a rater's."""
    place = place_of(request)
    rater = await run_sync(rater_of, place.store, request.path_params["token"])
    if rater is None:
        return stranger(request)
    response = RedirectResponse("/rate", 303)
    place.greet(response, rater)
    return response


async def send_asset(request: Request) -> Response:
    """A style sheet or script of the page."""
    found = asset(request.path_params["name"])
    if found is None:
        return PlainTextResponse("There is no such file.", 404)
    text, kind = found
    return Response(text, media_type=kind)


ROUTES = [
    Route("/start/{token}", start),
    Route("/join/{token}", join),
    Route("/assets/{name}", send_asset),
]
