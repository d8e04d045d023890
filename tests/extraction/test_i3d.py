"""I3D against the numbers of piergiaj's port."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from formula_clips import formula_clip, formula_weights

from cofinal.errors import CofinalError
from cofinal.extraction.backbones.i3d import I3D, pad_same, rename_state
from shared_files import fixture_folder


@pytest.fixture(scope="module")
def model() -> I3D:
    layout = json.loads((fixture_folder() / "i3d" / "layout.json").read_text())
    model = I3D().eval()
    model.load_state_dict(rename_state(formula_weights(layout)))
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
