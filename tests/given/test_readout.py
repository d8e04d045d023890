"""The ridge over given numbers and what the video says, and whom it is fitted on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dives import Dives, dives
from sklearn.linear_model import Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from cofinal.config import Preset
from cofinal.data.dataset import Dataset
from cofinal.distributions import ScoreDistribution
from cofinal.evaluation import learned as learned_module
from cofinal.evaluation.learned import Learned, inner_folds, learn
from cofinal.given.numbers import Given
from cofinal.given.rules import read_rules
from cofinal.models.given_answer import GivenAnswer
from cofinal.models.given_readout import GivenReadout
from cofinal.models.ridge import STRENGTHS
from cofinal.training.loop import train

RIDGE = Preset("ridge")


def given_of(numbers: np.ndarray, *rules: str, targets: tuple[str, ...] = ("a", "b")) -> Given:
    return Given(read_rules(rules), targets, {"base": numbers})


def test_weights_and_error_are_those_of_ridge_with_every_performance_left_out() -> None:
    rng = np.random.default_rng(1)
    base_NF, video_NK = rng.normal(size=(25, 2)) * [3, 1], rng.normal(size=(25, 2))
    scores_NK = np.c_[base_NF[:, 0] + video_NK[:, 1] + rng.normal(size=25), video_NK[:, 0]]
    given = given_of(base_NF, "base:covariate:a")
    readout = GivenReadout.fit(given, video_NK, scores_NK)
    assert readout.targets[1] is None
    own = readout.targets[0]
    assert own is not None
    # The same by brute force: features standardised, each performance predicted by the others.
    features = np.hstack([base_NF, video_NK])
    features = (features - features.mean(0)) / features.std(0)
    errors = {
        strength: float(
            np.sqrt(
                np.mean(
                    (
                        cross_val_predict(
                            Ridge(strength), features, scores_NK[:, 0], cv=LeaveOneOut()
                        )
                        - scores_NK[:, 0]
                    )
                    ** 2
                )
            )
        )
        for strength in STRENGTHS
    }
    best = min(errors, key=lambda strength: errors[strength])
    assert own.error == pytest.approx(errors[best])
    expected_N = Ridge(best).fit(features, scores_NK[:, 0]).predict(features)
    matrix_KK, shift_NK = readout.linear(given)
    found_NK = video_NK @ matrix_KK.T + shift_NK
    np.testing.assert_allclose(found_NK[:, 0], expected_N)
    np.testing.assert_array_equal(found_NK[:, 1], video_NK[:, 1])


def test_the_answer_is_logistic_around_the_ridge_and_leaves_other_targets_alone() -> None:
    rng = np.random.default_rng(2)
    base_NF, video_NK = rng.normal(size=(30, 1)), rng.normal(size=(30, 2))
    scores_NK = np.c_[base_NF[:, 0] + rng.normal(size=30), video_NK[:, 1]]
    given = given_of(base_NF, "base:covariate:a")
    readout = GivenReadout.fit(given, video_NK, scores_NK)
    levels = np.broadcast_to([0.0, 0.5, 1.0], (30, 2, 3))
    points = video_NK[..., None] + np.array([-1.0, 0.0, 1.0])
    video = ScoreDistribution(levels, points, np.array([[-3.0, 0.0, 3.0]] * 2))
    answer = readout.answer(video, given)
    matrix_KK, shift_NK = readout.linear(given)
    np.testing.assert_allclose(answer.score, video_NK @ matrix_KK.T + shift_NK, atol=1e-9)
    np.testing.assert_allclose(answer[:, 1].quantile([0.2, 0.7]), video[:, 1].quantile([0.2, 0.7]))
    # A logistic distribution of standard deviation s has its 90 % quantile at s sqrt(3)/pi log 9.
    own = readout.targets[0]
    assert own is not None
    reach = own.error * 3**0.5 / np.pi * np.log(9)
    np.testing.assert_allclose(answer[:, 0].quantile([0.9])[:, 0] - answer.score[:, 0], reach, 1e-2)


def test_inner_folds_share_no_event() -> None:
    found = dives()
    dataset = Dataset.from_arrays(found.clips, found.scores, groups={"event": found.events})
    folds = inner_folds(dataset, None)
    assert len(folds) == 5
    for fold in folds:
        held_out = {found.events[i] for i in fold.held_out}
        assert not held_out & {found.events[i] for i in fold.train}
    assert sorted(np.concatenate([fold.held_out for fold in folds])) == list(range(len(dataset)))


def test_the_ridge_sees_predictions_of_performances_not_trained_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found, seen = dives(), []
    given = {"difficulty:covariate": found.difficulty}
    dataset = Dataset.from_arrays(found.clips, found.scores, given=given)
    fit = GivenReadout.fit.__func__  # type: ignore[attr-defined]

    def watched(cls: type, given: Given, video_NK: np.ndarray, scores_NK: np.ndarray) -> object:
        seen.append(video_NK)
        return fit(cls, given, video_NK, scores_NK)

    monkeypatch.setattr(GivenReadout, "fit", classmethod(watched))
    learn(dataset, RIDGE, (0,), show_progress=False)
    (outside_NK,) = seen
    # A ridge trained on everything knows better what it was trained on.
    inside_NK = Learned(train(dataset, RIDGE, show_progress=False)).distributions(dataset).score
    errors = [np.abs(p_NK[:, 0] - found.scores).mean() for p_NK in (inside_NK, outside_NK)]
    assert errors[0] < errors[1]


def test_a_method_that_sees_no_video_costs_no_inner_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = dives()
    given = {"difficulty:covariate": found.difficulty}
    dataset = Dataset.from_arrays(found.clips, found.scores, given=given)
    monkeypatch.setattr(learned_module, "out_of_fold", None)
    learned = learn(dataset, Preset("mean"), (0,), show_progress=False)[0]
    assert learned.readout is not None
    own = learned.readout.targets[0]
    assert own is not None
    assert own.video == (0.0,)
    # Given alone: the score on a line over the difficulty.
    line = np.polynomial.Polynomial.fit(found.difficulty, found.scores, 1)
    predicted_N = learned.distributions(dataset).score[:, 0]
    np.testing.assert_allclose(predicted_N, line(found.difficulty), atol=0.2)


def simulated(found: Dives) -> tuple[Dataset, np.ndarray]:
    """Two targets that a covariate enters, and one of them is multiplied too."""
    scores = np.c_[found.scores + 2 * found.difficulty, found.execution]
    rules = {"difficulty:multiply:a": found.difficulty, "difficulty:covariate": found.difficulty}
    return Dataset.from_arrays(found.clips, scores, targets=["a", "b"], given=rules), scores


def test_a_model_that_was_told_answers_the_same_points_as_the_distribution() -> None:
    dataset, _ = simulated(dives())
    learned = learn(dataset, RIDGE, (0,), show_progress=False)[0]
    assert dataset.given is not None
    expected_NK = dataset.given.totals(learned.distributions(dataset).score)
    for i in (0, 7):
        told = GivenAnswer(learned.model, learned.readout, dataset.given.subset([i])).eval()
        clips_1TC = torch.from_numpy(dataset.clips[i])[None]
        with torch.no_grad():
            output = told(clips_1TC, torch.ones(clips_1TC.shape[:2], dtype=torch.bool))
        np.testing.assert_allclose(told.score(output)[0], expected_NK[i], rtol=1e-5)
        np.testing.assert_allclose(told.distribution(output).score[0], expected_NK[i], rtol=1e-6)
