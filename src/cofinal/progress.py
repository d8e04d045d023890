"""Progress of long work with time left: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

LINE_EVERY_SECONDS = 15.0


class Advance(Protocol):
    """Tells how far the work is."""

    def __call__(self, done: float, note: str = "") -> None:
        """`done` of the total; `note` is shown behind."""


class Listener(Protocol):
    """Told of all work that is tracked."""

    def __call__(self, what: str, share: float, note: str) -> None:
        """`share` of `what` is done, 0 to 1."""


_listeners: list[Listener] = []


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """Tells a listener, in place of standard error, of work that is shown while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextmanager
def track(what: str, total: float, shown: bool = True) -> Iterator[Advance]:
    """Shows progress on standard error while the block runs.

    Args:
        what: what is being done, for example "training".
        total: the amount of work.
        shown: False for silence.
    """
    if not shown:
        yield lambda done, note="": None
    elif _listeners:
        heard = _listeners[-1]
        heard(what, 0.0, "")
        yield lambda done, note="": heard(what, done / total if total else 1.0, note)
    elif sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(what, total)


@contextmanager
def track_trainings(what: str) -> Iterator[Callable[[str, int, int], None]]:
    """As `track`, told the name of what is done, trainings done, and trainings in all."""
    with track(what, 1.0) as advance:
        yield lambda name, done, total: advance(done / total, name)


@contextmanager
def _bar(what: str, total: float) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(what),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total, note="")
        yield lambda done, note="": bar.update(task, completed=done, note=note)


def _lines(what: str, total: float) -> Advance:
    started = last = time.monotonic()

    def advance(done: float, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < LINE_EVERY_SECONDS or not done:
            return
        last = now
        left = (now - started) * (total / done - 1)
        print(f"{what}: {done / total:.0%}, {left:.0f} s left {note}", file=sys.stderr, flush=True)

    return advance
