"""The command `cofinal`: finds the command, parses its flags, turns mistakes into sentences."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import Any

from cofinal.errors import CofinalError, UsageError, sentence
from cofinal.version import __version__

# command -> (module, class, what it does). A class is a dataclass whose fields are flags.
COMMANDS: dict[str, tuple[str, str, str]] = {
    "demo": ("demo", "Demo", "train, evaluate and score on generated performances"),
    "train": ("train", "Train", "train a model on a data set"),
    "evaluate": ("evaluate", "Evaluate", "measure a method by folds or on the official split"),
    "benchmark": ("benchmark", "Benchmark", "compare many methods by honest folds"),
    "tune": ("tune", "Tune", "choose a preset's settings by folds, never on a test split"),
    "extract": ("extract", "Extract", "turn videos into clip features"),
    "score": ("score", "Score", "score videos or clip features with a trained model"),
    "explain": ("explain", "Explain", "tell what the scores of performances rest on"),
    "report": ("report", "ReportCommand", "make a page of scores and what they rest on"),
    "serve": ("serve", "Serve", "open a page to mark films, compare raters and train"),
    "data check": ("data", "Check", "find faults in labels, features and splits"),
    "data audit": ("audit", "Audit", "rank labels by how much they look like mistakes"),
    "data generate": ("data", "Generate", "write generated performances with known scores"),
    "data routines": ("data", "Routines", "write generated films of judged routines"),
    "agreement": ("agreement", "Agreement", "tell whether judges agree, and a model with them"),
    "models": ("models", "Models", "list the models that come with the package"),
    "publish": ("publishing", "Publish", "lay a model out as hubs of models expect it"),
    "export": ("exporting", "Export", "write a model as one file that runs without this package"),
    "import": ("importing", "Import", "turn a checkpoint of the authors' programs into a model"),
}


def usage() -> str:
    """The text of `cofinal --help`."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name.ljust(width)}  {entry[2]}" for name, entry in COMMANDS.items()]
    return (
        "usage: cofinal COMMAND [FLAGS]\n\n"
        "Coarse-to-fine action quality assessment (CoFInAl).\n\n"
        + "\n".join(lines)
        + "\n\n`cofinal COMMAND --help` tells a command's flags, `cofinal --version` the version."
    )


def find_command(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Splits arguments into a command's name, of one or two words, and its flags."""
    for words in (2, 1):
        name = " ".join(arguments[:words])
        if name in COMMANDS:
            return name, list(arguments[words:])
    inside = [name for name in COMMANDS if name.startswith(f"{arguments[0]} ")]
    known = ", ".join(inside or COMMANDS)
    raise UsageError(f"command {' '.join(arguments[:2])!r} is unknown; choose one of {known}")


def parse(name: str, flags: list[str]) -> Any:
    """Builds the command object from its flags; exits after the help text if that is asked for."""
    from cofinal.cli.parsing import read_flags

    module, class_name, _ = COMMANDS[name]
    command = getattr(import_module(f"cofinal.cli.{module}"), class_name)
    build = getattr(command, "with_settings", None)
    return read_flags(command if build is None else build(flags), flags, f"cofinal {name}")


def run(arguments: Sequence[str]) -> int:
    """Runs a command, or tells of all of them; returns the exit status."""
    if not arguments or arguments[0] in ("--help", "-h"):
        print(usage())
        return 0
    if arguments[0] == "--version":
        print(__version__)
        return 0
    name, flags = find_command(arguments)
    try:
        status: int = parse(name, flags).run()
    except SystemExit as stop:  # the help text was printed
        return int(stop.code or 0)
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit status, 2 for a command line that is not understood."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):  # a name that a terminal cannot show is no mistake
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    status = 0
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            status = run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, for example `head`, has seen enough
        _forget_output()
    except KeyboardInterrupt:
        print("cofinal: stopped; run the same command again to continue", file=sys.stderr)
        return 130
    except Exception as error:
        return failed(error)
    return status


def failed(error: Exception) -> int:
    """Tells what is wrong in one sentence; returns the exit status.

    What is no mistake of the user's is raised again.
    """
    from cofinal.files.atomic import is_full

    if isinstance(error, CofinalError):
        told = str(error)
    elif is_full(error):  # of a library that writes by itself, or of the screen's own file
        _forget_output()
        told = "no room left on the disk; free some, and try again"
    elif isinstance(error, OSError):  # a path that no file can have, a disk that is gone
        name = "" if error.filename is None else f" {error.filename}"
        told = f"cannot use{name} ({error.strerror or error}); check path and disk"
    else:
        raise error
    print(f"cofinal: error: {sentence(told)}", file=sys.stderr)
    return 2 if isinstance(error, UsageError) else 1


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """Tells a warning without the place in the code that it comes from."""
    print(f"warning: {message}", file=sys.stderr)


def _forget_output() -> None:
    """Drops what was printed and cannot be written, which Python would try again at its end."""
    with suppress(OSError, ValueError):  # no file, as in a notebook
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
