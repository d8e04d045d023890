"""One film at a time, as one rater sees it: blind to the others, to names, and to the model."""

from __future__ import annotations

from typing import Any

from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from cofinal.errors import CofinalError
from cofinal.files.tables import finite
from cofinal.page.access import Place, place_of, rater_only, rater_sends, stranger
from cofinal.page.exports import mean_scores
from cofinal.page.marks import give_mark, marks_of, target_named
from cofinal.page.moments import all_moments, change_moment, moments_of
from cofinal.page.outcomes import last_outcome
from cofinal.page.ranges import send_file
from cofinal.page.raters import Rater, Task, tasks
from cofinal.page.targets import Target, targets
from cofinal.page.views import page

Marks = dict[tuple[str, int], dict[str, float]]


def order_of(place: Place, rater: Rater) -> list[Task]:
    """The films in a rater's order."""
    return tasks(place.store, rater, list(place.films.paths()))


def task_at(known: list[Task], position: int) -> Task:
    """The film at a place of a rater's order.

    Raises:
        CofinalError: the order has no such place.
    """
    if not 1 <= position <= len(known):
        raise CofinalError(f"film {position}; expected 1 to {len(known)}")
    return known[position - 1]


def is_done(task: Task, marks: Marks, wanted: list[Target]) -> bool:
    """Whether a film has a mark for every target."""
    return set(marks.get((task.film, task.occasion), {})) >= {one.name for one in wanted}


def resume(place: Place, request: Request, rater: Rater) -> Response:
    """The first film that lacks a mark; the end page where none does."""
    wanted, marks = targets(place.store), marks_of(place.store, rater)
    known = order_of(place, rater)
    open_ = next((task for task in known if not is_done(task, marks, wanted)), None)
    return RedirectResponse("/done" if open_ is None else f"/rate/{open_.position}", 303)


def rate(place: Place, request: Request, rater: Rater) -> Response:
    """The page of one film."""
    known = order_of(place, rater)
    task = task_at(known, request.path_params["position"])
    facts = place.films.facts(task.film)
    wanted, marks = targets(place.store), marks_of(place.store, rater)
    return page(
        request,
        "rate.html",
        rater=rater,
        task=task,
        count=len(known),
        done=sum(is_done(one, marks, wanted) for one in known),
        targets=wanted,
        marks=marks.get((task.film, task.occasion), {}),
        fps=facts.fps,
        made=facts.why_not is not None,
        moments=moments_of(place.store, rater, task.film),
        names=sorted({one.name for one in all_moments(place.store) if one.judge == rater.name}),
    )


def done(place: Place, request: Request, rater: Rater) -> Response:
    """Everything that a rater has marked, with what is left.

    Once nothing is left, what the others and the model say stands beside it.
    """
    wanted, marks = targets(place.store), marks_of(place.store, rater)
    known = order_of(place, rater)
    finished = bool(known and wanted) and all(is_done(one, marks, wanted) for one in known)
    outcome = last_outcome(place.store, place.out) if finished else None
    others = mean_scores(place.store, without=rater.name) if finished else {}
    rows = [
        {
            "task": task,
            "done": is_done(task, marks, wanted),
            "marks": marks.get((task.film, task.occasion), {}),
            "others": others.get(task.film, {}),
            "model": outcome.points(task.film) if outcome else {},
        }
        for task in known
    ]
    return page(request, "done.html", rater=rater, rows=rows, targets=wanted, finished=finished)


def mark(place: Place, sent: dict[str, Any], request: Request, rater: Rater) -> dict[str, Any]:
    """Saves one mark."""
    task = task_at(order_of(place, rater), request.path_params["position"])
    wanted = targets(place.store)
    target = target_named(wanted, sent.get("target"))
    given = sent.get("mark")
    points = None if given is None else finite(given, "mark", target.name)
    at = give_mark(place.store, rater, task, target, points)
    return {"saved": at, "done": is_done(task, marks_of(place.store, rater), wanted)}


def moment(place: Place, sent: dict[str, Any], request: Request, rater: Rater) -> dict[str, Any]:
    """Adds a moment or element, changes it, or takes it back."""
    task = task_at(order_of(place, rater), request.path_params["position"])
    change_moment(place.store, rater, task.film, sent)
    return {"moments": [one.to_json() for one in moments_of(place.store, rater, task.film)]}


async def film(request: Request) -> Response:
    """The film itself, or its preview; its name stays hidden."""
    place = place_of(request)
    rater = await run_sync(place.rater, request)
    if rater is None:
        return stranger(request)
    try:
        known = await run_sync(order_of, place, rater)
        task = task_at(known, request.path_params["position"])
        found = await run_sync(place.previews.playable, task.film)
        if found is None:
            return PlainTextResponse("A preview is being made.", 503, {"retry-after": "1"})
        return await send_file(*found, request.headers.get("range"))
    except CofinalError as error:
        return PlainTextResponse(str(error), 404)


ROUTES = [
    Route("/rate", rater_only(resume)),
    Route("/done", rater_only(done)),
    Route("/rate/{position:int}", rater_only(rate)),
    Route("/rate/{position:int}/mark", rater_sends(mark), methods=["POST"]),
    Route("/rate/{position:int}/moment", rater_sends(moment), methods=["POST"]),
    Route("/rate/{position:int}/film", film),
]
