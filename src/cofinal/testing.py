"""What every method and every backbone must hold, as checks for one's own: the counterpart of
scikit-learn's `check_estimator`.

Letters: B videos, T clips, C backbone channels, G grades, K targets, N performances.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cofinal.config import Preset, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.extraction.backbones import use_backbone
from cofinal.extraction.backbones.loading import Backbone, load_single
from cofinal.generated.synthetic import generate
from cofinal.methods import use_method
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.models.interface import AssessmentModel, Labels, ModelOutput, Task, pad_clips
from cofinal.training.loop import task_of, train

CHANNELS = 6
# Rounding of float32, in points and as a share.
TOLERANCE = 2e-5
TRAINING = TrainingSettings(epochs=2, batch_size=4, members=2)


def check_method(method: str | type, settings: Any = None) -> None:
    """Runs all checks on a method.

    Args:
        method: a class, "PATH.py:CLASS", or a name.
        settings: its settings in the checks; small ones make them quick. None for the defaults.

    Raises:
        AssertionError: one line for each check that fails, with what was found.
        CofinalError: no method at all.

    Example:
        check_method(MyMethod, MyMethod.Settings(width=8))
    """
    preset = Preset(use_method(method), settings, TRAINING)
    _run_all(METHOD_CHECKS, preset, preset.method)


def check_backbone(backbone: str | type, clip_frames: int = 32, input_px: int = 224) -> None:
    """Runs all checks on a backbone, with its weights as its class makes them.

    Args:
        backbone: a class, "PATH.py:CLASS", or a name.
        clip_frames: frames of a clip; few make the checks quick, where the backbone takes few.
        input_px: side of the square pictures.

    Raises:
        AssertionError: one line for each check that fails, with what was found.
        CofinalError: no backbone at all.
    """
    name = use_backbone(backbone)
    load_single(name, device="cpu")
    rng = np.random.default_rng(0)
    clips_BTHWC = rng.integers(0, 256, (3, clip_frames, input_px, input_px, 3), dtype=np.uint8)
    _run_all(BACKBONE_CHECKS, (name, clips_BTHWC), name)


def _run_all(checks: Mapping[str, Callable[[Any], None]], subject: Any, name: str) -> None:
    failures = {title: failure(check, subject) for title, check in checks.items()}
    told = [f"- {title}: {text}" for title, text in failures.items() if text]
    if told:
        raise AssertionError(
            f"{name} fails {len(told)} of {len(failures)} checks:\n" + "\n".join(told)
        )


def failure(check: Callable[[Any], None], subject: Any) -> str | None:
    """What is wrong with the subject of a check, in a line; None if nothing is."""
    try:
        check(subject)
    except AssertionError as error:
        return " ".join(str(error).split())
    except Exception as error:  # whatever a method of one's own may raise
        return f"{type(error).__name__}: {error}"
    return None


def same(found: Tensor, expected: Tensor, where: str, tolerance: float = TOLERANCE) -> None:
    """Refuses numbers that differ by more than a tolerance, absolute and as a share."""
    assert found.shape == expected.shape, (
        f"{where}: {tuple(found.shape)} numbers, not {tuple(expected.shape)}"
    )
    difference = (found - expected).abs()
    close = difference <= tolerance * (1 + expected.abs())
    assert bool(close.all()), (
        f"{where}: off by {float(difference.nan_to_num(nan=torch.inf).max()):.3g}"
    )


def make_clips(lengths: list[int], seed: int = 0) -> list[Tensor]:
    """Clips (T, C) for each T, drawn by chance."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(length, CHANNELS, generator=generator) for length in lengths]


def prepared_model(preset: Preset, targets: int = 2) -> AssessmentModel:
    """A model of eight performances, with random weights: fresh ones answer all nearly the same."""
    torch.manual_seed(0)
    names = tuple(f"target{k}" for k in range(targets))
    model = build_model(preset, Task(CHANNELS, names))
    clips = make_clips([9, 5, 12, 7, 10, 6, 8, 11], seed=1)
    rng = np.random.default_rng(0)
    model.prepare(clips, Labels(rng.uniform(5, 25, (len(clips), targets))))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    model.eval().finish([model.fixed_stage(values) for values in clips])
    return model


@torch.no_grad()
def scores(model: AssessmentModel, clips: list[Tensor]) -> Tensor:
    """Scores in points (B, K)."""
    return model.score(model(*pad_clips(clips)))


def performances() -> Dataset:
    """A small generated data set: 16 performances of 12 to 18 clips, two targets."""
    made = generate(16, channels=CHANNELS, clips=(12, 18), seed=3)
    return Dataset.from_arrays(made.clips, made.scores)


def trained_scores(preset: Preset, dataset: Dataset) -> np.ndarray:
    """What a training says of its own performances (N, K)."""
    return predict_scores(train(dataset, preset, show_progress=False), dataset.clips)


