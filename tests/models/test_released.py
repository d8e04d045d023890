"""The released behaviour against what the authors' programs answer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cofinal.config import Preset
from cofinal.errors import CofinalError
from cofinal.methods.cofinal_released import ReleasedSettings
from cofinal.methods.gdlt import GdltSettings
from cofinal.modelfolder.checkpoints import import_checkpoint, read_state
from cofinal.modelfolder.folder import load_model
from cofinal.models import build_model
from cofinal.models.cofinal_released import ReleasedCoFInAl, preset_weights
from cofinal.models.interface import Labels, ModelOutput, StagedClips, Task, pad_clips
from cofinal.scorer import Scorer
from shared_files import data_folder, fixture_folder

TOLERANCE = 1e-5
CHECKPOINTS = {"cofinal_weights2": 2, "cofinal_single_weights3": 3, "gdlt": None}


@pytest.fixture(params=list(CHECKPOINTS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def model_folder(name: str, tmp_path: Path) -> Path:
    file = fixture_folder() / "released_cofinal" / f"{name}.pkl"
    import_checkpoint(file, tmp_path / name, CHECKPOINTS[name], "PCS")  # type: ignore[arg-type]
    return tmp_path / name


def answers(model_folder: Path, ids: list[str]) -> ModelOutput:
    features = data_folder() / "fis-v" / "features"
    clips = [torch.from_numpy(np.load(features / f"{i}.npy")).float() for i in ids]
    model, _ = load_model(model_folder)
    with torch.no_grad():
        output: ModelOutput = model.first(*pad_clips(clips))
    return output


def test_imported_checkpoints_agree_with_the_authors_programs(
    name: str, model_folder: Path
) -> None:
    expected = np.load(fixture_folder() / "released_cofinal" / "expected.npz")
    ids = json.loads((fixture_folder() / "released_cofinal" / "ids.json").read_text())
    output = answers(model_folder, ids["feature_ids"])  # one padded batch: padding is unseen too
    compared = 0
    for row, identifier in enumerate(ids["feature_ids"]):
        prefix = f"{name}/{identifier}/"
        found = {"unit_score": output.unit_score_BK} | output.extras
        for key in (key for key in expected.files if key.startswith(prefix)):
            mine = found[key.removeprefix(prefix)][row, 0].numpy()
            np.testing.assert_allclose(mine, expected[key].squeeze(), rtol=0, atol=TOLERANCE)
            compared += 1
    assert compared >= 2 * len(ids["feature_ids"])


def test_imported_score_is_the_unit_score_times_25(model_folder: Path, name: str) -> None:
    expected = np.load(fixture_folder() / "released_cofinal" / "expected.npz")
    path = data_folder() / "fis-v" / "features" / "3.npy"
    score = Scorer.load(model_folder).score(path)["PCS"].score
    assert score == pytest.approx(25 * float(expected[f"{name}/3/unit_score"].item()), abs=1e-4)


def test_import_command_writes_a_model_that_scores(tmp_path: Path) -> None:
    file = fixture_folder() / "released_cofinal" / "gdlt.pkl"
    command = [sys.executable, "-m", "cofinal.cli.main"]
    subprocess.run([*command, "import", str(file), "--out", str(tmp_path / "m")], check=True)
    features = data_folder() / "fis-v" / "features" / "1.npy"
    done = subprocess.run(
        [*command, "score", str(tmp_path / "m"), str(features), "--json"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)[0]["targets"][0]["target"] == "score"


def test_import_without_weights_says_which_there_are(tmp_path: Path) -> None:
    file = fixture_folder() / "released_cofinal" / "cofinal_weights2.pkl"
    with pytest.raises(CofinalError, match="--weights"):
        import_checkpoint(file, tmp_path / "m")


class _Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("unpickled"),)  # type: ignore[return-value]


@pytest.mark.parametrize("content", ["empty", "text", "list", "hostile", "other"])
def test_files_that_are_no_checkpoint_get_a_sentence(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "model.pkl"
    if content in ("empty", "text"):
        file.write_text("" if content == "empty" else "hello")
    else:
        things = {"list": [1], "hostile": {"a": _Hostile()}, "other": {"a": torch.ones(1)}}
        torch.save(things[content], file)
    with pytest.raises(CofinalError, match=r"model\.pkl"):
        import_checkpoint(file, tmp_path / "m")
    assert not (tmp_path / "unpickled").exists()
    with pytest.raises(CofinalError, match="cannot read"):
        read_state(tmp_path / "absent.pkl")


def test_preset_weights_are_those_of_the_released_program() -> None:
    assert preset_weights(0, 4)[0].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert preset_weights(1, 4)[0].tolist() == pytest.approx([0.25, 0.5, 0.75, 1])
    assert preset_weights(2, 4)[1].tolist() == [1, 1, -1, -1]
    assert preset_weights(3, 4)[1].tolist() == pytest.approx([1, 0.8, -0.8, -1])
    with pytest.raises(CofinalError, match="4 queries"):
        preset_weights(3, 5)


@pytest.mark.parametrize("queries", [2, 4, 6])
@pytest.mark.parametrize("width", [8, 16])
def test_widths_and_query_counts_at_which_the_released_program_crashes(
    queries: int, width: int
) -> None:
    settings = ReleasedSettings(weights=0, queries=queries, width=width)
    model = build_model(Preset("cofinal-released", settings), Task(6, ("s",))).eval()
    clips_BTC, mask_BT = pad_clips([torch.randn(5, 6), torch.randn(3, 6)])
    losses = model.training_loss(
        StagedClips(clips_BTC, mask_BT), Labels(torch.tensor([[12.0], [20.0]]))
    )
    assert all(torch.isfinite(value) for value in losses.values())


def test_training_targets_follow_the_decimals_of_the_score() -> None:
    """Score 7.25 is 0.29 x 25: coarse 0.29, sub-grade 0, where float truncation gives 99."""
    model = build_model(
        Preset("cofinal-released", ReleasedSettings(reverse_head=False, width=8)), Task(6, ("s",))
    ).eval()
    assert isinstance(model, ReleasedCoFInAl)
    network = model.networks[0]
    clips_BTC, mask_BT = pad_clips([torch.randn(5, 6)])
    with torch.no_grad():
        answer = network(clips_BTC, mask_BT, across_batch=True)
        losses = model.training_loss(
            StagedClips(clips_BTC, mask_BT), Labels(torch.tensor([[7.25]]))
        )
    expected_coarse = (answer["coarse"].item() - 0.29) ** 2
    frame = network.etf_vec1[:, 0]  # type: ignore[index]
    assert losses["coarse"].item() == pytest.approx(expected_coarse, abs=1e-6)
    assert losses["fine"].item() == pytest.approx((answer["fine"] - frame).abs().mean().item())


def test_gdlt_loss_is_squared_error_plus_triplet() -> None:
    model = build_model(
        Preset("gdlt", GdltSettings(width=8, triplet_weight=0.0, score_unit=25.0)), Task(6, ("s",))
    )
    model.eval()
    clips_BTC, mask_BT = pad_clips([torch.randn(5, 6), torch.randn(4, 6)])
    with torch.no_grad():
        unit_B = model(clips_BTC, mask_BT).unit_score_BK[:, 0]
        losses = model.training_loss(
            StagedClips(clips_BTC, mask_BT), Labels(torch.tensor([[10.0], [20.0]]))
        )
    expected = ((unit_B - torch.tensor([0.4, 0.8])) ** 2).mean()
    assert losses["coarse"].item() == pytest.approx(expected.item(), rel=1e-5)
    assert losses["triplet"].item() == 0
