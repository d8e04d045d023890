"""Pages of Jinja2 templates; everything in them is escaped, since names are strangers' text."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from cofinal.extras import import_extra


def template_text(package: str, name: str) -> str:
    """A file of a package's folder `templates`."""
    return (files(package) / "templates" / name).read_text(encoding="utf-8")


def environment(package: str, extra: str) -> Any:
    """A Jinja2 environment of the templates of a package.

    Args:
        package: for example "cofinal.reports".
        extra: the extra that brings Jinja2, for messages.

    Raises:
        CofinalError: Jinja2 is not installed.
    """
    jinja2 = import_extra("jinja2", "pages are written with Jinja2", extra)
    return jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: template_text(package, name)),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
