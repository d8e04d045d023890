"""A model folder: whole or absent, and a stranger's cannot ask for memory, time or a traceback."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from cofinal.config import (
    Preset,
    TrainingSettings,
)
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.intervals import calibrate
from cofinal.methods import method_names
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.methods.ridge import RidgeSettings
from cofinal.methods.svr import SvrSettings
from cofinal.modelfolder.budget import Budget
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.modelfolder.weights import WEIGHTS, build_within
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import Task
from cofinal.scorer import Scorer
from cofinal.training.loop import train
from cofinal.workflows import index_of
from distributions_around import around

CONFIG = "config.json"


@pytest.fixture(scope="module")
def cofinal_folder(generated: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model of two members with everything that a folder may hold but an aligner."""
    settings = CoFInAlSettings(
        width=8, heads=2, principal_components=8, sub_grades=4, embedding_width=8, grades=3
    )
    preset = Preset("cofinal", settings, TrainingSettings(epochs=1, members=2))
    model = train(generated, preset, show_progress=False)
    task = Task(generated.channels, generated.targets)
    info = ModelInfo(
        preset,
        task,
        generated.recipe,
        {"name": "generated", "performances": 32, "sha256": "abc"},
        calibration=calibrate(around(generated.scores), generated.scores + 1),
    )
    folder = tmp_path_factory.mktemp("cofinal") / "model"
    save_model(model, info, folder, index_of(generated, model))
    return folder


@pytest.fixture
def copied(cofinal_folder: Path, tmp_path: Path) -> Path:
    """A copy that may be harmed."""
    return Path(shutil.copytree(cofinal_folder, tmp_path / "copied"))


def ridge(value: float, channels: int = 4) -> tuple[Ensemble, ModelInfo]:
    """A model whose weights are all one value."""
    preset, task = Preset("ridge", RidgeSettings()), Task(channels, ("s",))
    model = Ensemble([build_model(preset, task)])
    model.members[0].readout.weights_KF.fill_(value)
    return model, ModelInfo(preset, task, data={"name": f"data {value:g}"})


