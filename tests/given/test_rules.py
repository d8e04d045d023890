"""Rules of what is given, and the arithmetic of totals and executions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from cofinal.config import DataSource
from cofinal.distributions import ScoreDistribution
from cofinal.errors import CofinalError
from cofinal.given.numbers import Given
from cofinal.given.rules import GivenRule, read_rules

TARGETS = ("TES", "PCS")


def test_rules_are_read_from_text() -> None:
    assert read_rules(["difficulty:multiply", "base_value:add:TES"]) == (
        GivenRule("difficulty", "multiply"),
        GivenRule("base_value", "add", "TES"),
    )
    assert str(read_rules(["height : covariate : a:b"])[0]) == "height:covariate:a:b"


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["difficulty"], "expected NAME:RULE"),
        ([":add"], "expected NAME:RULE"),
        (["a:add:"], "expected NAME:RULE"),
        (["a:times"], "'times' of 'a' is unknown; choose from multiply, add, covariate"),
        (["a:add", "a:add:TES"], "the same rule twice"),
    ],
)
def test_other_text_is_refused(texts: list[str], sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        DataSource("labels.csv", given=tuple(texts))


def example() -> Given:
    rules = read_rules(["difficulty:multiply", "base:add:TES", "base:covariate:PCS"])
    numbers = {
        "difficulty": np.array([[2.0], [3.0]]),
        "base": np.array([[10.0, 6.0, 4.0], [20.0, 15.0, 5.0]]),
    }
    return Given(rules, TARGETS, numbers)


def test_a_total_is_difficulty_times_execution_and_base_value() -> None:
    given = example()
    execution = np.array([[1.0, 5.0], [2.0, 6.0]])
    totals = given.totals(execution)
    np.testing.assert_array_equal(totals, [[2 * 1 + 10, 2 * 5], [3 * 2 + 20, 3 * 6]])
    np.testing.assert_allclose(given.executions(totals), execution)
    np.testing.assert_array_equal(given.subset([1]).totals(execution[[1]]), totals[[1]])
    assert given.covariates("TES") is None
    np.testing.assert_array_equal(given.covariates("PCS"), given.numbers["base"])


def test_a_target_that_is_not_predicted_is_refused() -> None:
    with pytest.raises(CofinalError, match="names target 'GOE'; predicted are TES, PCS"):
        Given(read_rules(["base:add:GOE"]), TARGETS, {"base": np.ones((2, 1))})


def test_the_distribution_of_a_total_keeps_grade_place_and_probabilities() -> None:
    levels = np.linspace(0, 1, 201)
    points = norm.ppf(levels.clip(1e-4, 1 - 1e-4), loc=[[[7.0]], [[8.0]]], scale=1.5)
    levels = np.broadcast_to(levels, (2, 1, 201))
    execution = ScoreDistribution(levels, points, np.array([[2.0, 6.0, 9.0, 12.0]]))
    rules = read_rules(["difficulty:multiply", "base:add"])
    numbers = {"difficulty": np.array([[2.0], [3.5]]), "base": np.array([[10.0], [-4.0]])}
    total = Given(rules, ("score",), numbers).total(execution)
    np.testing.assert_allclose(total.score, execution.score * [[2.0], [3.5]] + [[10.0], [-4.0]])
    np.testing.assert_array_equal(total.grade, execution.grade)
    np.testing.assert_allclose(total.place, execution.place)
    np.testing.assert_allclose(total.grade_probabilities, execution.grade_probabilities)
    # Against the quantiles of the normal distribution that the total has.
    expected = norm.ppf([0.1, 0.5, 0.9], loc=3.5 * 8 - 4, scale=3.5 * 1.5)
    np.testing.assert_allclose(total[1, 0].quantile([0.1, 0.5, 0.9]), expected, rtol=1e-3)
