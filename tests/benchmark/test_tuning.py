"""Searches of settings: who is seen, what is found, what is kept after a kill."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

import cofinal.benchmark.tuning as module
from cofinal.benchmark.optuna_study import Study
from cofinal.benchmark.trials import TuningResult
from cofinal.benchmark.tuning import tune
from cofinal.cli.main import main
from cofinal.config import (
    Choices,
    DataSource,
    Preset,
    ProtocolSettings,
    Range,
    load_preset,
    override,
)
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.evaluation import learned
from cofinal.evaluation.evaluate import evaluate, run_evaluation
from cofinal.files.lock import alone_in
from cofinal.methods.mean import MeanSettings
from distributions_around import around

KFOLD = ProtocolSettings("kfold", folds=3)
RATE = Range(1e-4, 1e-1, log=True)
SMALL = {"model.grades": Choices(2, 3, 4), "training.learning_rate": RATE}
TINY = [
    *("--model.width", "8", "--model.heads", "2", "--model.principal-components", "8"),
    *("--training.epochs", "1", "--training.members", "1", "--training.device", "cpu"),
    *("--protocol", "group", "--group", "event", "--folds", "2", "--trials", "3"),
]
Planted = Callable[[Preset, int], float]


class FakeTraining:
    """Stands in for training: what a preset predicts is planted, and every training is counted."""

    def __init__(self, error: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
        """`error` says by how much of the scores' spread a preset errs in a fold."""
        self.error, self.trained, self.kill_at = error, 0, -1
        monkeypatch.setattr(learned, "train_seeds", self.train)
        monkeypatch.setattr(learned, "predict_distributions", self.answer)

    def train(self, dataset: Dataset, preset: Preset, *_: Any, **__: Any) -> list[Preset]:
        if self.trained == self.kill_at:
            raise KeyboardInterrupt
        self.trained += 1
        return [preset]

    def answer(self, preset: Preset, clips: tuple[np.ndarray, ...]) -> ScoreDistribution:
        return around(self.predict(preset, clips))

    def predict(self, preset: Preset, clips: tuple[np.ndarray, ...]) -> np.ndarray:
        truth = np.stack([self.scores[clip.tobytes()] for clip in clips])
        noise = np.random.default_rng(len(clips)).normal(size=truth.shape)
        return truth + self.error(preset, len(clips)) * truth.std() * noise

    def knows(self, dataset: Dataset) -> FakeTraining:
        self.scores = {c.tobytes(): s for c, s in zip(dataset.clips, dataset.scores, strict=True)}
        return self


def rate_error(preset: Preset, _: int) -> float:
    """Best at four grades and a learning rate of 0.01."""
    far = abs(np.log10(preset.training.learning_rate) + 2)
    return float(far + abs(preset.model.grades - 4))


