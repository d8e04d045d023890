"""Where tests find real data and other programs' answers; absent ones skip with the reason."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

BESIDE = Path(__file__).resolve().parents[2] / "shared"


def data_folder() -> Path:
    """The folder of real data: COFINAL_DATA, or ../shared/data beside the repository."""
    return _existing(Path(os.environ.get("COFINAL_DATA", BESIDE / "data")))


def fixture_folder() -> Path:
    """The folder of fixtures: COFINAL_FIXTURES, or ../shared/fixtures beside the repository."""
    return _existing(Path(os.environ.get("COFINAL_FIXTURES", BESIDE / "fixtures")))


def _existing(folder: Path) -> Path:
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent: real data and fixtures are not part of the project")
    return folder
