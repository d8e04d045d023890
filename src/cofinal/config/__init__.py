"""Settings as frozen dataclasses, read from TOML presets.

No torch here: `cofinal --help` must not wait for it.
"""

from __future__ import annotations

from cofinal.config.methods import (
    SETTINGS,
    ActionNetSettings,
    CoFInAlSettings,
    CoReSettings,
    GdltSettings,
    MeanSettings,
    ReleasedSettings,
    RidgeSettings,
    settings_class,
)
from cofinal.config.presets import (
    Preset,
    load_preset,
    method_preset,
    override,
    preset_from,
    preset_names,
)
from cofinal.config.training import DataSource, ProtocolSettings, TrainingSettings

__all__ = [
    "SETTINGS",
    "ActionNetSettings",
    "CoFInAlSettings",
    "CoReSettings",
    "DataSource",
    "GdltSettings",
    "MeanSettings",
    "Preset",
    "ProtocolSettings",
    "ReleasedSettings",
    "RidgeSettings",
    "TrainingSettings",
    "load_preset",
    "method_preset",
    "override",
    "preset_from",
    "preset_names",
    "settings_class",
]
