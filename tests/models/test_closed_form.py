"""Methods without gradients against scikit-learn, on features made with plain NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from cofinal.config import Preset
from cofinal.errors import CofinalError
from cofinal.methods.ridge import RidgeSettings
from cofinal.methods.ridge_segments import RidgeSegmentsSettings
from cofinal.methods.svr import SvrSettings
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import AssessmentModel, Labels, Task, pad_clips
from cofinal.models.ridge import STRENGTHS
from cofinal.models.svr import Svr

TASK = Task(6, ("TES", "PCS"))


@pytest.fixture
def clips() -> list[torch.Tensor]:
    """Forty performances of 1 to 20 clips; one channel says nothing."""
    rng = np.random.default_rng(0)
    values = [rng.normal(rng.normal(size=6), 1, (rng.integers(1, 21), 6)) for _ in range(40)]
    for one in values:
        one[:, 5] = 2.5
    return [torch.from_numpy(one).float() for one in values]


@pytest.fixture
def scores(clips: list[torch.Tensor]) -> np.ndarray:
    """Two score columns of very different scale that depend on the features, not linearly."""
    averages = np.stack([clip.numpy().mean(0) for clip in clips])
    noise = np.random.default_rng(1).normal(0, 0.1, (2, len(clips)))
    tes = 30 + 5 * np.tanh(averages[:, 0]) + noise[0]
    return np.stack([tes, 0.1 * averages[:, 1] ** 2 + 0.1 * noise[1]], 1)


def prepared(method: str, settings: Any, clips: Any, scores: np.ndarray) -> AssessmentModel:
    model = build_model(Preset(method, settings), TASK)
    model.prepare(clips, Labels(scores))
    return model.eval()


@torch.no_grad()
def answers(model: Any, clips: list[torch.Tensor]) -> np.ndarray:
    return np.asarray(model.score(model(*pad_clips(clips))).numpy())


@pytest.mark.parametrize(
    "settings", [SvrSettings(), SvrSettings(cost=1.0, epsilon=0.0, gamma=1.0)], ids=str
)
def test_svr_answers_what_scikit_learn_predicts(
    settings: SvrSettings, clips: list[torch.Tensor], scores: np.ndarray
) -> None:
    averages = np.stack([clip.numpy().astype(float).mean(0) for clip in clips])
    mine = answers(prepared("svr", settings, clips[:30], scores[:30]), clips)
    for k, target in enumerate(scores.T):
        centre, spread = target[:30].mean(), target[:30].std()
        regression = make_pipeline(
            StandardScaler(),
            SVR(C=settings.cost, epsilon=settings.epsilon, gamma=settings.gamma / 6),
        ).fit(averages[:30], (target[:30] - centre) / spread)
        expected = centre + spread * regression.predict(averages)
        # The solver stops within 1e-3; features rounded to float32 make it stop elsewhere.
        np.testing.assert_allclose(mine[:, k], expected, rtol=0, atol=1e-3 * spread)
        assert expected.std() > 0.3 * spread


def test_svr_keeps_only_the_performances_that_a_regression_uses(
    clips: list[torch.Tensor], scores: np.ndarray
) -> None:
    readouts = [
        prepared("svr", SvrSettings(epsilon=epsilon), clips, scores).readout
        for epsilon in (0.0, 0.5, 1e3)
    ]
    kept = [len(readout.support_SC) for readout in readouts]  # type: ignore[arg-type, union-attr]
    assert kept[0] > kept[1] > kept[2] == 0


@pytest.mark.parametrize("epsilon", [0.1, 1e3], ids=["some", "none"])
def test_svr_of_any_number_of_support_vectors_is_saved_and_taken_over(
    epsilon: float, clips: list[torch.Tensor], scores: np.ndarray, tmp_path: Path
) -> None:
    settings = SvrSettings(epsilon=epsilon)
    model = prepared("svr", settings, clips, scores)
    save_model(Ensemble([model]), ModelInfo(Preset("svr", settings), TASK), tmp_path / "m")
    loaded, _ = load_model(tmp_path / "m")
    assert np.array_equal(answers(loaded, clips), answers(model, clips))
    other = prepared("svr", settings, clips[:9], scores[:9])
    other.start_from(model)
    assert np.array_equal(answers(other, clips), answers(model, clips))


def test_support_vectors_of_other_channels_do_not_load(
    clips: list[torch.Tensor], scores: np.ndarray
) -> None:
    state = prepared("svr", SvrSettings(), clips, scores).state_dict()
    with pytest.raises(RuntimeError, match="support_SC"):
        Svr(Task(5, TASK.targets), SvrSettings()).load_state_dict(state)


@pytest.mark.parametrize("segments", [1, 2, 4])
def test_ridge_segments_answers_what_scikit_learn_predicts(
    segments: int, clips: list[torch.Tensor], scores: np.ndarray
) -> None:
    # Lengths that divide by 4, for which segments are plain chunks.
    clips = [clip.repeat_interleave(4, 0) for clip in clips]
    for clip in clips:
        clip[:, :5] *= torch.linspace(1, 2, len(clip))[:, None]
    parts = [np.split(clip.double().numpy(), segments) for clip in clips]
    features = np.stack([np.concatenate([part.mean(0) for part in one]) for one in parts])
    model = make_pipeline(StandardScaler(), RidgeCV(STRENGTHS, alpha_per_target=True))
    expected = model.fit(features[:30], scores[:30]).predict(features)
    settings = RidgeSegmentsSettings(segments)
    mine = answers(prepared("ridge-segments", settings, clips[:30], scores[:30]), clips)
    np.testing.assert_allclose(mine, expected, atol=1e-3)


def test_a_channel_that_trembles_around_a_constant_is_no_feature(
    clips: list[torch.Tensor], scores: np.ndarray
) -> None:
    """Averages of 0.1 in float32 differ in the last digit; blown up, they would be learned."""
    for clip in clips:
        clip[:, 5] = 0.1
    without = [clip[:, :5] for clip in clips]
    for method, settings in (
        ("ridge-segments", RidgeSegmentsSettings()),
        ("ridge", RidgeSettings()),
    ):
        lacking = build_model(Preset(method, settings), Task(5, TASK.targets))
        lacking.prepare(without, Labels(scores))
        expected = answers(lacking, without)
        mine = answers(prepared(method, settings, clips, scores), clips)
        np.testing.assert_allclose(mine, expected, rtol=1e-4, atol=1e-4)


def test_ridge_segments_sees_when_something_happened(
    clips: list[torch.Tensor], scores: np.ndarray
) -> None:
    model = prepared("ridge-segments", RidgeSegmentsSettings(), clips, scores)
    backwards = [clip.flip(0) for clip in clips]
    assert np.abs(answers(model, clips) - answers(model, backwards)).max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        (SvrSettings, "cost", 0.0),
        (SvrSettings, "epsilon", -0.1),
        (SvrSettings, "gamma", 0.0),
        (RidgeSegmentsSettings, "segments", 0),
    ],
)
def test_impossible_settings_get_a_sentence(settings: Any, name: str, value: Any) -> None:
    with pytest.raises(CofinalError, match=f"setting {name} is {value}"):
        settings(**{name: value})
