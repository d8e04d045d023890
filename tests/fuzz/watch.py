"""What a reader does with one input: a right answer, one sentence, or a fault.

Faults are any other exception, a warning on the screen, more than ten seconds or a gigabyte,
a file written outside the folder, a program started or a connection opened, half a file left, and a
sentence of several lines or with much of a stranger's text.
"""

from __future__ import annotations

import re
import resource
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cofinal.errors import CofinalError
from cofinal.files.atomic import TEMPORARY

# Of a processor, and by the clock: other programs may be at work beside.
SECONDS, WAITED, BYTES = 10, 60, 2**30
LONGEST_SENTENCE = 2000
# More of one letter is a stranger's text that was not shortened.
LONG_QUOTE = re.compile(r"(.)\1{100}")
WRITING = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.chmod"}
FORBIDDEN = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "socket.connect"}


class TooSlow(BaseException):
    """The time is over; no reader catches this."""


@dataclass(frozen=True)
class Verdict:
    """What became of one input."""

    outcome: Literal["accepted", "refused", "fault"]
    told: str = ""
    """The sentence, or what is wrong."""
    place: str = ""
    """Where a fault was raised: exception, file and line."""


class _Guard:
    """Notes what is written outside a folder; Python tells every opening of a file."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self.folder is None:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {arguments[:1]}")
            raise PermissionError(f"{event} is forbidden")
        elif event == "open":
            path, mode, flags = arguments
            writes = isinstance(mode, str) and set(mode) & set("wax+")
            if (writes or (mode is None and flags & 3)) and isinstance(path, str | bytes):
                self._note(event, path)
        elif event in WRITING and isinstance(arguments[0], str | bytes | Path):
            self._note(event, arguments[0])

    def _note(self, event: str, path: Any) -> None:
        path = Path(path.decode() if isinstance(path, bytes) else path)
        if str(path) in ("/dev/null",) or self.folder is None:
            return
        folder, self.folder = self.folder, None  # resolving opens nothing, but may be heard
        is_inside = path.absolute().is_relative_to(folder)
        self.folder = folder
        if not is_inside:
            self.seen.append(f"{event} {path}")
            raise PermissionError(f"{path} is outside of {folder}")  # the event does not happen


_guard: list[_Guard] = []


def watch(read: Callable[[Path], Any], folder: Path) -> tuple[Verdict, Any]:
    """Lets a reader read what lies in a folder; gives what became of it, and the answer."""
    if not _guard:
        _guard.append(_Guard())
    guard = _guard[0]
    guard.seen.clear()
    answer = None
    try:
        with _limits(), warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", DeprecationWarning)
            guard.folder = folder
            answer = read(folder)
        verdict = Verdict("accepted")
    except CofinalError as error:
        verdict = _sentence(error, folder)
    except (Exception, SystemExit, TooSlow) as error:
        verdict = Verdict("fault", f"{type(error).__name__}: {error}"[:300], place_of(error))
    finally:
        guard.folder = None
    if guard.seen:
        verdict = Verdict("fault", f"outside: {guard.seen[0]}"[:300], guard.seen[0][:80])
    left = next(folder.rglob(TEMPORARY), None)
    if left is not None:
        verdict = Verdict("fault", f"half a file is left: {left.name}", "half a file")
    return verdict, answer


def _sentence(error: CofinalError, folder: Path) -> Verdict:
    told = str(error)
    shown = told.replace(str(folder), "")
    if "\n" in told or len(shown) > LONGEST_SENTENCE or LONG_QUOTE.search(shown):
        return Verdict("fault", told[:300], f"long sentence, {place_of(error)}")
    return Verdict("refused", told)


def place_of(error: BaseException) -> str:
    """Exception, and the innermost line of the package that let it pass."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "/cofinal/" in f.filename] or frames[-1:]
    where = own[-1] if own else None
    name = where.filename.rpartition("/cofinal/")[2] if where else "?"
    return f"{type(error).__name__} at {name}:{where.lineno if where else 0}"


@contextmanager
def _limits() -> Iterator[None]:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)

    def over(*_: object) -> None:
        raise TooSlow(f"more than {SECONDS} s of a processor, or {WAITED} s of waiting")

    timers = (
        (signal.SIGPROF, signal.ITIMER_PROF, SECONDS),
        (signal.SIGALRM, signal.ITIMER_REAL, WAITED),
    )
    before = {sign: signal.signal(sign, over) for sign, _, _ in timers}
    for _, timer, seconds in timers:
        signal.setitimer(timer, seconds)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    try:
        yield
    finally:
        for sign, timer, _ in timers:
            signal.setitimer(timer, 0)
            signal.signal(sign, before[sign])
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
