"""Two films side by side for a rater, and the ranking that comes of it for the organiser."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cofinal.errors import CofinalError
from cofinal.files.tables import finite
from cofinal.page.access import Place, organiser_only, rater_only, rater_sends
from cofinal.page.comparisons import all_comparisons, compare, next_pair, ranking
from cofinal.page.moments import LATEST_SECONDS
from cofinal.page.raters import Rater, tasks
from cofinal.page.routes.rate import order_of, task_at
from cofinal.page.views import page


def show(place: Place, request: Request, rater: Rater) -> Response:
    """The next pair, or the one named by its places in the rater's order."""
    films = list(place.films.paths())
    positions = {one.film: one.position for one in tasks(place.store, rater, films)[::-1]}
    asked = request.query_params.get("pair", "")
    pair = _asked(asked, {place: film for film, place in positions.items()})
    pair = pair or next_pair(place.store, rater, films)
    done = [row for row in all_comparisons(place.store) if row["judge"] == rater.name]
    return page(
        request,
        "compare.html",
        rater=rater,
        sides=None if pair is None else [_side(place, film, positions[film]) for film in pair],
        done=len(done),
        last=f"{positions[done[-1]['left']]}-{positions[done[-1]['right']]}"
        if done and {done[-1]["left"], done[-1]["right"]} <= set(positions)
        else None,
    )


def _asked(text: str, films: dict[int, str]) -> tuple[str, str] | None:
    """Films by their places, such as "3-5"; None if there are no such."""
    parts = text.split("-")
    if len(parts) != 2 or not all(part.isdecimal() and len(part) < 9 for part in parts):
        return None
    left, right = (films.get(int(part)) for part in parts)
    return (left, right) if left and right and left != right else None


def _side(place: Place, film: str, position: int) -> dict[str, Any]:
    facts = place.films.facts(film)
    return {"position": position, "fps": facts.fps, "made": facts.why_not is not None}


def say(place: Place, sent: dict[str, Any], request: Request, rater: Rater) -> dict[str, Any]:
    """Saves what a rater said of a pair."""
    known = order_of(place, rater)
    names, moments = [], []
    for side in ("left", "right"):
        position = sent.get(side)
        if not isinstance(position, int) or isinstance(position, bool):
            raise CofinalError("a film of the pair is missing; reload the page")
        names.append(task_at(known, position).film)
        second = finite(sent.get(f"{side}_seconds", 0), "time", side)
        moments.append(min(max(second, 0.0), LATEST_SECONDS))
    pair, moment = (names[0], names[1]), (moments[0], moments[1])
    compare(place.store, rater, pair, sent.get("better"), moment)
    return {"saved": True}


def result(place: Place, request: Request) -> Response:
    """How the films rank by everyone's comparisons."""
    films = list(place.films.paths())
    ranked, told = ranking(place.store, films), all_comparisons(place.store)
    return page(
        request,
        "ranking.html",
        ranked=ranked,
        comparisons=len(told),
        judges=len({row["judge"] for row in told}),
        films=films,
    )


ROUTES = [
    Route("/compare", rater_only(show)),
    Route("/compare/say", rater_sends(say), methods=["POST"]),
    Route("/ranking", organiser_only(result)),
]
