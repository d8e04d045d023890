"""Copies that browsers play of films that they do not; in the cache, the films stay as they are.

Each is made by a process of its own: what a damaged file does to a decoder ends with it.
"""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.extraction.cache import cache_folder
from cofinal.files.digests import file_sha256
from cofinal.page.films import Films

# A film that is not done after an hour never will be.
LONGEST_SECONDS = 3600
MIME = {".mp4": "video/mp4", ".webm": "video/webm"}


class Previews:
    """Makes previews one after the other, in the background."""

    def __init__(self, films: Films) -> None:
        self._films = films
        self._waiting: queue.Queue[str | None] = queue.Queue()
        self._asked: set[str] = set()
        self._made: dict[str, Path] = {}
        self._failed: dict[str, str] = {}
        self._thread: threading.Thread | None = None
        self._running: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def playable(self, film: str) -> tuple[Path, str] | None:
        """File and kind of a film as browsers play it; None while its preview is being made.

        Raises:
            CofinalError: no such film, or none can be made of it.
        """
        facts = self._films.facts(film)
        if facts.why_not is None:
            return self._films.path(film), facts.mime
        if film in self._made:
            return self._made[film], MIME[self._made[film].suffix]
        if film in self._failed:
            raise CofinalError(self._failed[film])
        self._ask(film)
        return None

    def close(self) -> None:
        """Ends what is being made."""
        with self._lock:
            self._waiting.put(None)
            if self._running is not None:
                self._running.terminate()

    def _ask(self, film: str) -> None:
        with self._lock:
            if film not in self._asked:
                self._asked.add(film)
                self._waiting.put(film)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while (film := self._waiting.get()) is not None:
            try:
                self._made[film] = self._make(self._films.path(film))
            except CofinalError as error:
                self._failed[film] = str(error)

    def _make(self, path: Path) -> Path:
        folder, digest = cache_folder() / "previews", file_sha256(path)
        for suffix in MIME:
            if (kept := folder / f"{digest}{suffix}").is_file():
                return kept
        command = [sys.executable, "-m", "cofinal.page.transcoding", str(path), str(folder), digest]
        with self._lock:
            self._running = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
            )
        try:
            out, _ = self._running.communicate(timeout=LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
            out = "it takes longer than an hour"
        made = Path(out.strip())
        if self._running.returncode == 0 and made.is_file():
            return made
        reason = out.strip() or "the decoder broke down"
        raise CofinalError(f"no preview of {path.name} could be made ({reason}); convert it to mp4")
