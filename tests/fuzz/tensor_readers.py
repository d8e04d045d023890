"""Readers of tensors: features, model folders, finished work, checkpoints of every kind."""

from __future__ import annotations

import functools
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from mutations import (
    Change,
    mutated_array,
    mutated_bytes,
    mutated_header,
    mutated_json,
    mutated_value,
    one_of,
)
from safetensors import safe_open
from safetensors.numpy import save as save_arrays
from safetensors.torch import save as save_tensors
from subjects import Subject
from text_readers import FEATURES, npy

from cofinal.audit.explanations.jobs import EvidenceJob, WorthJob
from cofinal.config import (
    CalibrationSettings,
    DataSource,
    ExplanationSettings,
    Preset,
    ProtocolSettings,
    TrainingSettings,
)
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.data.features import read_values
from cofinal.evaluation.evaluate import plan_evaluation
from cofinal.evaluation.runner import read_finished, run_jobs
from cofinal.evaluation.store import Store
from cofinal.extraction.backbones import i3d
from cofinal.extraction.backbones.weights import load_into
from cofinal.extraction.pose.graph import load_graph
from cofinal.files.digests import file_sha256
from cofinal.generated.synthetic import generate, write_dataset
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.methods.gdlt import GdltSettings
from cofinal.modelfolder.aligner import read_aligner
from cofinal.modelfolder.checkpoints import import_checkpoint
from cofinal.modelfolder.folder import load_model
from cofinal.modelfolder.neighbours import read_neighbours
from cofinal.models import build_model
from cofinal.models.interface import Task
from cofinal.records import ClipFeatures
from cofinal.scorer import Scorer
from cofinal.training.loop import train
from cofinal.workflows import train_and_test

CHANNELS = 6
SHEET = b"id,element,family,start,end\n" + b"".join(
    b"%d,e%d,%s,,\n" % (i, e, (b"jump", b"spin")[e % 2]) for i in range(1, 13) for e in range(2)
)


def resaved(rng: Random, content: bytes) -> bytes:
    """A sound safetensors file whose tensors or texts are changed."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(content)
        file.flush()
        with safe_open(file.name, framework="numpy") as opened:
            about = opened.metadata() or {}
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    for _ in range(rng.choice((1, 1, 2))):
        name = rng.choice(sorted(arrays)) if arrays else "x"
        way = rng.randrange(6)
        if way < 3 and arrays:
            array = mutated_array(rng, arrays.get(name, np.zeros(1, np.float32)))
            arrays[name] = array if array.dtype.kind != "c" else array.real
        elif way == 3:
            arrays.pop(name, None)
        elif way == 4:
            arrays[rng.choice(("x", name + "x", "members.9.x"))] = np.zeros(2, np.float32)
        elif about:
            entry = rng.choice(sorted(about))
            about[entry] = spoilt_text(rng, about[entry])
    native = {
        n: np.ascontiguousarray(a.astype(a.dtype.newbyteorder("="))) for n, a in arrays.items()
    }
    return save_arrays(native, about)


def spoilt_text(rng: Random, text: str) -> str:
    """JSON inside a file's description, changed."""
    changed = mutated_json(rng, text.encode())
    return changed.decode("utf-8", "replace")


SAFETENSORS = one_of(mutated_bytes, mutated_header, resaved, resaved)


def torch_bytes(value: Any) -> bytes:
    """What `torch.save` writes."""
    stream = io.BytesIO()
    torch.save(value, stream)
    return stream.getvalue()


def repickled(rng: Random, content: bytes) -> bytes:
    """A sound checkpoint of changed values."""
    value = torch.load(io.BytesIO(content), weights_only=True)
    return torch_bytes(mutated_value(rng, value))


CHECKPOINT = one_of(mutated_bytes, repickled, repickled, repickled)


def mutated_numbers(rng: Random, content: bytes) -> bytes:
    """A sound `.npy` file of a changed array, in either order."""
    array = mutated_array(rng, np.load(io.BytesIO(content)))
    return npy(np.asfortranarray(array) if rng.random() < 0.3 else array)


def check_values(folder: Path, values: np.ndarray) -> None:
    """NumPy's own reader gives the same."""
    expected = np.load(folder / "a.npy", allow_pickle=False)
    with np.errstate(over="ignore"):
        expected = expected.reshape(values.shape).astype(values.dtype)
    np.testing.assert_array_equal(values, expected)


