"""Settings as frozen dataclasses, read from TOML presets.

No torch here: `cofinal --help` must not wait for it.
"""

from __future__ import annotations

from cofinal.config.benchmark import BenchmarkSettings, ExplanationSettings
from cofinal.config.methods import (
    SETTINGS,
    ActionNetSettings,
    CoFInAlSettings,
    CoReSettings,
    GdltSettings,
    MeanSettings,
    MsLstmSettings,
    MusdlSettings,
    ReleasedSettings,
    RidgeSegmentsSettings,
    RidgeSettings,
    SvrSettings,
    UsdlSettings,
    settings_class,
)
from cofinal.config.presets import (
    Preset,
    load_preset,
    method_preset,
    override,
    preset_from,
    preset_names,
    preset_text,
)
from cofinal.config.search import (
    SEARCH,
    Choices,
    Range,
    Space,
    default_space,
    grid,
    load_space,
    space_from,
    widened,
)
from cofinal.config.training import (
    CalibrationSettings,
    DataSource,
    ProtocolSettings,
    TrainingSettings,
)

__all__ = [
    "SEARCH",
    "SETTINGS",
    "ActionNetSettings",
    "BenchmarkSettings",
    "CalibrationSettings",
    "Choices",
    "CoFInAlSettings",
    "CoReSettings",
    "DataSource",
    "ExplanationSettings",
    "GdltSettings",
    "MeanSettings",
    "MsLstmSettings",
    "MusdlSettings",
    "Preset",
    "ProtocolSettings",
    "Range",
    "ReleasedSettings",
    "RidgeSegmentsSettings",
    "RidgeSettings",
    "Space",
    "SvrSettings",
    "TrainingSettings",
    "UsdlSettings",
    "default_space",
    "grid",
    "load_preset",
    "load_space",
    "method_preset",
    "override",
    "preset_from",
    "preset_names",
    "preset_text",
    "settings_class",
    "space_from",
    "widened",
]
