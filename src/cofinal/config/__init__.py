"""Settings of training, data and benchmarks; presets and search spaces, read from TOML.

No torch here: `cofinal --help` must not wait for it.
"""

from __future__ import annotations

from cofinal.config.agreement import AgreementSettings
from cofinal.config.benchmark import BenchmarkSettings, ExplanationSettings
from cofinal.config.presets import (
    Preset,
    load_preset,
    method_preset,
    override,
    own_training,
    preset_from,
    preset_names,
    preset_text,
)
from cofinal.config.search import default_space, grid, load_space, space_from, widened
from cofinal.config.training import (
    CalibrationSettings,
    DataSource,
    ProtocolSettings,
    TrainingSettings,
)
from cofinal.settings import Choices, Range, Space

__all__ = [
    "AgreementSettings",
    "BenchmarkSettings",
    "CalibrationSettings",
    "Choices",
    "DataSource",
    "ExplanationSettings",
    "Preset",
    "ProtocolSettings",
    "Range",
    "Space",
    "TrainingSettings",
    "default_space",
    "grid",
    "load_preset",
    "load_space",
    "method_preset",
    "override",
    "own_training",
    "preset_from",
    "preset_names",
    "preset_text",
    "space_from",
    "widened",
]