class World:
    """A tiny data set, a model trained on it, and what an evaluation of it leaves."""

    def __init__(self) -> None:
        self.place = Path(tempfile.mkdtemp(prefix="cofinal-fuzz-"))
        labels = write_dataset(self.place, generate(20, channels=CHANNELS, clips=(4, 6), seed=3))
        self.source = DataSource(str(labels), self.place / "features")
        self.dataset = load_dataset(self.source)
        settings = CoFInAlSettings(
            width=4, heads=2, principal_components=4, sub_grades=4, embedding_width=4, grades=2
        )
        training = TrainingSettings(epochs=2, batch_size=8, members=2)
        self.preset = Preset("cofinal", settings, training)
        ids = self.dataset.ids
        sheet = b"id,element,family,start,end\n" + b"".join(
            b"%s,e%d,%s,,\n" % (i.encode(), e, (b"jump", b"spin")[e % 2])
            for i in ids
            for e in (0, 1)
        )
        (self.place / "sheet.csv").write_bytes(sheet)
        outcome = train_and_test(
            replace(self.source, sheet=self.place / "sheet.csv"), self.preset, self.place / "run",
            calibration=CalibrationSettings("part", 0.7),
        )  # fmt: skip
        self.model = contents(outcome.model_folder)
        [(_, job), *_] = plan_evaluation(
            self.dataset, self.preset, ProtocolSettings("kfold", folds=2)
        )
        self.fold = job
        self.evidence = EvidenceJob(
            job, ExplanationSettings(("attention", "occlusion-1"), steps=3, random_orders=2),
            self.place / "store",
        )  # fmt: skip
        stretches = {int(i): [(0, 1), (1, 2)] for i in job.fold.held_out}
        self.worth = WorthJob.of(self.dataset, job, "own", stretches, self.place / "store")
        self.store = Store(self.place / "store")
        for one in (job, self.evidence, self.worth):
            list(run_jobs(self.dataset, [one], self.store))
        self.checkpoint = self._killed()
        self.features = ClipFeatures(self.dataset.clips[0])
        shutil.rmtree(self.place / "run")

    def _killed(self) -> dict[str, bytes]:
        """What a training leaves that was killed after its first epoch."""
        folder, held = self.place / "killed", replace(self.preset.training, epochs=2)
        preset = replace(self.preset, training=held)

        def stop(_: Any) -> None:
            raise KeyboardInterrupt

        with suppress(KeyboardInterrupt):
            train(self.dataset, preset, folder, show_progress=False, after_epoch=stop)
        return contents(folder)

    def finished(self, job: Any) -> tuple[str, bytes]:
        """Where a job's finished work lies in the store, and its content."""
        [key] = job.keys
        path = self.store.path(key)
        assert path is not None
        return str(path.relative_to(self.place / "store")), path.read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    """The files of a folder, by their paths in it."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def rehashed(read: Callable[[Path], Any], files: tuple[str, ...]) -> Callable[[Path], Any]:
    """A stranger who changes a file writes its hash beside it too."""

    def read_folder(folder: Path) -> Any:
        path = folder / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            config["files"].update({name: file_sha256(folder / name) for name in files})
            path.write_text(json.dumps(config), encoding="utf-8")
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass  # what is no configuration any more is read as it is
        return read(folder)

    return read_folder


def score_with(world: World, folder: Path) -> Any:
    """Loads a model and lets it score."""
    return Scorer.load(folder).score(world.features)


def check_prediction(folder: Path, prediction: Any) -> None:
    """A score is finite, and grade, place and probabilities agree with each other."""
    json.dumps(prediction.to_json(), allow_nan=False)
    for entry in prediction.targets:
        assert np.isfinite(entry.score)
        if entry.grade_probabilities:
            assert abs(sum(entry.grade_probabilities) - 1) < 1e-4
            assert 1 <= entry.grade <= entry.grades


def check_fold(world: World, job: Any, folder: Path, found: Any) -> None:
    """Predictions of these performances alone, finite, and the same when kept again."""
    if found is None:
        return
    store = Store(folder / "again")
    [key] = job.keys
    store.write(key, found)
    again = read_finished(store, job, key, world.dataset)
    for name, value in vars(found).items():
        other = getattr(again, name)
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(other, value)
        else:
            assert other == value
    if hasattr(found, "predictions"):
        assert found.predictions.shape == (len(job.fold.held_out), len(world.dataset.targets))


def continue_training(world: World, folder: Path) -> Any:
    """What `cofinal train` does with a checkpoint that it finds."""
    return train(world.dataset, world.preset, folder, show_progress=False)


def check_model(folder: Path, model: Any) -> None:
    """Every number of the model is finite."""
    for name, tensor in model.state_dict().items():
        assert not tensor.is_floating_point() or tensor.isfinite().all(), name


class Tiny(torch.nn.Module):
    """A backbone of four kinds of tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(2, 3, 3)
        self.norm = torch.nn.BatchNorm2d(3)
        self.head = torch.nn.Linear(3, 2)


def load_tiny(name: str, folder: Path) -> Any:
    """Loads a checkpoint into a tiny backbone."""
    module = Tiny()
    load_into(module, folder / name, lambda state: state)
    return module


def load_renamed(folder: Path) -> Any:
    """The names of a published file, whatever is behind them."""
    load_into(Tiny(), folder / "a.pth", i3d.rename_state)