@pytest.fixture
def fake(generated: Dataset, monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    """A training with a planted best setting."""
    return FakeTraining(rate_error, monkeypatch).knows(generated)


@pytest.fixture
def search(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> Callable[..., TuningResult]:
    """A search of the small space."""

    def run(trials: int, folder: Path = run_folder, **changes: Any) -> TuningResult:
        given = {"dataset": generated, "preset": tiny_preset, "protocol": KFOLD, "space": SMALL}
        return tune(**(given | changes), trials=trials, folder=folder)

    return run


@pytest.fixture
def command(generated_source: DataSource, run_folder: Path, tmp_path: Path) -> list[str]:
    """A tiny search from the command line."""
    (tmp_path / "space.toml").write_text('"model.grades" = [2, 4]\n"model.summary_share" = [0, 1]')
    space = ["--space", str(tmp_path / "space.toml"), "--out", str(run_folder)]
    return ["tune", "--dataset", generated_source.dataset, *TINY, *space]


def without_seconds(result: TuningResult) -> list[Any]:
    return [replace(trial, seconds=None) for trial in result.trials]


def test_a_planted_better_setting_is_found_and_told(
    fake: FakeTraining, search: Callable[..., TuningResult], tiny_preset: Preset
) -> None:
    result = search(25)
    best = result.best_preset()
    assert best.model.grades == 4
    assert best.training.learning_rate == pytest.approx(0.01, rel=0.5)
    assert result.gain is not None and result.gain > 0.2
    assert result.trials[0].values == {"model.grades": 3, "training.learning_rate": 1e-3}
    assert result.importance is not None
    assert sum(result.importance.values()) == pytest.approx(1)
    assert "The best of" in result.caution() and "flatters" in result.caution()
    assert "model.grades=4" in result.table().splitlines()[1]
    assert result.best.value == max(t.value for t in result.trials if t.value is not None)


def test_a_better_setting_of_the_real_method_is_found(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    untrained = {"training.epochs": 1, "training.learning_rate": 1e-9, "model.summary_share": 0}
    poor = override(tiny_preset, untrained | {"model.summary_segments": 1, "training.members": 1})
    space = {"model.summary_share": Choices(0.0, 1.0)}
    result = tune(generated, poor, KFOLD, space, 4, run_folder)
    assert result.best.values == {"model.summary_share": 1.0}
    assert result.settings_tried == 2
    kept = generated.split("train")
    for trial in result.trials:
        alone = evaluate(kept, override(poor, trial.values), KFOLD)
        assert trial.value == pytest.approx(alone.average_srcc)
        each = [
            scipy.stats.spearmanr(alone.predictions[0, :, k], kept.scores[:, k]).statistic
            for k in range(2)
        ]
        assert trial.value == pytest.approx(np.tanh(np.mean(np.arctanh(each))))


@pytest.mark.parametrize("kill_at", [0, 4, 27])
def test_a_killed_search_continues_to_exactly_the_same_end(
    fake: FakeTraining, search: Callable[..., TuningResult], tmp_path: Path, kill_at: int
) -> None:
    whole = search(14, tmp_path / "whole")
    trainings = fake.trained
    fake.trained, fake.kill_at = 0, kill_at
    with pytest.raises(KeyboardInterrupt):
        search(14)
    fake.kill_at = -1
    continued = search(14)
    assert len(continued.trials) == 14
    assert without_seconds(continued) == without_seconds(whole)
    assert fake.trained == trainings  # no fold was trained twice


def test_more_trials_run_only_what_is_missing(
    fake: FakeTraining, search: Callable[..., TuningResult], tmp_path: Path
) -> None:
    search(3)
    assert fake.trained == 9
    told: list[tuple[float, str]] = []
    more = search(5, progress=lambda done, note: told.append((done, note)))
    assert fake.trained == 15
    assert without_seconds(more) == without_seconds(search(5, tmp_path / "whole"))
    assert [done for done, _ in told] == pytest.approx(np.arange(1, 7) / 6)
    assert told[0][1] == "trial 4 of 5, all repeat0-fold0"
    fake.trained = 0
    assert len(search(2).trials) == 5
    assert fake.trained == 0


def test_a_search_killed_by_the_system_does_not_count_the_open_trial(
    command: list[str], run_folder: Path
) -> None:
    code = (
        "import os, sys, cofinal.evaluation.learned as m; from cofinal.cli.main import main\n"
        "train, left = m.train_seeds, [5]\n"
        "def stopped(*a, **k):\n"
        "    left[0] -= 1\n"
        "    return train(*a, **k) if left[0] else os._exit(9)\n"
        "m.train_seeds = stopped\n"
        "main(sys.argv[1:])"
    )
    done = subprocess.run([sys.executable, "-c", code, *command], check=False, capture_output=True)
    assert done.returncode == 9
    assert not (run_folder / "result.json").exists()
    assert main(command) == 0
    saved = json.loads((run_folder / "result.json").read_text())
    assert saved["trials"] == len(saved["all_trials"]) == 3
    assert saved["outcomes"] == {"complete": 3}


def test_test_performances_are_never_seen(
    generated: Dataset,
    search: Callable[..., TuningResult],
    fake: FakeTraining,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Dataset] = []

    def spy(dataset: Dataset, *arguments: Any) -> Any:
        seen.append(dataset)
        return run_evaluation(dataset, *arguments)

    monkeypatch.setattr(module, "run_evaluation", spy)
    result = search(2)
    assert "test" in generated.splits and len(seen) == 2
    for dataset in seen:
        assert set(dataset.splits) == {"train"}
        assert dataset.ids == generated.split("train").ids
    assert result.search["data"]["performances"] == generated.splits.count("train")
    assert result.search["data"]["sha256"] == generated.split("train").sha256


def test_splits_other_than_test_take_part(
    generated: Dataset, search: Callable[..., TuningResult], fake: FakeTraining
) -> None:
    named = replace(generated, splits=("train", "validation", "test", "fold3") * 8)
    assert search(1, dataset=named).search["data"]["performances"] == 24


def test_poor_trials_are_stopped_early_but_never_the_last_fold(
    generated: Dataset, search: Callable[..., TuningResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTraining(rate_error, monkeypatch).knows(generated)
    result = search(20, protocol=replace(KFOLD, folds=4))
    stopped = [trial for trial in result.trials if trial.outcome == "stopped early"]
    complete = [trial for trial in result.trials if trial.outcome == "complete"]
    assert stopped and len(complete) > 5
    assert {trial.parts for trial in stopped} <= {2, 3}
    assert all(trial.value is None for trial in stopped)
    assert {trial.parts for trial in complete} == {4}
    assert fake.trained <= sum(trial.parts for trial in result.trials)
    assert all(trial.outcome == "complete" for trial in result.trials[:5])


def test_r_l2_is_minimised(fake: FakeTraining, search: Callable[..., TuningResult]) -> None:
    result = search(15, objective="r_l2")
    values = [trial.value for trial in result.trials if trial.value is not None]
    assert result.best.value == min(values) < values[0]
    assert result.gain == pytest.approx(values[0] - min(values))
    assert "R-l2" in result.table()


def test_an_undefined_measure_and_impossible_settings_are_failed_trials(
    generated: Dataset, search: Callable[..., TuningResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    def constant(preset: Preset, clips: Any) -> np.ndarray:
        if preset.model.grades == 2:
            raise CofinalError("the loss is not finite in epoch 1")
        return np.arange(2.0 * len(clips)).reshape(-1, 2) * (preset.model.grades == 3)

    fake = FakeTraining(rate_error, monkeypatch).knows(generated)
    monkeypatch.setattr(fake, "predict", constant)
    result = search(12, space={"model.grades": Choices(2, 3, 4)})
    for trial in result.trials:
        expected = {2: "failed", 3: "complete", 4: "failed"}[trial.values["model.grades"]]
        assert trial.outcome == expected
    reasons = {trial.values["model.grades"]: trial.failure for trial in result.trials}
    assert reasons[2] == "the loss is not finite in epoch 1"
    assert reasons[3] is None
    assert reasons[4] is not None and "undefined" in reasons[4]
    before = fake.trained
    assert without_seconds(search(12, space={"model.grades": Choices(2, 3, 4)})) == without_seconds(
        result
    )
    assert fake.trained == before


def test_a_search_without_any_measure_ends_in_a_sentence(
    generated: Dataset, search: Callable[..., TuningResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeTraining(rate_error, monkeypatch)
    monkeypatch.setattr(fake, "predict", lambda _, clips: np.zeros((len(clips), 2)))
    with pytest.raises(CofinalError, match=r"none of 2 trials gave a measure \(the measure is un"):
        search(2)


def test_the_presets_own_values_belong_to_the_space(
    fake: FakeTraining, search: Callable[..., TuningResult], tiny_preset: Preset
) -> None:
    space = {"model.grades": Choices(5, 6), "training.learning_rate": Range(1e-2, 1e-1)}
    result = search(1, space=space)
    assert result.trials[0].values == {"model.grades": 3, "training.learning_rate": 1e-3}
    assert result.best_preset() == tiny_preset
    assert result.gain == 0
    assert result.caution() == "No trial was better than the preset itself."


def test_the_best_preset_is_a_file_that_can_be_read(
    fake: FakeTraining, search: Callable[..., TuningResult], run_folder: Path
) -> None:
    result = search(8)
    assert load_preset(str(run_folder / "best.toml")) == result.best_preset()
    comment = (run_folder / "best.toml").read_text().split("method =")[0]
    for part in ("best of 8 trials", "3 folds (kfold)", "seed 0", result.search["data"]["sha256"]):
        assert part in comment
    saved = json.loads((run_folder / "result.json").read_text())
    assert saved == json.loads(json.dumps(result.to_json()))
    assert saved["trials"] == 8
    assert saved["importance"] is None  # fewer than ten trials


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seed": 1}, "holds a search with seed 0 instead of 1"),
        ({"protocol": replace(KFOLD, folds=4)}, "protocol.folds 3 instead of 4"),
        ({"objective": "r_l2"}, "objective 'srcc' instead of 'r_l2'"),
        ({"space": {"model.grades": Choices(2, 3, 4)}}, "training.learning_rate in its search"),
        ({"space": SMALL | {"model.grades": Choices(2, 3)}}, r"space.model.grades \[2, 3, 4\] in"),
    ],
)
def test_the_folder_of_another_search_is_refused(
    fake: FakeTraining,
    search: Callable[..., TuningResult],
    changes: dict[str, Any],
    sentence: str,
) -> None:
    search(1)
    with pytest.raises(CofinalError, match=sentence):
        search(2, **changes)


def test_another_preset_other_data_and_other_groups_are_refused(
    fake: FakeTraining,
    search: Callable[..., TuningResult],
    generated: Dataset,
    tiny_preset: Preset,
) -> None:
    group = ProtocolSettings("group", group="event", folds=2)
    search(1, protocol=group)
    with pytest.raises(CofinalError, match=r"training.epochs 3 instead of 4"):
        search(2, protocol=group, preset=override(tiny_preset, {"training.epochs": 4}))
    with pytest.raises(CofinalError, match=r"data.sha256"):
        search(2, protocol=group, dataset=replace(generated, scores=generated.scores + 1))
    events = tuple(reversed(generated.groups["event"]))
    with pytest.raises(CofinalError, match=r"data.groups_sha256"):
        search(2, protocol=group, dataset=replace(generated, groups={"event": events}))


def test_a_search_that_failed_before_its_first_trial_may_start_anew(
    fake: FakeTraining, search: Callable[..., TuningResult]
) -> None:
    with pytest.raises(CofinalError, match="'skater' is unknown"):
        search(2, protocol=ProtocolSettings("group", group="skater", folds=2), objective="r_l2")
    assert len(search(2).trials) == 2


def test_two_searches_in_one_folder_are_refused(
    search: Callable[..., TuningResult], run_folder: Path
) -> None:
    with (
        alone_in(run_folder),
        ThreadPoolExecutor() as other,
        pytest.raises(CofinalError, match="is in use by process"),
    ):
        other.submit(search, 1).result()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"protocol": ProtocolSettings("final")}, "'final' measures on the test split, which"),
        (
            {"protocol": replace(KFOLD, include_test=True)},
            "the split 'test' takes no part in choosing settings; leave out --include-test",
        ),
        ({"protocol": ProtocolSettings("best-on-test")}, "use --protocol kfold or group"),
        ({"trials": 0}, "trials is 0; expected 1 or more"),
        ({"seed": -1}, "seed is -1; expected 0 to 4294967295"),
        ({"objective": "mae"}, "objective is 'mae'; expected one of srcc, r_l2"),
        ({"preset": Preset("mean", MeanSettings()), "space": None}, "'mean' has no settings to"),
        ({"space": {"model.colour": Choices(1)}}, "search space: .* 'colour' is unknown"),
        ({"space": {"training.mixing": Range(0.1, 2, log=True)}}, None),
    ],
)
def test_what_cannot_be_searched_gets_a_sentence(
    generated: Dataset,
    tiny_preset: Preset,
    run_folder: Path,
    changes: dict[str, Any],
    sentence: str | None,
) -> None:
    given = {"preset": tiny_preset, "protocol": KFOLD, "space": SMALL, "trials": 1}
    if sentence is None:
        changes["preset"] = override(tiny_preset, {"training.mixing": 0.0})
        sentence = "cannot hold the preset's own values .*; list values instead"
    with pytest.raises(CofinalError, match=sentence):
        tune(generated, **(given | changes), folder=run_folder)
    assert not run_folder.exists()


def test_data_of_test_performances_only_are_refused(
    generated: Dataset, search: Callable[..., TuningResult]
) -> None:
    with pytest.raises(CofinalError, match="split 'test' only"):
        search(1, dataset=generated.split("test"))


def test_a_folder_with_another_file_of_that_name_is_refused(
    search: Callable[..., TuningResult], run_folder: Path
) -> None:
    run_folder.mkdir()
    (run_folder / "study.db").write_text("no database, but long enough to be read as one" * 30)
    with pytest.raises(CofinalError, match=r"study.db is no readable study .*; remove it"):
        search(1)


def test_a_folder_that_cannot_be_made_is_refused(
    search: Callable[..., TuningResult], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CofinalError, match="choose another --out"):
        search(1, tmp_path / "file" / "run")


def test_without_optuna_a_sentence_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["tune", "--dataset", "x.csv"]) == 1
    assert "pip install 'cofinal[tune]'" in capsys.readouterr().err


def test_the_command_prints_best_trials_caution_and_json(
    command: list[str],
    generated_source: DataSource,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert main(command) == 0
    text = capsys.readouterr().out
    assert "cofinal, protocol group, 3 trials: 3 complete" in text
    assert "better by" in text and "best.toml" in text
    assert main([*command, "--json"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out) == json.loads((run_folder / "result.json").read_text())
    assert told.err.startswith("labels.csv: 32 performances") and told.err.count("\n") == 1
    best = ["--preset", str(run_folder / "best.toml"), "--out", str(tmp_path / "model")]
    assert main(["train", "--dataset", generated_source.dataset, *best]) == 0


def test_suggestions_do_not_depend_on_killed_trials(run_folder: Path) -> None:
    run_folder.mkdir()
    study = Study(run_folder, {"space": {}}, SMALL, 3, "maximize")
    first = {"model.grades": 3, "training.learning_rate": 1e-3}
    assert study.ask(first).params == first
    assert study.ask(first).params == first  # the one before was left open
    study.study.tell(study.study.trials[-1].number, 0.5)
    assert len(study.counted()) == 1
    following = study.ask(first).params
    assert study.ask(first).params == following != first
