"""Flags over presets: which preset a command line means, and its settings as flags."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import tyro

from cofinal.config import (
    DataSource,
    Preset,
    TrainingSettings,
    load_preset,
    method_preset,
)
from cofinal.errors import UsageError
from cofinal.methods import use_method

if TYPE_CHECKING:
    pass


def meant_preset(flags: Sequence[str]) -> Preset:
    """The preset that `--preset`, `--method` or `--dataset` mean, before other flags count.

    `--method` means the method's defaults; it is trained as the named preset says, else by a
    preset of its own name, else as the data set's preset says.
    """
    scan = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for name in ("--preset", "--method", "--dataset"):
        scan.add_argument(name)
    try:
        known, _ = scan.parse_known_args([flag for flag in flags if flag not in ("-h", "--help")])
    except argparse.ArgumentError as error:
        raise UsageError(f"{error}; `--help` after the command tells its flags") from error
    # Before the preset, which may be one of this very method.
    method = known.method and use_method(known.method)
    preset = load_preset(known.preset or default_preset(known.dataset))
    if method is None:
        return preset
    if known.preset is None:
        return method_preset(method, preset)
    return preset if method == preset.method else Preset(method, training=preset.training)


def default_preset(dataset: str | None) -> str:
    """The preset of a data set: its card's, or the one for own data."""
    from cofinal.data.cards import card_names, load_card

    if dataset in card_names():
        assert dataset is not None
        return load_card(dataset).preset or "own"
    return "own"


def tell_taken(source: DataSource) -> None:
    """Tells, in one line on standard error, what columns and rows were taken for."""
    from cofinal.data.taken import taken_for

    print(taken_for(source), file=sys.stderr)


@dataclass(frozen=True)
class MethodCommand:
    """Base of commands that train a method: the preset's settings become flags of their own."""

    source: tyro.conf.OmitArgPrefixes[DataSource]
    """Where the performances come from."""
    preset: str | None = field(default=None, kw_only=True)
    """Name of a preset or path of a TOML file; the data set's own preset if left out."""
    method: str | None = field(default=None, kw_only=True)
    """Method, if it is not the preset's: a name, or a class of your own, my_method.py:MyMethod."""
    json: bool = field(default=False, kw_only=True)
    """Print the result as JSON."""

    meant_method: ClassVar[str]
    model: ClassVar[Any]
    training: ClassVar[TrainingSettings]

    @classmethod
    def with_settings(cls, flags: Sequence[str]) -> type:
        """This command with fields `model` and `training` that start from the meant preset."""
        preset = meant_preset(flags)
        fields: list[Any] = [
            ("model", type(preset.model), field(default=preset.model, kw_only=True)),
            ("training", TrainingSettings, field(default=preset.training, kw_only=True)),
        ]
        made = make_dataclass(cls.__name__, fields, bases=(cls,), frozen=True)
        made.__doc__ = cls.__doc__
        made.meant_method = preset.method  # type: ignore[attr-defined]
        return made

    def chosen_preset(self) -> Preset:
        """The meant preset with the flags over it."""
        return Preset(self.meant_method, self.model, self.training)
