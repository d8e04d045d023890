"""Who may do what: the organiser by the start address, raters by their links."""

from __future__ import annotations

import functools
import json
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from cofinal.errors import CofinalError
from cofinal.page.exports import OUT
from cofinal.page.films import Films
from cofinal.page.guard import LARGEST_BODY
from cofinal.page.jobs import Jobs
from cofinal.page.previews import Previews
from cofinal.page.raters import Rater, rater_of
from cofinal.page.store import Store
from cofinal.page.views import page

TOKEN_BYTES = 24
Handler = Callable[[Request], Awaitable[Response]]


@dataclass(eq=False)
class Place:
    """What all routes share."""

    films: Films
    store: Store
    previews: Previews
    jobs: Jobs
    token: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))
    """What the start address ends in."""
    _key: str = field(default_factory=lambda: secrets.token_urlsafe(TOKEN_BYTES))

    @property
    def organiser_cookie(self) -> str:
        """Name of the cookie; browsers do not tell ports apart, so folders have their own."""
        return f"cofinal-organiser-{self._mark}"

    @property
    def rater_cookie(self) -> str:
        """Name of the cookie that holds a rater's token."""
        return f"cofinal-rater-{self._mark}"

    @functools.cached_property
    def _mark(self) -> str:
        """Told apart by what is in the folder's file."""
        known = self.store.setting("mark", None)
        if known is None:
            known = secrets.token_hex(4)
            self.store.keep("mark", known)
        return str(known)

    @property
    def out(self) -> Path:
        """Where everything lies that is made of films and marks."""
        return self.films.folder / OUT

    def close(self) -> None:
        """Ends what runs beside the page."""
        self.jobs.close()
        self.previews.close()
        self.store.close()

    def welcome(self, response: Response) -> None:
        """Lets a browser be the organiser's."""
        _set_cookie(response, self.organiser_cookie, self._key)

    def greet(self, response: Response, rater: Rater) -> None:
        """Lets a browser be a rater's."""
        _set_cookie(response, self.rater_cookie, rater.token)

    def is_organiser(self, request: Request) -> bool:
        """Whether the request comes from the organiser's browser."""
        shown = request.cookies.get(self.organiser_cookie, "")
        return secrets.compare_digest(shown.encode(), self._key.encode())

    def rater(self, request: Request) -> Rater | None:
        """Whose browser it is; None if no rater's."""
        shown = request.cookies.get(self.rater_cookie, "")
        return rater_of(self.store, shown) if shown else None


def place_of(request: Request) -> Place:
    """What the routes share."""
    found: Place = request.app.state.place
    return found


def _set_cookie(response: Response, name: str, value: str) -> None:
    # "lax" also when a link in a letter leads here; the guard checks where all else comes from.
    response.set_cookie(name, value, httponly=True, samesite="lax", path="/", max_age=400 * 86400)


def organiser_only(answer: Callable[[Place, Request], Response]) -> Handler:
    """A page of the organiser."""

    async def handler(request: Request) -> Response:
        place = place_of(request)
        if not place.is_organiser(request):
            return stranger(request)
        return await _shown(request, lambda: answer(place, request), "/")

    return handler


def rater_only(answer: Callable[[Place, Request, Rater], Response]) -> Handler:
    """A page of a rater."""

    async def handler(request: Request) -> Response:
        place = place_of(request)
        rater = await run_sync(place.rater, request)
        if rater is None:
            return stranger(request)
        return await _shown(request, lambda: answer(place, request, rater), "/done")

    return handler


def organiser_sends(answer: Callable[[Place, dict[str, Any], Request], Any]) -> Handler:
    """What the organiser sends as JSON, answered as JSON."""

    async def handler(request: Request) -> Response:
        place = place_of(request)
        if not place.is_organiser(request):
            return told("the organiser's page alone may do this; open the start address", 403)
        return await _answered(request, lambda sent: answer(place, sent, request))

    return handler


def rater_sends(answer: Callable[[Place, dict[str, Any], Request, Rater], Any]) -> Handler:
    """What a rater sends as JSON, answered as JSON."""

    async def handler(request: Request) -> Response:
        place = place_of(request)
        rater = await run_sync(place.rater, request)
        if rater is None:
            return told("nobody is known here; open your personal link again", 403)
        return await _answered(request, lambda sent: answer(place, sent, request, rater))

    return handler


async def _shown(request: Request, answer: Callable[[], Response], back: str) -> Response:
    try:
        return await run_sync(answer)
    except CofinalError as error:
        return page(request, "mistake.html", 404, sentence=str(error), back=back)


async def _answered(request: Request, answer: Callable[[dict[str, Any]], Any]) -> Response:
    try:
        sent = await _sent(request)
        found = await run_sync(answer, sent)
    except CofinalError as error:
        return told(str(error), 400)
    response = found if isinstance(found, Response) else JSONResponse(found)
    return response


async def _sent(request: Request) -> dict[str, Any]:
    """The JSON object of a request; a body that never ends is not waited for."""
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_BODY:
            raise CofinalError(f"more than {LARGEST_BODY // 2**20} MB were sent; send less")
    try:
        sent = json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise CofinalError("what was sent is not JSON; reload the page") from error
    if not isinstance(sent, dict):
        raise CofinalError(f"{type(sent).__name__} was sent; expected an object")
    return sent


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number")


def told(sentence: str, status: int) -> Response:
    """A mistake, for scripts."""
    return JSONResponse({"error": sentence}, status)


def stranger(request: Request) -> Response:
    """A page for whom no link led here."""
    return page(request, "stranger.html", status=403)
