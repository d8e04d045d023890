"""The part that is kept aside, and the error measured on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cofinal.config import Preset
from cofinal.data.dataset import Dataset
from cofinal.models.inference import predict_scores
from cofinal.training.held_out import kept_aside
from cofinal.training.loop import held_out_error, train


def test_no_event_is_in_both_parts(generated: Dataset) -> None:
    events = np.array([f"event{i % 8}" for i in range(len(generated))])
    dataset = replace(generated, groups={"skater": generated.ids, "event": tuple(events)})
    parts = kept_aside(dataset)
    assert parts is not None
    training, aside = parts
    assert not set(events[training]) & set(events[aside])
    assert sorted([*training, *aside]) == list(range(len(dataset)))
    assert len(set(events[aside])) == 2  # a fifth of eight


def test_too_few_performances_have_the_spread_of_the_scores(generated: Dataset) -> None:
    few = replace(generated.subset(np.arange(4)), groups={})
    assert kept_aside(few) is None
    np.testing.assert_allclose(held_out_error(few, Preset("svr")), few.scores.std(0))


def test_answers_are_as_wide_as_the_error_on_what_was_not_seen(generated: Dataset) -> None:
    preset = Preset("svr")
    parts = kept_aside(generated)
    assert parts is not None
    training, aside = map(generated.subset, parts)
    seen = train(training, preset, show_progress=False)
    error_NK = predict_scores(seen, aside.clips) - aside.scores
    model = train(generated, preset, show_progress=False).first
    range_K = model.range_K2[:, 1] - model.range_K2[:, 0]
    found_K = (model.error_K * range_K).numpy()
    assert found_K == pytest.approx(np.sqrt(np.square(error_NK).mean(0)), rel=1e-5)
