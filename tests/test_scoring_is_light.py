"""A score waits for torch and for nothing else that is heavy."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cofinal.config import Preset, TrainingSettings
from cofinal.evaluation.intervals import calibrate
from cofinal.explain.neighbours import NeighbourIndex
from cofinal.methods import method_names
from cofinal.modelfolder.folder import save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import Task
from distributions_around import around

HEAVY = [
    "sklearn",
    "scipy",
    "mapie",
    "joblib",
    "pandas",
    "matplotlib",
    "rich.progress",
    "sympy",
    "torch._dynamo",
]
TASK = Task(8, ("TES", "PCS"))


def calibrated_model(method: str, folder: Path) -> Path:
    """An untrained model with what intervals and warnings are made of."""
    preset = Preset(method, training=TrainingSettings(members=1))
    points = np.arange(24.0).reshape(12, 2)
    info = ModelInfo(preset, TASK, calibration=calibrate(around(points), points + 1))
    noise = np.random.default_rng(1)
    clips = list(noise.normal(size=(12, 20, 8)).astype(np.float32))
    ids = [str(i) for i in range(12)]
    index = NeighbourIndex.build(ids, clips, points, TASK.targets, np.zeros((2, 1)))
    save_model(Ensemble([build_model(preset, TASK)]), info, folder, index)
    return folder


def test_scoring_features_imports_no_library_but_torch_and_numpy(tmp_path: Path) -> None:
    features = tmp_path / "a.npy"
    np.save(features, np.random.default_rng(0).normal(size=(20, 8)).astype(np.float32))
    models = [str(calibrated_model(method, tmp_path / method)) for method in method_names()]
    code = (
        "import json, sys; from cofinal.cli.main import main\n"
        f"status = [main(['score', model, {str(features)!r}]) for model in {models}]\n"
        f"heavy = [name for name in {HEAVY} if name in sys.modules]\n"
        "print(json.dumps([status, 'torch' in sys.modules, heavy]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[0] * len(models), True, []]
    assert done.stdout.count("between") == 2 * len(models)


@pytest.mark.parametrize("name", ["cofinal.scorer", "cofinal.modelfolder.folder"])
def test_loading_from_python_is_as_light(name: str) -> None:
    code = f"import sys, {name}; sys.exit(any(name in sys.modules for name in {HEAVY}))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
