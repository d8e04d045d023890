"""Models that travel: by a hub, or with the package."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from cofinal.cli.main import main
from cofinal.errors import CofinalError
from cofinal.explain.neighbours import NeighbourIndex
from cofinal.modelfolder import naming
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.scorer import Scorer
from cofinal.testing import CHANNELS, make_clips, prepared_model
from test_all_methods import small_preset

MEASURED = {
    "protocol": "group",
    "measures": [
        {
            "target": "target0", "category": None, "performances": 40, "srcc": 0.51234,
            "srcc_interval": [0.3, 0.7], "mae": 2.5,
        },
    ],
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model folder with an index of its training performances."""
    made = prepared_model(small_preset("cofinal"))
    clips = [one.numpy() for one in make_clips([6] * 8)]
    scores = np.random.default_rng(0).uniform(5, 25, (8, 2))
    ids = [f"secret{i}" for i in range(8)]
    index = NeighbourIndex.build(ids, clips, scores, made.task.targets, made.edges_KG.numpy())
    info = ModelInfo(small_preset("cofinal"), made.task, data={"name": "mine"}, measured=MEASURED)
    save_model(Ensemble([made]), info, tmp_path / "model", index)
    return tmp_path / "model"


def same_scores(one: Scorer, other: Scorer) -> bool:
    clips = make_clips([5], seed=4)[0].numpy()
    first, second = (scorer.score(clips) for scorer in (one, other))
    return [entry.score for entry in first.targets] == [entry.score for entry in second.targets]


def test_a_published_model_has_a_card_with_metadata_and_nobody_inside(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "hub"
    assert main(["publish", str(model), str(folder), "--licence", "cc-by-4.0"]) == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert not any(b"secret" in path.read_bytes() for path in folder.iterdir())
    _, metadata, card = (folder / "README.md").read_text().split("---\n", 2)
    known = {k: json.loads(v) for k, v in (x.split(": ", 1) for x in metadata.splitlines())}
    assert known["license"] == "cc-by-4.0" and known["library_name"] == "cofinal"
    (result,) = known["model-index"][0]["results"]
    assert [metric["value"] for metric in result["metrics"]] == [0.5123, 2.5]
    assert "# cofinal trained on mine" in card and "Measured by folds" in card
    assert same_scores(Scorer.load(model), Scorer.load(folder))


def test_a_model_on_a_hub_is_fetched_with_the_users_yes_only(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[dict[str, Any]] = []

    def snapshot_download(name: str, **how: Any) -> str:
        asked.append({"name": name} | how)
        if how.get("local_files_only"):
            raise FileNotFoundError("not in the cache")
        if name == "them/gone":
            raise OSError("404 Client Error\nmore")
        return str(model)

    hub = SimpleNamespace(snapshot_download=snapshot_download)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(CofinalError, match=r"them/theirs is no folder here.*add --download to"):
        Scorer.load("them/theirs")
    assert asked[0]["local_files_only"]
    assert same_scores(Scorer.load("them/theirs", download=True), Scorer.load(model))
    assert set(asked[1]["allow_patterns"]) >= {"config.json", "model.safetensors"}
    with pytest.raises(CofinalError, match=r"cannot fetch them/gone .*\(404 Client Error\)"):
        Scorer.load("them/gone", download=True)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(CofinalError, match=r"not installed; run: pip install 'cofinal\[hub\]'"):
        Scorer.load("them/theirs", download=True)
    # A folder of that name is the folder, and what can be no hub's name is never asked for.
    shutil.copytree(model, tmp_path / "them" / "theirs")
    assert same_scores(Scorer.load("them/theirs"), Scorer.load(model))
    with pytest.raises(CofinalError, match="is no model folder"):
        Scorer.load("../them/other")
    assert len(asked) == 3


def test_a_model_that_comes_with_the_package_is_known_by_its_name(
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(naming, "SHIPPED", tmp_path / "shipped")
    assert main(["models"]) == 0
    assert capsys.readouterr().out.startswith("No models come with this version")
    shutil.copytree(model, tmp_path / "shipped" / "mine")
    assert main(["models"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("mine: cofinal for target0, target1, features of an unknown backbone")
    assert "  target0: SRCC 0.512 (95 % interval 0.300 to 0.700)" in said
    np.save(tmp_path / "film.npy", make_clips([5])[0].numpy())
    assert main(["score", "mine", "film.npy"]) == 0
    assert "film (5 clips)" in capsys.readouterr().out


def test_large_tensors_may_be_kept_as_float16(tmp_path: Path) -> None:
    made = prepared_model(small_preset("gdlt", width=32))
    info = ModelInfo(small_preset("gdlt", width=32), made.task)
    for name, half in (("whole", False), ("half", True)):
        save_model(Ensemble([made]), info, tmp_path / name, half=half)
    sizes = [(tmp_path / n / "model.safetensors").stat().st_size for n in ("whole", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    with safe_open(tmp_path / "half" / "model.safetensors", "pt") as file:
        kinds = {file.get_tensor(name).dtype for name in file.keys()}  # noqa: SIM118
        assert file.get_tensor("members.0.edges_KG").dtype == torch.float32
    assert torch.float16 in kinds
    loaded, _ = load_model(tmp_path / "half")
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    expected = dict(made.named_parameters())
    for name, parameter in loaded.first.named_parameters():
        torch.testing.assert_close(parameter, expected[name], rtol=1e-3, atol=1e-4)
    assert loaded.first.task.channels == CHANNELS
