"""Evidence per clip, against brute force, closed forms and generated performances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.explain import explanation
from cofinal.explain.evidence import (
    COMPLETENESS,
    Evidence,
    attention,
    integrated_gradients,
    occlusion,
)
from cofinal.explain.moments import strongest_moments
from cofinal.generated.synthetic import ELEMENTS, synthesise
from cofinal.methods import method_names
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import ModelOutput, Task
from cofinal.models.ridge import Ridge
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.scorer import Scorer
from cofinal.testing import CHANNELS, make_clips, prepared_model
from cofinal.training.loop import train
from test_all_methods import small_preset

EVERY_METHOD = pytest.mark.parametrize("method", method_names())
ATTENTIVE = {"cofinal", "cofinal-released", "gdlt", "action-net"}
# Answers from the most probable group of differences, and leaps where that changes.
LEAPING = {"core"}


def performance(clips: int = 9, seed: int = 5) -> ClipFeatures:
    return ClipFeatures(make_clips([clips], seed)[0].numpy(), id="p")


def scorer_of(method: str) -> Scorer:
    members = [prepared_model(small_preset(method))]
    if members[0].trains_by_gradient:
        members.append(prepared_model(small_preset(method)))
        with torch.no_grad():
            for parameter in members[1].parameters():
                parameter.mul_(0.9)
    info = ModelInfo(small_preset(method), Task(CHANNELS, members[0].task.targets))
    return Scorer(Ensemble(members), info)


def score(scorer: Scorer, clips_TC: np.ndarray) -> np.ndarray:
    return np.array([entry.score for entry in scorer.score(clips_TC).targets])


@EVERY_METHOD
@pytest.mark.parametrize("mode", ["remove", "mean"])
@pytest.mark.parametrize("width", [1, 3])
def test_occlusion_equals_scoring_without_each_window_one_by_one(
    method: str, mode: str, width: int
) -> None:
    scorer, features = scorer_of(method), performance()
    clips_TC = features.values
    T = len(clips_TC)
    expected_WK = []
    for start in range(T - width + 1):
        window = np.arange(start, start + width)
        without = np.delete(clips_TC, window, axis=0)
        if mode == "mean":
            without = clips_TC.copy()
            without[window] = clips_TC.mean(0)
        expected_WK.append(score(scorer, clips_TC) - score(scorer, without))
    found = occlusion(scorer.model, features, width, mode)  # type: ignore[arg-type]
    assert found.windows_KW is not None
    np.testing.assert_allclose(found.windows_KW.T, expected_WK, atol=5e-4)
    for t in range(T):
        holding = [expected_WK[w] for w in range(T - width + 1) if w <= t < w + width]
        np.testing.assert_allclose(found.values_KT[:, t], np.mean(holding, axis=0), atol=5e-4)


def test_more_windows_than_fit_a_batch_are_all_answered() -> None:
    scorer, features = scorer_of("ridge"), performance(70)
    found = occlusion(scorer.model, features, 1)
    assert found.values_KT.shape == (2, 70)
    last = score(scorer, features.values) - score(scorer, features.values[:-1])
    np.testing.assert_allclose(found.values_KT[:, -1], last, atol=1e-4)


def ridge_parts() -> tuple[Scorer, ClipFeatures, np.ndarray]:
    """A ridge model, a performance, and each clip's distance from the mean in points (K, T)."""
    scorer, features = scorer_of("ridge"), performance()
    weights_KC = scorer.model.first.readout.weights_KF.double().numpy()  # type: ignore[union-attr]
    clips_TC = features.values.astype(np.float64)
    return scorer, features, weights_KC @ (clips_TC - clips_TC.mean(0)).T


def test_removing_a_clip_moves_ridges_time_average_by_a_known_amount() -> None:
    scorer, features, points_KT = ridge_parts()
    T = points_KT.shape[1]
    found = occlusion(scorer.model, features, 1)
    # mean - (T mean - x) / (T - 1) = (x - mean) / (T - 1)
    np.testing.assert_allclose(found.values_KT, points_KT / (T - 1), atol=1e-4)
    replaced = occlusion(scorer.model, features, 1, "mean")
    np.testing.assert_allclose(replaced.values_KT, points_KT / T, atol=1e-4)


