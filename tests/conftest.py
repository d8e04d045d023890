"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

# Tests work on tiny tensors, for which threads cost more than they bring; subprocesses inherit it.
os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch
from hypothesis import settings

from cofinal.config import DataSource, Preset, TrainingSettings
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.generated.synthetic import generate, write_dataset
from cofinal.methods.cofinal import CoFInAlSettings

torch.set_num_threads(1)
# The same examples everywhere, and no limit on their time: machines are shared.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def generated_source(tmp_path_factory: pytest.TempPathFactory) -> DataSource:
    """A small generated data set on disk: 32 performances of 12 to 18 clips, 8 channels."""
    folder = tmp_path_factory.mktemp("generated")
    labels = write_dataset(folder, generate(32, channels=8, clips=(12, 18), seed=3))
    return DataSource(str(labels), folder / "features")


@pytest.fixture(scope="session")
def generated(generated_source: DataSource) -> Dataset:
    """The small generated data set in memory."""
    return load_dataset(generated_source)


@pytest.fixture
def tiny_preset() -> Preset:
    """CoFInAl at its smallest, for tests that train."""
    model = CoFInAlSettings(
        width=8, heads=2, principal_components=8, sub_grades=4, embedding_width=8, grades=3
    )
    return Preset("cofinal", model, TrainingSettings(epochs=3, batch_size=8, members=2))


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """A folder for a run."""
    return tmp_path / "run"
