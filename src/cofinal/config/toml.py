"""Reading TOML, with a sentence for every fault."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError


def read_toml(path: str | Path, what: str, instead: str = "a TOML file") -> dict[str, Any]:
    """The values of a TOML file.

    Args:
        path: the file.
        what: what it is to hold, for messages.
        instead: what to name where it cannot be read.

    Raises:
        CofinalError: no such file, not UTF-8, no TOML, or nested deeper than anyone writes.
    """
    try:
        return tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise CofinalError(f"{what} {path} is not UTF-8 text; save it as UTF-8") from error
    except OSError as error:
        raise CofinalError(
            f"cannot read {what} {path} ({error.strerror or error}); name {instead}"
        ) from error
    except (ValueError, RecursionError) as error:  # a number too long is a plain ValueError
        reason = str(error).splitlines()[0] if isinstance(error, ValueError) else "nested too deep"
        raise CofinalError(f"{what} {path} is not TOML that can be read: {reason}") from error
