"""Which folder a model's name means: a folder, a model that comes with the package, or a hub's.

A hub's models are asked for as OWNER/NAME. Nothing is fetched without the user's yes, and what is
fetched is a stranger's model folder: read as such, never unpickled.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from cofinal.errors import CofinalError
from cofinal.extras import import_extra
from cofinal.modelfolder.folder import ALIGNER, CALIBRATION, CONFIG, NEIGHBOURS, is_model_folder
from cofinal.modelfolder.weights import WEIGHTS

# Models that come with the package, a folder each.
SHIPPED = Path(__file__).parents[1] / "shipped"
HUB_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.ASCII)
WANTED = (CONFIG, WEIGHTS, CALIBRATION, NEIGHBOURS, ALIGNER)


def shipped_models() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(place.name for place in SHIPPED.glob("*") if is_model_folder(place))


def is_hub_id(name: str | Path) -> bool:
    """Whether a name can only mean a model on a hub: OWNER/NAME, and no such folder."""
    return bool(HUB_ID.fullmatch(str(name))) and not Path(name).exists()


def find_model(name: str | Path, download: bool = False) -> Path:
    """The model folder that a name means.

    Args:
        name: a folder; else a model that comes with the package; else OWNER/NAME on a hub.
        download: the user's yes to fetching from the hub.

    Raises:
        CofinalError: a hub's model that is not in the cache without the yes, cannot be fetched, or
            needs the extra `hub`.
    """
    if Path(name).exists():
        return Path(name)
    if str(name) in shipped_models():
        return SHIPPED / str(name)
    if is_hub_id(name):
        return fetch_model(str(name), download)
    return Path(name)  # which `load_model` tells is none


def fetch_model(name: str, download: bool) -> Path:
    """A hub's model from the hub's own cache, or fetched into it.

    Raises:
        CofinalError: see `find_model`.
    """
    hub: Any = import_extra("huggingface_hub", f"{name} is a model on a hub", "hub")
    if not download:
        try:
            return Path(hub.snapshot_download(name, allow_patterns=WANTED, local_files_only=True))
        except Exception as error:  # the hub's library raises many kinds
            raise CofinalError(
                f"{name} is no folder here, and no model of this name was fetched from the hub; "
                "add --download to fetch it, or name a model folder"
            ) from error
    try:
        return Path(hub.snapshot_download(name, allow_patterns=WANTED))
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CofinalError(
            f"cannot fetch {name} from the hub ({reason[:200]}); fetch its files by other means "
            "and name their folder"
        ) from error