def test_integrated_gradients_of_ridge_are_its_weights_times_the_clips() -> None:
    scorer, features, points_KT = ridge_parts()
    T = points_KT.shape[1]
    found = integrated_gradients(scorer.model, features)
    np.testing.assert_allclose(found.values_KT, points_KT / T, atol=1e-5)
    weights_KC = scorer.model.first.readout.weights_KF.numpy()  # type: ignore[union-attr]
    from_zero = integrated_gradients(scorer.model, features, np.zeros(CHANNELS))
    np.testing.assert_allclose(from_zero.values_KT, weights_KC @ features.values.T / T, atol=1e-5)


def test_a_method_without_eyes_has_no_evidence() -> None:
    scorer, features = scorer_of("mean"), performance()
    for found in (occlusion(scorer.model, features), integrated_gradients(scorer.model, features)):
        assert not found.values_KT.any()
        assert strongest_moments(found, "target0") == []


@pytest.mark.parametrize("method", sorted(set(method_names()) - LEAPING))
def test_integrated_gradients_add_up_to_the_difference_from_the_baseline(method: str) -> None:
    scorer = scorer_of(method)
    baseline_C = make_clips([1], seed=8)[0][0].numpy()
    for seed in range(3):
        features = performance(seed=seed)
        found = integrated_gradients(scorer.model, features, baseline_C)
        expected_K = score(scorer, features.values) - score(
            scorer, np.tile(baseline_C, (len(features.values), 1))
        )
        np.testing.assert_allclose(found.difference_K, expected_K, atol=1e-4)
        range_K2 = scorer.model.first.range_K2.numpy()
        allowed_K = COMPLETENESS * (range_K2[:, 1] - range_K2[:, 0])
        assert (abs(found.values_KT.sum(1) - expected_K) <= allowed_K + 1e-4).all()


@pytest.mark.parametrize("method", sorted(LEAPING))
def test_gradients_of_methods_that_leap_are_refused_rather_than_wrong(method: str) -> None:
    baseline_C = make_clips([1], seed=8)[0][0].numpy()
    with pytest.raises(CofinalError, match="as where answers leap; take more steps"):
        for seed in range(3):
            integrated_gradients(scorer_of(method).model, performance(seed=seed), baseline_C)


def test_more_steps_bring_cofinals_gradients_closer_to_the_difference() -> None:
    scorer, features = scorer_of("cofinal"), performance()
    baseline_C = make_clips([1], seed=8)[0][0].numpy()

    def gap(steps: int) -> float:
        found = integrated_gradients(scorer.model, features, baseline_C, steps)
        return float(abs(found.values_KT.sum(1) - found.difference_K).max())

    assert gap(256) < 0.02
    assert gap(256) < gap(16)


class LeapingRidge(Ridge):
    """Answers in tenths of the score range, so that its gradients are zero."""

    def forward(self, clips_BTC: torch.Tensor, mask_BT: torch.Tensor) -> ModelOutput:
        unit_BK = super().forward(clips_BTC, mask_BT).unit_score_BK
        return ModelOutput((10 * unit_BK).round() / 10)


def test_gradients_that_do_not_add_up_get_a_sentence() -> None:
    member = scorer_of("ridge").model.first
    member.__class__ = LeapingRidge
    far_C = performance().values.mean(0) + 30 * member.readout.weights_KF[0].numpy()  # type: ignore[union-attr]
    with pytest.raises(CofinalError, match=r"add up to 0\.00 .* more steps, or use occlusion"):
        integrated_gradients(Ensemble([member]), performance(), far_C)


@EVERY_METHOD
def test_attention_rows_sum_to_one_where_there_is_attention(method: str) -> None:
    scorer, features = scorer_of(method), performance()
    found = attention(scorer.model, features)
    assert (found is None) == (method not in ATTENTIVE)
    if found is not None:
        assert found.values_KT.shape == (2, 9)
        np.testing.assert_allclose(found.values_KT.sum(1), 1, atol=1e-5)
        assert found.unit == "share"


