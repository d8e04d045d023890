"""The numbers given for N performances, and what is left of their scores: the execution.

With `multiply` and `add` a score is difficulty x execution + base value. A method learns the
execution; the total follows from its answer exactly, since both rules only stretch and shift it.

Letters: N performances, K targets, M numbers of one name, F given numbers that a target is
predicted from, G grades; `...` any leading axes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.given.rules import GivenRule, check_targets
from cofinal.records import Record


@dataclass(frozen=True, eq=False)
class Given(Record):
    """What is known of N performances before they are seen, and how it enters their scores."""

    rules: tuple[GivenRule, ...]
    targets: tuple[str, ...]
    """Names of the K targets."""
    numbers: dict[str, np.ndarray]
    """Name -> (N, M), float64, finite. `multiply` and `add` take the first of the M numbers, a
    `covariate` all: of a score sheet the sum of base values, then each, the largest first."""

    def __post_init__(self) -> None:
        check_targets(self.rules, self.targets)
        lengths = {len(numbers) for numbers in self.numbers.values()}
        if len(lengths) != 1:
            raise CofinalError(f"given numbers are of {sorted(lengths)} performances; expected one")
        for rule in self.rules:
            if rule.name not in self.numbers:
                known = ", ".join(self.numbers)
                raise CofinalError(f"given {rule} has no numbers; there are those of {known}")

    def __len__(self) -> int:
        return len(next(iter(self.numbers.values())))

    def subset(self, index: Sequence[int] | np.ndarray) -> Given:
        """Those of the performances at these positions."""
        return replace(self, numbers={name: n[index] for name, n in self.numbers.items()})

    def of_kind(self, kind: str, target: str) -> list[GivenRule]:
        """The rules of one kind that enter a target's score."""
        return [rule for rule in self.rules if rule.kind == kind and rule.enters(target)]

    @cached_property
    def factors(self) -> np.ndarray:
        """What the execution is multiplied by: (N, K)."""
        return np.stack([self._first("multiply", t).prod(0) for t in self.targets], -1)

    @cached_property
    def terms(self) -> np.ndarray:
        """Points that are added then: (N, K)."""
        return np.stack([self._first("add", t).sum(0) for t in self.targets], -1)

    def _first(self, kind: str, target: str) -> np.ndarray:
        """The first number of each rule: (rules, N)."""
        found = [self.numbers[rule.name][:, 0] for rule in self.of_kind(kind, target)]
        return np.array(found).reshape(len(found), len(self))

    def has_execution(self, target: str) -> bool:
        """Whether a target's score is made of execution and something else."""
        return bool(self.of_kind("multiply", target) or self.of_kind("add", target))

    @property
    def any_execution(self) -> bool:
        """Whether one target's is."""
        return any(map(self.has_execution, self.targets))

    def totals(self, execution: np.ndarray) -> np.ndarray:
        """Points (..., N, K) of the total for points of the execution."""
        totals: np.ndarray = execution * self.factors + self.terms
        return totals

    def executions(self, totals: np.ndarray) -> np.ndarray:
        """Points (..., N, K) of the execution for points of the total."""
        executions: np.ndarray = (totals - self.terms) / self.factors
        return executions

    def total(self, execution: ScoreDistribution) -> ScoreDistribution:
        """Distributions (N, K) of the total. Grades move along: they are the execution's."""
        return execution.moved(self.factors, self.terms)

    def covariates(self, target: str) -> np.ndarray | None:
        """Numbers (N, F) that a target is predicted from beside the video; None without any."""
        rules = self.of_kind("covariate", target)
        return np.hstack([self.numbers[rule.name] for rule in rules]) if rules else None

    @property
    def any_covariate(self) -> bool:
        """Whether one target is predicted from given numbers beside the video."""
        return any(rule.kind == "covariate" for rule in self.rules)

    @property
    def widths(self) -> dict[str, int]:
        """Name -> M."""
        return {name: numbers.shape[1] for name, numbers in self.numbers.items()}

    @property
    def sha256(self) -> str:
        """Hash of rules and numbers."""
        digest = hashlib.sha256(" ".join(map(str, self.rules)).encode())
        for name, numbers in self.numbers.items():
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(numbers).data)
        return digest.hexdigest()


def refuse_unfit(name: str, value: float, rules: Sequence[GivenRule], where: str) -> None:
    """Refuses a number that is not finite, or not above zero where it multiplies."""
    fault = unfit(name, value, rules)
    if fault:
        raise CofinalError(f"{where}: {fault}")


def unfit(name: str, value: float, rules: Sequence[GivenRule]) -> str | None:
    """What is wrong with a given number, in a sentence; None for one that can be used."""
    if not np.isfinite(value):
        return f"{name} is {value}; expected a finite number"
    if value <= 0 and any(rule.name == name and rule.kind == "multiply" for rule in rules):
        return (
            f"{name} is {value:g}, and it multiplies the execution; expected more than 0, so "
            "correct it or leave the performance out"
        )
    return None
