"""Pages of templates; everything in them is escaped, since names are strangers' text."""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from cofinal.files.templates import environment
from cofinal.version import __version__

KINDS = {".css": "text/css", ".js": "text/javascript"}


def page(request: Request, name: str, status: int = 200, **shown: Any) -> Response:
    """A page of a template."""
    text = _environment().get_template(name).render(version=__version__, request=request, **shown)
    return HTMLResponse(text, status)


@functools.cache
def _environment() -> Any:
    made = environment("cofinal.page", "page")
    made.filters["mapped"] = lambda values, change: map(change, values)
    return made


@functools.lru_cache(64)
def asset(name: str) -> tuple[str, str] | None:
    """Text and kind of a style sheet or script; None if there is no such.

    The look is that of reports.
    """
    room = "reports/templates" if name == "style.css" else "page/assets"
    known = {entry.name for entry in (files("cofinal") / room).iterdir()}
    kind = KINDS.get(name[name.rfind(".") :])
    if name not in known or kind is None:
        return None
    return (files("cofinal") / room / name).read_text(encoding="utf-8"), kind
