"""`model.safetensors`: the tensors of a model. A stranger's cannot ask for memory or time.

The file's header, whose shapes cannot promise more than the file holds, is compared with what its
configuration means before the tensors are read; building may ask for no more than that header.

Letters: M members; saved tensors are named "members.0.…", "members.1.…".
"""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor

from cofinal.config import Preset
from cofinal.errors import CofinalError
from cofinal.files.reading import check_plain
from cofinal.modelfolder.budget import Budget
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import AssessmentModel, Task
from cofinal.settings import quoted

WEIGHTS = "model.safetensors"
# Building makes tensors on the way: several times what remains, and a few of fixed size.
TEMPORARY, SPARE = 4, 2**20
# Numbers of a tensor from which on it may be kept as float16.
LARGE = 1024
# How safetensors names the kinds of numbers that a model may have.
KINDS = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "I64": torch.int64, "I32": torch.int32, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


def weight_bytes(model: Ensemble, half: bool = False) -> bytes:
    """All tensors of a model as safetensors, numbers in float32 whatever it computed in.

    Args:
        model: the trained members.
        half: whether large tensors are float16, which takes half the room and rounds scores.
    """
    tensors = {name: _plain(tensor) for name, tensor in model.state_dict().items()}
    if half:
        large = [n for n, t in tensors.items() if t.is_floating_point() and t.numel() >= LARGE]
        tensors |= {name: tensors[name].half() for name in large}
    return save(tensors)


def _plain(tensor: Tensor) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.float() if tensor.is_floating_point() else tensor


def read_weights(path: Path, preset: Preset, task: Task, members: int) -> Ensemble:
    """Builds the model of a configuration and fills it.

    Raises:
        CofinalError: no safetensors, or tensors that are not those of the configuration.
    """
    try:
        numbers = check_header(header(path), preset, task, members)
        model = Ensemble([build_within(numbers, preset, task) for _ in range(members)])
        model.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise CofinalError(f"{WEIGHTS} cannot be read: {_line(error)}") from error
    check_tensors(model)
    return model


def header(path: Path) -> dict[str, Tensor]:
    """Names, shapes and kinds of a file's tensors, as tensors without storage."""
    found = {}
    with safe_open(check_plain(path, "the weights of a model"), framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - the file is no dictionary
            entry = file.get_slice(name)
            kind = KINDS.get(entry.get_dtype())
            if kind is None:
                raise CofinalError(f"{WEIGHTS}: {name} has numbers of kind {entry.get_dtype()}")
            found[name] = torch.empty(entry.get_shape(), dtype=kind, device="meta")
    return found


def check_header(found: dict[str, Tensor], preset: Preset, task: Task, members: int) -> int:
    """Compares what a file holds with what its configuration means, before anything is read.

    Returns:
        How many numbers a member holds.

    Raises:
        CofinalError: another number of members, or tensors of other names, shapes or kinds.
    """
    first = {name.removeprefix("members.0."): t for name, t in found.items() if _is_first(name)}
    if len(found) != members * len(first):
        raise CofinalError(
            f"{WEIGHTS} has {len(found)} tensors, of which {len(first)} are the first member's, "
            f"which is not what {quoted(members)} members have"
        )
    for name, tensor in first.items():
        for member in range(1, members):
            other = found.get(f"members.{member}.{name}")
            if other is None or (other.shape, other.dtype) != (tensor.shape, tensor.dtype):
                raise CofinalError(f"{WEIGHTS}: {name} is not the same in member {member}")
    edges = first.get("edges_KG")
    if edges is None or edges.shape[:1] != (len(task.targets),):
        raise CofinalError(f"{WEIGHTS} is not of a model with {len(task.targets)} targets")
    numbers = sum(tensor.numel() for tensor in first.values())
    model = build_within(numbers, preset, task)
    kinds = {name: tensor.dtype for name, tensor in model.state_dict().items()}
    try:
        model.load_state_dict(first, assign=True)
    except RuntimeError as error:
        raise CofinalError(f"{WEIGHTS} is not of this configuration: {_line(error)}") from error
    for name, kind in kinds.items():
        found_kind, large = first[name].dtype, first[name].numel() >= LARGE
        halved = large and (found_kind, kind) == (torch.float16, torch.float32)
        if found_kind != kind and not halved:
            raise CofinalError(f"{WEIGHTS}: {name} is {first[name].dtype}, expected {kind}")
    return numbers


def build_within(numbers: int, preset: Preset, task: Task) -> AssessmentModel:
    """A model of a configuration, if that asks for no more numbers than given, and some to spare.

    Raises:
        CofinalError: a configuration that asks for more, or that no model can be built of.
    """
    try:
        # Weights that are drawn are overwritten at once: whoever loads a model keeps the dice.
        with torch.random.fork_rng(devices=[]), Budget(TEMPORARY * numbers + SPARE):
            return build_model(preset, task).float()
    except CofinalError:
        raise
    except Exception as error:  # torch raises half a dozen kinds for sizes that are none
        raise CofinalError(f"no model can be built of its configuration: {_line(error)}") from error


def check_tensors(model: Ensemble) -> None:
    """Refuses tensors whose values no training leaves behind, rather than blame the features."""
    for name, tensor in model.state_dict().items():
        what = name.rpartition(".")[2]
        if what == "edges_KG" and tensor.isnan().all():
            continue  # not known, as in models imported from their authors
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise CofinalError(f"{WEIGHTS}: {name} holds a value that is not finite")
        if what in ("edges_KG", "range_K2") and not (tensor.diff(dim=-1) > 0).all():
            raise CofinalError(f"{WEIGHTS}: the points of {name} do not increase")
    for part in model.first.common_parts:
        parts = [dict(member.get_submodule(part).named_buffers()) for member in model.members]
        for name, tensor in parts[0].items():
            if not all(torch.equal(tensor, other[name]) for other in parts[1:]):
                raise CofinalError(f"{WEIGHTS}: {part}.{name} differs between members")


def _is_first(name: str) -> bool:
    return name.startswith("members.0.")


def _line(error: Exception) -> str:
    """The telling line of an error; torch puts a heading above it."""
    lines = [line.strip().rstrip(".") for line in str(error).splitlines() if line.strip()]
    return lines[min(1, len(lines) - 1)][:200] if lines else type(error).__name__