def change_config(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    config = json.loads((folder / CONFIG).read_text())
    change(config)
    (folder / CONFIG).write_text(json.dumps(config))


def told(folder: Path) -> str:
    """The sentence with which a folder is refused."""
    with pytest.raises(CofinalError) as found:
        load_model(folder)
    assert "\n" not in str(found.value)
    return str(found.value)


def test_everything_saved_comes_back(cofinal_folder: Path, generated: Dataset) -> None:
    model, info = load_model(cofinal_folder)
    assert info.recipe == generated.recipe
    assert info.trained_on.performances == 32 and info.task.targets == generated.targets
    assert len(model.members) == 2 and not model.training
    config = json.loads((cofinal_folder / CONFIG).read_text())
    assert set(config["files"]) == {WEIGHTS, "calibration.json", "neighbours.safetensors"}
    for name, sha256 in config["files"].items():
        content = (cofinal_folder / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == sha256


HUGE = 10**400
CHANGES: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda c: c.update(members=1_000_000), "which is not what 1000000 members have"),
    (lambda c: c.update(members=1), "which is not what 1 members have"),
    (lambda c: c.update(members=HUGE), "which is not what 1000"),
    (lambda c: c.update(members=True), "members are no whole number"),
    (lambda c: c.update(members="2"), "members are no whole number"),
    (lambda c: c.update(members=0), "members are no whole number"),
    (lambda c: c["task"].update(targets="ab"), "task: targets is 'ab'; expected a list, each text"),
    (lambda c: c["task"].update(targets=["a", 1]), "targets is ['a', 1]; expected a list"),
    (lambda c: c["task"].update(targets=[]), "expected one or more different names"),
    (lambda c: c["task"].update(targets=["a", "a"]), "expected one or more different names"),
    (lambda c: c["task"].update(targets=["a"]), "is not of a model with 1 targets"),
    (lambda c: c["task"].update(channels="8"), "channels is '8'; expected a whole number"),
    (lambda c: c["task"].update(channels=8.0), "channels is 8.0; expected a whole number"),
    (lambda c: c["task"].update(channels=True), "channels is True; expected a whole number"),
    (lambda c: c["task"].update(channels=0), "0 channels a clip; expected at least 1"),
    (lambda c: c["task"].update(channels=9), "is not of this configuration: size mismatch"),
    (lambda c: c["task"].update(channels=10**12), "asks for more numbers than its file holds"),
    (lambda c: c["task"].update(channels=HUGE), "asks for more numbers than its file holds"),
    (lambda c: c["task"].pop("targets"), "task lacks 'targets'"),
    (lambda c: c.update(task=[8, ["a"]]), "lacks an object 'task'"),
    (lambda c: c.pop("features"), "lacks an object 'features'"),
    (lambda c: c.update(features="i3d"), "lacks an object 'features'"),
    (lambda c: c["features"].update(backbone=3), "backbone is 3; expected text or null"),
    (lambda c: c["features"].update(fps="25"), "fps is '25'; expected a finite number"),
    (lambda c: c["features"].update(fps=-1), "fps is -1; expected 0.001 to 10000"),
    (lambda c: c["features"].update(clip_frames=[3]), "clip_frames is [3]; expected a whole"),
    (lambda c: c.update(data=[]), "lacks an object 'data'"),
    (lambda c: c["data"].update(name=3), "data: name is 3; expected text or null"),
    (lambda c: c["data"].update(performances="many"), "performances is 'many'; expected a whole"),
    (lambda c: c.update(measured="well"), "lacks an object 'measured'"),
    (lambda c: c.update(measured={"measures": 3}), "measures is 3; expected a list"),
    (lambda c: c.update(measured={"measures": [3]}), "measured: measures is 3; expected an object"),
    (lambda c: c.update(measured={"measures": [{}]}), "measured: measures lacks 'target'"),
    (lambda c: c.update(measured={"intervals": [{}]}), "measured: intervals lacks 'target'"),
    (lambda c: c.update(preset=3), "lacks an object 'preset'"),
    (lambda c: c.update(preset={"method": "x"}), "method 'x' is unknown"),
    (lambda c: c["preset"].update(method=[]), "method is []; expected a name"),
    (lambda c: c["preset"]["model"].update(width="8"), "setting width is '8'; expected a whole"),
    (lambda c: c["preset"]["model"].update(width=16), "is not of this configuration: size mism"),
    (lambda c: c["preset"]["model"].update(width=40_000_000), "40000000"),
    (lambda c: c["preset"]["model"].update(heads=3), "heads"),
    (lambda c: c["preset"]["model"].update(encoder_layers=2), "is not of this configuration: Miss"),
    (lambda c: c["preset"]["model"].update(grades=4), "is not of this configuration: size mism"),
    (lambda c: c.update(files={}), f"{WEIGHTS} is not the file that was saved with"),
    (lambda c: c.update(files={WEIGHTS: 3}), "files are no names with hashes"),
    (lambda c: c["files"].update({WEIGHTS: "0" * 64}), f"{WEIGHTS} is not the file that was sav"),
    (lambda c: c["files"].update({"calibration.json": "0"}), "calibration.json is not the file"),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGES, ids=[text for _, text in CHANGES])
def test_a_config_that_does_not_fit_gets_a_sentence(
    copied: Path, change: Callable[[dict[str, Any]], Any], sentence: str
) -> None:
    change_config(copied, change)
    found = told(copied)
    assert sentence in found
    # A method that is not known here may be another's own, so that nothing need be damaged.
    if "is unknown; choose" not in found:
        assert found.startswith(f"{copied} is a damaged model folder (")
        assert found.endswith("); copy it again or train anew")
    assert len(found) < 700


@pytest.mark.parametrize("text", ["[]", "3", "null", '"x"'])
def test_a_config_that_is_no_object_gets_a_sentence(copied: Path, text: str) -> None:
    (copied / CONFIG).write_text(text)
    assert "config.json holds no object" in told(copied)


@pytest.mark.parametrize("value", [1, 3, "2", None, HUGE])
def test_another_format_gets_a_sentence(copied: Path, value: Any) -> None:
    change_config(copied, lambda config: config.update(format=value))
    assert "this version reads 2, so train the model again" in told(copied)


@pytest.mark.parametrize("given", [[], "", 0, {}, {"rules": [], "widths": {}, "readout": None}])
def test_a_config_that_asks_for_numbers_in_no_known_way_gets_a_sentence(
    copied: Path, given: object
) -> None:
    change_config(copied, lambda config: config.update(given=given))
    assert "config.json: given" in told(copied)


def test_a_hostile_config_takes_no_memory(copied: Path) -> None:
    change_config(copied, lambda config: config["task"].update(channels=10**9))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    told(copied)
    change_config(copied, lambda config: config.update(members=10**9))
    told(copied)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


@pytest.mark.parametrize("method", sorted(set(method_names()) - {"mean"}))
def test_no_method_builds_what_its_file_does_not_hold(method: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CofinalError, match="asks for more numbers than its file holds"):
        build_within(1000, Preset(method), Task(10**9, ("s",)))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kilobytes


