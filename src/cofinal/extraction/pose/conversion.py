"""Published networks in the TensorFlow Lite format to a graph and its weights, once.

Weights stay float16 as they are stored. Constants that the file stores sparsely are written out,
and the steps that only unpack them vanish.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from cofinal.errors import CofinalError
from cofinal.extras import import_extra
from cofinal.files.atomic import atomic_path

# Names in the format's schema of the activations that follow a step.
ACTIVATIONS = {0: None, 1: "relu", 3: "relu6"}
TYPES = {0: np.float32, 1: np.float16, 2: np.int32}
PADDINGS = {0: "same", 1: "valid"}


def convert(source: Path, target: Path, inputs: int, outputs: Sequence[int]) -> None:
    """Writes `target` (safetensors) from the published file `source`.

    Args:
        source: the `.tflite` file; its hash must be checked before.
        target: weights, with the graph as text beside them.
        inputs: side of the square picture that the network takes, in pixels.
        outputs: which of the network's outputs are wanted, by number; what serves none is left out.

    Raises:
        CofinalError: a step that is not known, or the library that reads the format is missing.
    """
    reader = _Reader(source.read_bytes())
    steps, tensors = reader.graph(outputs)
    about = {"graph": json.dumps({"side": inputs, "outputs": reader.wanted, "steps": steps})}
    with atomic_path(target) as temporary:
        save_file(tensors, temporary, about)


class _Reader:
    """Walks through the file's one graph."""

    def __init__(self, content: bytes) -> None:
        self.tflite = import_extra("tflite", "the pose network is read with tflite", "pose")
        self.model = self.tflite.Model.GetRootAs(content, 0)
        self.net = self.model.Subgraphs(0)
        codes = vars(self.tflite.BuiltinOperator)
        self.names = {number: name for name, number in codes.items() if isinstance(number, int)}
        self.made: dict[int, np.ndarray] = {}
        self.wanted: list[str] = []

    def graph(self, outputs: Sequence[int]) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
        """Steps in order, and the constants they use."""
        steps = [step for step in map(self._step, self._operators()) if step is not None]
        self.wanted = [str(self.net.Outputs(number)) for number in outputs]
        needed, kept = set(self.wanted), []
        for step in reversed(steps):
            if step["output"] in needed:
                needed.update(step["inputs"])
                kept.append(step)
        constants = {name for step in kept for name in step["weights"]}
        tensors = {name: np.ascontiguousarray(self._constant(int(name))) for name in constants}
        return kept[::-1], tensors

    def _operators(self) -> list[Any]:
        return [self.net.Operators(number) for number in range(self.net.OperatorsLength())]

    def _step(self, operator: Any) -> dict[str, Any] | None:
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        kind = self.names[max(code.BuiltinCode(), code.DeprecatedBuiltinCode())]
        places = [int(place) for place in operator.InputsAsNumpy()]
        output = int(operator.OutputsAsNumpy()[0])
        if kind in ("DEQUANTIZE", "DENSIFY"):
            self.made[output] = self._constant(places[0])
            return None
        if kind not in _OPTIONS:
            raise CofinalError(f"the pose network has a step {kind}, which is not known here")
        constants = [place for place in places if self._is_constant(place)]
        step: dict[str, Any] = {
            "kind": kind.lower(),
            "inputs": [str(place) for place in places if place not in constants],
            "weights": [str(place) for place in constants],
            "output": str(output),
        }
        if kind in ("PAD", "RESHAPE", "RESIZE_BILINEAR"):
            step |= {"weights": [], "size": self._constant(constants[0]).tolist()}
        options = _OPTIONS[kind]
        if options is not None:
            told = getattr(self.tflite, options)()
            table = operator.BuiltinOptions()
            told.Init(table.Bytes, table.Pos)
            step |= _settings(kind, told)
        return step

    def _is_constant(self, place: int) -> bool:
        buffer = self.model.Buffers(self.net.Tensors(place).Buffer())
        return place in self.made or buffer.DataLength() > 0

    def _constant(self, place: int) -> np.ndarray:
        if place in self.made:
            return self.made[place]
        tensor = self.net.Tensors(place)
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        values = np.frombuffer(data.tobytes(), TYPES[tensor.Type()])
        if tensor.Sparsity() is not None:
            return _dense(tensor, values)
        return values.reshape(tensor.ShapeAsNumpy())


