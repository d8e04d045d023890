"""Settings as frozen dataclasses, read from TOML presets.

No torch here: `cofinal --help` must not wait for it.
"""

from __future__ import annotations

from cofinal.config.benchmark import BenchmarkSettings
from cofinal.config.methods import (
    SETTINGS,
    CoFInAlSettings,
    GdltSettings,
    MeanSettings,
    MsLstmSettings,
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
)
from cofinal.config.training import (
    CalibrationSettings,
    DataSource,
    ProtocolSettings,
    TrainingSettings,
)

__all__ = [
    "SETTINGS",
    "BenchmarkSettings",
    "CalibrationSettings",
    "CoFInAlSettings",
    "DataSource",
    "GdltSettings",
    "MeanSettings",
    "MsLstmSettings",
    "Preset",
    "ProtocolSettings",
    "ReleasedSettings",
    "RidgeSegmentsSettings",
    "RidgeSettings",
    "SvrSettings",
    "TrainingSettings",
    "UsdlSettings",
    "load_preset",
    "method_preset",
    "override",
    "preset_from",
    "preset_names",
    "settings_class",
]
