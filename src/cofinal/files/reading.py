"""Files that anyone may have written: plain ones alone, as text, JSON or TOML, or a sentence."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.settings import quoted

# Text is read whole; what describes performances has a small part of this.
LARGEST_TEXT = 2**28
# Control characters that no text needs; a terminal or a page may obey them.
CONTROL = re.compile("[\0-\b\x0b\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
# How JSON and TOML write them without holding them.
ESCAPED = re.compile(r"\\(u00|u[dD][89a-fA-F]|U|x)")
KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
}


def check_plain(path: str | Path, expected: str, largest: int | None = None) -> Path:
    """Refuses what is no plain file: a pipe or a device may never end.

    Args:
        path: the file.
        expected: what it should be, for the message, for example "a model's config.json".
        largest: bytes that it may have.

    Raises:
        CofinalError: missing, out of reach, no plain file, or too large.
    """
    try:
        state = Path(path).stat()
    except (OSError, ValueError) as error:  # the latter: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise CofinalError(f"cannot read {path} ({reason}); expected {expected}") from error
    kind = next((word for holds, word in KINDS.items() if holds(state.st_mode)), None)
    if kind is not None:
        raise CofinalError(f"cannot read {path} (it is {kind}); expected {expected}")
    if largest is not None and state.st_size > largest:
        raise CofinalError(
            f"cannot read {path} ({state.st_size:,} bytes); expected {expected}, "
            f"of at most {largest:,} bytes"
        )
    return Path(path)


def read_text(path: str | Path, expected: str = "a text file") -> str:
    """A text in UTF-8, with or without a mark at its start.

    Raises:
        CofinalError: unreadable, other bytes than text, or control characters in it.
    """
    path = check_plain(path, expected, LARGEST_TEXT)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CofinalError(
            f"cannot read {path} ({error.strerror or error}); expected {expected}"
        ) from error
    except UnicodeDecodeError as error:
        raise CofinalError(
            f"{path} is not UTF-8 text; save it as UTF-8, if it is {expected}"
        ) from error
    if found := CONTROL.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise CofinalError(
            f"{path}:{line} holds the control character {found[0]!r}, which no text has; "
            f"expected {expected}, as UTF-8"
        )
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: str | Path, expected: str) -> Any:
    """The values of a JSON file.

    Raises:
        CofinalError: missing, unreadable or no JSON; a name twice in an object; control characters
            in texts. NaN passes: who reads on knows where a number is wrong.
    """
    text = read_text(path, expected)
    try:
        value = json.loads(text, object_pairs_hook=_each_once)
        if ESCAPED.search(text):
            _check_texts(value)
    except (ValueError, RecursionError) as error:  # the latter: brackets without end
        raise CofinalError(f"{path} is not JSON ({_reason(error)}); expected {expected}") from error
    return value


def read_toml(path: str | Path, what: str, instead: str = "a TOML file") -> dict[str, Any]:
    """The values of a TOML file.

    Args:
        path: the file.
        what: what it is to hold, for messages, for example "preset".
        instead: what to name where it cannot be read.

    Raises:
        CofinalError: no such file, not UTF-8, no TOML, nested deeper than anyone writes, or control
            characters in texts.
    """
    text = read_text(path, f"a {what}, so name {instead}")
    try:
        value = tomllib.loads(text)
        if ESCAPED.search(text):
            _check_texts(value)
    except (ValueError, RecursionError) as error:
        raise CofinalError(
            f"{what} {path} is not TOML that can be read: {_reason(error)}"
        ) from error
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"{quoted(twice)} is there twice, keep one")
    return found


def _check_texts(value: Any) -> None:
    for text in _texts(value):
        if found := CONTROL.search(text):
            raise ValueError(f"a text holds the control character {found[0]!r}")


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield name
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


def _reason(error: Exception) -> str:
    if isinstance(error, RecursionError):
        return "nested too deep"
    # Python's own sentence ends in advice for programmers.
    return str(error).partition("; use sys.set_int")[0]
