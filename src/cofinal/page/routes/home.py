"""The organiser's first page: films, targets, raters and how far they are."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cofinal.errors import CofinalError
from cofinal.files.tables import finite
from cofinal.page.access import Place, organiser_only, organiser_sends
from cofinal.page.groups import groups, set_group
from cofinal.page.marks import marks_of
from cofinal.page.raters import Rater, add_rater, raters, tasks
from cofinal.page.routes.rate import is_done
from cofinal.page.targets import Target, set_targets, targets
from cofinal.page.views import page

# The usual first choice: a scale of ten, and a fifth of the films twice.
FIRST_TARGET = Target("score", 0.0, 10.0, 0.25)
REPEAT_SHARE = 0.2


def home(place: Place, request: Request) -> Response:
    """The page."""
    films, wanted = list(place.films.paths()), targets(place.store)
    rows = [{"rater": one, **progress(place, one, films, wanted)} for one in raters(place.store)]
    return page(
        request,
        "home.html",
        folder=place.films.folder,
        films=films,
        groups=groups(place.store),
        targets=wanted or [FIRST_TARGET],
        chosen=bool(wanted),
        rows=rows,
        repeat_share=REPEAT_SHARE,
    )


def progress(place: Place, rater: Rater, films: list[str], wanted: list[Target]) -> dict[str, int]:
    """How many films a rater has marked, of how many; repeats among them."""
    known, marks = tasks(place.store, rater, films), marks_of(place.store, rater)
    return {
        "done": sum(is_done(one, marks, wanted) for one in known) if wanted else 0,
        "count": len(known),
        "repeats": sum(one.occasion > 1 for one in known),
    }


def choose_targets(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Sets the targets."""
    rows = sent.get("targets")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise CofinalError("targets are missing; reload the page")
    wanted = []
    for row in rows:
        name = row.get("name")
        if not isinstance(name, str):
            raise CofinalError("a target has no name; give it one")
        numbers = [finite(row.get(key), key, name) for key in ("lowest", "highest", "step")]
        wanted.append(Target(name.strip(), *numbers))
    set_targets(place.store, wanted)
    return {"saved": True}


def invite(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Adds a rater."""
    name = sent.get("name")
    if not isinstance(name, str):
        raise CofinalError("a rater needs a name; type it")
    share = finite(sent.get("repeat_share", REPEAT_SHARE), "share of repeats", name)
    films = list(place.films.paths())
    if not films:
        raise CofinalError(f"{place.films.folder} has no films yet; put some there first")
    rater = add_rater(place.store, name.strip(), share, films)
    return {"link": f"/join/{rater.token}"}


def mark_here(place: Place, sent: dict[str, Any], request: Request) -> Response:
    """Lets this browser mark as one of the raters."""
    rater = next((one for one in raters(place.store) if one.id == sent.get("rater")), None)
    if rater is None:
        raise CofinalError("this rater is not there; reload the page")
    response = JSONResponse({"next": "/rate"})
    place.greet(response, rater)
    return response


def group(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Says to which group a film belongs."""
    film, name = sent.get("film"), sent.get("group")
    if not isinstance(film, str) or not isinstance(name, str):
        raise CofinalError("film or group is missing; reload the page")
    place.films.path(film)
    set_group(place.store, film, name.strip())
    return {"saved": True}


ROUTES = [
    Route("/", organiser_only(home)),
    Route("/targets", organiser_sends(choose_targets), methods=["POST"]),
    Route("/raters", organiser_sends(invite), methods=["POST"]),
    Route("/raters/here", organiser_sends(mark_here), methods=["POST"]),
    Route("/groups", organiser_sends(group), methods=["POST"]),
]
