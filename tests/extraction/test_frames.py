"""`frames` and joined backbones: the network against plain operations, real films, side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from video_files import moving_square, write_video

from cofinal.errors import CofinalError
from cofinal.extraction.backbones import backbone_card
from cofinal.extraction.backbones.efficientnet import FrameStatistics, looks, rename_state
from cofinal.extraction.backbones.loading import load_backbone, weights_sha256
from cofinal.extraction.backbones.weights import find_weights
from cofinal.extraction.clips import clips_from_frames
from cofinal.extraction.decoding import decoded_frames
from cofinal.extraction.extractor import extract, plan_video
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.transforms import normalise
from cofinal.files.states import load_state
from shared_files import data_folder

CARD = backbone_card("frames")
# Places in the list of 1000 ImageNet classes.
BALANCE_BEAM, BARBELL = 416, 422


@pytest.fixture(scope="module")
def published() -> dict[str, torch.Tensor]:
    return load_state(find_weights(CARD.weights[0]))


@pytest.fixture(scope="module")
def module(published: dict[str, torch.Tensor]) -> FrameStatistics:
    module = FrameStatistics().eval()
    module.load_state_dict(rename_state(published))
    return module


def plain_network(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The network in the file's own names, by functions alone; 224 x 224 in."""

    def unit(x: torch.Tensor, conv: str, norm: str, stride: int, linear: bool) -> torch.Tensor:
        weight = state[f"{conv}.weight"]
        groups = x.shape[1] if weight.shape[1] == 1 else 1
        kernel = weight.shape[2]
        # At even sizes: as much as the kernel is longer than the stride, the odd one at the end.
        total = kernel - stride
        x = F.conv2d(
            F.pad(x, (total // 2, total - total // 2) * 2), weight, stride=stride, groups=groups
        )
        mean, var = state[f"{norm}.running_mean"], state[f"{norm}.running_var"]
        x = F.batch_norm(x, mean, var, state[f"{norm}.weight"], state[f"{norm}.bias"], eps=1e-3)
        return x if linear else x.clamp(0, 6)

    x = unit(x, "_conv_stem", "_bn0", 2, False)
    for block in range(16):
        name, before = f"_blocks.{block}", x
        if f"{name}._expand_conv.weight" in state:
            x = unit(x, f"{name}._expand_conv", f"{name}._bn0", 1, False)
        stride = 2 if block in (1, 3, 5, 11) else 1
        x = unit(x, f"{name}._depthwise_conv", f"{name}._bn1", stride, False)
        x = unit(x, f"{name}._project_conv", f"{name}._bn2", 1, True)
        x = x + before if x.shape == before.shape else x
    return unit(x, "_conv_head", "_bn1", 1, False).mean(dim=(2, 3))


def test_the_network_is_the_plain_one(
    published: dict[str, torch.Tensor], module: FrameStatistics
) -> None:
    frames = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        found, expected = module.net(frames), plain_network(published, frames)
    assert found.shape == (1, 1280)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "kind"), [("balance_beam_10.avi", BALANCE_BEAM), ("clean_and_jerk.mp4", BARBELL)]
)
def test_real_films_are_recognised(
    name: str, kind: int, published: dict[str, torch.Tensor], module: FrameStatistics
) -> None:
    path = data_folder() / "videos" / name
    recipe = ExtractionRecipe("frames", fps=1, clip_frames=4, stride_frames=4)
    timeline, plan = plan_video(path, recipe)
    frames = decoded_frames(path, timeline, "av")
    clip = torch.from_numpy(next(clips_from_frames(frames, plan, recipe)))
    with torch.inference_mode():
        vectors = module.net(normalise(clip[None], CARD.mean, CARD.std)[0].transpose(0, 1))
        logits = vectors @ published["_fc.weight"].T + published["_fc.bias"]
    assert int(logits.softmax(1).mean(0).argmax()) == kind


def test_a_clip_is_told_by_mean_deviation_and_change(module: FrameStatistics) -> None:
    clip = torch.rand(1, 3, 24, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        found = module(clip)[0].numpy()
        vectors = np.stack([module.net(clip[:, :, t])[0].numpy() for t in (3, 9, 15, 21)])
    expected = [vectors.mean(0), vectors.std(0), np.abs(np.diff(vectors, axis=0)).mean(0)]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("frames", "numbers"),
    [(32, [4, 10, 16, 22, 28]), (8, [1, 3, 5, 7]), (3, [0, 1, 2]), (2, [0, 1])],
)
def test_about_four_frames_a_second_are_looked_at(frames: int, numbers: list[int]) -> None:
    assert looks(frames).tolist() == numbers


def test_joined_backbones_stand_side_by_side(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", moving_square(70, 2, 60, 80))
    recipe = ExtractionRecipe("motion+frames", input_px=64)
    heard: list[tuple[int, int]] = []
    joined = load_backbone("motion+frames", device="cpu")
    together = extract(path, recipe, joined, on_clips=lambda *told: heard.append(told))
    apart = [
        extract(path, ExtractionRecipe(name, input_px=64), load_backbone(name, device="cpu")).values
        for name in ("motion", "frames")
    ]
    assert together.values.shape == (2, joined.width) == (2, 576 + 3840)
    np.testing.assert_array_equal(together.values, np.concatenate(apart, axis=1))
    assert heard[-1] == (2, 2) and heard == sorted(heard)
    assert joined.weights_sha256 == weights_sha256("motion+frames")
    assert ExtractionRecipe.from_feature_recipe(together.recipe) == recipe


def test_names_that_do_not_join() -> None:
    with pytest.raises(CofinalError, match="'motion\\+motion' names a part twice"):
        load_backbone("motion+motion")
    with pytest.raises(CofinalError, match="backbone '' is unknown"):
        load_backbone("motion+")
    with pytest.raises(
        CofinalError, match=r"'mine\.pth' are of one backbone, but motion\+i3d joins"
    ):
        load_backbone("motion+i3d", "mine.pth")
    with pytest.raises(CofinalError, match="no EfficientNet-Lite weights: the first name is 'a'"):
        rename_state({"a": torch.zeros(1)})
