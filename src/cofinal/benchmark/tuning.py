"""Choosing a preset's settings by folds. Performances of the split "test" take no part.

The best of many trials flatters: part of its lead over the preset is luck on these very folds. So
the first trial is the preset itself, the number of trials is recorded with the result, and what is
chosen is measured on performances that took no part in the choice.
Source: Cawley and Talbot, "On over-fitting in model selection", JMLR 2010.

Letters: N performances, K targets.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cofinal.benchmark.optuna_study import Study
from cofinal.benchmark.trials import Trial, TuningResult
from cofinal.config import (
    Preset,
    ProtocolSettings,
    Space,
    default_space,
    override,
    space_from,
    widened,
)
from cofinal.config.search import setting
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.evaluate import plan_evaluation, run_evaluation
from cofinal.evaluation.metrics import Measure, fisher_mean, r_l2, srcc
from cofinal.evaluation.store import Store, identity_of
from cofinal.settings import check
from cofinal.training.runs import begin, code_version, data_fingerprint, marks_fingerprint

if TYPE_CHECKING:
    import optuna

Objective = Literal["srcc", "r_l2"]
MEASURES: dict[str, Measure] = {"srcc": srcc, "r_l2": r_l2}
# Told the share of the missing trials that is done, and a note.
Progress = Callable[[float, str], None]


class StoppedError(Exception):
    """The pruner has seen enough of a trial."""


@dataclass(frozen=True)
class Search:
    """What is searched, on what."""

    dataset: Dataset
    preset: Preset
    protocol: ProtocolSettings
    space: Space
    objective: Objective
    seed: int

    def to_json(self) -> dict[str, Any]:
        """Plain values; two searches are the same if these are."""
        kept_apart = [self.dataset.categories, self.dataset.groups.get(str(self.protocol.group))]
        values = {
            "preset": self.preset.to_json(),
            "protocol": asdict(self.protocol),
            "data": data_fingerprint(self.dataset)
            | marks_fingerprint(self.dataset, self.preset)
            | {"groups_sha256": identity_of(kept_apart)},
            "space": {name: entry.to_json() for name, entry in self.space.items()},
            "objective": self.objective,
            "seed": self.seed,
        }
        plain: dict[str, Any] = json.loads(json.dumps(values))
        return plain


def tune(
    dataset: Dataset,
    preset: Preset,
    protocol: ProtocolSettings,
    space: Space | None,
    trials: int,
    folder: str | Path,
    seed: int = 0,
    objective: Objective = "srcc",
    progress: Progress | None = None,
) -> TuningResult:
    """Searches a preset's settings by folds; a search found in `folder` continues.

    Args:
        dataset: all performances; those of the split "test" are left out before anything else.
        preset: where the search starts; its own settings are the first trial.
        protocol: "kfold" or "group".
        space: what is searched; None for the method's own space. The preset's values are added.
        trials: number of trials in all, those of a continued search included.
        folder: where study, finished folds, result and best preset are kept.
        seed: seed of the suggestions; trainings have the preset's seed.
        objective: "srcc", the Fisher average of all targets and categories; or "r_l2", the mean.
        progress: told how much is done.

    Raises:
        CofinalError: a protocol that looks at the test split, unfit data or space, another search
            in `folder`, or no trial whose measure is defined.
    """
    check(trials >= 1, "trials", trials, "1 or more")
    check(objective in MEASURES, "objective", objective, f"one of {', '.join(MEASURES)}")
    check(0 <= seed < 2**32, "seed", seed, "0 to 4294967295")
    if protocol.protocol not in ("kfold", "group"):
        raise CofinalError(
            f"protocol {protocol.protocol!r} measures on the test split, which takes no part in "
            "choosing settings; use --protocol kfold or group"
        )
    if protocol.include_test:
        raise CofinalError(
            "the split 'test' takes no part in choosing settings; leave out --include-test"
        )
    dataset = without_test(dataset)
    space = default_space(preset.method) if space is None else space
    plain = {name: entry.to_json() for name, entry in space.items()}
    space = widened(space_from(plain, preset, "search space"), preset)
    search = Search(dataset, preset, protocol, space, objective, seed)
    folder, store = Path(folder), Store(folder)
    with store.alone():
        begin(folder, {"command": "tune"})
        direction: Any = "minimize" if objective == "r_l2" else "maximize"
        study = Study(folder, search.to_json(), space, seed, direction)
        before = len(study.counted())
        for number in range(before, trials):
            run_trial(study, search, store, Share(progress, number, before, trials))
        result = tuning_result(study, search)
        result.save(folder)
    return result


def without_test(dataset: Dataset) -> Dataset:
    """The performances that may take part in a choice."""
    kept = [i for i, split in enumerate(dataset.splits) if split != "test"]
    if not kept:
        raise CofinalError(
            f"{dataset.name} has performances of split 'test' only, which take no part in "
            "choosing settings; add those of split 'train'"
        )
    return dataset.subset(kept)


@dataclass(frozen=True)
class Share:
    """One trial's share of the progress."""

    progress: Progress | None
    trial: int
    before: int
    """Trials that an earlier command finished; time left is told for the others."""
    trials: int

    def __call__(self, done: float, part: str) -> None:
        """`done` is the share of the trial that is done, up to the end of `part`."""
        if self.progress:
            missing = self.trials - self.before
            note = f"trial {self.trial + 1} of {self.trials}, {part}"
            self.progress((self.trial - self.before + done) / missing, note)