def batch_independence(preset: Preset) -> None:
    """The answer does not depend on the rest of the batch."""
    model, clips = prepared_model(preset), make_clips([7, 3, 11, 1])
    alone = torch.cat([scores(model, [one]) for one in clips])
    same(scores(model, clips), alone, "scores in a batch and alone")


def padding_invariance(preset: Preset) -> None:
    """Padding is invisible, whatever it holds."""
    model, clips = prepared_model(preset), make_clips([7, 3])
    clips_BTC, mask_BT = pad_clips(clips)
    wider_BTC = torch.nn.functional.pad(clips_BTC, (0, 0, 0, 4))
    wider_BT = torch.nn.functional.pad(mask_BT, (0, 4))
    dirty_BTC = wider_BTC.masked_fill(~wider_BT.unsqueeze(-1), 100.0)
    with torch.no_grad():
        clean, dirty = model(clips_BTC, mask_BT), model(dirty_BTC, wider_BT)
    same(model.score(dirty), model.score(clean), "scores with other padding")
    if dirty.attention_BKGT is not None:
        on_padding = dirty.attention_BKGT.masked_select(~wider_BT[:, None, None])
        assert (on_padding == 0).all(), "attention falls on padding"


def batch_permutation(preset: Preset) -> None:
    """The order of the batch permutes the answers."""
    model, clips = prepared_model(preset), make_clips([7, 3, 11])
    order = [2, 0, 1]
    permuted = scores(model, [clips[i] for i in order])
    same(permuted, scores(model, clips)[order], "scores in another order")


def any_size(preset: Preset) -> None:
    """Any number of clips, and of targets, gives finite scores."""
    for targets in (1, 3):
        answer = scores(prepared_model(preset, targets), make_clips([1, 2, 400]))
        assert answer.shape == (3, targets), f"{tuple(answer.shape)} scores for 3 x {targets}"
        assert torch.isfinite(answer).all(), "a score of 1, 2 or 400 clips is not finite"


def one_distribution(preset: Preset) -> None:
    """The answer is a distribution whose mean is the score; attention sums to one."""
    model = prepared_model(preset)
    with torch.no_grad():
        output: ModelOutput = model(*pad_clips(make_clips([7, 3, 11])))
    distribution = model.distribution(output)
    same(torch.from_numpy(distribution.score), model.score(output).double(), "means and scores")
    for what, values in (("levels", distribution.levels), ("points", distribution.points)):
        assert (np.diff(values, axis=-1) >= 0).all(), f"{what} of the distribution fall"
    shares = output.attention_BKGT
    if shares is not None:
        assert (shares >= 0).all(), f"attention: {float(shares.min()):.3g} is negative"
        same(shares.sum(-1), torch.ones(shares.shape[:-1]), "sums of attention")


def votes_that_add_up(preset: Preset) -> None:
    """Where there are votes, the average and the clips' points add up to the score."""
    model, clips = prepared_model(preset), make_clips([7, 3, 11])
    with torch.no_grad():
        together, alone = model(*pad_clips(clips)), model(*pad_clips(clips[1:2]))
    if together.votes_BKGT is not None and alone.votes_BKGT is not None:
        assert (together.votes_BKGT[1, :, :, 3:] == 0).all(), "votes fall on padding"
        same(together.votes_BKGT[1, :, :, :3], alone.votes_BKGT[0], "votes in a batch and alone")
    for row, one in enumerate(clips):
        found = model.clip_points(one)
        if found is not None:
            told_K = found.average_K + found.points_KT.sum(1)
            score_K = torch.from_numpy(model.distribution(together).score[row])
            same(told_K, score_K, "average and points", 1e-4)


def any_precision(preset: Preset) -> None:
    """Features of any float type are read."""
    model, clips = prepared_model(preset), make_clips([7, 3])
    for precision in (torch.float16, torch.bfloat16, torch.float64):
        answer = scores(model, [values.to(precision) for values in clips])
        same(answer.float(), scores(model, clips), f"scores of {precision} features", 0.05)


def evaluation_is_repeatable(preset: Preset) -> None:
    """Asked twice, a model answers the same."""
    model, clips = prepared_model(preset), make_clips([7, 3])
    assert torch.equal(scores(model, clips), scores(model, clips)), "a second answer differs"


def saving_and_loading(preset: Preset) -> None:
    """A saved and loaded model answers the same."""
    dataset = performances()
    model = train(dataset, preset, show_progress=False)
    info = ModelInfo(preset, task_of(dataset))
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, info, Path(folder) / "model")
        loaded, _ = load_model(Path(folder) / "model")
    before, after = (predict_scores(one, dataset.clips) for one in (model, loaded))
    assert np.array_equal(before, after), f"scores differ by {np.abs(before - after).max():.3g}"


