"""Writes a report as a page, as data, or as a picture; never over a file that is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.files.atomic import write_json, write_text
from cofinal.files.reading import check_plain
from cofinal.reports.page import render
from cofinal.reports.page_data import KIND, Report
from cofinal.reports.picture import draw_picture

# Where reports of each format tell that they are some, within the first bytes.
MARKS = {"html": KIND.encode(), "json": KIND.encode(), "png": b"\x89PNG\r\n"}
HEAD = 4096


def check_target(out: Path, kind: str, inputs: Sequence[Path]) -> None:
    """Refuses to write over what is no report.

    Raises:
        CofinalError: a folder, one of the inputs, or a file that holds something else.
    """
    if out.is_dir():
        raise CofinalError(f"{out} is a folder; name a file, for example {out / f'report.{kind}'}")
    if not out.exists():
        return
    if any(path.exists() and path.samefile(out) for path in inputs):
        raise CofinalError(f"{out} is what the report is made from; name another file with --out")
    try:
        with check_plain(out, f"a {kind} report").open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise CofinalError(
            f"cannot read {out} ({error.strerror}); name another file with --out"
        ) from error
    if head and MARKS[kind] not in head:
        raise CofinalError(
            f"{out} exists and is no {kind} report; name another file, or move it away"
        )


def write_report(report: Report, kind: str, out: Path | None) -> None:
    """Writes the report.

    Args:
        report: what it shows.
        kind: "html", "json" or "png".
        out: the file; None prints JSON.

    Raises:
        CofinalError: a library that is missing, or a file that cannot be written.
    """
    if kind == "png" and out is not None:
        draw_picture(report, out)
    elif kind == "html" and out is not None:
        write_text(out, render(report))
    elif out is not None:
        write_json(out, report.to_json())
    else:
        print(json.dumps(report.to_json(), indent=2, allow_nan=False, ensure_ascii=False))
