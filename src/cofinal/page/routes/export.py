"""The organiser's page of files that the command line takes."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cofinal.page.access import Place, organiser_only, organiser_sends
from cofinal.page.exports import TABLES, export
from cofinal.page.views import page


def show(place: Place, request: Request) -> Response:
    """The page."""
    return page(request, "export.html", tables=TABLES, out=place.out)


def table(place: Place, request: Request) -> Response:
    """One file, to be saved where one likes."""
    name = request.path_params["name"]
    if name not in TABLES:
        return PlainTextResponse("There is no such file.", 404)
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(TABLES[name].text(place.store), media_type=TABLES[name].mime, headers=headers)


def write_all(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Writes all files beside the films."""
    return {"files": [str(path) for path in export(place.store, place.out)]}


ROUTES = [
    Route("/export", organiser_only(show)),
    Route("/export/all", organiser_sends(write_all), methods=["POST"]),
    Route("/export/{name}", organiser_only(table)),
]