_OPTIONS: dict[str, str | None] = {
    "CONV_2D": "Conv2DOptions",
    "DEPTHWISE_CONV_2D": "DepthwiseConv2DOptions",
    "MAX_POOL_2D": "Pool2DOptions",
    "ADD": "AddOptions",
    "RESIZE_BILINEAR": "ResizeBilinearOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
    "CONCATENATION": "ConcatenationOptions",
    "PAD": None,
    "RESHAPE": None,
    "LOGISTIC": None,
}


def _settings(kind: str, told: Any) -> dict[str, Any]:
    """A step's settings as plain values.

    Raises:
        CofinalError: settings that the graph cannot follow.
    """
    settings: dict[str, Any] = {}
    if hasattr(told, "FusedActivationFunction"):
        number = told.FusedActivationFunction()
        if number not in ACTIVATIONS:
            raise CofinalError(f"the pose network has activation {number}, which is not known here")
        settings["activation"] = ACTIVATIONS[number]
    if hasattr(told, "StrideH"):
        settings |= {"stride": told.StrideH(), "padding": PADDINGS[told.Padding()]}
    if kind == "MAX_POOL_2D":
        settings["kernel"] = told.FilterHeight()
    if kind == "DEPTH_TO_SPACE":
        settings["block"] = told.BlockSize()
    if kind == "RESIZE_BILINEAR" and (told.AlignCorners() or not told.HalfPixelCenters()):
        raise CofinalError("the pose network resizes in a way that is not known here")
    if kind == "CONCATENATION":
        settings["axis"] = told.Axis()
    if kind.endswith("CONV_2D") and told.DilationHFactor() != 1:
        raise CofinalError("the pose network has dilated convolutions, which are not known here")
    return settings


def _dense(tensor: Any, values: np.ndarray) -> np.ndarray:
    """A sparse constant written out: dense and compressed dimensions, perhaps in blocks."""
    sparsity, shape = tensor.Sparsity(), tensor.ShapeAsNumpy()
    order = sparsity.TraversalOrderAsNumpy().tolist()
    blocks = sparsity.BlockMapAsNumpy().tolist() if sparsity.BlockMapLength() else []
    levels = [sparsity.DimMetadata(number) for number in range(sparsity.DimMetadataLength())]
    sizes = [level.DenseSize() for level in levels]
    indices = [_whole(level, "ArraySegments") for level in levels]
    places = [_whole(level, "ArrayIndices") for level in levels]
    found = np.zeros(shape, dtype=values.dtype)
    block_size = {dim: sizes[len(shape) + b] for b, dim in enumerate(blocks)}
    position, at = [0] * len(levels), 0

    def walk(level: int, row: int) -> None:
        nonlocal at
        if level == len(levels):
            where = [0] * len(shape)
            for number, dim in enumerate(order):
                if dim < len(shape):
                    where[dim] += position[number] * block_size.get(dim, 1)
                else:
                    where[blocks[dim - len(shape)]] += position[number]
            found[tuple(where)] = values[at]
            at += 1
        elif levels[level].Format() == 0:
            for number in range(sizes[level]):
                position[level] = number
                walk(level + 1, row * sizes[level] + number)
        else:
            for number in range(indices[level][row], indices[level][row + 1]):
                position[level] = places[level][number]
                walk(level + 1, number)

    walk(0, 0)
    return found


def _whole(level: Any, name: str) -> list[int]:
    """A vector of indices, stored in 8, 16 or 32 bits."""
    table = getattr(level, name)()
    if table is None:
        return []
    import tflite

    kind = {1: tflite.Int32Vector, 2: tflite.Uint16Vector, 3: tflite.Uint8Vector}
    vector = kind[getattr(level, f"{name}Type")()]()
    vector.Init(table.Bytes, table.Pos)
    return [int(vector.Values(number)) for number in range(vector.ValuesLength())]