@pytest.mark.parametrize("method", method_names())
def test_what_a_method_holds_is_enough_to_build_it(method: str) -> None:
    preset, task = Preset(method), Task(64, ("TES", "PCS"))
    held = sum(tensor.numel() for tensor in build_model(preset, task).state_dict().values())
    build_within(held, preset, task)


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.empty(3, 4),
        lambda: torch.zeros((3, 4)),
        lambda: torch.ones(size=(3, 4)),
        lambda: torch.rand(torch.Size([3, 4])),
        lambda: torch.randn(3, 4, generator=torch.Generator()),
        lambda: torch.full((3, 4), 1.0),
        lambda: torch.linspace(0, 1, 12),
        lambda: torch.linspace(0, 1, steps=12),
        lambda: torch.logspace(0, 1, 12),
        lambda: torch.eye(3, 4),
        lambda: torch.zeros(12),
        lambda: torch.nn.Parameter(torch.empty(3, 4)),
        lambda: torch.nn.Linear(4, 3, bias=False).weight,
        lambda: torch.nn.Embedding(3, 4).weight,
    ],
)
def test_constructors_are_counted(make: Callable[[], torch.Tensor]) -> None:
    with Budget(12) as budget:
        assert make().numel() == 12
    assert budget.left == 0
    with pytest.raises(CofinalError), Budget(11):
        make()


def test_square_and_repeated_tensors_are_counted() -> None:
    with Budget(100) as budget:
        torch.eye(4)
        assert budget.left == 100 - 16
        torch.ones(3).repeat(4, 2)
        assert budget.left == 100 - 16 - 3 - 24
    with pytest.raises(CofinalError), Budget(10**12):
        torch.eye(10**7)


def harmed(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Any], None]:
    def harm(tensors: dict[str, torch.Tensor]) -> None:
        tensors[name] = change(tensors[name])

    return harm


EDGES, RANGE = "members.1.edges_KG", "members.0.range_K2"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (harmed(EDGES, lambda t: t.flip(-1)), f"the points of {EDGES} do not increase"),
        (
            harmed(EDGES, lambda t: t.clone().index_fill(-1, torch.tensor([0]), torch.nan)),
            f"{EDGES} holds a value that is not finite",
        ),
        (harmed(RANGE, lambda t: t.flip(-1)), f"the points of {RANGE} do not increase"),
        (harmed(RANGE, lambda t: t * torch.nan), f"{RANGE} holds a value that is not finite"),
        (harmed(EDGES, torch.Tensor.double), "edges_KG is not the same in member 1"),
        (harmed(EDGES, lambda t: t[:1]), "edges_KG is not the same in member 1"),
        (harmed("members.0.edges_KG", lambda t: t[:1]), "edges_KG is not the same in member 1"),
        (harmed(EDGES, lambda t: t.to(torch.float8_e5m2)), "has numbers of kind F8_E5M2"),
        (lambda t: t.pop(EDGES), "which is not what 2 members have"),
        (lambda t: t.update(more=torch.zeros(1)), "which is not what 2 members have"),
        (lambda t: t.clear(), "is not of a model with 2 targets"),
    ],
)
def test_weights_that_do_not_fit_get_a_sentence(
    copied: Path, change: Callable[[dict[str, torch.Tensor]], Any], sentence: str
) -> None:
    tensors = load_file(copied / WEIGHTS)
    change(tensors)
    save_file(tensors, copied / WEIGHTS)
    sha256 = hashlib.sha256((copied / WEIGHTS).read_bytes()).hexdigest()
    change_config(copied, lambda config: config["files"].update({WEIGHTS: sha256}))
    assert sentence in told(copied)


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int64])
def test_weights_of_another_kind_get_a_sentence(tmp_path: Path, kind: torch.dtype) -> None:
    save_model(*ridge(1.0), tmp_path)
    tensors = {name: tensor.to(kind) for name, tensor in load_file(tmp_path / WEIGHTS).items()}
    save_file(tensors, tmp_path / WEIGHTS)
    assert f"is {kind}, expected torch.float32" in told(tmp_path)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 64, None])
def test_a_file_that_holds_no_tensors_gets_a_sentence(copied: Path, content: bytes | None) -> None:
    (copied / WEIGHTS).unlink()
    if content is not None:
        (copied / WEIGHTS).write_bytes(content)
    sentence = f"{WEIGHTS} cannot be read" if content is not None else "expected the weights of a"
    assert sentence in told(copied)


