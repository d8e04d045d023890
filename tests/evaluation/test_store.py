"""The store of finished work: what is kept, what is believed, who may write."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from cofinal.audit.explanations.result import explain_folds, plan_explained
from cofinal.benchmark.plan import Entry
from cofinal.benchmark.run import run_benchmark
from cofinal.benchmark.tables import BenchmarkResult
from cofinal.config import (
    BenchmarkSettings,
    DataSource,
    ExplanationSettings,
    Preset,
    ProtocolSettings,
    override,
)
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.evaluation import learned, predictions
from cofinal.evaluation.evaluate import evaluate
from cofinal.evaluation.nested import Choice
from cofinal.evaluation.resampling import Units
from cofinal.evaluation.result import measure
from cofinal.evaluation.store import LONGEST_NAME, Key, Store, file_name
from cofinal.files.atomic import TEMPORARY
from cofinal.files.lock import alone_in
from cofinal.methods.ridge import RidgeSettings
from cofinal.methods.ridge_segments import RidgeSegmentsSettings
from cofinal.training.runs import Run
from cofinal.workflows import train_and_test

RIDGE = Preset("ridge", RidgeSettings())
KFOLD = ProtocolSettings("kfold", folds=2, include_test=True)
SETTINGS = BenchmarkSettings(protocols=("kfold",), folds=2, seeds=1, include_test=True)


@pytest.fixture
def tiny(tiny_preset: Preset) -> Entry:
    """A small CoFInAl of one member."""
    return Entry("tiny", override(tiny_preset, {"training.members": 1, "training.epochs": 3}))


def stored(folder: Path) -> list[Path]:
    """The files of finished folds, in the order of their names."""
    return sorted((folder / "folds").rglob("*.safetensors"))


def rewrite(path: Path, change: Callable[[dict[str, np.ndarray], dict[str, Any]], None]) -> None:
    """Changes the arrays and plain values of a stored file."""
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    arrays, values = load_file(path), json.loads(about["values"])
    change(arrays, values)
    save_file(arrays, path, about | {"values": json.dumps(values)})


@pytest.mark.parametrize("seeds", [2, 3])
def test_a_killed_benchmark_continues_rightly_with_other_seeds(
    generated: Dataset, tiny: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: int
) -> None:
    save = Run.save

    def stopped(run: Run, epoch: int, *rest: Any) -> None:
        save(run, epoch, *rest)
        if epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "save", stopped)
        run_benchmark(generated, [tiny], SETTINGS, tmp_path / "killed")
    assert len(list((tmp_path / "killed").rglob("checkpoint.pt"))) == 1
    more = replace(SETTINGS, seeds=seeds)
    [continued] = run_benchmark(generated, [tiny], more, tmp_path / "killed")
    [whole] = run_benchmark(generated, [tiny], more, tmp_path / "whole")
    found = continued.methods["tiny"].result.predictions
    np.testing.assert_array_equal(found, whole.methods["tiny"].result.predictions)
    assert len({row.tobytes() for row in found}) == seeds


def test_work_of_another_version_is_told_in_every_table(
    generated: Dataset, run_folder: Path
) -> None:
    today = evaluate(generated, RIDGE, KFOLD, run_folder)
    assert today.settings["other_versions"] == {} and "made by" not in today.table()
    old = {"cofinal": "0.0.1", "torch": "2.0.0", "numpy": "1.26.0"}
    rewrite(stored(run_folder)[0], lambda _, values: values.update(code=old))
    mixed = evaluate(generated, RIDGE, KFOLD, run_folder)
    np.testing.assert_array_equal(mixed.predictions, today.predictions)
    told = "1 trainings were made by cofinal 0.0.1, torch 2.0.0, numpy 1.26.0"
    assert told in mixed.table() and told in (run_folder / "table.txt").read_text()
    saved = json.loads((run_folder / "result.json").read_text())
    assert saved["other_versions"] == {"cofinal 0.0.1, torch 2.0.0, numpy 1.26.0": 1}
    results = run_benchmark(generated, [Entry("ridge", RIDGE)], SETTINGS, run_folder)
    data = {"name": "x", "performances": len(generated)}
    assert f"ridge: {told}" in BenchmarkResult("", SETTINGS, data, results, 0.0, 1).markdown()


def test_settings_chosen_inside_do_not_depend_on_which_seeds_are_trained_at_once(
    generated: Dataset, tiny: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def predict(training: Dataset, held_out: Dataset, preset: Preset) -> np.ndarray:
        seen.append(preset.training.seed)
        return held_out.scores

    monkeypatch.setattr(predictions, "predict", predict)
    nested = replace(tiny, choice=Choice(({}, {"training.mixing": 0.1}), folds=2))
    for seeds in (1, 2):  # the second run trains seed 1 alone
        run_benchmark(generated, [nested], replace(SETTINGS, seeds=seeds), tmp_path)
    assert len(seen) == 2 * 2 * 2 * 2 and set(seen) == {0}


@pytest.mark.parametrize("command", ["evaluate", "benchmark", "train"])
def test_the_second_run_in_a_folder_is_told_who_holds_it(
    generated: Dataset, generated_source: DataSource, run_folder: Path, command: str
) -> None:
    run: Callable[[], object] = {
        "evaluate": lambda: evaluate(generated, RIDGE, KFOLD, run_folder),
        "benchmark": lambda: run_benchmark(
            generated, [Entry("ridge", RIDGE)], SETTINGS, run_folder
        ),
        "train": lambda: train_and_test(generated_source, RIDGE, run_folder, show_progress=False),
    }[command]
    with (
        alone_in(run_folder),
        ThreadPoolExecutor() as other,
        pytest.raises(CofinalError, match=r"is in use by process \d+ on .* since .*choose another"),
    ):
        other.submit(run).result()
    assert {path.name for path in run_folder.iterdir()} == {".cofinal.lock"}
    run()


def test_two_evaluations_at_once_end_as_one(generated: Dataset, run_folder: Path) -> None:
    inside, refused = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        inside.set()
        assert refused.wait(60)

    with ThreadPoolExecutor() as other:
        first = other.submit(evaluate, generated, RIDGE, KFOLD, run_folder, wait)
        assert inside.wait(60)
        with pytest.raises(CofinalError, match="is in use by process"):
            evaluate(generated, RIDGE, KFOLD, run_folder)
        refused.set()
        result = first.result()
    np.testing.assert_array_equal(result.predictions, evaluate(generated, RIDGE, KFOLD).predictions)


def test_train_and_evaluate_never_overwrite_each_others_result(
    generated: Dataset, generated_source: DataSource, tmp_path: Path
) -> None:
    evaluate(generated, RIDGE, KFOLD, tmp_path / "a")
    train_and_test(generated_source, RIDGE, tmp_path / "b", show_progress=False)
    before = [(tmp_path / name / "result.json").read_bytes() for name in "ab"]
    with pytest.raises(CofinalError, match="with command 'evaluate' instead of 'train'"):
        train_and_test(generated_source, RIDGE, tmp_path / "a", show_progress=False)
    with pytest.raises(CofinalError, match="command 'train' instead of 'evaluate'; name another"):
        evaluate(generated, RIDGE, KFOLD, tmp_path / "b")
    assert before == [(tmp_path / name / "result.json").read_bytes() for name in "ab"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_prediction_that_is_no_number_is_an_error_with_its_performance(
    generated: Dataset,
    generated_source: DataSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    value: float,
) -> None:
    original = learned.predict_distributions
    identifier = generated.split("test").ids[2]
    clips = generated.clips[generated.ids.index(identifier)]

    def faulty(model: Any, seen: Any, *rest: Any) -> ScoreDistribution:
        found = original(model, seen, *rest)
        for i, values in enumerate(seen):
            if np.array_equal(values, clips):
                found.points[i, 1] = value
        return found

    monkeypatch.setattr(learned, "predict_distributions", faulty)
    told = rf"ridge predicts {value} points of execution for performance {identifier}, expected"
    with pytest.raises(CofinalError, match=told):
        evaluate(generated, RIDGE, KFOLD)
    with pytest.raises(CofinalError, match=told):
        run_benchmark(generated, [Entry("ridge", RIDGE)], SETTINGS, tmp_path / "b")
    with pytest.raises(CofinalError, match=told):
        train_and_test(generated_source, RIDGE, tmp_path / "t", show_progress=False)
    assert not (tmp_path / "t" / "result.json").exists()


def test_measures_leave_out_only_those_that_no_fold_held_out(generated: Dataset) -> None:
    points = np.random.default_rng(0).normal(size=(2, *generated.scores.shape))
    points[:, 5] = np.nan
    rows, _ = measure(generated, points, None, Units())
    assert rows[0].performances == len(generated) - 1
    points[1, 7, 0] = np.nan
    with pytest.raises(CofinalError, match=f"performance {generated.ids[7]} is not a finite"):
        measure(generated, points, None, Units())


@pytest.mark.parametrize(
    "name", ["..", ".", "", " ", "x/../../escaped", "a\\b", "C:con", ".hidden", "a\0b", "体操" * 99]
)
def test_a_name_of_a_users_making_stays_one_name_in_its_folder(tmp_path: Path, name: str) -> None:
    safe = file_name(name)
    assert safe and not set(safe) & set("/\\:\0") and safe[0] not in ". "
    assert len(safe) <= LONGEST_NAME
    place = Key((name, name, name), "f" * 64).place(tmp_path)
    place.parent.mkdir(parents=True)
    place.touch()
    assert place.resolve().parent.parent.parent == tmp_path.resolve()


def test_groups_and_labels_of_a_users_making_write_inside_the_folder(
    generated: Dataset, tiny: Entry, tmp_path: Path
) -> None:
    column = "x/../../../escaped"
    dataset = replace(generated, groups={column: generated.groups["event"]})
    settings = replace(SETTINGS, protocols=(f"group:{column}",))
    entries = [Entry("../../../label", RIDGE)]
    run = tmp_path / "deep" / "er" / "run"
    run_benchmark(dataset, entries, settings, run)
    jobs = plan_explained(dataset, entries, settings)
    quick = ExplanationSettings(evidence=("gradients",), steps=2, random_orders=1, explained=2)
    explain_folds(dataset, jobs, quick, run)
    assert len(stored(run)) == 4
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(path.is_relative_to(run) for path in written)


def other_ids(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    values["ids"] = values["ids"][::-1]


def another_shape(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    arrays["predictions"] = arrays["predictions"][:, :1].copy()


def not_a_number(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    arrays["predictions"][1, 0] = np.nan


def whole_numbers(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    arrays["predictions"] = arrays["predictions"].astype(np.int64)


def text_for_seconds(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    values["seconds"] = "long"


def no_predictions(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    arrays["guesses"] = arrays.pop("predictions")


def edges_of_one_target(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    arrays["grade_edges"] = arrays["grade_edges"][:1]


def another_mean(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    arrays["points"] = arrays["points"] + 1.0


def knots_without_points(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    arrays.pop("points")


def a_choice(arrays: dict[str, np.ndarray], values: dict[str, Any]) -> None:
    values["chosen"] = {"model.strength": 1}


@pytest.mark.parametrize(
    "damage",
    [
        *(other_ids, another_shape, not_a_number, whole_numbers),
        *(text_for_seconds, no_predictions, edges_of_one_target, a_choice),
        *(another_mean, knots_without_points),
        *(b"", b"no tensors", "half", "other"),
    ],
    ids=lambda damage: getattr(damage, "__name__", repr(damage)),
)
def test_a_stored_file_that_does_not_fit_is_not_believed(
    generated: Dataset, run_folder: Path, damage: Any
) -> None:
    whole = evaluate(generated, RIDGE, KFOLD, run_folder)
    first, second = stored(run_folder)
    if callable(damage):
        rewrite(first, damage)
    elif isinstance(damage, bytes):
        first.write_bytes(damage)
    else:
        content = {"half": first.read_bytes()[:-9], "other": second.read_bytes()}
        first.write_bytes(content[damage])
    with pytest.raises(CofinalError, match=rf"{first.name} does not fit .*remove it to make it ag"):
        evaluate(generated, RIDGE, KFOLD, run_folder)
    first.unlink()
    again = evaluate(generated, RIDGE, KFOLD, run_folder)
    np.testing.assert_array_equal(again.predictions, whole.predictions)


def test_work_with_other_settings_is_kept_beside_and_found_again(
    generated: Dataset, run_folder: Path
) -> None:
    preset = Preset("ridge-segments", RidgeSegmentsSettings(segments=2))
    mine, other = Entry("mine", preset), Entry("mine", override(preset, {"model.segments": 3}))
    for entry in (mine, other):
        run_benchmark(generated, [entry], SETTINGS, run_folder)
    before = {path: path.stat().st_mtime_ns for path in stored(run_folder)}
    run_benchmark(generated, [mine], SETTINGS, run_folder)
    assert {path: path.stat().st_mtime_ns for path in stored(run_folder)} == before
    assert len(before) == 4


def test_what_killed_writes_left_is_cleared_by_the_next_run(
    generated: Dataset, run_folder: Path
) -> None:
    evaluate(generated, RIDGE, KFOLD, run_folder)
    left = [run_folder / TEMPORARY.replace("*", "a"), stored(run_folder)[0].parent]
    left[1] = left[1] / TEMPORARY.replace("*", "b")
    for path in left:
        path.write_text("half")
    evaluate(generated, RIDGE, KFOLD, run_folder)
    assert not any(path.exists() for path in left)


def test_without_a_folder_nothing_is_kept() -> None:
    store, key = Store(None), Key(("a",), "b")
    assert store.path(key) is None and store.unfinished([key]) is None
    with store.alone():
        store.clear([key])
