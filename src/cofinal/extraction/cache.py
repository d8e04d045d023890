"""The user's cache folder, and features of scored videos kept there.

Nothing is written next to what the user owns: weights and features that can be made again live in
the platform's cache folder, or in the folder named by the environment variable COFINAL_CACHE.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from platformdirs import user_cache_dir

from cofinal.data.features import read_values
from cofinal.errors import CofinalError
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.version import __version__


def cache_folder() -> Path:
    """The folder, which may not exist yet: COFINAL_CACHE if set, else the platform's.

    Raises:
        CofinalError: the user has no home folder, as users of containers may not.
    """
    chosen = os.environ.get("COFINAL_CACHE")
    try:
        place = Path(chosen or user_cache_dir("cofinal", appauthor=False)).expanduser()
        unknown = str(place).startswith("~")
    except RuntimeError:
        unknown = True
    if unknown:
        raise CofinalError(
            "this user has no home folder, so nothing can be kept between calls; name a folder "
            "with the environment variable COFINAL_CACHE"
        )
    return place


def cached_features_path(video_sha256: str, digest: str, decoder: str) -> Path:
    """Where the features of one content are kept.

    Args:
        video_sha256: hash of the content.
        digest: `ExtractionRecipe.digest`.
        decoder: name and version of what decodes; others may decode other pixels.

    Raises:
        CofinalError: as `cache_folder`.
    """
    made_by = hashlib.sha256(f"{digest} {decoder} {__version__}".encode()).hexdigest()
    return cache_folder() / "features" / video_sha256[:2] / f"{video_sha256}-{made_by[:16]}.npy"


def read_cached_features(path: Path, id: str, recipe: FeatureRecipe) -> ClipFeatures | None:
    """Reads kept features; None where there are none or the file is not whole."""
    try:
        return ClipFeatures(read_values(path), id=id, recipe=recipe)
    except CofinalError:
        return None
