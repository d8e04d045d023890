"""What a job does: films to features, a test by folds, a model, scores of all films, a report.

cofinal/features/BACKBONE/   clip features, which every run of this backbone shares
cofinal/runs/RUN/            named by what follows from it: labels, backbone, groups
    labels.csv               what is learned
    evaluation/              finished folds, result, predictions
    training/model/          the model
    outcome.json             what the page shows
    reports/FILM.html
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from cofinal.config import CalibrationSettings, DataSource, ProtocolSettings, load_preset
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.calibration import FOLDS
from cofinal.evaluation.evaluate import evaluate
from cofinal.evaluation.intervals import CONFIDENCE, least_performances
from cofinal.evaluation.result import EvaluationResult
from cofinal.extraction.extractor import extract_like
from cofinal.extraction.many import extract_many
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.files.atomic import write_json, write_text
from cofinal.progress import track
from cofinal.reports.film import timed_by
from cofinal.reports.output import write_report
from cofinal.scorer import Scorer
from cofinal.workflows import ReportSettings, report_on, train_and_test

STEPS = ("Watching the films", "Testing on films it has not seen", "Learning", "Scoring all films")
PRESET = "own"
GROUP = "group"
# Fewer films cannot be parted into folds that leave enough to learn from.
FEWEST = 6
Begin = Callable[[int], None]


def learn(folder: Path, choices: dict[str, Any], begin: Begin) -> dict[str, Any]:
    """Trains on what the raters gave.

    Args:
        folder: where everything goes.
        choices: labels (text of the CSV), backbone, films (name -> path).
        begin: told which step begins.

    Raises:
        CofinalError: too few films, a backbone without weights, films that cannot be read.
    """
    labels: str = choices["labels"]
    if labels.count("\n") - 1 < FEWEST:
        raise CofinalError(
            f"{max(labels.count(chr(10)) - 1, 0)} films have marks for every target; mark "
            f"{FEWEST} or more before a model can learn"
        )
    begin(1)
    features, broken = _watch(folder, choices)
    run = folder / "runs" / _name(choices)
    write_text(run / "labels.csv", labels)
    source = DataSource(str(run / "labels.csv"), features, targets=tuple(choices["targets"]))
    dataset = load_dataset(source)
    preset, protocol = load_preset(PRESET), _protocol(dataset)
    begin(2)
    with track("testing", 1.0) as advance:
        result = evaluate(
            dataset,
            preset,
            protocol,
            run / "evaluation",
            lambda _, done, total: advance(done / total),
        )
    begin(3)
    outcome = train_and_test(
        source, preset, run / "training", calibration=_calibration(dataset, protocol)
    )
    begin(4)
    scorer = Scorer.load(outcome.model_folder)
    scores = _scores(scorer, features, sorted(choices["films"]), dataset, result)
    told_of: dict[str, Any] = {
        "measures": _measures(result),
        "group": protocol.group,
        "folds": protocol.folds,
    }
    told_of |= {"intervals": scorer.info.calibration is not None, "broken": broken}
    write_json(run / "outcome.json", {**told_of, "backbone": choices["backbone"], "scores": scores})
    return {"run": run.name}


def _watch(folder: Path, choices: dict[str, Any]) -> tuple[Path, list[str]]:
    """Features of all films; gives their folder, and what was wrong with films that have none."""
    out = _features(folder, choices)
    recipe = ExtractionRecipe(choices["backbone"])
    found = extract_many(list(choices["films"].values()), out, recipe, show_progress=True)
    return out, [one.reason for one in found.broken]


def _features(folder: Path, choices: dict[str, Any]) -> Path:
    """Where the features of a backbone lie."""
    return folder / "features" / str(choices["backbone"]).replace("+", "-and-")


def _name(choices: dict[str, Any]) -> str:
    """Of a run: equal for equal labels, backbone and targets."""
    meant = {key: choices[key] for key in ("labels", "backbone", "targets")}
    return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()[:12]


def _protocol(dataset: Dataset) -> ProtocolSettings:
    """Folds that keep groups together where every film has one and some share theirs."""
    groups = dataset.groups.get(GROUP, ())
    count = len(set(groups))
    if groups and all(groups) and 1 < count < len(groups):
        return ProtocolSettings("group", folds=min(FOLDS, count), group=GROUP)
    return ProtocolSettings("kfold", folds=min(FOLDS, len(dataset)))


def _calibration(dataset: Dataset, protocol: ProtocolSettings) -> CalibrationSettings:
    """Intervals by folds, where there are enough films and groups for them."""
    if len(dataset) < least_performances(CONFIDENCE) or protocol.folds < FOLDS:
        return CalibrationSettings()
    return CalibrationSettings("folds", calibration_group=protocol.group)


def _measures(result: EvaluationResult) -> list[dict[str, Any]]:
    """Of each target: how well films that were not seen are judged, and how well by guessing."""
    found = []
    for k, row in enumerate(result.measures):
        score_N, predicted_N = result.scores[:, k], result.predictions.mean(0)[:, k]
        others_N = (score_N.sum() - score_N) / (len(score_N) - 1)
        higher_NN = score_N[:, None] > score_N[None, :]
        right = float((predicted_N[:, None] > predicted_N[None, :])[higher_NN].mean())
        entry = {"target": row.target, "films": row.performances, "srcc": row.srcc}
        entry |= {"srcc_interval": row.srcc_interval, "error": row.mae, "pairs_right": right}
        entry["error_of_guessing"] = float(np.abs(others_N - score_N).mean())
        found.append(entry)
    return found


def _scores(
    scorer: Scorer, features: Path, films: list[str], dataset: Dataset, result: EvaluationResult
) -> dict[str, Any]:
    """Film -> target -> what the model says; of films it learned from, what it said unseen."""
    unseen = dict(zip(dataset.ids, result.predictions.mean(0), strict=True))
    found: dict[str, Any] = {}
    with track("scoring", len(films)) as advance:
        for number, film in enumerate(films, 1):
            path = features / f"{film}.npy"
            if film in unseen:
                points = dict(zip(dataset.targets, map(float, unseen[film]), strict=True))
                found[film] = {
                    "learned": True,
                    "targets": {t: {"score": p} for t, p in points.items()},
                }
            elif path.is_file():
                told = scorer.score(path).to_json()["targets"]
                found[film] = {"learned": False, "targets": {t["target"]: t for t in told}}
            advance(number)
    return found


def report(folder: Path, choices: dict[str, Any], begin: Begin) -> dict[str, Any]:
    """Makes the page of one film, as `cofinal report` does.

    Args:
        folder: where everything goes.
        choices: run, backbone, film, path; judges and sheet, paths of the raters' marks and of the
            elements they saw, empty where there are none.
        begin: told which step begins.
    """
    begin(1)
    run, film, video = folder / "runs" / choices["run"], choices["film"], Path(choices["path"])
    scorer = Scorer.load(run / "training" / "model")
    kept = _features(folder, choices) / f"{film}.npy"
    if kept.is_file():
        features = timed_by(scorer.checked(kept), video)
    else:
        with track("watching", 1.0) as advance:
            features = scorer.checked(
                extract_like(
                    video,
                    scorer.info.recipe,
                    on_clips=lambda done, total: advance(done / max(total, 1)),
                )
            )
    begin(2)
    out = run / "reports" / f"{film}.html"
    judges, sheet = (Path(choices[name]) if choices[name] else None for name in ("judges", "sheet"))
    how = ReportSettings(judges, sheet=sheet)
    write_report(report_on(scorer, [(features, video)], out, how), "html", out)
    return {"film": film}
