"""Settings: replaced by name, bounded, and those of a method its own."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from cofinal import (
    CofinalError,
    Preset,
    ProtocolSettings,
    TrainingSettings,
    load_preset,
    override,
)
from cofinal.cli.main import main
from cofinal.methods import method_names
from cofinal.settings import Between


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


def test_settings_that_are_possible_only_together_are_changed_together() -> None:
    wide = {"model.sub_grades": 40, "model.embedding_width": 48}
    for changes in (wide, dict(reversed(wide.items()))):
        preset = override(Preset(), changes)
        assert (preset.model.sub_grades, preset.model.embedding_width) == (40, 48)


def test_a_preset_of_a_method_has_its_own_settings_and_training() -> None:
    preset = Preset("usdl")
    assert preset == load_preset("usdl") and preset.model.bins == 101
    assert (preset.training.view, preset.training.members) == ("whole", 1)
    with pytest.raises(CofinalError, match="settings of 'ridge' are UsdlSettings; expected RidgeS"):
        replace(preset, method="ridge")


@pytest.mark.parametrize("method", method_names())
def test_every_number_has_bounds(method: str) -> None:
    preset = Preset(method)
    for part in ("model", "training"):
        settings = getattr(preset, part)
        for entry in fields(settings):
            value = getattr(settings, entry.name)
            if type(value) in (int, float):
                for huge in (10**15, -(10**15), 10**400):
                    with pytest.raises(
                        CofinalError, match=f"setting {entry.name} is -?1000"
                    ) as told:
                        override(preset, {f"{part}.{entry.name}": huge})
                    assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[training]\nmembers = 1000000", "setting members is 1000000; expected 1 to 100"),
        ("[model]\nwidth = 40000000", "setting width is 40000000; expected 1 to 4096"),
        ("[model]\ngrades = 1000000000", "setting grades is 1000000000; expected 1 to 100"),
        (f"[model]\ngrades = 1{'0' * 400}", "setting grades is 10{79}...; expected 1 to 100"),
        (f"[model]\ndropout = 1{'0' * 400}", "setting dropout is 10{79}...; expected 0 up to but"),
        (f"[model]\ngrades = 1{'0' * 5000}", "not TOML that can be read: Exceeds the limit"),
        (f"a = {'[' * 5000}{']' * 5000}", "not TOML that can be read: nested too deep"),
        ("[model]\nsub_grades = 2", "setting sub_grades is 2; expected 3 to 1000"),
        ("[model]\nwidth = 63", r"setting width is 63; expected a multiple of heads \(4\)"),
        ("[model]\nwidth = 63\nheads = 3\ntime_code = 1.0", "width is 63; expected an even number"),
        (
            "method = 'core'\n[model]\ndepth = 10\nwidth = 2048",
            "width is 2048; expected 362 or less",
        ),
    ],
)
def test_a_preset_that_asks_for_too_much_gets_a_sentence(
    tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "p.toml").write_text(text)
    with pytest.raises(CofinalError, match=sentence) as told:
        load_preset(str(tmp_path / "p.toml"))
    assert "\n" not in str(told.value)


def test_a_flag_out_of_bounds_gets_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--dataset", "fisv", "--training.members", "1000000"]) != 0
    assert "setting members is 1000000; expected 1 to 100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bounds", "inside", "outside", "text"),
    [
        (Between(1, 3), [1, 3], [0, 4], "1 to 3"),
        (Between(0, 1, "high"), [0, 0.9], [1, -0.1], "0 up to but not including 1"),
        (Between(0, 2, "low"), [0.1, 2], [0, 2.1], "more than 0, at most 2"),
        (Between(0, 1, "both"), [0.5], [0, 1], "more than 0 and less than 1"),
    ],
)
def test_bounds_hold_and_tell_their_ends(
    bounds: Between, inside: list[float], outside: list[float], text: str
) -> None:
    assert all(bounds.holds(value) for value in inside)
    assert not any(bounds.holds(value) for value in [*outside, float("nan")])
    assert str(bounds) == text
