"""The organiser's page of the model: train, see how good it is, score, open reports."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from cofinal.errors import CofinalError
from cofinal.page import honest
from cofinal.page.access import Place, organiser_only, organiser_sends
from cofinal.page.comparisons import TARGET, preference_csv
from cofinal.page.exports import labels_csv, write
from cofinal.page.moment_files import seen
from cofinal.page.outcomes import Outcome, last_outcome
from cofinal.page.targets import targets
from cofinal.page.views import page
from cofinal.settings import quoted

# What needs nothing but the films comes first.
BACKBONES = {
    "motion": "how the picture moves; needs nothing else, for cameras that stand still",
    "frames": "what single pictures show; needs the extra frames",
    "motion+frames": "both",
    "pose": "the joints of one person in full view; its networks must have been fetched once by "
    "cofinal extract --backbone pose --download",
}
LEARNED = {
    "marks": "the mean of the raters' marks",
    "comparisons": "the ranking by comparisons",
}
# Where a report names the script and style that it holds, by their hashes.
OWN_POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">')
# Sandboxed, a report is a stranger to this page whatever is in it.
APART = "sandbox allow-scripts; frame-ancestors 'none'; "


def show(place: Place, request: Request) -> Response:
    """The page."""
    found = last_outcome(place.store, place.out)
    now = place.jobs.progress()
    texts = {learned: _labels(place, learned)[0] for learned in LEARNED}
    return page(
        request,
        "model.html",
        backbones=BACKBONES,
        learned=LEARNED,
        counts={name: text.count("\n") - 1 for name, text in texts.items()},
        films=list(place.films.paths()),
        found=found,
        stale=found is not None and found.labels not in texts.values(),
        job=now.to_json() if now else None,
        honest=honest,
    )


def train(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Starts to train."""
    backbone = _choice(sent.get("backbone"), BACKBONES, "backbone")
    learned = _choice(sent.get("learned", "marks"), LEARNED, "labels")
    text, names = _labels(place, learned)
    choices = {
        "labels": text,
        "targets": names,
        "backbone": backbone,
        "films": {film: str(path) for film, path in place.films.paths().items()},
    }
    place.jobs.start("train", place.out, choices)
    return {"started": True}


def _choice(value: object, known: dict[str, str], what: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise CofinalError(f"{what} {quoted(value)}; expected one of {', '.join(known)}")
    return value


def _labels(place: Place, learned: str) -> tuple[str, list[str]]:
    """What can be learned, as a CSV, and its targets."""
    if learned == "comparisons":
        return preference_csv(place.store, place.films), [TARGET]
    return labels_csv(place.store, place.films), [one.name for one in targets(place.store)]


def make_report(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Starts to write the report of a film."""
    found, film = _found(place), sent.get("film")
    if not isinstance(film, str):
        raise CofinalError("film is missing; reload the page")
    elements = {one.film for one in seen(place.store) if one.end is not None}
    choices = {
        "run": found.run,
        "backbone": found.backbone,
        "film": film,
        "path": str(place.films.path(film)),
        "sheet": str(write(place.store, place.films, "sheets.json")) if film in elements else "",
        "judges": str(write(place.store, place.films, "judges.csv"))
        if film in found.learned
        else "",
    }
    place.jobs.start("report", place.out, choices)
    return {"started": True}


def cancel(place: Place, sent: dict[str, Any], request: Request) -> dict[str, Any]:
    """Ends the present job."""
    place.jobs.cancel()
    return {"cancelled": True}


def progress(place: Place, request: Request) -> Response:
    """How far the present job is, asked for again and again."""
    now = place.jobs.progress()
    return JSONResponse(now.to_json() if now else {"state": "none"})


def report(place: Place, request: Request) -> Response:
    """A report that was written."""
    film = request.path_params["film"]
    try:
        path: Path = _found(place).report(place.out, film)
        place.films.path(film)
    except CofinalError as error:
        return PlainTextResponse(str(error), 404)
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    own = OWN_POLICY.search(text)
    if own is None:
        return PlainTextResponse("This report has not been written yet.", 404)
    return HTMLResponse(text, headers={"content-security-policy": APART + unescape(own[1])})


def _found(place: Place) -> Outcome:
    found = last_outcome(place.store, place.out)
    if found is None:
        raise CofinalError("there is no model yet; train one first")
    return found


ROUTES = [
    Route("/model", organiser_only(show)),
    Route("/model/train", organiser_sends(train), methods=["POST"]),
    Route("/model/report", organiser_sends(make_report), methods=["POST"]),
    Route("/model/cancel", organiser_sends(cancel), methods=["POST"]),
    Route("/model/progress", organiser_only(progress)),
    Route("/model/report/{film:path}", organiser_only(report)),
]
