"""A report as one HTML page that needs nothing but itself (Jinja2, extra `report`).

Names in it are strangers' text, so everything is escaped, and the page's security policy allows no
script and no style but the two that are part of it, and no connection at all.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from cofinal.files.templates import environment, template_text
from cofinal.reports import drawing, sentences
from cofinal.reports.page_data import KIND, Report
from cofinal.times import clock
from cofinal.version import __version__

PACKAGE = "cofinal.reports"


def render(report: Report) -> str:
    """The page.

    Raises:
        CofinalError: Jinja2 is not installed.
    """
    style, script = (template_text(PACKAGE, name) for name in ("style.css", "script.js"))
    linked = any(one.film and one.film.link for one in report.performances)
    page: str = (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            kind=KIND,
            version=__version__,
            linked=linked,
            style=style,
            script=script,
            policy=policy(style, script, linked),
        )
    )
    return page


def policy(style: str, script: str, linked: bool) -> str:
    """The page's Content-Security-Policy: what it holds itself, and films beside it if linked."""
    rules = {
        "default-src": "'none'",
        "script-src": f"'{_digest(script)}'",
        "style-src": f"'{_digest(style)}'",
        "img-src": "data:",
        "media-src": "blob: 'self' file:" if linked else "blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _environment() -> Any:
    made = environment(PACKAGE, "report")
    made.filters |= {
        "points": sentences.points,
        "signed": sentences.signed,
        "clock": clock,
        "across": lambda percent: f"{percent:.2f}%",
        "down": lambda pixels: f"{pixels:.1f}",
    }
    made.globals |= {"say": sentences, "draw": drawing}
    return made
