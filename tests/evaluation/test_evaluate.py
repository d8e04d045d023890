"""Evaluations: who predicts whom, what is kept after a kill, what is written."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold

import cofinal.evaluation.predictions as module
from cofinal.cli.main import main
from cofinal.config import Preset, ProtocolSettings, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation import learned
from cofinal.evaluation.estimators import evaluate_estimator
from cofinal.evaluation.evaluate import OnProgress, evaluate
from cofinal.evaluation.folds import make_folds
from cofinal.evaluation.result import EvaluationResult
from cofinal.methods.mean import MeanSettings
from cofinal.methods.ridge import RidgeSettings
from cofinal.training.runs import Run
from published import write_rg

MEAN = Preset("mean", MeanSettings())
RIDGE = Preset("ridge", RidgeSettings())
KFOLD = ProtocolSettings("kfold", folds=4, include_test=True)
FINAL = ProtocolSettings("final")
BEST = ProtocolSettings("best-on-test")


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    """The training parts of all trainings that an evaluation starts."""
    started: list[Dataset] = []
    original = learned.train_seeds

    def counted(dataset: Dataset, *arguments: Any, **more: Any) -> Any:
        started.append(dataset)
        return original(dataset, *arguments, **more)

    monkeypatch.setattr(learned, "train_seeds", counted)
    return started


def stop_after(parts: int) -> OnProgress:
    """A progress report that presses Ctrl-C after some parts."""

    def report(name: str, done: int, total: int) -> None:
        if done == parts:
            raise KeyboardInterrupt

    return report


def test_each_performance_is_predicted_by_a_model_that_has_not_seen_it(
    generated: Dataset,
) -> None:
    result = evaluate(generated, MEAN, KFOLD)
    for fold in make_folds(generated, KFOLD):
        expected = generated.scores[fold.train].mean(0)
        for row in result.predictions[0, fold.held_out]:
            np.testing.assert_allclose(row, expected, rtol=1e-5)


def test_each_fold_is_told_with_what_was_predicted(generated: Dataset) -> None:
    told: list[tuple[Dataset, np.ndarray]] = []
    result = evaluate(generated, MEAN, KFOLD, after_fold=lambda *fold: told.append(fold))
    for fold, (held_out, predicted) in zip(make_folds(generated, KFOLD), told, strict=True):
        assert held_out.ids == generated.subset(fold.held_out).ids
        np.testing.assert_array_equal(predicted, result.predictions[0, fold.held_out])


def test_each_category_has_a_model_of_its_own(generated: Dataset) -> None:
    names = tuple("ab"[i % 2] for i in range(len(generated)))
    dataset = replace(generated, categories=names)
    result = evaluate(dataset, MEAN, replace(FINAL, per_category=True))
    is_training = np.array(dataset.splits) == "train"
    for name in "ab":
        member = np.array(names) == name
        expected = dataset.scores[member & is_training].mean(0)
        predicted = result.predictions[0, member & ~is_training]
        np.testing.assert_allclose(predicted, np.tile(expected, (len(predicted), 1)), rtol=1e-5)
    assert np.isnan(result.predictions[0, is_training]).all()
    assert [row.category for row in result.measures] == ["a", "a", "b", "b"]


def test_performances_without_a_category_cannot_be_parted(generated: Dataset) -> None:
    with pytest.raises(CofinalError, match="without a category; leave out --per-category"):
        evaluate(generated, MEAN, replace(KFOLD, per_category=True))


def test_a_constant_method_has_undefined_correlations_and_a_dash(generated: Dataset) -> None:
    result = evaluate(generated, MEAN, FINAL)
    assert [row.srcc for row in result.measures] == [None, None]
    assert result.average_srcc is None
    assert result.measures[0].srcc_interval is None
    assert result.measures[0].r_l2 is not None
    assert " - " in result.table()
    json.dumps(result.to_json(), allow_nan=False)


def test_a_killed_evaluation_continues_without_training_finished_folds_again(
    generated: Dataset, tiny_preset: Preset, run_folder: Path, trainings: list[Dataset]
) -> None:
    whole = evaluate(generated, tiny_preset, KFOLD)
    with pytest.raises(KeyboardInterrupt):
        evaluate(generated, tiny_preset, KFOLD, run_folder, stop_after(3))
    assert not (run_folder / "result.json").exists()
    trainings.clear()
    continued = evaluate(generated, tiny_preset, KFOLD, run_folder)
    assert len(trainings) == 1
    np.testing.assert_array_equal(continued.predictions, whole.predictions)
    assert continued.measures == whole.measures


def test_an_evaluation_killed_inside_a_fold_continues_to_exactly_the_same_end(
    generated: Dataset, tiny_preset: Preset, run_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = replace(KFOLD, folds=2)
    save = Run.save

    def stopped(run: Run, epoch: int, *rest: Any) -> None:
        save(run, epoch, *rest)
        if epoch == 2 and any((run_folder / "folds").rglob("*fold0*")):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "save", stopped)
        evaluate(generated, tiny_preset, halves, run_folder)
    assert len(list(run_folder.rglob("checkpoint.pt"))) == 1
    continued = evaluate(generated, tiny_preset, halves, run_folder)
    whole = evaluate(generated, tiny_preset, halves)
    np.testing.assert_array_equal(continued.predictions, whole.predictions)


def test_a_finished_evaluation_is_not_trained_again_and_keeps_no_checkpoints(
    generated: Dataset, tiny_preset: Preset, run_folder: Path, trainings: list[Dataset]
) -> None:
    evaluate(generated, tiny_preset, KFOLD, run_folder)
    trainings.clear()
    evaluate(generated, tiny_preset, KFOLD, run_folder)
    assert trainings == []
    assert list(run_folder.rglob("checkpoint.pt")) == []


@pytest.mark.parametrize("protocol", [KFOLD, FINAL, BEST], ids=lambda p: p.protocol)
def test_folds_of_other_settings_are_refused(
    generated: Dataset, run_folder: Path, protocol: ProtocolSettings
) -> None:
    evaluate(generated, RIDGE, protocol, run_folder)
    with pytest.raises(CofinalError, match=r"holds a run with .*'ridge' instead of 'mean'"):
        evaluate(generated, MEAN, protocol, run_folder)


def test_predictions_chosen_on_the_test_split_never_pass_for_final_ones(
    generated: Dataset, tiny_preset: Preset, run_folder: Path, trainings: list[Dataset]
) -> None:
    evaluate(generated, tiny_preset, BEST, run_folder)
    trainings.clear()
    final = evaluate(generated, tiny_preset, FINAL, run_folder)
    assert len(trainings) == 1
    np.testing.assert_array_equal(
        final.predictions, evaluate(generated, tiny_preset, FINAL).predictions
    )


def test_changed_held_out_features_are_predicted_again(
    generated: Dataset, run_folder: Path
) -> None:
    before = evaluate(generated, RIDGE, FINAL, run_folder)
    i = generated.splits.index("test")
    clips = list(generated.clips)
    clips[i] = clips[i] + np.float32(1)
    after = evaluate(replace(generated, clips=tuple(clips)), RIDGE, FINAL, run_folder)
    assert not np.allclose(before.predictions[0, i], after.predictions[0, i])


def test_a_category_cannot_write_outside_the_folder(generated: Dataset, run_folder: Path) -> None:
    dataset = replace(generated, categories=("../../x/y",) * len(generated))
    evaluate(dataset, MEAN, replace(FINAL, per_category=True), run_folder)
    assert {path.name for path in run_folder.parent.iterdir()} == {run_folder.name}
    assert len(list((run_folder / "folds" / "mean" / "final").iterdir())) == 1


def test_best_on_test_is_no_worse_than_final_and_labelled_optimistic(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    best = evaluate(generated, tiny_preset, BEST, run_folder)
    final = evaluate(generated, tiny_preset, FINAL)
    for chosen, last in zip(best.measures, final.measures, strict=True):
        assert chosen.srcc is not None and last.srcc is not None
        assert chosen.srcc >= last.srcc
    assert "OPTIMISTIC" in best.table()
    assert "OPTIMISTIC" in (run_folder / "table.txt").read_text()
    assert json.loads((run_folder / "result.json").read_text())["optimistic"] is True


@pytest.mark.parametrize("protocol", [KFOLD, FINAL])
def test_honest_protocols_are_not_labelled_optimistic(
    generated: Dataset, protocol: ProtocolSettings
) -> None:
    result = evaluate(generated, RIDGE, protocol)
    assert not result.optimistic
    assert "OPTIMISTIC" not in result.table()


def test_best_on_test_chooses_the_best_epoch_of_each_target(
    generated: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_out = generated.split("test")
    truth, shuffled = held_out.scores, held_out.scores[::-1]
    epochs = [shuffled, np.stack([truth[:, 0], -truth[:, 1]], 1), shuffled, -truth]
    epochs[2] = np.stack([-truth[:, 0], truth[:, 1]], 1)

    def train(*_: Any, after_epoch: Any, **__: Any) -> Any:
        for predicted in epochs[:-1]:
            after_epoch([Fake(predicted)])
        return Fake(epochs[-1])

    monkeypatch.setattr(module, "train", train)
    monkeypatch.setattr(module, "predict_scores", lambda model, *_: model.predicted)
    np.testing.assert_array_equal(module.best_epoch(generated, held_out, MEAN), truth)


class Fake:
    """A model whose predictions are known; also its own first member and its own tensor."""

    device = "cpu"

    def __init__(self, predicted: np.ndarray) -> None:
        self.predicted = predicted
        self.first = self.edges_KG = self


def test_repeats_have_other_folds_and_seeds_and_a_spread(
    generated: Dataset, tiny_preset: Preset
) -> None:
    twice = evaluate(generated, tiny_preset, replace(KFOLD, folds=2, repeats=2))
    once = evaluate(generated, tiny_preset, replace(KFOLD, folds=2))
    np.testing.assert_array_equal(twice.predictions[0], once.predictions[0])
    assert not np.allclose(twice.predictions[0], twice.predictions[1])
    for k, row in enumerate(twice.measures):
        each = [
            scipy.stats.spearmanr(row[:, k], generated.scores[:, k]).statistic
            for row in twice.predictions
        ]
        assert row.srcc == pytest.approx(np.mean(each))
        assert row.srcc_spread == pytest.approx(np.std(each, ddof=1))
    assert once.measures[0].srcc_spread is None


def test_events_that_are_missing_or_single_do_not_stop_an_evaluation(generated: Dataset) -> None:
    events = ("", *map(str, range(1, len(generated))))
    result = evaluate(replace(generated, groups={"event": events}), RIDGE, KFOLD)
    assert [row.within_srcc for row in result.measures] == [None, None]


def test_a_within_column_that_was_asked_for_must_exist(generated: Dataset) -> None:
    with pytest.raises(CofinalError, match="'skater' is unknown; labels has event"):
        evaluate(generated, RIDGE, replace(KFOLD, within="skater"))


def read_predictions(folder: Path) -> list[dict[str, str]]:
    """The rows of predictions.csv."""
    with (folder / "predictions.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_predictions_and_result_on_disk_are_those_of_the_evaluation(
    generated: Dataset, run_folder: Path
) -> None:
    result = evaluate(generated, RIDGE, FINAL, run_folder)
    rows = read_predictions(run_folder)
    held_out = generated.split("test")
    assert [row["id"] for row in rows] == list(held_out.ids)
    assert tuple(row["event"] for row in rows) == held_out.groups["event"]
    saved = json.loads((run_folder / "result.json").read_text())
    assert saved["method"] == "ridge"
    assert saved["protocol"]["protocol"] == "final"
    assert saved["data"]["performances"] == len(generated)
    assert saved["preset"]["training"]["seed"] == 0
    assert set(saved["code"]) >= {"cofinal", "torch", "numpy"}
    for k, (target, row) in enumerate(zip(generated.targets, saved["measures"], strict=True)):
        given = np.array([float(row[f"{target} given"]) for row in rows])
        predicted = np.array([float(row[f"{target} predicted"]) for row in rows])
        np.testing.assert_allclose(given, held_out.scores[:, k], atol=1e-4)
        assert row["performances"] == len(held_out)
        assert row["srcc"] == pytest.approx(scipy.stats.spearmanr(given, predicted).statistic)
        assert row["mae"] == pytest.approx(np.abs(given - predicted).mean(), abs=1e-4)
    assert result["difficulty"].srcc == saved["measures"][0]["srcc"]


def test_rg_trains_evaluates_and_averages_all_apparatus_in_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    tiny = "--model.principal-components 8 --model.width 8 --model.heads 2 --training.members 1"
    tiny += " --model.summary-segments 0 --training.epochs 1 --training.device cpu"
    command = f"evaluate --dataset rg --data {write_rg(tmp_path)} --protocol final --per-category"
    assert main(f"{command} --targets Total --out {out} {tiny}".split()) == 0
    table = capsys.readouterr().out
    saved = json.loads((out / "result.json").read_text())
    apparatus = ["Ball", "Clubs", "Hoop", "Ribbon"]
    assert [row["category"] for row in saved["measures"]] == apparatus
    rows = read_predictions(out)
    expected = []
    for name, row in zip(apparatus, saved["measures"], strict=True):
        mine = [row for row in rows if row["id"].startswith(f"{name}_")]
        assert len(mine) == row["performances"] == 50
        given, predicted = (
            [float(row[f"Total {what}"]) for row in mine] for what in ("given", "predicted")
        )
        expected.append(scipy.stats.spearmanr(given, predicted).statistic)
        assert row["srcc"] == pytest.approx(expected[-1], abs=1e-3)  # the file rounds
        assert row["srcc"] > 0.3  # the features were generated to show the scores
        assert name in table
    assert saved["average_srcc"] == pytest.approx(np.tanh(np.mean(np.arctanh(expected))), abs=1e-3)
    assert f"{saved['average_srcc']:.3f}" in table


def test_a_result_names_its_first_cell_of_a_target(generated: Dataset) -> None:
    result = evaluate(generated, Preset("ridge", RidgeSettings(), TrainingSettings()), FINAL)
    assert isinstance(result, EvaluationResult)
    assert result["execution"].target == "execution"


@pytest.mark.parametrize("protocol", ["kfold", "group"])
def test_folds_leave_the_official_test_part_out_unless_it_is_asked_for(
    generated: Dataset, protocol: Any, trainings: list[Dataset]
) -> None:
    group = "event" if protocol == "group" else None
    settings = ProtocolSettings(protocol, folds=3, group=group)
    test = np.array(generated.splits) == "test"
    assert 0 < test.sum() < len(generated)
    result = evaluate(generated, RIDGE, settings)
    assert not {"test"} & {split for part in trainings for split in part.splits}
    assert np.isnan(result.predictions[0, test]).all()
    assert np.isfinite(result.predictions[0, ~test]).all()
    left_out = f"NOTE: {test.sum()} performances of the split 'test' are left out; --include-test"
    assert left_out in result.table() and result["execution"].performances == (~test).sum()
    assert "are left out" in result.to_json()["test_split"]
    asked = evaluate(generated, RIDGE, replace(settings, include_test=True))
    assert np.isfinite(asked.predictions).all() and asked.protocol["include_test"]
    assert "split 'test' are in the folds (--include-test)" in asked.table()


def test_test_performances_are_included_only_in_folds() -> None:
    with pytest.raises(CofinalError, match="include_test is for folds, and protocol 'final'"):
        ProtocolSettings("final", include_test=True)


class Silent(BaseEstimator):
    """A regressor of others that cannot answer the fourth performance it is asked for."""

    def fit(self, clips: Any, scores: Any) -> Silent:
        return self

    def predict(self, clips: Any) -> np.ndarray:
        answer = np.arange(len(clips), dtype=float)
        answer[3] = np.nan
        return answer


def test_an_estimator_that_answers_no_number_is_told_with_the_performance(
    generated: Dataset,
) -> None:
    score_N = generated.scores[:, 0]
    with pytest.raises(CofinalError, match="Silent predicts nan points of score for performance 3"):
        evaluate_estimator(Silent(), list(generated.clips), score_N, cv=KFold(2))
