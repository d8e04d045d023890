"""One run at a time in a folder: a lock that ends with its process, and tells who holds it."""

from __future__ import annotations

import errno
import json
import os
import shlex
import socket
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.files.atomic import FULL, TEMPORARY, no_room

LOCK = ".cofinal.lock"
# What a disk answers that cannot lock at all, as some network disks cannot.
NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
LONGEST_COMMAND = 120

if sys.platform == "win32":
    import msvcrt

    # Windows bars others from reading a locked byte, so one far behind the text is locked.
    FAR_BEHIND = 1 << 30

    def _take(handle: int) -> None:
        os.lseek(handle, FAR_BEHIND, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class _Held(threading.local):
    """Folders that this thread holds, so that a function inside another may ask for them too."""

    def __init__(self) -> None:
        self.folders: set[Path] = set()


_held = _Held()


@contextmanager
def alone_in(folder: str | Path) -> Iterator[None]:
    """Keeps other runs out of a folder while the block runs, and clears what a killed one left.

    The system ends the lock with the process, however that ends.

    Args:
        folder: created if missing.

    Raises:
        CofinalError: another process or thread is at work in the folder, or it cannot be written.
    """
    place = Path(folder).resolve()
    if place in _held.folders:
        yield
        return
    handle = _open(Path(folder))
    try:
        _lock(handle, Path(folder))
        _sweep(place)
        _held.folders.add(place)
        try:
            yield
        finally:
            _held.folders.discard(place)
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno in FULL:
            raise no_room(folder) from error
        raise CofinalError(
            f"cannot write to {folder} ({error.strerror or error}); choose another --out"
        ) from error


def _lock(handle: int, folder: Path) -> None:
    try:
        _take(handle)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise CofinalError(
                f"{folder} is in use by {_holder(handle)}; wait until that ends, or choose "
                "another --out"
            ) from error
        warnings.warn(
            f"the disk of {folder} has no locks; see that no other run works in it", stacklevel=4
        )
    command = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
    record = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": command if len(command) <= LONGEST_COMMAND else command[:LONGEST_COMMAND] + "…",
    }
    with suppress(OSError):  # on a full disk the lock holds all the same
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(record, ensure_ascii=False).encode())


def _holder(handle: int) -> str:
    """Who holds a lock, as its record tells; it may just be written."""
    try:
        record = json.loads(os.read(handle, 10_000))
        return "process {process} on {host} since {since} (`{command}`)".format(**record)
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"


def _sweep(folder: Path) -> None:
    """Removes files that killed writes left; folders inside with a lock are another run's."""
    for place, folders, names in os.walk(folder):
        if LOCK in names and Path(place) != folder:
            folders.clear()
            continue
        for name in names:
            if fnmatch(name, TEMPORARY):
                Path(place, name).unlink(missing_ok=True)
