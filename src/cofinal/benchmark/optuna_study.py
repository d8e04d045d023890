"""A search on disk: what was tried, what is tried next; continues after a kill.

Suggestions come from Optuna's TPE sampler, stopping early from its median pruner.
Source: Bergstra et al., "Algorithms for hyper-parameter optimization", NIPS 2011; Akiba et al.,
"Optuna", KDD 2019.

A trial counts once it has an end: a value, a stop by the pruner, or a failure with its reason. One
that was killed has none of them and does not count; it is tried again, with the same settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cofinal.config import Choices, Range, Space
from cofinal.errors import CofinalError
from cofinal.extras import import_extra
from cofinal.files.atomic import is_full, no_room
from cofinal.training.runs import first_difference

if TYPE_CHECKING:
    import optuna

DATABASE = "study.db"
NAME = "cofinal"
# Suggestions follow from seed and number of the trial, so that a continued search repeats an
# uninterrupted one; seeds are spread so that neighbouring ones share none.
TRIAL_STRIDE = 1_000_003
# Trials that finish before any is stopped early, and folds that each trial is given at least.
UNPRUNED_TRIALS = 5
UNPRUNED_FOLDS = 2
# Fewer finished trials say nothing of a setting's importance.
FEWEST_FOR_IMPORTANCE = 10


def import_optuna() -> Any:
    """The `optuna` module; its own messages stay silent, since ours say what matters.

    Raises:
        CofinalError: Optuna is not installed.
    """
    optuna = import_extra("optuna", "settings are searched with Optuna", "tune")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


class Study:
    """The trials of one search, kept in `study.db`."""

    def __init__(
        self,
        folder: Path,
        wanted: dict[str, Any],
        space: Space,
        seed: int,
        direction: Literal["maximize", "minimize"],
    ) -> None:
        """Starts a study, or continues the one found.

        Args:
            folder: where the database lies.
            wanted: what is searched on what, as JSON values; a study continues only if it is equal.
            space: what is searched.
            seed: seed of the suggestions.
            direction: whether higher or lower values are better.

        Raises:
            CofinalError: no Optuna, no database, or the study of another search.
        """
        self.optuna, self.seed = import_optuna(), seed
        path = folder / DATABASE
        try:
            self.study = self._open(path, direction)
            if not self.counted():  # a search that failed before its first trial may start anew
                self.optuna.delete_study(study_name=NAME, storage=f"sqlite:///{path}")
                self.study = self._open(path, direction)
        except Exception as error:  # Optuna and SQLAlchemy raise many kinds for other files
            if is_full(error, folder):
                raise no_room(path) from error
            raise CofinalError(
                f"{path} is no readable study ({type(error).__name__}); "
                "remove it to start again, or choose another --out"
            ) from error
        self._claim(path, wanted)
        self.distributions = {name: self._distribution(entry) for name, entry in space.items()}
        for trial in self._in_state("RUNNING"):  # killed
            self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)

    def _open(self, path: Path, direction: str) -> optuna.Study:
        study: optuna.Study = self.optuna.create_study(
            storage=f"sqlite:///{path}",
            study_name=NAME,
            direction=direction,
            load_if_exists=True,
            pruner=self.optuna.pruners.MedianPruner(UNPRUNED_TRIALS, UNPRUNED_FOLDS),
        )
        return study

    def _claim(self, path: Path, wanted: dict[str, Any]) -> None:
        """Makes the study that of a search, or makes sure that it is."""
        found = self.study.user_attrs.get("search")
        if found is None:
            self.study.set_user_attr("search", wanted)
            return
        difference = first_difference(found, wanted)
        more = found["space"].keys() - wanted["space"].keys()
        if more and not difference:
            difference = f"{min(more)} in its search space"
        if difference:
            raise CofinalError(
                f"{path} holds a search with {difference}; "
                "name another folder with --out, or remove this one"
            )

    def _distribution(self, entry: Choices | Range) -> Any:
        kinds = self.optuna.distributions
        if isinstance(entry, Choices):
            return kinds.CategoricalDistribution(entry.values)
        kind = kinds.IntDistribution if entry.is_whole else kinds.FloatDistribution
        return kind(entry.low, entry.high, log=entry.log)

    def _in_state(self, *names: str) -> list[optuna.trial.FrozenTrial]:
        states = [self.optuna.trial.TrialState[name] for name in names]
        return self.study.get_trials(deepcopy=False, states=states)

    def counted(self) -> list[optuna.trial.FrozenTrial]:
        """The trials that came to an end, in order."""
        ended = self._in_state("COMPLETE", "PRUNED", "FAIL")
        return [t for t in ended if t.state.name != "FAIL" or "failure" in t.user_attrs]

    def ask(self, first: dict[str, Any]) -> optuna.Trial:
        """The next trial; the first one has the settings `first`."""
        number = len(self.counted())
        self.study.sampler = self.optuna.samplers.TPESampler(
            seed=(self.seed * TRIAL_STRIDE + number) % 2**32, constant_liar=False
        )
        if number == 0:
            self.study.enqueue_trial(first)
        return self.study.ask(self.distributions)

    def importance(self) -> dict[str, float] | None:
        """Share of each setting in what makes good trials good (PED-ANOVA), highest first.

        None with fewer than ten finished trials.
        Source: Watanabe et al., "PED-ANOVA", IJCAI 2023.
        """
        if len(self._in_state("COMPLETE")) < FEWEST_FOR_IMPORTANCE:
            return None
        evaluator = self.optuna.importance.PedAnovaImportanceEvaluator()
        found = self.optuna.importance.get_param_importances(self.study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}
