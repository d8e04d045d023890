"""Flags of one command read by tyro; its boxes of text become one sentence."""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from cofinal.errors import CofinalError, UsageError
from cofinal.files.tables import parse_number
from cofinal.settings import check_values

# Help is laid out for a terminal of so many columns at least: narrower, tyro takes minutes for it.
NARROWEST = 40
# So wide, no sentence of tyro's is wrapped.
UNWRAPPED = 10_000
CONFIG = ("FlagCreatePairsOff", "OmitSubcommandPrefixes")


@contextlib.contextmanager
def columns(count: int) -> Iterator[None]:
    """Lets text be laid out for a terminal of so many columns."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = str(count)
    try:
        yield
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before


def read_flags(command: Any, flags: Sequence[str], program: str) -> Any:
    """Builds the command object from its flags; prints the help text and exits if it is asked for.

    Args:
        command: a dataclass whose fields are flags.
        flags: what stands behind the command's name.
        program: how the command is called, for messages.

    Raises:
        UsageError: flags that the command does not have, or values of another kind.
        CofinalError: a value that a setting's own check refuses.
    """
    asked = {"-h", "--help"}.intersection(flags)
    width = max(NARROWEST, shutil.get_terminal_size().columns) if asked else UNWRAPPED
    said = io.StringIO()
    try:
        with columns(width), contextlib.redirect_stderr(said):
            made = _tyro(command, flags, program)
    except SystemExit as stop:
        if not stop.code:
            raise
        # tyro puts the sentence of a setting's own check, a ValueError, into a box of its own.
        mistake: BaseException | None = stop
        while mistake is not None and not isinstance(mistake, CofinalError):
            mistake = mistake.__context__
        if mistake is None:
            sentence = _sentence(said.getvalue(), lambda: known_flags(command, program))
            mistake = UsageError(f"{sentence}; `{program} --help` tells the flags")
        raise mistake from None
    check_values(made)
    return made


def _tyro(command: Any, flags: Sequence[str], program: str) -> Any:
    import tyro

    config = tuple(getattr(tyro.conf, name) for name in CONFIG)
    rules = tyro.constructors.ConstructorRegistry()
    rules.primitive_rule(_number)
    return tyro.cli(command, args=list(flags), prog=program, config=config, registry=rules)


def _number(told: Any) -> Any:
    """How tyro reads numbers: Python takes "1_000" and digits of every script, we do not."""
    import tyro

    kind = told.type
    if kind not in (int, float):
        return None

    def read(words: list[str]) -> Any:
        if parse_number(words[0]) is None:
            raise ValueError(f"invalid number: {words[0]!r}")
        return kind(words[0])

    return tyro.constructors.PrimitiveConstructorSpec(
        nargs=1,
        metavar=kind.__name__.upper(),
        instance_from_str=read,
        is_instance=lambda value: isinstance(value, kind | int) and not isinstance(value, bool),
        str_from_instance=lambda value: [str(value)],
    )


def known_flags(command: Any, program: str) -> list[str]:
    """The flags of a command, as its help text names them."""
    text = io.StringIO()
    with columns(UNWRAPPED), contextlib.redirect_stdout(text), contextlib.suppress(SystemExit):
        _tyro(command, ["--help"], program)
    return sorted(set(re.findall(r"--[a-z][\w.-]*", text.getvalue())))


def _sentence(box: str, known: Callable[[], list[str]]) -> str:
    """What a box of tyro's says, without its frame; unknown flags with the nearest known one."""
    # Rules part the title, what is wrong, what may help, and where to look.
    parts = _parted(box)
    wrong, *more = parts[1:] or parts or [[]]
    text = " ".join(wrong)
    if unknown := re.fullmatch(r"Unrecognized options: (.*)", text):
        return _unknown(unknown[1].split(", "), known())
    if re.match(r"Missing from [^:]*:", text):
        # Each is named in a line, and described in the next.
        told = [line.removesuffix("(required)").rstrip(" .") for line in wrong[1:]]
        pairs = zip(told[::2], told[1::2], strict=False)
        return "; ".join(f"{flag} is needed ({help})" for flag, help in pairs)
    if parsed := re.fullmatch(r"Error parsing (\S+): .*?('[^']*'|\[.*\])?", text):
        value = parsed[2] or "another value"
        kind = next((line for part in more for line in part if line.startswith(parsed[1])), None)
        expected = kind.removeprefix(parsed[1]).strip() if kind else "a value of another kind"
        return f"{parsed[1]} got {value}; expected {expected}"
    if choice := re.match(
        r"invalid choice (.*) for argument '(.*)'\. Expected one of \((.*)\)", text
    ):
        return f"{choice[2]} got {choice[1]}; expected one of {choice[3].strip(',')}"
    if missing := re.match(r"Missing value for argument '(.*)'", text):
        return f"{missing[1]} needs a value"
    return text.rstrip(".")


def _parted(box: str) -> list[list[str]]:
    """The lines of a box, drawn or, where no lines can be drawn, between rules of hyphens."""
    parts: list[list[str]] = [[]]
    for line in box.splitlines():
        words = line.strip(" │╭╮╰╯─-")
        # A word may begin with hyphens, which are part of it.
        parts[-1] += [line.strip(" │╭╮╰╯─")] if words else []
        if not words or line.startswith("╭"):
            parts.append([])
    return [part for part in parts if part]


def _unknown(words: Sequence[str], known: Sequence[str]) -> str:
    """Unknown flags, each with the nearest flag that there is."""
    flags = [word for word in words if word.startswith("-")] or list(words)
    ends = {flag.removeprefix("--").split(".")[-1]: flag for flag in known}
    told = []
    for flag in flags:
        own = flag.removeprefix("--").split("=")[0]
        near = difflib.get_close_matches(own.split(".")[-1], ends, 1)
        told.append(f"{flag} is unknown" + (f", near it is {ends[near[0]]}" if near else ""))
    return "; ".join(told)
