"""Long work beside the page: one job at a time, in a process of its own.

The process is sent one line, the job, and sends back lines: how far it is, and what came out. It
ends when the page does, since its standard input ends then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.page.store import Store, now

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"
# A share so small tells nothing of the time that is left.
TELLING_SHARE = 0.02


@dataclass
class Progress:
    """How far a job is."""

    kind: str
    """"train" or "report"."""
    state: str = RUNNING
    step: int = 0
    """Number of the present step, from 1; 0 before the first."""
    steps: int = 1
    what: str = "starting"
    share: float = 0.0
    """Of the present step, 0 to 1."""
    note: str = ""
    told: dict[str, Any] = field(default_factory=dict)
    """What came out, or {"error": why nothing did}."""
    since: float = field(default_factory=time.monotonic)
    """When the present step began."""

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, with the seconds that the present step still takes."""
        spent, left = time.monotonic() - self.since, None
        if self.state == RUNNING and self.share > TELLING_SHARE:
            left = round(spent * (1 / self.share - 1))
        names = ("kind", "state", "step", "steps", "what", "share", "note", "told")
        return {name: getattr(self, name) for name in names} | {"seconds_left": left}


class Jobs:
    """Starts jobs, follows them, and ends them.

    Args:
        store: where jobs are recorded.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._progress: Progress | None = None
        with store.writing() as db:  # those that ended with an earlier page
            db.execute(
                "UPDATE jobs SET state = ?, ended = ? WHERE state = ?", (CANCELLED, now(), RUNNING)
            )

    @property
    def running(self) -> bool:
        """Whether one is."""
        return self._process is not None

    def progress(self) -> Progress | None:
        """How far the present or last job is; None before the first."""
        return self._progress

    def start(self, kind: str, folder: Path, choices: dict[str, Any]) -> None:
        """Starts a job.

        Raises:
            CofinalError: another one is running.
        """
        with self._lock:
            if self._process is not None:
                raise CofinalError("another job is running; wait until it ends, or cancel it")
            command = [sys.executable, "-m", "cofinal.page.work"]
            pipe = subprocess.PIPE
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
            self._progress = Progress(kind)
            with self._store.writing() as db:
                row = db.execute(
                    "INSERT INTO jobs (kind, choices, state, told, started) VALUES (?, ?, ?, ?, ?)",
                    (kind, json.dumps(choices), RUNNING, "{}", now()),
                )
                number = int(row.lastrowid or 0)
        job = {"kind": kind, "folder": str(folder), "choices": choices}
        following = (self._process, self._progress, number, json.dumps(job))
        threading.Thread(target=self._follow, args=following, daemon=True).start()

    def cancel(self) -> None:
        """Ends the present job; what it has finished is kept and not done again."""
        with self._lock:
            if self._process is not None and self._progress is not None:
                self._progress.state = CANCELLED
                self._process.terminate()

    def close(self) -> None:
        """Ends the present job and waits for that."""
        self.cancel()
        process = self._process
        if process is not None:
            process.wait()

    def _follow(
        self, process: subprocess.Popen[str], progress: Progress, number: int, job: str
    ) -> None:
        assert process.stdin is not None and process.stdout is not None
        with process.stdin, process.stdout:
            try:
                process.stdin.write(job + "\n")
                process.stdin.flush()
            except OSError:
                pass  # it ended at once, which is told below
            ended: dict[str, Any] = {}
            for line in process.stdout:
                ended = self._hear(progress, line) or ended
            process.wait()
        with self._lock:  # the next job may start once the state says so
            self._end(progress, ended)
            self._process = None
        with self._store.writing() as db:
            told = json.dumps(progress.told)
            db.execute(
                "UPDATE jobs SET state = ?, told = ?, ended = ? WHERE id = ?",
                (progress.state, told, now(), number),
            )

    def _end(self, progress: Progress, ended: dict[str, Any]) -> None:
        if progress.state == CANCELLED:
            return
        if "done" in ended:
            if progress.kind == "train":
                self._store.keep("run", ended["done"]["run"])
            progress.told, progress.state = ended["done"], DONE
        else:
            broke = {"error": "the job broke down; the terminal tells what happened"}
            progress.told, progress.state = ended or broke, FAILED

    @staticmethod
    def _hear(progress: Progress, line: str) -> dict[str, Any] | None:
        """Takes how far the job is; gives what it says at its end."""
        try:
            told: dict[str, Any] = json.loads(line)
        except ValueError:
            return None
        if "step" not in told:
            return told
        if told["step"] != progress.step:
            progress.since = time.monotonic()
        for name in ("step", "steps", "what", "share", "note"):
            setattr(progress, name, told[name])
        return None
