"""The one store of finished work: what was found on a fold, in a file that says what made it.

A file's name ends in the identity of the work: the hash of everything that its numbers follow
from. So work on other data or with other settings has another file, which is neither taken for
one's own nor overwritten. Versions of the code stand inside, to be told.

    folds/NAMES-IDENTITY.safetensors    what is finished
    unfinished/IDENTITY/                trainings on their way, for a kill
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
from safetensors import SafetensorError, safe_open

from cofinal.errors import CofinalError
from cofinal.files.atomic import atomic_path
from cofinal.files.lock import alone_in
from cofinal.files.reading import check_plain
from cofinal.files.tables import finite
from cofinal.files.tensors import tensor_bytes
from cofinal.settings import quoted
from cofinal.training.runs import code_version

# Hexadecimal digits of an identity in a file's name, and characters of a name: names are for
# people and may be cut, since the identity tells files apart.
DIGITS, LONGEST_NAME = 16, 60


def identity_of(parts: Any) -> str:
    """Hash of plain values that a piece of work follows from."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def file_name(name: str) -> str:
    """A name of a user's making as a file's name, which stays inside its folder."""
    return quote(name, safe=" ").replace(".", "%2E")[:LONGEST_NAME].strip() or "%"


@dataclass(frozen=True)
class Key:
    """What a piece of work is called, and what it is."""

    names: tuple[str, ...]
    """For people, for example method, protocol, fold with seed."""
    identity: str
    """Hash of everything that its numbers follow from, but for versions of the code."""

    def place(self, folder: Path) -> Path:
        """Where it lies in a folder, without an ending."""
        *folders, last = map(file_name, self.names)
        return folder.joinpath(*folders, f"{last}-{self.identity[:DIGITS]}")


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """What a piece of work found: arrays, None where there is none, and plain values."""

    seconds: float
    """Time that it took, on one worker."""
    code: dict[str, str] = field(default_factory=code_version)
    """Versions that made it."""


F = TypeVar("F", bound=Finished)


class Store:
    """Finished work in a run's folder.

    Args:
        folder: the run's folder; None keeps nothing.
    """

    def __init__(self, folder: str | Path | None) -> None:
        self.folder = None if folder is None else Path(folder)

    def alone(self) -> AbstractContextManager[None]:
        """Keeps other runs out of the folder; see `alone_in`."""
        return nullcontext() if self.folder is None else alone_in(self.folder)

    def path(self, key: Key) -> Path | None:
        """The file of a piece of work."""
        if self.folder is None:
            return None
        place = key.place(self.folder / "folds")
        return place.with_name(f"{place.name}.safetensors")

    def unfinished(self, keys: Sequence[Key]) -> Path | None:
        """Where trainings for these keys lie until they are done; other keys, another folder."""
        if self.folder is None:
            return None
        # Half a training by another version must not pass for one by this.
        name = identity_of([code_version(), *(key.identity for key in keys)])[:DIGITS]
        return self.folder / "unfinished" / name

    def write(self, key: Key, found: Finished) -> None:
        """Keeps a piece of work, whole or not at all."""
        path = self.path(key)
        if path is None:
            return
        content = {f.name: getattr(found, f.name) for f in fields(found)}
        arrays = {name: v for name, v in content.items() if isinstance(v, np.ndarray)}
        plain = {name: v for name, v in content.items() if name not in arrays and v is not None}
        with atomic_path(path) as temporary:
            temporary.write_bytes(tensor_bytes(arrays, {"identity": key.identity, "values": plain}))

    def clear(self, keys: Sequence[Key]) -> None:
        """Removes what was kept for a kill; the work is done."""
        unfinished = self.unfinished(keys)
        if unfinished is not None:
            shutil.rmtree(unfinished, ignore_errors=True)
            with suppress(OSError):  # others are unfinished
                unfinished.parent.rmdir()

    def read(self, key: Key, kind: type[F], check: Callable[[F], None]) -> F | None:
        """A piece of work, or None if it is not there.

        Args:
            key: what it is.
            kind: what it is a record of.
            check: raises ValueError where it does not fit what it should be of.

        Raises:
            CofinalError: a file that is damaged or does not fit.
        """
        path = self.path(key)
        if path is None or not path.exists():
            return None
        try:
            found = _read(path, key, kind)
            check(found)
        except (SafetensorError, OSError, LookupError, TypeError, ValueError) as error:
            raise CofinalError(
                f"{path} does not fit ({str(error).splitlines()[0]}); remove it to make it again"
            ) from error
        return found


def _read(path: Path, key: Key, kind: type[F]) -> F:
    with safe_open(check_plain(path, "finished work"), framework="numpy") as file:
        about = file.metadata() or {}
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    values = json.loads(about["values"])
    if json.loads(about["identity"]) != key.identity:
        raise ValueError("it is of other work")
    if not isinstance(values, dict):
        raise ValueError(f"its values are {quoted(values)}")
    lists = {name: tuple(v) for name, v in values.items() if isinstance(v, list)}
    found = kind(**values | lists | arrays)
    code = found.code
    finite(found.seconds, "seconds", "its values")
    if not isinstance(code, dict) or {type(v) for v in code.values()} != {str}:
        raise ValueError(f"versions of the code are {code!r}")
    return found
