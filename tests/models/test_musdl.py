"""Several judges: the loss, the federation's rule, planted judges, and the way marks come."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import norm

from cofinal.config import Preset, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.methods.musdl import MusdlSettings
from cofinal.methods.usdl import UsdlSettings
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models import build_model
from cofinal.models.inference import predict_scores
from cofinal.models.interface import AssessmentModel, Labels, Task, pad_clips
from cofinal.models.musdl import Musdl, panel_score
from cofinal.training.batches import Batch
from cofinal.training.loop import prepare_members, train, train_seeds
from cofinal.training.stack import MemberStack

TRAINING = TrainingSettings(epochs=60, batch_size=8, learning_rate=5e-3, members=1, averaging=0.9)
SMALL = Preset("musdl", MusdlSettings(width=16, bins=31, seats=6), TRAINING)
BIAS_J = np.array([-6.0, 2.0, 7.0, -3.0, 0.0])


@pytest.fixture
def judged(generated: Dataset) -> Dataset:
    """Five judges of known bias for the first target, none for the second, one mark in six lost."""
    rng = np.random.default_rng(5)
    marks_NKJ = np.full((*generated.scores.shape, len(BIAS_J)), np.nan)
    marks_NKJ[:, 0] = generated.scores[:, :1] + BIAS_J + rng.normal(0, 0.5, (len(generated), 5))
    marks_NKJ[rng.random(marks_NKJ.shape) < 1 / 6] = np.nan
    marks_NKJ[3] = np.nan  # a performance without a sheet
    return replace(generated, marks=marks_NKJ)


def prepared(dataset: Dataset, preset: Preset = SMALL) -> tuple[Musdl, list[torch.Tensor]]:
    """An untrained model that knows range and seats, and its staged clips."""
    [model] = prepare_members(dataset, preset, (0,))
    assert isinstance(model, Musdl)
    return model, staged_clips(dataset, model)


def staged_clips(dataset: Dataset, model: AssessmentModel) -> list[torch.Tensor]:
    """Each performance behind the model's fixed stage."""
    return [model.fixed_stage(torch.from_numpy(values)) for values in dataset.clips]


def labels_of_both(dataset: Dataset) -> tuple[torch.Tensor, torch.Tensor]:
    """Scores and marks as float32 tensors."""
    assert dataset.marks is not None
    return torch.from_numpy(dataset.scores).float(), torch.from_numpy(dataset.marks).float()


@pytest.mark.parametrize("judges", [1, 2, 4, 5, 9])
def test_federations_rule_is_that_of_a_plain_loop(judges: int) -> None:
    rng = np.random.default_rng(judges)
    marks_BKJ, known_KJ = rng.normal(size=(4, 6, judges)), rng.random((6, judges)) < 0.8
    marks_BKJ[0, 0] = 0.5  # equal marks: one highest and one lowest go, not all
    known_KJ[0], known_KJ[1] = True, False
    expected = np.zeros((4, 6))
    for b in range(4):
        for k in range(6):
            marks = sorted(marks_BKJ[b, k, j] for j in range(judges) if known_KJ[k, j])
            if len(marks) >= 5:
                marks = marks[1:-1]
            expected[b, k] = sum(marks) / len(marks) if marks else 0.0
    mine = panel_score(torch.from_numpy(marks_BKJ), torch.from_numpy(known_KJ))
    np.testing.assert_allclose(mine.numpy(), expected, atol=1e-12)


def test_loss_is_the_mean_divergence_of_the_marks_that_are_known(judged: Dataset) -> None:
    model, staged = prepared(judged)
    batch = Batch(*pad_clips(staged), *labels_of_both(judged))
    with torch.no_grad():
        mine = batch.loss(model)["divergence"].item()
        hidden_BD = model.summary(batch.clips_BTC, batch.mask_BT)
        final_BKL = model.log_distribution(hidden_BD).exp().double().numpy()
        judges_BKJL = model.log_judges(hidden_BD).exp().double().numpy()
    range_K2, bins_L = model.range_K2.double().numpy(), np.linspace(0, 1, 31)

    def divergence(points: float, target: int, predicted_L: np.ndarray) -> float:
        low, high = range_K2[target]
        wanted_L = norm.pdf(bins_L, (points - low) / (high - low), 0.05)
        wanted_L /= wanted_L.sum()
        there = wanted_L > 0
        return float((wanted_L * np.log(np.where(there, wanted_L, 1) / predicted_L))[there].sum())

    assert judged.marks is not None
    cells = []
    for n in range(len(judged)):
        for k in range(2):
            given = [j for j in range(5) if np.isfinite(judged.marks[n, k, j])]
            panel = [divergence(judged.marks[n, k, j], k, judges_BKJL[n, k, j]) for j in given] or [
                divergence(judged.scores[n, k], k, final_BKL[n, k])
            ]
            cells.append(np.mean(panel))
    assert mine == pytest.approx(np.mean(cells), rel=1e-4)


