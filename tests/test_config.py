"""Settings replaced by name in Python."""

from __future__ import annotations

from typing import Any

import pytest

from cofinal import CofinalError, Preset, ProtocolSettings, TrainingSettings, override


def test_override_replaces_what_is_named_and_leaves_none_alone() -> None:
    preset = override(Preset(), {"training.epochs": 3, "model.grades": None, "model.dropout": 0})
    assert (preset.training.epochs, preset.model.grades, preset.model.dropout) == (3, 4, 0)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("epochs", 3, "setting 'epochs' is unknown; expected a name such as 'training.epochs'"),
        ("training.epoch", 3, "setting 'epoch' is unknown; TrainingSettings knows epochs"),
        ("training.epochs", "3", "setting epochs is '3'; expected a whole number"),
        ("model.spacing", "odd", "setting spacing is 'odd'; choose one of equal-count"),
    ],
)
def test_override_refuses_what_no_preset_has(name: str, value: Any, sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        override(Preset(), {name: value})


def test_an_unknown_choice_is_refused_and_no_other_one_taken() -> None:
    with pytest.raises(CofinalError, match="protocol is 'groups'; expected one of final, kfold"):
        ProtocolSettings("groups", group="event")  # type: ignore[arg-type]
    with pytest.raises(CofinalError, match="view is 'all'; expected one of subset, window, whole"):
        TrainingSettings(view="all")  # type: ignore[arg-type]
