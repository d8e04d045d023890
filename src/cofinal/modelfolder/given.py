"""What a model must be told of a performance before it scores, and what it makes of it.

Letters: B performances, K targets, M numbers of one name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.files.fields import record_from
from cofinal.files.tables import member
from cofinal.given.numbers import Given, refuse_unfit
from cofinal.given.rules import GivenRule, check_targets
from cofinal.models.given_readout import GivenReadout, TargetReadout
from cofinal.records import Record
from cofinal.settings import quoted

# Numbers of one name, of which a score sheet has as many as elements.
MOST = 10_000
# Numbers by name, as a caller of a scorer gives them.
Numbers = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class GivenModel(Record):
    """How what is given enters the scores of a trained model."""

    rules: tuple[GivenRule, ...]
    widths: dict[str, int]
    """Name -> M, how many numbers of that name it was trained with."""
    readout: GivenReadout | None = None
    """For targets with covariates."""

    @classmethod
    def of(cls, given: Given | None, readout: GivenReadout | None) -> GivenModel | None:
        """What was given in training, with what was fitted to it; None where nothing was."""
        return None if given is None else cls(given.rules, given.widths, readout)

    @property
    def asked(self) -> str:
        """What must be told, for messages."""
        return ", ".join(self.widths)

    def told(
        self, each: Sequence[Numbers | None], ids: Sequence[str], targets: tuple[str, ...]
    ) -> Given:
        """What is given of B performances, checked.

        Args:
            each: for each performance name -> number, or M numbers.
            ids: their names, for messages.
            targets: names of the model's targets.

        Raises:
            CofinalError: a number that is missing, unknown or unfit.
        """
        return Given(
            self.rules,
            targets,
            {
                name: np.stack([self._numbers(name, *pair) for pair in zip(each, ids, strict=True)])
                for name in self.widths
            },
        )

    def answer(self, video: ScoreDistribution, given: Given) -> ScoreDistribution:
        """Distributions (B, K) of the execution, from those that the video gives."""
        return video if self.readout is None else self.readout.answer(video, given)

    def _numbers(self, name: str, told: Numbers | None, identifier: str) -> np.ndarray:
        told, width = told or {}, self.widths[name]
        where = f"performance {identifier!r}"
        for other in told:
            if other not in self.widths:
                raise CofinalError(
                    f"{where}: {other!r} is unknown to this model; it asks {self.asked}"
                )
        if name not in told:
            raise CofinalError(
                f"{where}: this model was trained with {self.asked} given and does not score "
                f"without; give it, for example --given {name}=NUMBER, --given FILE, or "
                f"given={{{name!r}: ...}} in Python"
            )
        try:
            values = np.atleast_1d(np.asarray(told[name], dtype=np.float64))
        except (TypeError, ValueError) as error:
            raise CofinalError(f"{where}: {name} is {told[name]!r}; expected numbers") from error
        if values.shape != (width,):
            raise CofinalError(
                f"{where}: {name} has {values.size} numbers; this model was trained with {width}"
            )
        for i, value in enumerate(values):
            refuse_unfit(name, float(value), () if i else self.rules, where)
        return values

    def to_json(self) -> dict[str, Any]:
        """Plain values, for JSON; `from_json` reads them back."""
        readout = self.readout and [one and asdict(one) for one in self.readout.targets]
        return {
            "rules": [asdict(rule) for rule in self.rules],
            "widths": self.widths,
            "readout": readout,
        }

    @classmethod
    def from_json(cls, value: Any, where: str, targets: tuple[str, ...]) -> GivenModel:
        """Reads what `to_json` wrote for a model of these targets.

        Raises:
            CofinalError: anything else; `where` names the file.
        """
        told = member(value, "rules", (list,), where)
        rules = tuple(record_from(GivenRule, one, where) for one in told)
        widths = member(value, "widths", (dict,), where)
        for name, width in widths.items():
            if type(width) is not int or not 1 <= width <= MOST:
                raise CofinalError(
                    f"{where}: {name} has {quoted(width)} numbers; expected 1 to {MOST}"
                )
        readouts = member(value, "readout", (list, type(None)), where) or ()
        readout = tuple(
            None if one is None else record_from(TargetReadout, one, where) for one in readouts
        )
        check_targets(rules, targets)
        made = cls(rules, widths, GivenReadout(readout) if readout else None)
        made.check(where, targets)
        return made

    def check(self, where: str, targets: tuple[str, ...]) -> None:
        """Refuses what does not fit itself or the model's targets."""
        one = {name: np.ones((1, width)) for name, width in self.widths.items()}
        if not self.rules:
            raise CofinalError(f"{where}: no rule")
        given = Given(self.rules, targets, one)
        for k, target in enumerate(targets):
            covariates = given.covariates(target)
            own = (
                self.readout.targets[k]
                if self.readout and len(targets) == len(self.readout.targets)
                else None
            )
            if (own is None) != (covariates is None):
                raise CofinalError(f"{where}: the readout of {target} is missing or not asked for")
            if (
                own is not None
                and covariates is not None
                and (len(own.given) != covariates.shape[1] or len(own.video) != len(targets))
            ):
                raise CofinalError(f"{where}: the readout of {target} has other weights than names")
