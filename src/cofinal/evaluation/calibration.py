"""On whom a trained model is calibrated: a part kept aside, or everybody, out of folds.

Both give predictions of models for performances that these had not seen. A part kept aside has the
promise of split conformal exactly; out-of-fold ones come from models trained on four fifths.

Source: split conformal, Lei et al., JASA 2018; folds: cross-conformal, Vovk, "Cross-conformal
predictors", 2015. Differs: with folds, what all folds reached is pooled and applied to the answer
of the one model trained on everything, as in the naive form of CV+ (Barber et al., 2021).

Letters: N performances, K targets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

from cofinal.config import CalibrationSettings, Preset, ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.evaluation.evaluate import plan_evaluation
from cofinal.evaluation.folds import Fold, group_values, make_folds
from cofinal.evaluation.intervals import CONFIDENCE, Calibration, calibrate, check_possible
from cofinal.evaluation.learned import Learned
from cofinal.evaluation.predictions import predict_finite
from cofinal.evaluation.runner import run_jobs
from cofinal.evaluation.store import Store
from cofinal.progress import track

FOLDS = 5


@dataclass(frozen=True)
class CalibrationPlan:
    """Who is trained on, and who calibrates; made before training, so that refusals come first."""

    training: Dataset
    aside: Dataset | None = None
    """Performances of "part", which take no part in training."""
    folds: tuple[Fold, ...] = ()
    """Folds of "folds", over `training`."""
    protocol: ProtocolSettings = field(default_factory=ProtocolSettings)
    """What `folds` were made by."""


def plan_calibration(
    labelled: Dataset, settings: CalibrationSettings, seed: int
) -> CalibrationPlan:
    """Decides who calibrates.

    Args:
        labelled: the performances of the split "train".
        settings: how to calibrate.
        seed: seed of the choice of a part.

    Raises:
        CofinalError: unknown groups, or too few performances or groups.
    """
    if settings.calibration == "none":
        return CalibrationPlan(labelled)
    groups = calibration_groups(labelled, settings)
    if settings.calibration == "folds":
        check_possible(len(labelled), CONFIDENCE)
        protocol = ProtocolSettings(
            "group" if groups else "kfold", folds=FOLDS, group=settings.calibration_group
        )
        return CalibrationPlan(labelled, None, tuple(make_folds(labelled, protocol)), protocol)
    splitter = GroupShuffleSplit if groups else ShuffleSplit
    split = splitter(1, test_size=settings.calibration_share, random_state=seed)
    try:
        training, aside = next(split.split(np.zeros(len(labelled)), groups=groups))
    except ValueError as error:  # a share so large that nobody is left to train on
        raise CofinalError(
            f"setting calibration_share is {settings.calibration_share:g}, which leaves nothing "
            "to train on; name a smaller share"
        ) from error
    check_possible(len(aside), CONFIDENCE)
    return CalibrationPlan(labelled.subset(training), labelled.subset(aside))


def calibration_groups(labelled: Dataset, settings: CalibrationSettings) -> Sequence[str] | None:
    """The group of each performance, None without groups; too few to be parted get a sentence."""
    column, groups = settings.calibration_group, None
    if column is not None:
        otherwise = "leave out --calibration-group"
        groups = group_values(labelled, column, "--calibration-group", otherwise)
    count = len(set(groups)) if groups else len(labelled)
    least = FOLDS if settings.calibration == "folds" else 2
    if count < least:
        what = f"groups in {column!r}" if groups else "training performances"
        raise CofinalError(
            f"{count} {what} cannot be parted for --calibration {settings.calibration}, which "
            f"needs {least}; leave out --calibration, or name another --calibration-group"
        )
    return groups


def run_calibration(
    plan: CalibrationPlan,
    learned: Learned,
    preset: Preset,
    folder: str | Path | None,
    show_progress: bool = True,
) -> Calibration | None:
    """Calibrates a method trained on `plan.training`; None if the plan says nobody.

    Args:
        plan: who calibrates.
        learned: the trained method.
        preset: how it was trained.
        folder: run folder; finished folds found there are not trained again. None keeps nothing.
        show_progress: whether to show progress on standard error.
    """
    if plan.aside is not None:
        said = predict_finite(learned, plan.aside, preset.method)
        return calibrate(said, plan.aside.scores)
    if plan.folds:
        order: list[int] = []
        each: list[ScoreDistribution] = []
        jobs = [job for _, job in plan_evaluation(plan.training, preset, plan.protocol)]
        answers = run_jobs(plan.training, jobs, Store(folder))
        with track("calibrating", len(jobs), show_progress) as advance:
            for done, (job, (_, found)) in enumerate(zip(jobs, answers, strict=True), 1):
                order += job.fold.held_out.tolist()
                each.append(found.distribution)
                advance(done, job.fold.name)
        return calibrate(ScoreDistribution.join(each), plan.training.scores[order])
    return None
