"""From data to a model with its held-out result, and from a model to a report of performances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cofinal.config import CalibrationSettings, DataSource, Preset, ProtocolSettings
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.data.sheets import Element, read_sheets
from cofinal.errors import CofinalError
from cofinal.evaluation.calibration import CalibrationPlan, plan_calibration, run_calibration
from cofinal.evaluation.coverage import coverage
from cofinal.evaluation.evaluate import summarise
from cofinal.evaluation.grading import read_folds
from cofinal.evaluation.intervals import CONFIDENCE
from cofinal.evaluation.learned import Learned, learn
from cofinal.evaluation.predictions import predict_finite
from cofinal.evaluation.result import EvaluationResult
from cofinal.explain.aligner import Aligner
from cofinal.explain.aligner_fit import fit_aligner
from cofinal.explain.neighbours import NeighbourIndex
from cofinal.files.atomic import keep
from cofinal.files.lock import alone_in
from cofinal.modelfolder.folder import save_model
from cofinal.modelfolder.given import GivenModel, Numbers
from cofinal.modelfolder.info import MeasuredCoverage, ModelInfo
from cofinal.models import learns_from_judges
from cofinal.models.ensemble import Ensemble
from cofinal.training.loop import task_of
from cofinal.training.runs import data_fingerprint

if TYPE_CHECKING:
    from cofinal.records import ClipFeatures
    from cofinal.reports.page_data import Report
    from cofinal.scorer import Scorer

NO_CALIBRATION = CalibrationSettings()


@dataclass(frozen=True)
class ReportSettings:
    """What a report shows beside scores."""

    judges: Path | None = None
    """Marks of each judge."""
    labels: Path | None = None
    """Official scores."""
    sheet: Path | None = None
    """Elements in order."""
    embed: Literal["auto", "yes", "no"] = "auto"
    """Whether videos go into the page; "auto" does so where they are small."""
    method: Literal["votes", "occlusion", "attention", "gradients"] | None = None
    """Evidence; votes, or occlusion where a model has none, if None."""
    width: int = 1
    """For occlusion: clips left out together."""
    moments: int = 3
    """Moments shown for each score."""


@dataclass(frozen=True)
class Outcome:
    """What a training left behind."""

    model_folder: Path
    result: EvaluationResult | None
    """Measures on the test split; None if the data has none."""
    coverage: tuple[MeasuredCoverage, ...] = ()
    """What intervals reached there, by target."""


def train_and_test(
    source: DataSource,
    preset: Preset,
    folder: str | Path,
    show_progress: bool = True,
    calibration: CalibrationSettings = NO_CALIBRATION,
    neighbours: bool = True,
) -> Outcome:
    """Trains on the split "train", saves the model, and measures it on the split "test".

    Args:
        source: the data; with a sheet of elements the model also learns to place them in time.
        preset: method, settings, training.
        folder: run folder; a killed run found there continues.
        show_progress: whether to show progress on standard error.
        calibration: on whom prediction intervals are calibrated.
        neighbours: whether the model folder keeps ids, scores and short vectors of the training
            performances, so that explanations can name those most alike.

    Raises:
        CofinalError: unfit data, or `folder` holds another run, or one that is going on.
    """
    dataset = load_dataset(source, learns_from_judges(preset))
    plan = plan_calibration(dataset.split("train"), calibration, preset.training.seed)
    training = plan.training
    sheet = source.sheet
    aligner = None if sheet is None else aligner_of(training, read_sheets(sheet), str(sheet))
    with alone_in(folder):
        model, info = train_calibrated(plan, preset, folder, show_progress)
        model_folder = Path(folder) / "model"
        index = index_of(training, model) if neighbours else None
        if "test" not in dataset.splits:
            save_model(model, info, model_folder, index, aligner)
            return Outcome(model_folder, None)
        held_out = dataset.split("test")
        result = measure_model(model, held_out, info)
        info = replace(info, measured=result.to_json())
        save_model(model, info, model_folder, index, aligner)
        # Last: a run with a result is a finished run.
        keep(partial(result.save, folder, held_out))
        return Outcome(model_folder, result, info.coverage)


def train_calibrated(
    plan: CalibrationPlan, preset: Preset, folder: str | Path | None, show_progress: bool
) -> tuple[Ensemble, ModelInfo]:
    """Trains and calibrates as planned; a folder, where there is one, keeps what is finished."""
    training = plan.training
    seeds, group = (preset.training.seed,), plan.protocol.group
    learned = learn(training, preset, seeds, folder, show_progress, group)[0]
    info = ModelInfo(
        preset,
        task_of(training),
        training.recipe,
        data_fingerprint(training),
        calibration=run_calibration(plan, learned, preset, folder, show_progress),
        given=GivenModel.of(training.given, learned.readout),
    )
    return learned.model, info


def index_of(training: Dataset, model: Ensemble) -> NeighbourIndex:
    """What the model keeps of its training performances, to name those a new one is like."""
    edges_KG = model.first.edges_KG.double().numpy()
    return NeighbourIndex.build(
        training.ids, training.clips, training.scores, training.targets, edges_KG
    )


def aligner_of(training: Dataset, sheets: dict[str, tuple[Element, ...]], where: str) -> Aligner:
    """What places elements in time, learned from the training performances that have a sheet.

    Raises:
        CofinalError: fewer than two of them have one, or a sheet has more elements than clips.
    """
    known = [i for i, identifier in enumerate(training.ids) if identifier in sheets]
    if len(known) < 2:
        raise CofinalError(
            f"{where} has elements of {len(known)} of the {len(training)} training performances; "
            "expected two or more, under the ids of the labels"
        )
    orders = [sheets[training.ids[i]] for i in known]
    return fit_aligner(training.subset(known).clips, orders)


def measure_model(model: Ensemble, dataset: Dataset, info: ModelInfo) -> EvaluationResult:
    """Measures a trained model on performances that took part in no choice."""
    learned = Learned(model, info.given.readout if info.given else None)
    found = predict_finite(learned, dataset, info.preset.method)
    everybody, judged = np.arange(len(dataset)), dataset.of_totals()
    total = dataset.total(found, everybody)
    settings: dict[str, Any] = {"trained_on": info.data}
    if info.calibration:
        intervals = info.calibration.intervals(total, CONFIDENCE)
        settings["intervals"] = [
            asdict(record) | {"confidence": CONFIDENCE}
            for record in coverage(intervals, judged.scores, judged.targets)
        ]
    protocol = ProtocolSettings(protocol="final")
    told = read_folds([(0, everybody, total)] if found.grades else [], judged.scores)
    what = (dataset, found.score[np.newaxis], info.preset, protocol, settings)
    return summarise(*what, told=told)


def report_on(
    scorer: Scorer,
    seen: Sequence[tuple[ClipFeatures, Path | None]],
    page: Path | None,
    how: ReportSettings,
    given: Sequence[Numbers] | None = None,
    on_refusal: Callable[[CofinalError], None] | None = None,
) -> Report:
    """Everything that a report shows of performances.

    Args:
        scorer: the model.
        seen: each performance, and its video where there is one.
        page: the file that will show it; None for reports that show no videos.
        how: what goes into it.
        given: what is given of each performance, for a model that asks it.
        on_refusal: told of a performance that cannot be explained, which is then left out; raised
            where nobody is told.

    Raises:
        CofinalError: files that concern none of the performances, or do not fit the model.
    """
    from cofinal.modelfolder.aligner import element_source
    from cofinal.reports.film import embeds, read_film
    from cofinal.reports.human_scores import read_human_scores
    from cofinal.reports.model_facts import model_facts
    from cofinal.reports.page_data import Performance, Report, instants

    human = read_human_scores(how.judges, how.labels)
    human.check([features.id for features, _ in seen], scorer.targets)
    folder = scorer.folder or Path()
    source = element_source(how.sheet, folder, scorer.info)
    embed = embeds([video for _, video in seen if video], how.embed)
    performances = []
    for number, (features, video) in enumerate(seen):
        try:
            own = given[number] if given else None
            asked = (how.method, how.width, how.moments, own, source)
            prediction, told = scorer.score_and_explain(features, *asked)
        except CofinalError as error:
            if on_refusal is None:
                raise
            on_refusal(error)
            continue
        kept = features.keypoints
        film = read_film(video, page, embed, instants(told), kept) if video else None
        known = (human.marks_of(features.id), human.official.get(features.id, {}))
        performances.append(Performance(prediction, told, film, *known))
    return Report(model_facts(scorer.model, scorer.info), tuple(performances))