def test_attention_is_the_mean_over_the_queries() -> None:
    scorer, features = scorer_of("gdlt"), performance()
    found = attention(scorer.model, features)
    assert found is not None
    for k, entry in enumerate(scorer.score(features).targets):
        assert entry.attention is not None and entry.votes is None
        np.testing.assert_allclose(found.values_KT[k], entry.attention.mean(0), atol=1e-6)


def test_votes_and_the_average_add_up_to_the_score() -> None:
    scorer, features = scorer_of("cofinal"), performance(30)
    found = explanation.find_evidence(scorer.model, features)
    assert found.method == "votes" and found.unit == "points"
    for entry in scorer.score(features).targets:
        average = found.average(entry.target)
        assert average is not None
        told = average + found.values_KT[found.row(entry.target)].sum()
        assert told == pytest.approx(entry.score, abs=1e-3)
    # A method without votes leaves clips out instead.
    assert explanation.find_evidence(scorer_of("ridge").model, features).method == "occlusion"


@pytest.mark.parametrize("method", ["ridge", "svr", "usdl", "gdlt"])
def test_permuted_clips_permute_the_evidence_of_methods_that_see_no_order(method: str) -> None:
    scorer, features = scorer_of(method), performance()
    order_T = np.random.default_rng(3).permutation(9)
    shuffled = replace(features, values=features.values[order_T])
    for explain in (lambda f: occlusion(scorer.model, f, 1), lambda f: integrate(scorer, f)):
        np.testing.assert_allclose(
            explain(shuffled).values_KT, explain(features).values_KT[:, order_T], atol=5e-4
        )


def integrate(scorer: Scorer, features: ClipFeatures) -> Evidence:
    return integrated_gradients(scorer.model, features)


TRAINED, PLANTED = 80, 20


@pytest.fixture(scope="module")
def planted() -> tuple[Dataset, np.ndarray]:
    """Performances whose scores are the sums of their elements' signals; in the last ones a single
    element has a signal, which is returned (PLANTED, elements)."""
    rng = np.random.default_rng(3)
    signals = rng.normal(0, 1, (TRAINED + PLANTED, ELEMENTS, 1))
    alone = np.zeros((PLANTED, ELEMENTS))
    alone[np.arange(PLANTED), rng.integers(ELEMENTS, size=PLANTED)] = rng.choice([-2, 2], PLANTED)
    signals[TRAINED:, :, 0] = alone
    events = rng.integers(4, size=len(signals))
    clips = synthesise(signals, events, channels=8, clips=(24, 40), rng=rng)
    ids = tuple(map(str, range(len(clips))))
    splits, categories = ("train",) * len(ids), (None,) * len(ids)
    scores = signals.sum(1)
    return Dataset("planted", ("a",), ids, scores, tuple(clips), splits, categories), alone