def authors() -> bytes:
    """A checkpoint of the GDLT authors' program, small."""
    model: Any = build_model(Preset("gdlt", GdltSettings(queries=2, width=4)), Task(5, ("score",)))
    return torch_bytes(model.networks[0].state_dict())


GRAPH = {
    "side": 8,
    "outputs": ["2"],
    "steps": [
        {"kind": "conv_2d", "inputs": ["0"], "weights": ["w", "b"], "output": "1", "stride": 1,
         "padding": "same", "activation": "relu"},
        {"kind": "conv_2d", "inputs": ["1"], "weights": ["w2", "b2"], "output": "2", "stride": 2,
         "padding": "valid"},
    ],
}  # fmt: skip


def graph_bytes() -> bytes:
    """A small converted network."""
    tensors = {"w": torch.zeros(3, 3, 3, 3), "b": torch.zeros(3), "w2": torch.ones(2, 1, 1, 3)}
    return save_tensors(tensors | {"b2": torch.ones(2)}, {"graph": json.dumps(GRAPH)})


def run_graph(folder: Path) -> Any:
    """Loads a converted network and looks at one picture."""
    return load_graph(folder / "a.safetensors")(torch.zeros(1, 3, 8, 8))


def model_subjects(world: World) -> list[Subject]:
    """Readers of a model folder."""
    model = world.model
    score = functools.partial(score_with, world)

    def subject(name: str, change: Change, read: Any, check: Any, weight: int) -> Subject:
        named = f"model folder, {name}"
        return Subject(named, {name: (model[name], change)}, read, check, model, weight)

    def neighbours(folder: Path) -> Any:
        return read_neighbours(folder, load_model(folder)[1])

    def aligner(folder: Path) -> Any:
        return read_aligner(folder, load_model(folder)[1])

    names = ("model.safetensors", "calibration.json")
    return [
        subject("config.json", mutated_json, rehashed(score, ()), check_prediction, 15),
        subject(names[0], SAFETENSORS, rehashed(score, names[:1]), check_prediction, 10),
        subject(names[1], mutated_json, rehashed(score, names[1:]), check_prediction, 8),
        subject("neighbours.safetensors", SAFETENSORS,
                rehashed(neighbours, ("neighbours.safetensors",)), None, 8),
        subject("aligner.safetensors", SAFETENSORS,
                rehashed(aligner, ("aligner.safetensors",)), None, 8),
    ]  # fmt: skip


def finished_subjects(world: World) -> list[Subject]:
    """Readers of finished work and of checkpoints."""
    found = []
    for name, job in (
        ("folds", world.fold), ("explanations", world.evidence), ("elements", world.worth),
    ):  # fmt: skip
        path, content = world.finished(job)

        def read(folder: Path, job: Any = job) -> Any:
            return read_finished(Store(folder), job, job.keys[0], world.dataset)

        check = functools.partial(check_fold, world, job)
        found.append(
            Subject(
                f"finished work, {name}", {path: (content, SAFETENSORS)}, read, check, weight=10
            )
        )
    killed = world.checkpoint
    found.append(
        Subject(
            "checkpoint of a run",
            {"checkpoint.pt": (killed["checkpoint.pt"], CHECKPOINT)},
            functools.partial(continue_training, world),
            check_model,
            killed,
            weight=4,
        )
    )
    return found


def subjects(world: World) -> list[Subject]:
    """Every reader of tensors."""
    tiny = Tiny().state_dict()
    return [
        Subject(
            "features, .npy",
            {"a.npy": (FEATURES, one_of(mutated_bytes, mutated_numbers))},
            lambda folder: read_values(folder / "a.npy"),
            check_values,
            weight=20,
        ),
        *model_subjects(world),
        *finished_subjects(world),
        Subject(
            "backbone checkpoint, torch",
            {"a.pth": (torch_bytes({"state_dict": dict(tiny)}), CHECKPOINT)},
            functools.partial(load_tiny, "a.pth"),
            check_model,
        ),
        Subject(
            "backbone checkpoint, safetensors",
            {"a.safetensors": (save_tensors(dict(tiny)), SAFETENSORS)},
            functools.partial(load_tiny, "a.safetensors"),
            check_model,
        ),
        Subject(
            "backbone checkpoint, published names",
            {"a.pth": (torch_bytes(dict(tiny)), CHECKPOINT)},
            load_renamed,
            weight=4,
        ),
        Subject(
            "authors' checkpoint",
            {"a.pkl": (authors(), CHECKPOINT)},
            lambda folder: import_checkpoint(folder / "a.pkl", folder / "model"),
        ),
        Subject(
            "pose network, converted",
            {"a.safetensors": (graph_bytes(), SAFETENSORS)},
            run_graph,
            weight=4,
        ),
    ]


__all__ = ["Dataset", "World", "subjects"]
