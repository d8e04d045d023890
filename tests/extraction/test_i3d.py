"""I3D against the numbers of piergiaj's port."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from formula_clips import formula_clip, formula_weights

from cofinal.errors import CofinalError
from cofinal.extraction.backbones.i3d import I3D, pad_same, rename_state
from cofinal.extraction.backbones.weights import load_into
from shared_files import fixture_folder


def port_state() -> dict[str, torch.Tensor]:
    """As the port saves it, but without counters, which the published file of 2018 lacks."""
    layout = json.loads((fixture_folder() / "i3d" / "layout.json").read_text())
    state = formula_weights(layout)
    return {n: value for n, value in state.items() if not n.endswith("num_batches_tracked")}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> I3D:
    path = tmp_path_factory.mktemp("i3d") / "rgb_imagenet.pt"
    torch.save(port_state(), path)
    model = I3D().eval()
    load_into(model, path, rename_state)
    return model


@pytest.mark.parametrize("size", [(16, 224, 224), (24, 112, 160)])
def test_agrees_with_the_port(model: I3D, size: tuple[int, int, int]) -> None:
    expected = np.load(fixture_folder() / "i3d" / "expected.npz")
    wanted = expected["features_" + "_".join(map(str, size))]
    with torch.inference_mode():
        features = model(formula_clip(*size))[0].numpy()
    assert np.abs(features - wanted).max() <= 1e-4 * np.abs(wanted).max()


@pytest.mark.parametrize("size", range(1, 12))
@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (7, 2), (2, 2), (1, 1)])
def test_padding_gives_tensorflows_output_size(size: int, kernel: int, stride: int) -> None:
    x = torch.arange(1.0, size + 1).view(1, 1, 1, 1, size)
    padded = pad_same(x, (1, 1, kernel), (1, 1, stride))
    pooled = F.max_pool3d(padded, (1, 1, kernel), (1, 1, stride))
    assert pooled.shape[-1] == -(-size // stride)
    before = int((padded[0, 0, 0, 0] == 1).nonzero()[0])
    after = padded.shape[-1] - size - before
    assert after - before in (0, 1)


def test_other_names_are_refused() -> None:
    with pytest.raises(CofinalError, match="no I3D weights: the first name is 'conv1'"):
        rename_state({"conv1": torch.zeros(1)})


def other_ports_name(name: str) -> str:
    """Written from the module tree of the other port."""
    for ours, theirs in {
        ".b0.": ".branch_0.",
        ".b1a.": ".branch_1.0.",
        ".b1b.": ".branch_1.1.",
        ".b2a.": ".branch_2.0.",
        ".b2b.": ".branch_2.1.",
        ".b3b.": ".branch_3.1.",
        ".bn.": ".batch3d.",
        "logits.": "conv3d_0c_1x1.",
    }.items():
        name = name.replace(ours, theirs)
    return name[0].lower() + name[1:]


def test_the_other_ports_names_and_epsilon(tmp_path: Path) -> None:
    plain = port_state()
    foreign = {other_ports_name(name): value for name, value in plain.items()}
    for name in (
        "conv3d_1a_7x7.batch3d.running_var",
        "mixed_3b.branch_1.0.conv3d.weight",
        "mixed_5c.branch_3.1.batch3d.bias",
        "conv3d_0c_1x1.conv3d.weight",
    ):
        assert name in foreign
    # Small variances, where the two epsilons differ most.
    foreign = {n: v * 1e-4 if n.endswith("running_var") else v for n, v in foreign.items()}
    torch.save(foreign, tmp_path / "model_rgb.pth")
    ours = I3D().eval()
    load_into(ours, tmp_path / "model_rgb.pth", rename_state)
    theirs = I3D().eval()
    for module in theirs.modules():
        if isinstance(module, torch.nn.BatchNorm3d):
            module.eps = 1e-5
    state = {n: v * 1e-4 if n.endswith("running_var") else v for n, v in plain.items()}
    kept = {name: value for name, value in state.items() if not name.startswith("logits.")}
    theirs.load_state_dict(theirs.state_dict() | kept)
    first, second = ours.Conv3d_1a_7x7, theirs.Conv3d_1a_7x7
    clip = formula_clip(8, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(first(clip), second(clip), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours(clip), theirs(clip), rtol=1e-3, atol=1e-3)
