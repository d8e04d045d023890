"""Rules by which numbers that are known beforehand enter a score: NAME:RULE or NAME:RULE:TARGET.

difficulty:multiply         score = difficulty x execution
base_value:add:TES          TES = base value + execution
base_value:covariate:PCS    PCS is predicted from the base value and the video together
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from cofinal.errors import CofinalError

Kind = Literal["multiply", "add", "covariate"]
KINDS = get_args(Kind)


@dataclass(frozen=True)
class GivenRule:
    """How one given number enters the score of one target, or of all."""

    name: str
    """Name of the number, for example "difficulty"."""
    kind: Kind
    target: str | None = None
    """The target that it enters; None for every one."""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise CofinalError(
                f"rule {self.kind!r} of {self.name!r} is unknown; choose from {', '.join(KINDS)}"
            )

    def __str__(self) -> str:
        return ":".join([self.name, self.kind, *([self.target] if self.target else [])])

    def enters(self, target: str) -> bool:
        """Whether it enters the score of a target."""
        return self.target in (None, target)


def read_rules(texts: Sequence[str]) -> tuple[GivenRule, ...]:
    """Rules from text such as "base_value:add:TES".

    Raises:
        CofinalError: text of another form, an unknown rule, or one that is named twice.
    """
    rules: list[GivenRule] = []
    for text in texts:
        name, kind, target = (*(part.strip() for part in f"{text}".split(":", 2)), "", "")[:3]
        if not (name and kind) or (text.count(":") > 1 and not target):
            raise CofinalError(
                f"what is given is {text!r}; expected NAME:RULE or NAME:RULE:TARGET with the rules "
                f"{', '.join(KINDS)}, for example difficulty:multiply"
            )
        rule = GivenRule(name, kind, target or None)  # type: ignore[arg-type]
        for other in rules:
            same = (other.name, other.kind) == (name, kind)
            if same and (other.target == rule.target or None in (other.target, rule.target)):
                raise CofinalError(f"given {rule} and {other} are the same rule twice; keep one")
        rules.append(rule)
    return tuple(rules)


def check_targets(rules: Sequence[GivenRule], targets: Sequence[str]) -> None:
    """Refuses a rule for a target that is not predicted."""
    for rule in rules:
        if rule.target is not None and rule.target not in targets:
            raise CofinalError(
                f"given {rule} names target {rule.target!r}; predicted are {', '.join(targets)}"
            )
