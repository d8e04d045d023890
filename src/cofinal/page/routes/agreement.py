"""The organiser's page on whether the raters agree."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cofinal.errors import CofinalError
from cofinal.page.access import Place, organiser_only
from cofinal.page.marks import last_mark
from cofinal.page.outcomes import last_outcome
from cofinal.page.targets import targets
from cofinal.page.views import page

if TYPE_CHECKING:
    from cofinal.page.agreeing import Agreement


def show(place: Place, request: Request) -> Response:
    """The page: words first, then tables and figures."""
    from cofinal.agreement import tables
    from cofinal.page.agreeing import sentences

    found, mistake = measured(place)
    return page(
        request,
        "agreement.html",
        found=found.found if found else [],
        left_out=found.left_out if found else {},
        mistake=mistake,
        sentences=sentences,
        tables=tables,
    )


def figure(place: Place, request: Request) -> Response:
    """The figure of one target."""
    found, _ = measured(place)
    number = request.path_params["number"]
    if found is None or not 1 <= number <= len(found.found):
        return PlainTextResponse("There is no such figure.", 404)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found.draw(number - 1, Path(folder))
        except CofinalError as error:
            return PlainTextResponse(str(error), 404)
        (drawn,) = Path(folder).iterdir()
        return Response(drawn.read_bytes(), media_type="image/png")


def measured(place: Place) -> tuple[Agreement | None, str]:
    """The agreement, or why there is none."""
    outcome = last_outcome(place.store, place.out)
    names = {target.name for target in targets(place.store)}
    fits = outcome is not None and names & {one["target"] for one in outcome.measures}
    predicted = outcome.predictions(place.out) if outcome and fits else None
    try:
        return _found(place, last_mark(place.store), predicted), ""
    except CofinalError as error:
        return None, str(error)


@functools.lru_cache(maxsize=1)
def _found(place: Place, last: int, predicted: Path | None) -> Agreement:
    """Measured once for each state of the marks, and each model."""
    from cofinal.page.agreeing import agreement

    return agreement(place.store, place.films, predicted)


ROUTES = [
    Route("/agreement", organiser_only(show)),
    Route("/agreement/{number:int}.png", organiser_only(figure)),
]