def labels_of_two_values(preset: Preset) -> None:
    """Labels of two values are two grades with the edge between them, also of a loaded model."""
    made = performances()
    right = made.scores > np.median(made.scores, axis=0)
    dataset = Dataset.from_arrays(made.clips, np.where(right, 3.0, 1.0))
    model = train(dataset, preset, show_progress=False)
    with tempfile.TemporaryDirectory() as folder:
        save_model(model, ModelInfo(preset, task_of(dataset)), Path(folder) / "model")
        loaded, _ = load_model(Path(folder) / "model")
    edges_KG = loaded.first.edges_KG
    if edges_KG.isnan().all():  # not known, as of models on a scale of their own
        return
    assert edges_KG.shape == (2, 3), f"{edges_KG.shape[-1] - 1} grades for labels of two values"
    same(edges_KG[:, 1], torch.tensor([2.0, 2.0]), "edges between the labels 1 and 3")


def same_seed_same_run(preset: Preset) -> None:
    """The same seed gives the same run; another seed another, where there is anything to train."""
    dataset = performances()
    first, again = (trained_scores(preset, dataset) for _ in range(2))
    assert np.array_equal(first, again), "two trainings of one seed differ"
    other = replace(preset, training=replace(preset.training, seed=1))
    differs = not np.array_equal(first, trained_scores(other, dataset))
    trained = build_model(preset, Task(CHANNELS, ("score",))).trains_by_gradient
    assert differs == trained, (
        "another seed changes nothing in a trained method"
        if trained
        else "the seed changes a method that has no parameters"
    )


def training_lowers_the_loss(preset: Preset) -> None:
    """The loss on the training performances falls, where there is one."""
    if not build_model(preset, Task(CHANNELS, ("score",))).trains_by_gradient:
        return
    dataset = performances()
    clips = [torch.from_numpy(values) for values in dataset.clips]
    labels = Labels(torch.from_numpy(dataset.scores).float())
    totals: list[float] = []

    @torch.no_grad()
    def total_loss(models: list[Ensemble]) -> None:
        member = models[0].first
        terms = member.training_loss(member.stage(clips), labels)
        totals.append(float(sum(terms.values())))

    training = replace(preset.training, epochs=15, members=1, mixing=0.0)
    train(dataset, replace(preset, training=training), show_progress=False, after_epoch=total_loss)
    assert totals[-1] < totals[0], f"{totals[0]:.4g} after one epoch, {totals[-1]:.4g} after all"


def half_precision_training(preset: Preset) -> None:
    """Several members train at once in bfloat16."""
    training = replace(preset.training, epochs=1, precision="bfloat16")
    dataset = performances()
    answers = trained_scores(replace(preset, training=training), dataset)
    assert np.isfinite(answers).all(), "a score is not finite"


METHOD_CHECKS: Mapping[str, Callable[[Preset], None]] = {
    check.__name__: check
    for check in (
        batch_independence,
        padding_invariance,
        batch_permutation,
        any_size,
        one_distribution,
        votes_that_add_up,
        any_precision,
        evaluation_is_repeatable,
        saving_and_loading,
        labels_of_two_values,
        same_seed_same_run,
        training_lowers_the_loss,
        half_precision_training,
    )
}

# A backbone's name, and clips (B, T, H, W, 3).
Filmed = tuple[str, np.ndarray]


def loaded(name: str) -> Backbone:
    """A backbone on the CPU."""
    return load_single(name, device="cpu")


def width_as_declared(filmed: Filmed) -> None:
    """Features are finite, and as many as `output_width` says."""
    name, clips_BTHWC = filmed
    backbone = loaded(name)
    features_BC = backbone.features(clips_BTHWC)
    expected = (len(clips_BTHWC), backbone.width)
    assert features_BC.shape == expected, f"features {features_BC.shape}, not {expected}"
    assert np.isfinite(features_BC).all(), "a feature is not finite"


def clips_apart(filmed: Filmed) -> None:
    """A clip's features do not depend on the clips beside it."""
    name, clips_BTHWC = filmed
    backbone = loaded(name)
    alone = np.concatenate([backbone.features(clips_BTHWC[i : i + 1]) for i in range(3)])
    together = torch.from_numpy(backbone.features(clips_BTHWC))
    same(together, torch.from_numpy(alone), "features in a batch and alone", 1e-4)


def answers_again(filmed: Filmed) -> None:
    """Asked twice, and built twice, a backbone gives the same features and the same hash."""
    name, clips_BTHWC = filmed
    first, second = loaded(name), loaded(name)
    before, again = (torch.from_numpy(first.features(clips_BTHWC)) for _ in range(2))
    assert torch.equal(before, again), "a second answer differs"
    same(torch.from_numpy(second.features(clips_BTHWC)), before, "features when built again")
    assert first.weights_sha256 == second.weights_sha256, "the weights' hash differs"


def sees_the_picture(filmed: Filmed) -> None:
    """Other pictures give other features."""
    name, clips_BTHWC = filmed
    features_BC = loaded(name).features(clips_BTHWC)
    assert not np.allclose(features_BC[0], features_BC[1]), "two different clips look the same"


BACKBONE_CHECKS: Mapping[str, Callable[[Filmed], None]] = {
    check.__name__: check
    for check in (width_as_declared, clips_apart, answers_again, sees_the_picture)
}
