"""Settings of `cofinal agreement`; the text under each field is its help text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from cofinal.settings import Between, check, check_values


@dataclass(frozen=True)
class AgreementSettings:
    """What is measured about the judges."""

    targets: tuple[str, ...] = ()
    """Targets by name; all that were marked if none are named."""
    grades: Annotated[int, Between(2, 100)] = 4
    """Grades into which marks are sorted for kappa."""
    grade_spacing: Literal["equal-count", "equal-width"] = "equal-count"
    """Grades that hold equally many panel means, or equally wide ones."""
    wanted: tuple[float, ...] = (0.8, 0.9, 0.95, 0.99)
    """Reliabilities for which the number of judges needed is told."""

    def __post_init__(self) -> None:
        check_values(self)
        for value in self.wanted:
            check(0 < value < 1, "wanted", value, "reliabilities between 0 and 1, such as 0.9")