def run_trial(study: Study, search: Search, store: Store, share: Share) -> None:
    """Tries the next settings; a kill leaves the trial open, and its finished folds on disk."""
    first = not study.counted()
    trial = study.ask({name: setting(search.preset, name) for name in search.space})
    try:
        preset = override(search.preset, trial.params)
        value = fold_by_fold(trial, preset, search, store, share)
    except StoppedError:
        study.study.tell(trial, state=study.optuna.trial.TrialState.PRUNED)
        return
    except CofinalError as error:
        # Data and protocol suit the preset's own trial, so what fails later are the settings.
        if first:
            raise
        value, failure = None, str(error)
    else:
        failure = "the measure is undefined, for example because all predictions are equal"
    if value is None:
        trial.set_user_attr("failure", failure)
        study.study.tell(trial, state=study.optuna.trial.TrialState.FAIL)
    else:
        study.study.tell(trial, value)


def fold_by_fold(
    trial: optuna.Trial, preset: Preset, search: Search, store: Store, share: Share
) -> float | None:
    """The objective of a preset; raises `StoppedError` where the folds so far look too poor."""
    seen: list[float] = []

    def after_fold(held_out: Dataset, predicted_NK: np.ndarray) -> None:
        value = fold_value(held_out, predicted_NK, search.objective)
        if value is not None:
            seen.append(value)

    def on_progress(name: str, done: int, total: int) -> None:
        share(done / total, name)
        if seen:
            trial.report(float(np.mean(seen)), done)
            if done < total and trial.should_prune():
                raise StoppedError

    # The store knows trainings by their settings, so that the same are never trained twice.
    what = (search.dataset, preset, search.protocol)
    result = run_evaluation(*what, plan_evaluation(*what), store, on_progress, after_fold)
    return average([getattr(row, search.objective) for row in result.measures], search.objective)


def fold_value(held_out: Dataset, predicted_NK: np.ndarray, objective: Objective) -> float | None:
    """The objective on one fold, over those targets and categories in which it is defined."""
    categories = np.array([str(category) for category in held_out.categories])
    values = [
        MEASURES[objective](predicted[member], scores[member])
        for member in (categories == name for name in np.unique(categories))
        for predicted, scores in zip(predicted_NK.T, held_out.scores.T, strict=True)
    ]
    return average([value for value in values if value is not None], objective)


def average(values: Sequence[float | None], objective: Objective) -> float | None:
    """One number of many: Fisher's average of correlations, else the mean; None if any is."""
    if objective == "srcc":
        return fisher_mean(values)
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def tuning_result(study: Study, search: Search) -> TuningResult:
    """All trials that came to an end."""
    names = {"COMPLETE": "complete", "PRUNED": "stopped early", "FAIL": "failed"}
    trials = tuple(
        Trial(
            number=number,
            outcome=names[trial.state.name],
            value=trial.value if trial.state.name == "COMPLETE" else None,
            values={name: trial.params[name] for name in search.space},
            parts=max(trial.intermediate_values, default=0),
            seconds=round(trial.duration.total_seconds(), 1) if trial.duration else None,
            failure=trial.user_attrs.get("failure"),
        )
        for number, trial in enumerate(study.counted(), 1)
    )
    return TuningResult(
        preset=search.preset,
        objective=search.objective,
        trials=trials,
        importance=study.importance(),
        search=search.to_json(),
        code=code_version() | {"optuna": study.optuna.__version__},
    )