def test_bins_span_marks_and_scores_with_a_margin(judged: Dataset) -> None:
    model, _ = prepared(judged)
    assert judged.marks is not None
    everything = np.concatenate([judged.scores[:, :1], judged.marks[:, 0]], 1)
    low, high = np.nanmin(everything), np.nanmax(everything)
    margin = 0.1 * (high - low)
    np.testing.assert_allclose(model.range_K2[0].numpy(), [low - margin, high + margin], rtol=1e-6)
    assert model.known_KJ.tolist() == [[True] * 5 + [False], [False] * 6]


def test_planted_judges_are_told_apart(judged: Dataset) -> None:
    model = train(judged, SMALL, show_progress=False).first
    with torch.no_grad():
        output = model(*pad_clips([torch.from_numpy(c) for c in judged.clips]))
    low, high = model.range_K2[0].tolist()
    marks_BJ = low + (high - low) * output.extras["unit_marks_BKJ"][:, 0, :5].numpy()
    found_J = marks_BJ.mean(0) - judged.scores[:, 0].mean()
    # Judges taken for alike would be off by their biases, 7 points at most and 4.4 in the mean.
    np.testing.assert_allclose(found_J, BIAS_J, atol=1.5)
    expected = [np.mean(sorted(row)[1:-1]) for row in marks_BJ]
    np.testing.assert_allclose(model.score(output)[:, 0].numpy(), expected, rtol=1e-4)


def test_without_marks_it_is_usdl_number_for_number(generated: Dataset) -> None:
    settings = UsdlSettings(width=16, bins=31)
    training = replace(TRAINING, epochs=3, members=2)
    plain = train(generated, Preset("usdl", settings, training), show_progress=False)
    mine = train(generated, replace(SMALL, training=training), show_progress=False)
    assert np.array_equal(
        predict_scores(plain, generated.clips), predict_scores(mine, generated.clips)
    )


def test_other_methods_do_not_see_the_marks(judged: Dataset, generated: Dataset) -> None:
    preset = Preset("usdl", UsdlSettings(width=16, bins=31), replace(TRAINING, epochs=2))
    first, second = (
        predict_scores(train(data, preset, show_progress=False), generated.clips)
        for data in (judged, generated)
    )
    assert np.array_equal(first, second)


def test_a_stack_of_members_and_seeds_has_the_loss_of_each_alone(judged: Dataset) -> None:
    preset = replace(SMALL, training=replace(TRAINING, epochs=2, members=2, clip_gradient=0.5))
    members = prepare_members(judged, preset, (0,))
    batch = Batch(*pad_clips(staged_clips(judged, members[0])), *labels_of_both(judged))
    losses = MemberStack(members, 0.0).loss([batch])
    for index, member in enumerate(members):
        alone = batch.loss(member.train())["divergence"]
        torch.testing.assert_close(losses["divergence"][index], alone, rtol=1e-4, atol=1e-5)
    one = replace(preset, training=replace(preset.training, seed=1))
    together = train_seeds(judged, preset, (0, 1), show_progress=False)[1]
    np.testing.assert_allclose(
        predict_scores(together, judged.clips),
        predict_scores(train(judged, one, show_progress=False), judged.clips),
        rtol=1e-4,
    )


def test_a_saved_model_remembers_its_judges(judged: Dataset, tmp_path: Path) -> None:
    preset = replace(SMALL, training=replace(TRAINING, epochs=2, members=2))
    model = train(judged, preset, show_progress=False)
    save_model(model, ModelInfo(preset, Task(judged.channels, judged.targets)), tmp_path)
    loaded, _ = load_model(tmp_path)
    assert loaded.first.known_KJ.any()  # type: ignore[union-attr, operator]
    assert np.array_equal(predict_scores(model, judged.clips), predict_scores(loaded, judged.clips))


def test_a_run_with_other_marks_is_another_run(judged: Dataset, tmp_path: Path) -> None:
    preset = replace(SMALL, training=replace(TRAINING, epochs=1))
    train(judged, preset, tmp_path, show_progress=False)
    assert judged.marks is not None
    for other in (judged.marks + 1, None):
        with pytest.raises(CofinalError, match=r"marks_sha256 .* instead of"):
            train(replace(judged, marks=other), preset, tmp_path, show_progress=False)


def test_a_panel_wider_than_the_setting_gets_a_sentence(judged: Dataset) -> None:
    narrow = replace(SMALL, model=replace(SMALL.model, seats=4))
    with pytest.raises(CofinalError, match=r"panel has 5 judges; .*seats is 4.* 5 or more"):
        train(judged, narrow, show_progress=False)
    with pytest.raises(CofinalError, match="setting seats is 0"):
        MusdlSettings(seats=0)


def test_a_model_that_never_saw_marks_answers_from_the_final_score() -> None:
    model = build_model(SMALL, Task(6, ("a", "b", "c")))
    model.prepare(
        [torch.randn(5, 6) for _ in range(4)], Labels(np.arange(12, dtype=float).reshape(4, 3))
    )
    with torch.no_grad():
        assert torch.isfinite(model(*pad_clips([torch.randn(7, 6)])).unit_score_BK).all()