def test_a_header_that_promises_more_than_the_file_holds_gets_a_sentence(copied: Path) -> None:
    content = (copied / WEIGHTS).read_bytes()
    (copied / WEIGHTS).write_bytes(content[: len(content) // 2])
    assert f"{WEIGHTS} cannot be read" in told(copied)


def test_a_fitted_svr_comes_back_with_its_support_vectors(
    generated: Dataset, tmp_path: Path
) -> None:
    preset = Preset("svr", SvrSettings())
    model = train(generated, preset, show_progress=False)
    save_model(model, ModelInfo(preset, Task(generated.channels, generated.targets)), tmp_path)
    loaded, _ = load_model(tmp_path)
    for name, tensor in model.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    card = (tmp_path / "card.md").read_text()
    assert "`model.safetensors`: features of some of them" in card


class Killed(BaseException):
    """Stands for a process that ends between two steps."""


@pytest.mark.parametrize("step", range(12))
def test_a_kill_while_saving_leaves_the_old_model_or_the_new_one_or_none(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old, old_info), (new, new_info) = ridge(1.0), ridge(2.0)
    old_info = replace(old_info, calibration=calibrate(around([[1.0], [2.0]]), [[1.0], [2.5]]))
    save_model(old, old_info, tmp_path)
    steps = 0

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            nonlocal steps
            if steps == step:
                raise Killed
            steps += 1
            return original(*arguments, **more)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", counted(os.replace))
        patch.setattr(Path, "unlink", counted(Path.unlink))
        patch.setattr(Path, "write_bytes", counted(Path.write_bytes))
        try:
            save_model(new, new_info, tmp_path)
        except Killed:
            pass
        else:
            assert steps <= step
    try:
        model, info = load_model(tmp_path)
    except CofinalError as error:
        assert "is no model folder: it has no config.json" in str(error)
        return
    value = float(model.members[0].readout.weights_KF[0, 0])  # type: ignore[union-attr, index]
    expected = {1.0: old_info, 2.0: new_info}[value]
    assert info.data == expected.data
    assert (info.calibration is None) == (expected.calibration is None)


def test_a_failed_write_leaves_the_old_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_model(*ridge(1.0), tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises((CofinalError, OSError)):
            save_model(*ridge(2.0), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_nothing_of_an_earlier_model_is_left(copied: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    (copied / "aligner.safetensors").write_bytes(b"of another model")
    save_model(*ridge(1.0), copied)
    names = {path.name for path in copied.iterdir()}
    assert names == {WEIGHTS, CONFIG, "card.md", "notes.txt"}


def test_weights_and_config_of_two_models_are_no_model(tmp_path: Path) -> None:
    save_model(*ridge(1.0), tmp_path / "a")
    save_model(*ridge(2.0), tmp_path / "b")
    shutil.copy(tmp_path / "a" / WEIGHTS, tmp_path / "b" / WEIGHTS)
    assert f"{WEIGHTS} is not the file that was saved with config.json" in told(tmp_path / "b")


def test_a_scorer_saves_with_and_without_neighbours(cofinal_folder: Path, tmp_path: Path) -> None:
    scorer = Scorer.load(cofinal_folder)
    scorer.save(tmp_path / "all")
    scorer.save(tmp_path / "none", neighbours=False)
    assert Scorer.load(tmp_path / "all").neighbours is not None
    assert Scorer.load(tmp_path / "none").neighbours is None
    for name in ("all", "none"):
        assert load_model(tmp_path / name)[1] == scorer.info


def test_a_card_says_what_the_folder_holds_of_people(cofinal_folder: Path, tmp_path: Path) -> None:
    card = (cofinal_folder / "card.md").read_text()
    assert "`neighbours.safetensors`: ids, scores and a short vector of each" in card
    assert "`calibration.json`: how far scores of calibration ones lay" in card
    save_model(*ridge(1.0), tmp_path)
    assert "Neither ids nor scores nor features" in (tmp_path / "card.md").read_text()


def test_a_model_computed_in_float64_is_saved_and_read_in_float32(tmp_path: Path) -> None:
    model, info = ridge(0.1)
    save_model(model.double(), info, tmp_path)
    torch.set_default_dtype(torch.float64)
    try:
        loaded, _ = load_model(tmp_path)
    finally:
        torch.set_default_dtype(torch.float32)
    assert {t.dtype for t in loaded.state_dict().values()} == {torch.float32}


def test_the_random_state_stays_as_it_was(cofinal_folder: Path) -> None:
    before = torch.get_rng_state()
    load_model(cofinal_folder)
    assert torch.equal(torch.get_rng_state(), before)
