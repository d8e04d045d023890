"""Flags over presets: which preset a command line means, and its settings as flags."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import field, make_dataclass
from typing import Any

from cofinal.config import (
    DataSource,
    Preset,
    TrainingSettings,
    load_preset,
    settings_class,
)
from cofinal.errors import CofinalError


def meant_preset(flags: Sequence[str]) -> Preset:
    """The preset that `--preset`, `--method` or `--dataset` mean, before other flags count.

    `--method` alone means the method's defaults; a preset named too gives its training settings.
    """
    scan = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--preset", "--method", "--dataset"):
        scan.add_argument(name)
    try:
        known, _ = scan.parse_known_args([flag for flag in flags if flag not in ("-h", "--help")])
    except argparse.ArgumentError as error:
        raise CofinalError(f"{error}; `--help` after the command tells its flags") from error
    preset = load_preset(known.preset or default_preset(known.dataset))
    if known.method in (None, preset.method):
        return preset
    settings = settings_class(known.method)()
    released = known.method in ("cofinal-released", "gdlt")
    training = released_training() if released else preset.training
    return Preset(known.method, settings, training)


def default_preset(dataset: str | None) -> str:
    """The preset of a data set: its card's, or the one for own data."""
    from cofinal.data.cards import card_names, load_card

    if dataset in card_names():
        assert dataset is not None
        return load_card(dataset).preset or "own"
    return "own"


def released_training() -> TrainingSettings:
    """How the released programs train; see method.md section 2."""
    return load_preset("released").training


def with_preset_fields(base: type, flags: Sequence[str]) -> type:
    """The command class with fields `model` and `training` that start from the meant preset."""
    preset = meant_preset(flags)
    fields: list[Any] = [
        ("model", type(preset.model), field(default=preset.model, kw_only=True)),
        ("training", TrainingSettings, field(default=preset.training, kw_only=True)),
    ]
    made = make_dataclass(base.__name__, fields, bases=(base,), frozen=True)
    made.__doc__ = base.__doc__
    made.preset_method = preset.method  # type: ignore[attr-defined]
    return made


__all__ = ["DataSource", "meant_preset", "with_preset_fields"]
