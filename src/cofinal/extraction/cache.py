"""The user's cache folder, and features of scored videos kept there.

Nothing is written next to what the user owns: weights and features that can be made again live in
the platform's cache folder, or in the folder named by the environment variable COFINAL_CACHE.
"""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_dir

from cofinal.data.features import read_values
from cofinal.errors import CofinalError
from cofinal.records import ClipFeatures, FeatureRecipe


def cache_folder() -> Path:
    """The folder, which may not exist yet: COFINAL_CACHE if set, else the platform's."""
    chosen = os.environ.get("COFINAL_CACHE")
    return Path(chosen or user_cache_dir("cofinal", appauthor=False))


def cached_features_path(video_sha256: str, digest: str) -> Path:
    """Where the features of one content under one recipe (`ExtractionRecipe.digest`) are kept."""
    return cache_folder() / "features" / video_sha256[:2] / f"{video_sha256}-{digest[:16]}.npy"


def read_cached_features(path: Path, id: str, recipe: FeatureRecipe) -> ClipFeatures | None:
    """Reads kept features; None where there are none or the file is not whole."""
    try:
        return ClipFeatures(read_values(path), id=id, recipe=recipe)
    except CofinalError:
        return None
