"""One job as a process: `python -m cofinal.page.work`, which is sent the job as a line.

Lines go back on standard output; everything else that is printed goes to standard error. When
standard input ends, the page has ended, and so does the process.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from cofinal.errors import CofinalError
from cofinal.progress import heard_by

Tell = Callable[[dict[str, Any]], None]


def main() -> int:
    """Runs the process."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with, args=(sys.stdin,), daemon=True).start()

    def tell(told: dict[str, Any]) -> None:
        answers.write(json.dumps(told) + "\n")
        answers.flush()

    try:
        tell({"done": run(job, tell)})
    except CofinalError as error:
        tell({"error": str(error)})
        return 1
    return 0


def run(job: dict[str, Any], tell: Tell) -> dict[str, Any]:
    """Does the job; gives what came out.

    Raises:
        CofinalError: what the work raises.
    """
    from cofinal.page.learning import STEPS, learn, report

    folder, choices = Path(job["folder"]), job["choices"]
    steps = _Steps(tell, STEPS if job["kind"] == "train" else ("Reading the film", "Writing"))
    with heard_by(steps.hear):
        return (learn if job["kind"] == "train" else report)(folder, choices, steps.begin)


class _Steps:
    """Tells which step is going on, and how far it is."""

    def __init__(self, tell: Tell, names: tuple[str, ...]) -> None:
        self._tell, self._names, self._step = tell, names, 0

    def begin(self, step: int) -> None:
        """A step begins, counted from 1."""
        self._step = step
        self.hear("", 0.0, "")

    def hear(self, what: str, share: float, note: str) -> None:
        """Told by the work itself."""
        name = self._names[max(self._step - 1, 0)]
        told = {"step": self._step, "steps": len(self._names), "what": name}
        self._tell({**told, "share": min(max(share, 0.0), 1.0), "note": note})


def _end_with(page: TextIO) -> None:
    while page.read(1):
        pass
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
