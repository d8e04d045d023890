"""CoFInAl: stages that decide, one coherent answer, votes that add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cofinal.layers.etf import simplex_etf
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.models.cofinal import CoFInAl
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import Labels, Task, pad_clips
from cofinal.models.votes import Gathered, Scale, integrated_slopes, mean_and_slopes

C = 7
SMALL = {"width": 8, "heads": 2, "principal_components": 5, "sub_grades": 5, "embedding_width": 8}
TARGETS = ("TES", "PCS")


def clips(seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, C, generator=generator) for n in (9, 1, 14, 5, 7, 11)]


def model(seed: int = 0, noise: float = 0.5, **settings: object) -> CoFInAl:
    """A member whose weights are random enough to disagree with itself if it could."""
    torch.manual_seed(seed)
    chosen = CoFInAlSettings(**(SMALL | {"grades": 3} | settings))
    made = CoFInAl(Task(C, TARGETS), chosen)
    made.prepare(clips(), Labels(np.random.default_rng(0).uniform(5, 40, (6, 2))))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(noise * torch.randn_like(parameter))
    made.eval().finish([made.fixed_stage(one) for one in clips()])
    return made


@torch.no_grad()
def probabilities(made: CoFInAl) -> np.ndarray:
    staged = [made.fixed_stage(one) for one in clips()]
    return made.look(*pad_clips(staged)).logits_BKG.softmax(-1).numpy()


def test_permuting_the_prototypes_changes_the_grade_probabilities() -> None:
    made = model()
    before = probabilities(made)
    with torch.no_grad():
        made.parsing.prototypes_KGD.copy_(made.parsing.prototypes_KGD[:, [1, 2, 0]])
    assert np.abs(probabilities(made) - before).max() > 0.01


def test_a_grades_logit_comes_from_its_own_feature_only() -> None:
    made = model()
    staged = pad_clips([made.fixed_stage(one) for one in clips()])
    with torch.no_grad():
        before = made.look(*staged)
        made.parsing.prototypes_KGD[0, 1] += 1.0
        made.vote_KGD[0, 1] *= -1
        after = made.look(*staged)
    changed = (before.logits_BKG != after.logits_BKG).all(0)
    assert changed.tolist() == [[False, True, False], [False, False, False]]


def test_votes_add_up_to_the_logits() -> None:
    made = model()
    with torch.no_grad():
        view = made.look(*pad_clips([made.fixed_stage(one) for one in clips()]))
        votes_BKGT = made.votes(view)
    said_BKG = view.logits_BKG - made.bias_KG
    centred_BKG = said_BKG - said_BKG.mean(2, keepdim=True)
    torch.testing.assert_close(votes_BKGT.sum(-1), centred_BKG, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(votes_BKGT.sum(2), torch.zeros_like(votes_BKGT[:, :, 0]))


def test_without_an_encoder_a_clips_vote_rests_on_that_clip_alone() -> None:
    other = clips()[0].clone()
    other[4:] += 1.0
    for layers, alone in ((0, True), (1, False)):
        made = model(encoder_layers=layers)
        said = []
        for one in (clips()[0], other):
            with torch.no_grad():
                view = made.look(*pad_clips([made.fixed_stage(one)]))
            said.append(torch.einsum("kgd,td->kgt", made.vote_KGD, view.values_BTD[0]))
        assert torch.allclose(said[0][..., :4], said[1][..., :4], atol=1e-5) == alone


@given(st.integers(0, 10_000), st.integers(1, 3), st.sampled_from([1, 2, 4]))
def test_bars_add_up_and_score_grade_and_place_agree(seed: int, members: int, grades: int) -> None:
    several = Ensemble([model(seed + i, grades=grades) for i in range(members)]).eval()
    with torch.no_grad():
        distribution = several.distribution(several(*pad_clips(clips(seed))))
    low, high = distribution.grade_ends()
    np.testing.assert_allclose(low + (high - low) * distribution.place, distribution.score)
    for row, one in enumerate(clips(seed)):
        found = several.clip_points(one)
        assert found is not None
        told_K = (found.average_K + found.points_KT.sum(1)).numpy()
        np.testing.assert_allclose(told_K, distribution.score[row], atol=1e-3)


def test_the_average_performances_bars_are_all_about_zero() -> None:
    made = model()
    found = made.clip_points(clips()[0])
    usual = Gathered(made.mean_logits_KG.double(), made.mean_fine_KGE.double())
    with torch.no_grad():
        ends = Gathered(*(values[None] for values in usual))  # one member
        start_1K, _, missed_1K = integrated_slopes(Scale.of([made]), ends, ends, torch.zeros(2))
    assert missed_1K.abs().max() < 1e-12
    assert found is not None
    network_K = made.range_K2[:, 0] + start_1K[0] * (made.range_K2[:, 1] - made.range_K2[:, 0])
    summary_K, _ = made.summary.clip_points(clips()[0])
    np.testing.assert_allclose(found.average_K, (network_K + summary_K) / 2, rtol=1e-6)


def test_written_out_slopes_are_autograds() -> None:
    made = model()
    logits = torch.randn(5, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    fine = torch.randn(5, 1, 2, 3, 8, dtype=torch.float64, requires_grad=True)
    expected = made.mean(made.cells(logits[:, 0], fine[:, 0]))
    slopes = torch.autograd.grad(expected.sum(), (logits, fine))
    with torch.no_grad():
        mean, found = mean_and_slopes(Scale.of([made]), Gathered(logits.detach(), fine.detach()))
    torch.testing.assert_close(mean[:, 0], expected.detach(), rtol=1e-5, atol=1e-6)
    for mine, theirs in zip(found, slopes, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-6)


def test_summary_read_out_is_taken_apart_exactly() -> None:
    made = model()
    for one in clips(3):
        average_K, points_KT = made.summary.clip_points(one)
        whole_K = made.summary(*pad_clips([one]))[0]
        np.testing.assert_allclose(average_K + points_KT.sum(1), whole_K, rtol=1e-4)


@pytest.mark.parametrize("grade", [0, 1, 2])
def test_every_grade_can_be_answered(grade: int) -> None:
    made = model(noise=0.0, summary_share=0.0)
    with torch.no_grad():
        made.bias_KG[:, grade] += 50.0
        distribution = made.distribution(made(*pad_clips(clips())))
    assert (distribution.grade == grade + 1).all()
    np.testing.assert_allclose(distribution.grade_probabilities[..., grade], 1.0, atol=1e-6)


def test_sub_grade_prototypes_order_the_place_inside_a_grade() -> None:
    made = model(noise=0.0, summary_share=0.0)
    logits = torch.full((1, 2, 3), -50.0)
    logits[..., 1] = 50.0
    frame_SE = simplex_etf(5, 8, torch.Generator().manual_seed(0))
    places = []
    for direction_E in frame_SE:
        fine = direction_E.expand(1, 2, 3, 8) * 3.0
        with torch.no_grad():
            made.log_sharpness_K.fill_(3.0)
            places.append(float(made.mean(made.cells(logits, fine))[0, 0]))
    assert places == sorted(places)
    low, high = ((made.edges_KG[0, 1:3] - made.range_K2[0, 0]) / made.range_K2[0].diff()).tolist()
    assert low < places[0] < low + 0.25 * (high - low)
    assert high - 0.25 * (high - low) < places[-1] < high
