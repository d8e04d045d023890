"""Who is drawn by the bootstrap, how often, and what intervals and p-values are read of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats

from cofinal.config import ProtocolSettings
from cofinal.data.dataset import Dataset
from cofinal.evaluation import resampling
from cofinal.evaluation.resampling import (
    Resampling,
    Units,
    alone,
    draws,
    percentile_interval,
    sign_p_value,
)

TWELVE = [f"E{i % 12}" for i in range(60)]


def test_all_performances_of_a_group_are_drawn_together() -> None:
    drawn = replace(Resampling.of_groups(TWELVE, "event"), samples=500)
    weight_SN = np.concatenate(list(drawn.weights()))
    assert weight_SN.shape == (500, 60)
    for name in set(TWELVE):
        member = np.array(TWELVE) == name
        assert (weight_SN[:, member] == weight_SN[:, member][:, :1]).all()
    first_of_each = [TWELVE.index(name) for name in sorted(set(TWELVE))]
    assert (weight_SN[:, first_of_each].sum(1) == 12).all()


def test_each_group_is_drawn_as_often_as_a_binomial_says() -> None:
    [drawn_SG] = draws(12, 20_000, seed=0)
    counts = np.bincount(drawn_SG[:, 3], minlength=7)[:7]
    expected = 20_000 * scipy.stats.binom.pmf(np.arange(7), 12, 1 / 12)
    assert (
        scipy.stats.chisquare(counts[:5], expected[:5] * counts[:5].sum() / expected[:5].sum())[1]
        > 1e-3
    )
    assert drawn_SG.mean() == pytest.approx(1)


def test_many_groups_are_drawn_part_by_part_to_the_same_samples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = np.concatenate(list(draws(30, 100, seed=4)))
    monkeypatch.setattr(resampling, "KEPT", 300)
    parts = list(draws(30, 100, seed=4))
    assert len(parts) == 10
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_fewer_than_ten_groups_are_not_drawn_and_that_is_told() -> None:
    few = Resampling.of_groups([f"E{i % 9}" for i in range(60)], "event")
    assert few.groups == 60
    assert few.sentence() == "single performances (event has fewer than 10 groups)"
    assert Resampling.of_groups(TWELVE, "event").sentence() == "whole groups: event (12)"
    assert alone(5).sentence() == "single performances"


def test_performances_without_a_group_stand_alone() -> None:
    drawn = Resampling.of_groups([*TWELVE, "", ""], "event")
    assert drawn.groups == 14
    assert len({int(drawn.group_N[60]), int(drawn.group_N[61]), *drawn.group_N[:60]}) == 14


def units(dataset: Dataset, protocol: ProtocolSettings, **groups: list[str]) -> str:
    columns = {name: tuple(values[: len(dataset)]) for name, values in groups.items()}
    every = np.arange(len(dataset))
    return Units.of(replace(dataset, groups=columns), protocol).among(every).sentence()


def test_the_protocols_own_group_is_drawn_else_events_else_skaters(generated: Dataset) -> None:
    kfold = ProtocolSettings("kfold")
    skaters = [f"S{i % 16}" for i in range(60)]
    few = ["E1", "E2"] * 30
    coach = [f"C{i % 11}" for i in range(60)]
    assert units(generated, kfold, coach=coach, event=TWELVE, skater=skaters).startswith(
        "whole groups: event (12)"
    )
    own = ProtocolSettings("group", group="coach")
    assert units(generated, own, coach=coach, event=TWELVE) == "whole groups: coach (11)"
    assert units(generated, kfold, event=few, skater=skaters) == "whole groups: skater (16)"
    assert units(generated, kfold, event=few) == (
        "single performances (event has fewer than 10 groups)"
    )
    assert units(generated, kfold, coach=coach) == "single performances"
    final = ProtocolSettings("final")
    assert units(generated, final, Athlete=skaters) == "whole groups: Athlete (16)"


def test_intervals_are_quantiles_of_what_is_defined() -> None:
    values = np.append(np.arange(101.0), np.nan)
    assert percentile_interval(values, 0.9) == pytest.approx((5, 95))
    assert percentile_interval(np.full(3, np.nan)) is None


def test_p_values_are_never_below_the_floor_that_is_told() -> None:
    assert sign_p_value(np.ones(19_999)) == pytest.approx(2 / 20_000)
    assert alone(5).least_p == pytest.approx(2 / 20_001)
    assert sign_p_value(np.ones(resampling.SAMPLES)) == alone(5).least_p
    assert sign_p_value(np.array([-1.0, 1.0])) == 1.0
