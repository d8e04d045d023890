"""The label audit: planted slips come first, likelihoods equal brute force, order is unseen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from cofinal.audit.labels.residuals import FREEDOM, ErrorModel
from cofinal.audit.labels.slips import Slip
from cofinal.audit.labels.suspects import any_other_value, audit_labels, rank_labels, slip_evidence
from cofinal.config import Preset
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.generated.synthetic import generate
from cofinal.methods.ridge import RidgeSettings

RIDGE = Preset("ridge", RidgeSettings())
SCATTER = np.array([[4.0, 1.5], [1.5, 2.0]])
ERRORS = ErrorModel(np.zeros((3, 2)), SCATTER)


@pytest.fixture(scope="module")
def performances() -> Dataset:
    """Generated performances whose scores clips tell well; the labels are right."""
    made = generate(120, channels=8, clips=(24, 30), seed=5)
    count = len(made.clips)
    return Dataset(
        name="generated",
        targets=("difficulty", "execution"),
        ids=tuple(f"p{i}" for i in range(count)),
        scores=made.scores,
        clips=tuple(made.clips),
        splits=("train",) * count,
        categories=(None,) * count,
    )


def spoilt(dataset: Dataset, i: int, *scores: float) -> Dataset:
    """The data with one label replaced."""
    changed = dataset.scores.copy()
    changed[i] = scores
    return replace(dataset, scores=changed)


def far_apart(dataset: Dataset) -> int:
    """The performance whose two scores differ most."""
    return int(np.argmax(np.abs(np.diff(dataset.scores, axis=1))))


def test_swapped_targets_come_first_and_are_named(performances: Dataset) -> None:
    i = far_apart(performances)
    a, b = map(float, performances.scores[i])
    first = audit_labels(spoilt(performances, i, b, a), RIDGE, folds=5, repeats=1)[0]
    assert (first.id, first.slip) == (f"p{i}", "difficulty and execution swapped")
    assert first.corrected == {"difficulty": a, "execution": b}
    assert first.given == {"difficulty": b, "execution": a}
    assert first.slip_evidence is not None and first.slip_evidence > 1
    assert first.surprise >= first.slip_evidence


def test_transposed_digits_come_first_and_are_named(performances: Dataset) -> None:
    tens = [(10 * (s // 10) + s % 10, divmod(int(s), 10)) for s in performances.scores[:, 0]]
    i = max(range(len(tens)), key=lambda n: abs(tens[n][1][0] - tens[n][1][1]))
    score, execution = map(float, performances.scores[i])
    text = f"{score:.2f}"
    wrong = float(text[1] + text[0] + text[2:])
    first = audit_labels(spoilt(performances, i, wrong, execution), RIDGE, folds=5, repeats=1)[0]
    assert (first.id, first.slip) == (f"p{i}", "difficulty digits transposed")
    assert first.corrected == {"difficulty": score, "execution": execution}


@pytest.mark.parametrize("factor", [10, 0.1])
def test_a_moved_point_comes_first_and_is_named(performances: Dataset, factor: float) -> None:
    difficulty, execution = map(float, performances.scores[7])
    wrong = spoilt(performances, 7, difficulty, execution * factor)
    first = audit_labels(wrong, RIDGE, folds=5, repeats=1)[0]
    assert (first.id, first.slip) == ("p7", "execution point moved")
    assert first.corrected == pytest.approx({"difficulty": difficulty, "execution": execution})


def test_sound_labels_are_less_surprising_than_any_planted_slip(performances: Dataset) -> None:
    sound = audit_labels(performances, RIDGE, folds=5, repeats=1)
    i = far_apart(performances)
    a, b = performances.scores[i]
    wrong = audit_labels(spoilt(performances, i, b, a), RIDGE, folds=5, repeats=1)
    assert sound[0].surprise < wrong[0].surprise / 2


def test_ranks_do_not_depend_on_the_order_of_performances(performances: Dataset) -> None:
    order = np.random.default_rng(0).permutation(len(performances))
    told = audit_labels(performances, RIDGE, folds=4, repeats=2)
    assert audit_labels(performances.subset(order), RIDGE, folds=4, repeats=2) == told
    assert [s.surprise for s in told] == sorted((s.surprise for s in told), reverse=True)


def test_one_target_has_no_swap_but_is_audited(performances: Dataset) -> None:
    single = replace(performances, targets=("execution",), scores=performances.scores[:, 1:].copy())
    single.scores[3] /= 10
    told = audit_labels(single, RIDGE, folds=5, repeats=1)
    assert (told[0].id, told[0].slip) == ("p3", "execution point moved")
    assert not any("swapped" in (suspect.slip or "") for suspect in told)


def test_a_total_that_is_not_the_sum_of_its_parts_comes_first() -> None:
    rng = np.random.default_rng(1)
    parts = rng.normal(20, 4, (60, 2)).round(2)
    scores = np.column_stack([parts, parts.sum(1)]).round(2)
    scores[11, 2] += 0.5  # far inside the error of prediction
    predicted = scores + rng.normal(0, 3, scores.shape)
    told = rank_labels([str(i) for i in range(60)], ("a", "b", "total"), scores, predicted)
    assert told[0].id == "11"
    assert told[0].surprise > told[1].surprise + 1


def test_a_label_that_fits_nothing_is_told_without_a_slip() -> None:
    rng = np.random.default_rng(2)
    predicted = rng.normal(50, 8, (80, 1))
    scores = (predicted + rng.normal(0, 1, predicted.shape)).round(0)
    predicted[5], scores[5] = 50.0, 80.0  # neither 08, nor 8, nor 800
    first = rank_labels([str(i) for i in range(80)], ("a",), scores, predicted)[0]
    assert (first.id, first.slip, first.corrected, first.slip_evidence) == ("5", None, None, None)


def test_any_other_value_is_the_integral_over_the_target() -> None:
    scores, expected = np.array([[3.0, 9.0], [5.0, 1.0]]), np.array([[4.0, 7.0], [5.5, 3.0]])
    density = scipy.stats.multivariate_t(shape=SCATTER, df=FREEDOM).pdf
    for i in range(2):
        a, b = scores[i] - expected[i]
        first, _ = scipy.integrate.quad(lambda x, b=b: density([x, b]), -np.inf, np.inf)
        second, _ = scipy.integrate.quad(lambda x, a=a: density([a, x]), -np.inf, np.inf)
        by_hand = np.log((first / 2.0 + second / 8.0) / 2)  # ranges of labels: 2 and 8
        assert any_other_value(ERRORS, scores, expected)[i] == pytest.approx(by_hand, rel=1e-6)


def test_a_slips_evidence_is_its_density_and_its_share_of_the_prior() -> None:
    expected = np.array([4.0, 7.0])
    slips = [Slip("digits", ("a",), (4.5, 7.0)), Slip("digits", ("b",), (4.0, 9.0))]
    slips.append(Slip("swap", ("a", "b"), (3.0, 7.0)))
    density = scipy.stats.multivariate_t(shape=SCATTER, df=FREEDOM).pdf
    # Four kinds of mistakes, "any other value" among them; two alternatives share a kind's part.
    by_hand = [density([0.5, 0]) / 8, density([0, 2.0]) / 8, density([-1.0, 0]) / 4]
    np.testing.assert_allclose(slip_evidence(ERRORS, slips, expected), np.log(by_hand))


def test_the_label_of_the_other_target_counts(performances: Dataset) -> None:
    # Both targets are off together in every label but one: the one that agrees is the odd one.
    rng = np.random.default_rng(3)
    predicted = rng.normal(30, 5, (200, 2))
    scores = predicted + rng.normal(0, 4, (200, 1)) + rng.normal(0, 0.3, (200, 2))
    scores[9] = predicted[9] + [4.0, -4.0]
    first = rank_labels([str(i) for i in range(200)], ("a", "b"), scores.round(2), predicted)[0]
    assert first.id == "9"


def test_too_few_performances_get_a_sentence(performances: Dataset) -> None:
    with pytest.raises(CofinalError, match="19 performances; an audit needs at least 20"):
        audit_labels(performances.subset(range(19)), RIDGE)
    with pytest.raises(CofinalError, match="25 performances cannot fill 30 folds"):
        audit_labels(performances.subset(range(25)), RIDGE, folds=30)
