"""What can be wrong with data, told with file and line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from cofinal.errors import CofinalError, sentence


@dataclass(frozen=True)
class Finding:
    """One fault, or one thing to know, of a data set."""

    kind: str
    """Short name, for example "features-missing"."""
    message: str
    """One sentence: what is wrong, and what to do."""
    file: str
    """The file it was found in."""
    line: int | None = None
    """Line of that file, counted from 1, where there is one."""
    severity: Literal["error", "warning"] = "error"
    """Errors stop training; warnings do not."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", sentence(self.message))

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{place}: {self.message}"

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return asdict(self)


def refuse_errors(findings: Sequence[Finding]) -> None:
    """Raises the first error among the findings and says how many there are."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if errors:
        more = f" ({len(errors) - 1} more; `cofinal data check` lists them)" if errors[1:] else ""
        raise CofinalError(f"{errors[0]}{more}")
