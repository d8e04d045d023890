"""Coarse-to-fine action quality assessment (CoFInAl, IJCAI 2024).

The public names below are imported when first used, so that `import cofinal` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cofinal.version import __version__

if TYPE_CHECKING:
    from cofinal.benchmark.tuning import TuningResult, tune
    from cofinal.config import (
        CalibrationSettings,
        DataSource,
        Preset,
        ProtocolSettings,
        TrainingSettings,
        load_preset,
        override,
    )
    from cofinal.data.checks import check_dataset
    from cofinal.data.dataset import Dataset, load_dataset
    from cofinal.data.features import read_features
    from cofinal.errors import CofinalError, UnknownNameError
    from cofinal.estimator import (
        CoFInAlRegressor,
        MethodRegressor,
        create_method,
        list_methods,
    )
    from cofinal.evaluation.coverage import coverage
    from cofinal.evaluation.estimators import evaluate
    from cofinal.evaluation.intervals import Calibration, calibrate
    from cofinal.evaluation.metrics import fisher_mean, mae, r_l2, srcc, within_group_srcc
    from cofinal.evaluation.result import EvaluationResult
    from cofinal.explain.explanation import Explanation
    from cofinal.extraction.backbones import use_backbone
    from cofinal.extraction.backbones.loading import load_backbone
    from cofinal.extraction.extractor import extract
    from cofinal.extraction.many import extract_many
    from cofinal.extraction.recipe import ExtractionRecipe
    from cofinal.extraction.skeletons import skeleton_features
    from cofinal.generated.synthetic import generate, write_dataset
    from cofinal.methods import use_method
    from cofinal.modelfolder.checkpoints import import_checkpoint
    from cofinal.modelfolder.folder import load_model, save_model
    from cofinal.models import build_model
    from cofinal.models.interface import Labels, Task, pad_clips
    from cofinal.records import ClipFeatures, FeatureRecipe, Prediction, TargetPrediction
    from cofinal.scorer import Scorer
    from cofinal.training.loop import train
    from cofinal.workflows import train_and_test

# name -> module it lives in
_PUBLIC = {
    "Calibration": "evaluation.intervals",
    "CalibrationSettings": "config",
    "ClipFeatures": "records",
    "CoFInAlRegressor": "estimator",
    "CofinalError": "errors",
    "DataSource": "config",
    "Dataset": "data.dataset",
    "EvaluationResult": "evaluation.result",
    "Explanation": "explain.explanation",
    "ExtractionRecipe": "extraction.recipe",
    "FeatureRecipe": "records",
    "Labels": "models.interface",
    "MethodRegressor": "estimator",
    "Prediction": "records",
    "Preset": "config",
    "ProtocolSettings": "config",
    "Scorer": "scorer",
    "TargetPrediction": "records",
    "Task": "models.interface",
    "TrainingSettings": "config",
    "TuningResult": "benchmark.tuning",
    "UnknownNameError": "errors",
    "build_model": "models",
    "calibrate": "evaluation.intervals",
    "check_dataset": "data.checks",
    "coverage": "evaluation.coverage",
    "create_method": "estimator",
    "evaluate": "evaluation.estimators",
    "extract": "extraction.extractor",
    "skeleton_features": "extraction.skeletons",
    "extract_many": "extraction.many",
    "fisher_mean": "evaluation.metrics",
    "generate": "generated.synthetic",
    "import_checkpoint": "modelfolder.checkpoints",
    "list_methods": "estimator",
    "load_backbone": "extraction.backbones.loading",
    "load_dataset": "data.dataset",
    "load_model": "modelfolder.folder",
    "load_preset": "config",
    "mae": "evaluation.metrics",
    "override": "config",
    "pad_clips": "models.interface",
    "r_l2": "evaluation.metrics",
    "read_features": "data.features",
    "save_model": "modelfolder.folder",
    "srcc": "evaluation.metrics",
    "train": "training.loop",
    "train_and_test": "workflows",
    "tune": "benchmark.tuning",
    "use_backbone": "extraction.backbones",
    "use_method": "methods",
    "within_group_srcc": "evaluation.metrics",
    "write_dataset": "generated.synthetic",
}

__all__ = [
    "Calibration",
    "CalibrationSettings",
    "ClipFeatures",
    "CoFInAlRegressor",
    "CofinalError",
    "DataSource",
    "Dataset",
    "EvaluationResult",
    "Explanation",
    "ExtractionRecipe",
    "FeatureRecipe",
    "Labels",
    "MethodRegressor",
    "Prediction",
    "Preset",
    "ProtocolSettings",
    "Scorer",
    "TargetPrediction",
    "Task",
    "TrainingSettings",
    "TuningResult",
    "UnknownNameError",
    "__version__",
    "build_model",
    "calibrate",
    "check_dataset",
    "coverage",
    "create_method",
    "evaluate",
    "extract",
    "extract_many",
    "fisher_mean",
    "generate",
    "import_checkpoint",
    "list_methods",
    "load_backbone",
    "load_dataset",
    "load_model",
    "load_preset",
    "mae",
    "override",
    "pad_clips",
    "r_l2",
    "read_features",
    "save_model",
    "skeleton_features",
    "srcc",
    "train",
    "train_and_test",
    "tune",
    "use_backbone",
    "use_method",
    "within_group_srcc",
    "write_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'cofinal' has no attribute {name!r}")
    return getattr(import_module(f"cofinal.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return __all__