@pytest.mark.parametrize("explain", [occlusion, integrated_gradients])
@pytest.mark.parametrize("method", ["ridge", "cofinal"])
def test_a_planted_element_is_found_with_its_sign(
    planted: tuple[Dataset, np.ndarray], method: str, explain: object
) -> None:
    dataset, alone = planted
    preset = small_preset(method)
    model = train(dataset.subset(range(TRAINED)), preset, show_progress=False)
    found, chance = [], []
    for clips_TC, signal in zip(dataset.clips[TRAINED:], alone, strict=True):
        T, element = len(clips_TC), int(abs(signal).argmax())
        start = T * element // ELEMENTS
        end = start + max(T // (ELEMENTS + 3), 1)
        best = strongest_moments(explain(model, ClipFeatures(clips_TC)), "a", 1)[0]  # type: ignore[operator]
        overlaps = best.first_clip < end and best.first_clip + best.clips > start
        found.append(overlaps and best.value * signal[element] > 0)
        chance.append((end - start + best.clips - 1) / T / 2)  # the sign is right half the time
    assert np.mean(chance) < 0.1
    assert np.mean(found) > 0.8


def test_the_strongest_moments_are_windows_that_do_not_overlap_with_their_times() -> None:
    recipe = FeatureRecipe(clip_frames=32, fps=25.0)
    features = replace(performance(12), recipe=recipe, first_clip_seconds=0.5)
    found = occlusion(scorer_of("ridge").model, features, 3)
    assert found.windows_KW is not None
    moments = strongest_moments(found, "target1", count=3)
    sizes = [abs(moment.value) for moment in moments]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == abs(found.windows_KW[1]).max()
    taken = [clip for m in moments for clip in range(m.first_clip, m.first_clip + m.clips)]
    assert len(taken) == len(set(taken))
    first = moments[0]
    assert first.start_seconds == pytest.approx(0.5 + first.first_clip * 1.28)
    assert first.end_seconds == pytest.approx(0.5 + (first.first_clip + 3) * 1.28)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1], [(0, 1, 1)]),
        ([1, 2], [(1, 1, 2)]),  # never all clips
        ([1, 2, 3, 4, 5], [(2, 3, 12), (0, 1, 1)]),  # half as much or more, then a clip apart
        ([5, 6, 7, 8, 7, 6, 5], [(1, 5, 34)]),  # five clips at most
        ([0, 3, 2, -1, -4, -1, 0, 1], [(1, 2, 5), (4, 1, -4), (7, 1, 1)]),
        ([0, 0, 0], []),
    ],
)
def test_moments_of_single_clips_are_runs_around_the_strongest(
    values: list[float], expected: list[tuple[int, int, float]]
) -> None:
    evidence = Evidence("gradients", ("a",), np.array(values, dtype=float)[None])
    found = strongest_moments(evidence, "a")
    assert [(one.first_clip, one.clips, one.value) for one in found] == expected
    assert all(one.start_seconds is None for one in found)


def test_told_moments_are_worth_what_the_score_loses_without_them() -> None:
    scorer, features = scorer_of("cofinal"), performance(20)
    told = explanation.explain(
        scorer.model, features, scorer.score(features), None, method="occlusion"
    )
    for target in told.targets:
        assert target.moments
        for one in target.moments:
            gone = range(one.first_clip, one.first_clip + one.clips)
            without = scorer.score(np.delete(features.values, gone, axis=0))[target.target]
            assert one.value == pytest.approx(target.score - without.score, abs=1e-5)
        sizes = [abs(one.value) for one in target.moments]
        assert sizes == sorted(sizes, reverse=True)


def test_moments_of_all_targets_are_left_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, features = scorer_of("ridge"), performance(20)
    prediction = scorer.score(features)
    assert len(prediction.targets) > 1
    batches = []
    forward = Ensemble.forward

    def counted(self: Ensemble, clips: torch.Tensor, mask: torch.Tensor) -> object:
        batches.append(int((mask.sum(1) == 20).sum()))
        return forward(self, clips, mask)

    monkeypatch.setattr(Ensemble, "forward", counted)
    explanation.explain(scorer.model, features, prediction, None)
    # The whole once for the evidence and once beside the moments, whatever the number of targets.
    assert sum(batches) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda m, f: occlusion(m, f, 9), "leaving out 9 of the 9 clips of p .* from 1 to 8"),
        (lambda m, f: occlusion(m, f, 0), "leaving out 0"),
        (lambda m, f: occlusion(m, performance(1)), "p has one clip, so none can be left out"),
        (lambda m, f: occlusion(m, f, 1, "zero"), "mode 'zero' is unknown"),
        (lambda m, f: integrated_gradients(m, f, steps=0), "0 steps"),
        (lambda m, f: integrated_gradients(m, f, "zero"), "baseline 'zero' is unknown"),
        (lambda m, f: integrated_gradients(m, f, np.ones(3)), r"shape \(3,\); expected .* \(6,\)"),
        (lambda m, f: integrated_gradients(m, f, np.full(6, np.nan)), "expected finite values"),
        (lambda m, f: strongest_moments(occlusion(m, f), "TES"), "target 'TES' has no evidence"),
    ],
)
def test_what_cannot_be_explained_gets_a_sentence(change: object, sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        change(scorer_of("ridge").model, performance())  # type: ignore[operator]
