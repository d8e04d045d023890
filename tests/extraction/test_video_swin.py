"""Video Swin against the numbers of the authors' program, and its parts against plain ways."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from formula_clips import formula_clip

from cofinal.errors import CofinalError
from cofinal.extraction.backbones.video_swin import (
    SWIN_SIZES,
    SwinConfig,
    VideoSwin,
    rename_official,
    rename_state,
    rename_torchvision,
)
from cofinal.extraction.backbones.window_attention import (
    WindowAttention,
    relative_position_index,
    window_layout,
)
from shared_files import fixture_folder

TINY = SwinConfig(16, (2, 2, 2, 2), (1, 2, 4, 8))
CPU = torch.device("cpu")


def official_state() -> dict[str, torch.Tensor]:
    path = fixture_folder() / "video_swin" / "tiny_official_layout.pth"
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def tiny() -> VideoSwin:
    model = VideoSwin(TINY).eval()
    model.load_state_dict(rename_official(official_state()))
    return model


# 30x200x224 is padded at every stage, 8x96x96 is smaller than the window.
@pytest.mark.parametrize("size", [(32, 224, 224), (32, 224, 320), (30, 200, 224), (8, 96, 96)])
def test_agrees_with_the_authors_program(tiny: VideoSwin, size: tuple[int, int, int]) -> None:
    expected = np.load(fixture_folder() / "video_swin" / "expected.npz")
    key = "_".join(map(str, size))
    with torch.inference_mode():
        map_BDHWC = tiny.feature_map(formula_clip(*size))
        features = tiny(formula_clip(*size))[0].numpy()
    wanted = expected[f"features_{key}"]
    assert np.abs(features - wanted).max() <= 1e-4 * np.abs(wanted).max()
    batch, channels, *rest = expected[f"map_{key}_shape"].tolist()
    assert list(map_BDHWC.shape) == [batch, *rest, channels]


def test_one_clip_and_two_clips_agree(tiny: VideoSwin) -> None:
    clips = torch.cat([formula_clip(8, 96, 96), formula_clip(8, 96, 96).flip(2)])
    with torch.inference_mode():
        together, apart = tiny(clips), torch.cat([tiny(clip[None]) for clip in clips])
    torch.testing.assert_close(together, apart, rtol=1e-5, atol=1e-6)


def test_position_index_is_the_official_buffer() -> None:
    buffer = official_state()["backbone.layers.0.blocks.0.attn.relative_position_index"]
    assert torch.equal(relative_position_index((8, 7, 7)), buffer)


def torchvision_name(ours: str) -> str:
    """Written from torchvision's module tree: features = [stage, merging, stage, ...]."""
    parts = ours.split(".")
    if parts[0] != "layers":
        return ours
    if parts[2] == "downsample":
        return f"features.{2 * int(parts[1]) + 1}." + ".".join(parts[3:])
    rest = ".".join(parts[4:]).replace("mlp.fc1", "mlp.0").replace("mlp.fc2", "mlp.3")
    return f"features.{2 * int(parts[1])}.{parts[3]}.{rest}"


def test_torchvision_names_load() -> None:
    own = VideoSwin(TINY).state_dict()
    foreign = {torchvision_name(name): value for name, value in own.items()}
    for name in (
        "features.0.1.mlp.3.weight",
        "features.1.reduction.weight",
        "features.6.1.norm2.bias",
    ):
        assert name in foreign
    foreign |= {
        "head.weight": torch.zeros(400, 128),
        "head.bias": torch.zeros(400),
        "features.0.0.attn.relative_position_index": torch.zeros(392 * 392, dtype=torch.long),
    }
    renamed = rename_torchvision(foreign)
    assert renamed.keys() == own.keys()
    assert all(torch.equal(renamed[name], own[name]) for name in own)
    assert rename_state(foreign).keys() == own.keys()


def test_foreign_names_are_refused() -> None:
    with pytest.raises(CofinalError, match="no Video Swin weights: the first name is 'conv1'"):
        rename_state({"conv1": torch.zeros(1)})


@pytest.mark.parametrize("size", ["t", "s", "b"])
def test_published_sizes(size: str) -> None:
    # torchvision's documented counts for swin3d_t, _s and _b with their heads of 400 classes.
    documented = {"t": 28_158_070, "s": 49_816_678, "b": 88_048_984}[size]
    config = SWIN_SIZES[size]
    with torch.device("meta"):
        model = VideoSwin(config)
    head = config.output_width * 400 + 400
    assert sum(p.numel() for p in model.parameters()) + head == documented


