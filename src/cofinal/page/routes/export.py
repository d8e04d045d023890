"""The organiser's page of files that the command line takes."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cofinal.errors import CofinalError
from cofinal.page.access import Place, organiser_only, organiser_sends
from cofinal.page.exports import TABLES, export
from cofinal.page.moment_files import eaf, seen, take_in
from cofinal.page.raters import raters
from cofinal.page.routes.agreement import measured
from cofinal.page.views import page


def show(place: Place, request: Request) -> Response:
    """The page."""
    return page(
        request,
        "export.html",
        tables=TABLES,
        out=place.out,
        films=sorted({one.film for one in seen(place.store)}),
        raters=raters(place.store),
    )


def table(place: Place, request: Request) -> Response:
    """One file, to be saved where one likes."""
    name = request.path_params["name"]
    if name not in TABLES:
        return PlainTextResponse("There is no such file.", 404)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(
        TABLES[name].text(place.store, place.films), media_type=TABLES[name].mime, headers=headers
    )


def elan(place: Place, request: Request) -> Response:
    """ELAN's file of one film."""
    film = request.path_params["film"]
    try:
        text = eaf(place.store, place.films, film)
    except CofinalError as error:
        return PlainTextResponse(str(error), 404)
    name = quote(f"{film}.eaf")
    headers = {"content-disposition": f"attachment; filename*=UTF-8''{name}"}
    return Response(text, media_type="text/xml", headers=headers)


def bring(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Takes moments from a file, whose text the page's script has read."""
    told = [sent.get(key) for key in ("name", "text", "judge")]
    if not all(isinstance(value, str) for value in told):
        raise CofinalError("file or rater is missing; reload the page")
    return {"new": take_in(place.store, place.films, *map(str, told))}


def write_all(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Writes all files beside the films, the agreement among them where there is any."""
    written = export(place.store, place.films)
    found, _ = measured(place)
    if found is not None and found.found:
        written += found.save(place.out)
    return {"files": [str(path) for path in written]}


ROUTES = [
    Route("/export", organiser_only(show)),
    Route("/export/all", organiser_sends(write_all), methods=["POST"]),
    Route("/export/elan/{film:path}.eaf", organiser_only(elan)),
    Route("/moments", organiser_sends(bring), methods=["POST"]),
    Route("/export/{name}", organiser_only(table)),
]
