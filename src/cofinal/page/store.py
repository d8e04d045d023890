"""The SQLite file in the folder of films, in which everything that people do is kept.

It is written ahead (WAL) and every change is on the disk before it is acknowledged, so that neither
a killed process nor a cut cable loses a mark that somebody was told is saved.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError

NAME = "cofinal-marks.sqlite"
# Raised when a table gets another shape.
VERSION = 1
# Twenty raters who save at once wait for each other this long at most.
PATIENCE_SECONDS = 30.0


class Store:
    """The file of one folder.

    Args:
        folder: where the films are.

    Raises:
        CofinalError: the file cannot be written, is no SQLite, or of a newer version.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._idle: list[sqlite3.Connection] = []
        # SQLite lets writers try again and again; here they stand in a queue.
        self._turn = threading.Lock()
        schema = (files("cofinal.page") / "schema.sql").read_text(encoding="utf-8")
        try:
            self.path.touch(0o600)  # it holds the raters' links
            first = self._connect()
            known = first.execute("PRAGMA user_version").fetchone()[0]
            if known > VERSION:
                raise CofinalError(
                    f"{self.path} was written by a newer version of cofinal; update cofinal"
                )
            first.executescript(schema)
            first.execute(f"PRAGMA user_version = {VERSION}")
            self._idle.append(first)
        except (sqlite3.Error, OSError) as error:
            raise CofinalError(
                f"cannot keep marks in {self.path} ({error}); choose a folder that you may write "
                "to, or move the file away if it is none of cofinal's"
            ) from error

    def close(self) -> None:
        """Lets the file go."""
        while self._idle:
            self._idle.pop().close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """A connection of one's own for a while."""
        try:
            db = self._idle.pop()
        except IndexError:
            db = self._connect()
        try:
            yield db
        finally:
            self._idle.append(db)

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(
            self.path, PATIENCE_SECONDS, isolation_level=None, check_same_thread=False
        )
        db.row_factory = sqlite3.Row
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute("PRAGMA foreign_keys = ON")
        return db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One change, whole or not at all; nobody else writes meanwhile."""
        with self._turn, self._connection() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A view that changes of others do not touch while the block runs."""
        with self._connection() as db:
            db.execute("BEGIN")
            try:
                yield db
            finally:
                db.execute("ROLLBACK")

    def setting(self, name: str, default: Any) -> Any:
        """A value that was kept under a name."""
        with self.reading() as db:
            row = db.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        return default if row is None else json.loads(row["value"])

    def keep(self, name: str, value: Any) -> None:
        """Keeps a plain value under a name."""
        with self.writing() as db:
            db.execute("REPLACE INTO settings VALUES (?, ?)", (name, json.dumps(value)))


def now() -> str:
    """The time of a change, to the millisecond, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