def plain_mask(
    padded: tuple[int, ...], window: tuple[int, ...], shift: tuple[int, ...]
) -> torch.Tensor:
    """Pairs of places in each window that a roll brought together: (W, V, V), from coordinates."""
    label = torch.zeros(padded, dtype=torch.long)
    for place in itertools.product(*(range(s) for s in padded)):
        source = [(p + s) % n for p, s, n in zip(place, shift, padded, strict=True)]
        # Two tokens are neighbours in the map if neither direction wrapped for only one of them.
        wrapped = [int(src < p) for src, p in zip(source, place, strict=True)]
        label[place] = wrapped[0] * 4 + wrapped[1] * 2 + wrapped[2]
    d, h, w = window
    cut = label.view(padded[0] // d, d, padded[1] // h, h, padded[2] // w, w)
    cut = cut.permute(0, 2, 4, 1, 3, 5).reshape(-1, d * h * w)
    return cut[:, :, None] == cut[:, None, :]


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("size", [(4, 6, 6), (3, 5, 7), (2, 6, 9)])
def test_window_attention_is_the_plain_way(size: tuple[int, int, int], shifted: bool) -> None:
    torch.manual_seed(0)
    window, width, heads = (2, 3, 3), 8, 2
    attention = WindowAttention(width, heads, window).eval()
    torch.nn.init.normal_(attention.relative_position_bias_table)
    layout = window_layout(size, window, shifted, CPU)
    x_BNC = torch.randn(2, size[0] * size[1] * size[2], width)
    tokens = F.pad(x_BNC, (0, 0, 0, 1)).index_select(1, layout.window_tokens)
    ours = attention(tokens, layout).index_select(1, layout.token_places)
    torch.testing.assert_close(ours, plain_attention(attention, x_BNC, size, window, shifted))


def plain_attention(
    attention: WindowAttention,
    x_BNC: torch.Tensor,
    size: tuple[int, ...],
    window: tuple[int, ...],
    shifted: bool,
) -> torch.Tensor:
    """Pads, rolls, cuts, masks explicit scores, and puts everything back."""
    batch, width = x_BNC.shape[0], x_BNC.shape[2]
    shift = tuple(w // 2 if shifted and s > w else 0 for s, w in zip(size, window, strict=True))
    padded = tuple(-(-s // w) * w for s, w in zip(size, window, strict=True))
    x = torch.zeros(batch, *padded, width)
    x[:, : size[0], : size[1], : size[2]] = x_BNC.view(batch, *size, width)
    x = torch.roll(x, tuple(-s for s in shift), dims=(1, 2, 3))
    d, h, w = window
    counts = [p // n for p, n in zip(padded, window, strict=True)]
    cut = x.view(batch, counts[0], d, counts[1], h, counts[2], w, width)
    tokens = cut.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(batch, -1, d * h * w, width)
    qkv = attention.qkv(tokens).unflatten(-1, (3, attention.heads, -1)).permute(3, 0, 1, 4, 2, 5)
    scores = qkv[0] @ qkv[1].transpose(-1, -2) / qkv.shape[-1] ** 0.5
    index = relative_position_index(window)  # type: ignore[arg-type]
    scores = scores + attention.relative_position_bias_table[index].permute(2, 0, 1)
    allowed = plain_mask(padded, window, shift)
    scores = scores.masked_fill(~allowed[None, :, None], -torch.inf)
    out = attention.proj((scores.softmax(-1) @ qkv[2]).transpose(2, 3).flatten(3))
    out = out.view(batch, *counts, d, h, w, width).permute(0, 1, 4, 2, 5, 3, 6, 7)
    out = torch.roll(out.reshape(batch, *padded, width), shift, dims=(1, 2, 3))
    return out[:, : size[0], : size[1], : size[2]].flatten(1, 3)


def test_kept_position_bias_follows_new_weights() -> None:
    attention = WindowAttention(4, 1, (2, 2, 2)).eval()
    layout = window_layout((2, 2, 2), (2, 2, 2), False, CPU)
    x = torch.randn(1, 8, 4)
    with torch.no_grad():
        before = attention(x, layout)
        attention.load_state_dict({k: v + 1 for k, v in attention.state_dict().items()})
        table = attention.relative_position_bias_table
        table.copy_(torch.randn_like(table))
        assert not torch.allclose(before, attention(x, layout))
        kept = attention(x, layout)
        attention._kept = None
        torch.testing.assert_close(attention(x, layout), kept)
