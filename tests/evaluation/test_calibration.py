"""Calibrated models from end to end: who calibrates, kills, model folders, scores, refusals."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import logistic

import cofinal.evaluation.learned as module
from cofinal.cli.main import main
from cofinal.config import CalibrationSettings, DataSource, Preset, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.calibration import plan_calibration, run_calibration
from cofinal.evaluation.intervals import Calibration
from cofinal.evaluation.learned import Learned
from cofinal.methods.mean import MeanSettings
from cofinal.methods.ridge import RidgeSettings
from cofinal.models.inference import predict_distributions
from cofinal.scorer import Scorer
from cofinal.training.loop import train
from cofinal.training.runs import Run
from cofinal.workflows import train_and_test

MEAN = Preset("mean", MeanSettings())
RIDGE = Preset("ridge", RidgeSettings())
PART = CalibrationSettings("part", calibration_share=0.4)
FOLDS = CalibrationSettings("folds")


@pytest.fixture(scope="module")
def labelled(generated: Dataset) -> Dataset:
    """The split "train": 24 performances of 8 events."""
    return generated.split("train")


@pytest.fixture(scope="module")
def calibrated(generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model with four grades, calibrated on folds."""
    folder = tmp_path_factory.mktemp("calibrated")
    flags = [
        *("--model.width", "8", "--model.heads", "2", "--model.principal-components", "8"),
        *("--model.sub-grades", "4", "--model.embedding-width", "8", "--training.epochs", "1"),
        *("--model.summary-segments", "1", "--training.members", "1", "--training.device", "cpu"),
    ]
    arguments = ["train", "--dataset", generated_source.dataset, "--out", str(folder), *flags]
    assert main([*arguments, "--calibration", "folds", "--calibration-group", "event"]) == 0
    return folder / "model"


