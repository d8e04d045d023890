"""Weight files: where they come from, where they are kept, and proof that they are the same ones.

Nothing is downloaded without `download=True`, the user's explicit yes. A file whose authors tell
its hash is checked against it. For the others no hash is known to us: the hash of the first copy is
written beside it and every later use is checked against that, which catches a file that changes
but not one that was wrong from the start. A page in place of a file is caught by its size.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import torch

from cofinal.errors import CofinalError
from cofinal.extraction.backbones import WeightFile
from cofinal.extraction.cache import cache_folder
from cofinal.extras import import_extra
from cofinal.files.atomic import atomic_path, write_text
from cofinal.files.digests import file_sha256
from cofinal.files.states import load_state

TIMEOUT_SECONDS = 30


def weights_folder() -> Path:
    """Where weight files are kept: `weights` in the cache folder."""
    return cache_folder() / "weights"


def find_weights(weights: WeightFile, download: bool = False) -> Path:
    """The weight file in the cache, fetched first if it is missing and `download` is true.

    Raises:
        CofinalError: missing without a yes to download (the sentence names file, source and
            place), a download that fails, or content that is not what it was.
    """
    path = weights_folder() / weights.file
    if weights.package and not path.is_file():
        path = _path_in_package(weights)
    if not path.is_file():
        if not download:
            raise CofinalError(
                f"weights {weights.file} are not in {path.parent}; add --download to fetch them "
                f"from {weights.url}, or get that file by other means and put it there"
            )
        _fetch(weights, path)
    _check_size(path, path, weights)
    verified_sha256(path, weights.sha256_start)
    return path


def _path_in_package(weights: WeightFile) -> Path:
    what = f"{weights.file} comes in a package of its own"
    module = import_extra(weights.package, what, weights.extra)
    found = sorted(Path(module.__file__ or "").parent.rglob(weights.file))
    if not found:
        raise CofinalError(
            f"{Path(module.__file__ or '').parent} holds no {weights.file}; install the package of "
            f"{weights.url} again, or put the file into {weights_folder()}"
        )
    return found[0]


def verified_sha256(path: Path, sha256_start: str | None = None) -> str:
    """Hash of a weight file, checked against its published start or the record of its first use.

    The record `NAME.sha256` is written only inside our own cache folder.

    Raises:
        CofinalError: the content is not what was published or recorded.
    """
    found = file_sha256(path)
    record = path.with_name(path.name + ".sha256")
    ours = path.parent == weights_folder()
    expected = sha256_start or ""
    if not expected and ours and record.is_file():
        expected = record.read_text(encoding="utf-8").strip()
    if expected and not found.startswith(expected):
        raise CofinalError(
            f"{path} has SHA-256 {found[:12]}..., expected {expected[:12]}...; the file is damaged "
            "or another one, so remove it (and its .sha256 record) and fetch it again"
        )
    if ours and not record.is_file():
        write_text(record, found + "\n")
    return found


def _fetch(weights: WeightFile, path: Path) -> None:
    try:
        with atomic_path(path) as temporary:
            request = urllib.request.Request(weights.url, headers={"User-Agent": "cofinal"})
            with (
                urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as source,
                temporary.open("wb") as target,
            ):
                shutil.copyfileobj(source, target, length=1 << 20)
            expected = source.headers.get("Content-Length")
            if expected and int(expected) != temporary.stat().st_size:
                raise OSError(f"only {temporary.stat().st_size} of {expected} bytes came")
            _check_size(temporary, path, weights)
    except (OSError, ValueError, urllib.error.URLError) as error:
        raise CofinalError(
            f"cannot fetch {weights.url} ({error}); get {weights.file} by other means and put it "
            f"into {path.parent}"
        ) from error


def _check_size(file: Path, path: Path, weights: WeightFile) -> None:
    found = file.stat().st_size
    if found < weights.least_bytes:
        raise CofinalError(
            f"{path} has {found} bytes, expected at least {weights.least_bytes}; it is no whole "
            f"weight file but perhaps a page that says why, so get it from {weights.url} anew"
        )


def load_into(
    module: torch.nn.Module,
    path: Path,
    rename: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
) -> None:
    """Loads a checkpoint into `module`, every parameter of it and nothing else.

    Batch norm's counters of training batches may be missing, as in files of before 2018; nothing
    reads them here.

    Raises:
        CofinalError: names or shapes that do not fit.
    """
    state = rename(load_state(path))
    own = module.state_dict()
    counters = {name: own[name] for name in own if name.endswith("num_batches_tracked")}
    state = counters | state
    missing = sorted(own.keys() - state.keys())
    extra = sorted(state.keys() - own.keys())
    wrong = [n for n in own.keys() & state.keys() if own[n].shape != state[n].shape]
    if missing or extra or wrong:
        example = json.dumps((missing or extra or sorted(wrong))[0])
        raise CofinalError(
            f"{path} does not fit the backbone: {len(missing)} parameters missing, {len(extra)} "
            f"unknown, {len(wrong)} of another shape, for example {example}; "
            "choose the weights of this backbone and size"
        )
    odd = [n for n in state if state[n].is_complex() or not state[n].isfinite().all()]
    if odd:
        raise CofinalError(f"{path}: {json.dumps(odd[0])} holds a value that is no finite number")
    module.load_state_dict(state)


def state_sha256(module: torch.nn.Module) -> str:
    """Hash of a module's parameters, for weights that come from no file."""
    from safetensors.torch import save

    state = {name: value.contiguous() for name, value in module.state_dict().items()}
    return hashlib.sha256(save(state)).hexdigest()
