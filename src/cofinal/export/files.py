"""Writing an exported model: only a file that answers as the model does comes to be.

Letters: B videos, T clips, C backbone channels.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from cofinal.errors import CofinalError
from cofinal.export.graph import ExportedModel, example, metadata
from cofinal.extras import import_extra
from cofinal.files.atomic import atomic_path, json_text
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import pad_clips

Format = Literal["onnx", "torch"]
SUFFIX: dict[Format, str] = {"onnx": ".onnx", "torch": ".pt2"}
# Largest difference from the model: of scores in points, of cells and votes as they are.
TOLERANCE = 1e-4
# Clips of the performances it is checked on: alone and together, few and many.
CHECKED = ((1,), (7,), (5, 3), (9, 1, 4), (60, 20))
# Name of what is known of the model inside a program of torch.
KNOWN = "cofinal.json"

# Clips and mask in, answers out.
Runner = Callable[[Tensor, Tensor], Sequence[np.ndarray]]


def export_model(
    model: Ensemble,
    info: ModelInfo,
    path: str | Path,
    kind: Format = "onnx",
    performances: Sequence[np.ndarray] = (),
) -> float:
    """Writes a model as one file, whole, after checking what it answers.

    Args:
        model: the trained members, on the CPU.
        info: what is known of it.
        path: the file.
        kind: "onnx", or "torch" for `torch.export.load`.
        performances: clip features (T, C) on which it is checked too.

    Returns:
        The largest difference from the model found, in points.

    Raises:
        CofinalError: a model with something given, libraries that are missing, a method that
            cannot be exported, or answers that differ by more than `TOLERANCE`; nothing is written
            then.
    """
    if info.given:
        raise CofinalError(
            f"this model is told {info.given.asked} beforehand, which an exported file cannot "
            "take; export one that was trained without --given"
        )
    if kind == "onnx":
        for module in ("onnx", "onnxscript", "onnxruntime"):
            import_extra(module, f"ONNX files are written and checked with {module}", "export")
    graph = ExportedModel(model).eval()
    known = metadata(graph, info)
    write = write_onnx if kind == "onnx" else write_torch
    with atomic_path(path) as temporary, quietly():
        try:
            write(graph, known, temporary)
            run = (run_onnx if kind == "onnx" else run_torch)(temporary)
        except Exception as error:  # torch and its exporter raise dozens of kinds
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise CofinalError(
                f"a model of the method {info.preset.method!r} cannot be exported to {kind}: "
                f"{reason[:200]}"
            ) from error
        return check_parity(graph, run, performances)


def check_parity(
    graph: ExportedModel, run: Runner, performances: Sequence[np.ndarray] = ()
) -> float:
    """Compares a file's answers with the model's.

    Returns:
        The largest difference, in points.

    Raises:
        CofinalError: an answer that differs by more than `TOLERANCE`.
    """
    batches = [example(graph.model, lengths) for lengths in CHECKED]
    batches += [pad_clips([torch.from_numpy(one).float()]) for one in performances]
    largest = 0.0
    for clips_BTC, mask_BT in batches:
        with torch.no_grad():
            expected = graph(clips_BTC, mask_BT)
        for name, mine, other in zip(graph.outputs, expected, run(clips_BTC, mask_BT), strict=True):
            difference = float(np.abs(mine.numpy() - other).max())
            if not difference <= TOLERANCE:
                raise CofinalError(
                    f"the exported file's {name} differs by {difference:.2g} from the model's, of "
                    f"{clips_BTC.shape[0]} videos of up to {clips_BTC.shape[1]} clips; at most "
                    f"{TOLERANCE:g} is let pass, so nothing was written"
                )
            if name == "score":
                largest = max(largest, difference)
    return largest


def exported_program(graph: ExportedModel) -> torch.export.ExportedProgram:
    """The graph, for any number of videos and clips."""
    return torch.export.export(graph, example(graph.model, (5, 3)), dynamic_shapes=any_size())


def any_size() -> dict[str, dict[int, Any]]:
    """Videos and clips may be as many as they are."""
    videos, clips = torch.export.Dim("videos", min=1), torch.export.Dim("clips", min=1)
    return {"clips": {0: videos, 1: clips}, "mask": {0: videos, 1: clips}}


def write_onnx(graph: ExportedModel, known: dict[str, str], path: Path) -> None:
    """Writes ONNX; what is known of the model is its metadata."""
    program = torch.onnx.export(
        exported_program(graph),
        input_names=["clips", "mask"],
        output_names=list(graph.outputs),
        dynamo=True,
        verbose=False,
    )
    assert program is not None
    program.model.metadata_props.update(known)
    program.save(path, external_data=False)


def run_onnx(path: Path) -> Runner:
    """Runs an ONNX file."""
    session = import_extra("onnxruntime", "ONNX files are checked with it", "export")
    loaded = session.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(clips_BTC: Tensor, mask_BT: Tensor) -> Sequence[np.ndarray]:
        found: Sequence[np.ndarray] = loaded.run(
            None, {"clips": clips_BTC.numpy(), "mask": mask_BT.numpy()}
        )
        return found

    return run


def write_torch(graph: ExportedModel, known: dict[str, str], path: Path) -> None:
    """Writes a program that `torch.export.load` reads; what is known of the model lies inside."""
    with path.open("wb") as file:
        torch.export.save(exported_program(graph), file, extra_files={KNOWN: json_text(known)})


def run_torch(path: Path) -> Runner:
    """Runs a program of torch."""
    with path.open("rb") as file:
        module = torch.export.load(file).module()

    def run(clips_BTC: Tensor, mask_BT: Tensor) -> Sequence[np.ndarray]:
        with torch.no_grad():
            return [answer.numpy() for answer in module(clips_BTC, mask_BT)]

    return run


@contextmanager
def quietly() -> Iterator[None]:
    """The exporters' remarks are about their own inside."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