@pytest.fixture(scope="module")
def plain(generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model that was not calibrated."""
    return train_and_test(generated_source, RIDGE, tmp_path_factory.mktemp("plain")).model_folder


@pytest.fixture(scope="module")
def one(generated_source: DataSource) -> Path:
    """Features of one performance."""
    assert generated_source.data is not None
    return generated_source.data / "p031.npy"


def calibration_of(dataset: Dataset, settings: CalibrationSettings, folder: Path) -> Calibration:
    """Trains and calibrates a mean model on a data set."""
    plan = plan_calibration(dataset, settings, seed=0)
    model = train(plan.training, MEAN, folder, show_progress=False)
    calibration = run_calibration(plan, Learned(model), MEAN, folder, show_progress=False)
    assert calibration is not None
    return calibration


def reaches(training: Dataset, held_out: Dataset) -> np.ndarray:
    """What the scores of held-out performances reach around the mean of others, by SciPy."""
    scores_NK, N = training.scores, len(training)
    error_K = scores_NK.std(0) * N / (N - 1)  # of the mean of all others, in closed form
    around = logistic(scores_NK.mean(0), error_K * np.sqrt(3) / np.pi)
    reach_NK: np.ndarray = np.abs(around.cdf(held_out.scores) - 0.5)
    return reach_NK


def test_a_part_kept_aside_is_not_trained_on_and_calibrates(
    labelled: Dataset, run_folder: Path
) -> None:
    plan = plan_calibration(labelled, PART, seed=0)
    assert plan.aside is not None
    assert len(plan.aside) == 10
    assert set(plan.training.ids) | set(plan.aside.ids) == set(labelled.ids)
    assert not set(plan.training.ids) & set(plan.aside.ids)
    calibration = calibration_of(labelled, PART, run_folder)
    expected = reaches(plan.training, plan.aside)
    for k in range(2):
        np.testing.assert_allclose(calibration.reach[k], np.sort(expected[:, k]), atol=2e-3)
    other = plan_calibration(labelled, PART, seed=1).aside
    assert other is not None and other.ids != plan.aside.ids


def test_folds_predict_each_performance_by_a_model_that_has_not_seen_it(
    labelled: Dataset, run_folder: Path
) -> None:
    plan = plan_calibration(labelled, FOLDS, seed=0)
    assert len(plan.folds) == 5 and plan.training.ids == labelled.ids
    calibration = calibration_of(labelled, FOLDS, run_folder)
    each = [
        reaches(labelled.subset(fold.train), labelled.subset(fold.held_out)) for fold in plan.folds
    ]
    expected = np.sort(np.concatenate(each), axis=0)
    for k in range(2):
        np.testing.assert_allclose(calibration.reach[k], expected[:, k], atol=2e-3)


def test_groups_stay_together_in_parts_and_folds(labelled: Dataset) -> None:
    grouped = replace(PART, calibration_group="event")
    part = plan_calibration(labelled, grouped, seed=0)
    assert part.aside is not None
    assert not set(part.aside.groups["event"]) & set(part.training.groups["event"])
    events = np.array(labelled.groups["event"])
    for fold in plan_calibration(labelled, replace(grouped, calibration="folds"), 0).folds:
        assert not set(events[fold.train]) & set(events[fold.held_out])


@pytest.mark.parametrize(
    ("settings", "count", "match"),
    [
        (CalibrationSettings("part"), 24, r"^5 calibration performances are too few.* needs 9;"),
        (FOLDS, 8, r"^8 calibration performances are too few for confidence 0\.9, which needs 9"),
        (FOLDS, 4, r"^4 training performances cannot be parted for --calibration folds, which"),
        (PART, 1, "^1 training performances cannot be parted"),
        (replace(PART, calibration_share=0.99), 24, "share is 0.99, which leaves nothing"),
        (replace(FOLDS, calibration_group="judge"), 24, "'judge' is unknown; .*--calibration-gr"),
        (replace(FOLDS, calibration_group="own"), 24, "of its own; .*leave out --calibration-gr"),
        (replace(FOLDS, calibration_group="half"), 24, "2 groups in 'half' cannot be parted"),
    ],
)
def test_who_cannot_calibrate_is_told_before_training(
    labelled: Dataset, settings: CalibrationSettings, count: int, match: str
) -> None:
    groups = {
        "own": tuple(map(str, range(24))),
        "half": tuple("ab"[i % 2] for i in range(24)),
    }
    dataset = replace(labelled, groups=labelled.groups | groups).subset(range(count))
    with pytest.raises(CofinalError, match=match):
        plan_calibration(dataset, settings, seed=0)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"calibration": "some"}, "calibration is 'some'; expected one of none, part, folds"),
        ({"calibration": "part", "calibration_share": 0.0}, "share is 0.0; expected more than 0"),
        ({"calibration": "part", "calibration_share": 1.0}, "share is 1.0; expected more than 0"),
        ({"calibration_group": "event"}, "'event', but nothing is calibrated; add --calibration"),
    ],
)
def test_impossible_settings_get_a_sentence(values: dict[str, Any], match: str) -> None:
    with pytest.raises(CofinalError, match=match):
        CalibrationSettings(**values)


def test_a_training_killed_in_its_calibration_continues_to_exactly_the_same_end(
    generated_source: DataSource,
    tiny_preset: Preset,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = TrainingSettings(epochs=2, batch_size=8, members=1, device="cpu")
    model = replace(tiny_preset.model, summary_segments=1)
    preset = replace(tiny_preset, model=model, training=settings)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train_and_test(generated_source, preset, whole, False, FOLDS)
    save, original, folds = Run.save, module.train_seeds, []

    def stopped(run: Run, epoch: int, *rest: Any) -> None:
        save(run, epoch, *rest)
        if epoch == 1 and any((killed / "folds").rglob("*fold2*")):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "save", stopped)
        train_and_test(generated_source, preset, killed, False, FOLDS)
    assert not (killed / "model").exists()

    def counted(*arguments: Any, **more: Any) -> Any:
        folds.append(arguments[3].name)
        return original(*arguments, **more)

    monkeypatch.setattr(module, "train_seeds", counted)
    train_and_test(generated_source, preset, killed, False, FOLDS)
    # The finished model, which is only read, and the two folds that were not.
    assert len(folds) == 3
    for name in ("model.safetensors", "calibration.json", "card.md"):
        assert (killed / "model" / name).read_bytes() == (whole / "model" / name).read_bytes()


def test_calibrating_a_finished_run_leaves_its_model_as_it_is(
    generated_source: DataSource, run_folder: Path
) -> None:
    model = train_and_test(generated_source, RIDGE, run_folder, False).model_folder
    before = (model / "model.safetensors").read_bytes()
    train_and_test(generated_source, RIDGE, run_folder, False, FOLDS)
    assert (model / "model.safetensors").read_bytes() == before
    assert Scorer.load(model).confidence == 0.9
    with pytest.raises(CofinalError, match="holds a run with"):
        train_and_test(generated_source, RIDGE, run_folder, False, PART)
    train_and_test(generated_source, RIDGE, run_folder, False)
    assert not (model / "calibration.json").exists()
    assert Scorer.load(model).confidence is None


def test_a_result_and_its_card_tell_the_coverage_on_the_test_split(
    generated_source: DataSource, generated: Dataset, run_folder: Path
) -> None:
    outcome = train_and_test(generated_source, RIDGE, run_folder, False, FOLDS)
    held_out = generated.split("test")
    scorer = Scorer.load(outcome.model_folder)
    calibration = scorer.info.calibration
    assert calibration is not None
    said = predict_distributions(scorer.model, held_out.clips)
    # 24 calibration performances: the ceil(25 * 0.9) = 23rd smallest reach.
    reach_K = np.array([reach_N[22] for reach_N in calibration.reach])
    inside = (np.abs(said.below(held_out.scores[..., None])[..., 0] - 0.5) <= reach_K).mean(0)
    width = np.diff(said.quantile(np.stack([0.5 - reach_K, 0.5 + reach_K], -1)))[..., 0].mean(0)
    told = json.loads((run_folder / "result.json").read_text())["intervals"]
    assert [entry["target"] for entry in told] == ["difficulty", "execution"]
    assert [entry["coverage"] for entry in told] == list(inside)
    assert [entry["mean_width"] for entry in told] == pytest.approx(list(width))
    card = (outcome.model_folder / "card.md").read_text()
    assert f"difficulty: 90 % intervals hold the score of {inside[0]:.1%} of 8" in card
    assert "Calibrated on 24 performances" in card


def test_score_tells_intervals_to_people_and_programs(
    calibrated: Path, one: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["score", str(calibrated), str(one)]) == 0
    assert re.search(r"between \d+\.\d\d and \d+\.\d\d points \(90 %\)", capsys.readouterr().out)
    widths = []
    for flags in ([], ["--confidence", "0.5"], ["--confidence", "0.95"]):
        assert main(["score", str(calibrated), str(one), "--json", *flags]) == 0
        entry = json.loads(capsys.readouterr().out)[0]["targets"][0]
        low, high = entry["interval"]
        assert low < entry["quantiles"]["0.5"] < high
        assert entry["confidence"] == float((flags or ["", "0.9"])[1])
        widths.append(high - low)
    assert widths[1] < widths[0] <= widths[2]


def test_a_plain_model_gives_no_interval_and_refuses_a_confidence(
    plain: Path, one: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["score", str(plain), str(one), "--json"]) == 0
    entry = json.loads(capsys.readouterr().out)[0]["targets"][0]
    assert entry["interval"] is None and entry["confidence"] is None
    assert main(["score", str(plain), str(one), "--confidence", "0.9"]) == 1
    assert "was not calibrated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("confidence", "match"),
    [
        ("0.99", "24 calibration performances are too few.* needs 99"),
        ("90", "expected more than 0"),
    ],
)
def test_a_confidence_that_cannot_be_had_gets_a_sentence(
    calibrated: Path, one: Path, capsys: pytest.CaptureFixture[str], confidence: str, match: str
) -> None:
    assert main(["score", str(calibrated), str(one), "--confidence", confidence]) == 1
    assert re.search(match, capsys.readouterr().err)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, "cannot read .*expected the calibration of a model"),
        ("{", "is not JSON"),
        ("[]", "is no calibration"),
        ('{"reach": [[NaN, 1]], "held_out": []}', "not finite"),
        ('{"reach": [[1]], "held_out": []}', "calibrates 1 targets, the mod"),
    ],
)
def test_a_damaged_calibration_gets_a_sentence(
    calibrated: Path, tmp_path: Path, content: str | None, match: str
) -> None:
    for path in calibrated.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damaged = tmp_path / "calibration.json"
    damaged.unlink()
    if content is not None:
        damaged.write_text(content)
    with pytest.raises(CofinalError, match=match):
        Scorer.load(tmp_path)
