"""The pixel path against PIL, which it must match within one grey level."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from video_files import textured_frame

from cofinal.errors import CofinalError
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.transforms import (
    centre_crop,
    frame_pixels,
    normalise,
    resize,
    short_side_size,
)

SIZES = [
    (240, 320),
    (256, 340),
    (240, 426),
    (281, 500),
    (720, 1280),
    (426, 240),
    (256, 256),
    (90, 64),
]


def by_pil(image: np.ndarray) -> np.ndarray:
    """The same recipe in PIL's own calls."""
    height, width = image.shape[:2]
    scale = 256 / min(height, width)
    size = (int(width * scale + 1e-9), int(height * scale + 1e-9))
    resized = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)
    # Published: edges at round((width - 300) / 2), and black where the frame is narrower.
    left, top = round((resized.width - 300) / 2), round((resized.height - 224) / 2)
    if resized.width < 300:
        left = -((300 - resized.width) // 2)
    cropped = resized.crop((left, top, left + 300, top + 224))
    return np.asarray(cropped.resize((224, 224), Image.Resampling.BILINEAR))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_whole_path_matches_pil(height: int, width: int) -> None:
    image = textured_frame(height, width)
    ours = frame_pixels(image, ExtractionRecipe()).astype(int)
    difference = np.abs(ours - by_pil(image).astype(int))
    assert ours.shape == (224, 224, 3)
    assert difference.max() <= 1
    assert difference.mean() < 0.15


@pytest.mark.parametrize(("height", "width"), [(100, 141), (300, 17), (33, 500)])
def test_resize_matches_pil_for_odd_sizes(height: int, width: int) -> None:
    image = textured_frame(211, 157, seed=3)
    ours = resize(torch.from_numpy(image), height, width).numpy().astype(int)
    pil = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    assert np.abs(ours - np.asarray(pil).astype(int)).max() <= 1


def test_narrow_frames_are_padded_with_black() -> None:
    # 9:16: the width becomes 256, so the crop of 300 has 22 black columns at both sides.
    image = np.full((1280, 720, 3), 200, dtype=np.uint8)
    image[:, :40], image[:, -40:] = (255, 0, 0), (0, 255, 0)
    pixels = frame_pixels(image, ExtractionRecipe())
    # 22 of 300 columns are 16.4 of 224.
    assert pixels[100, 15].tolist() == pixels[100, -16].tolist() == [0, 0, 0]
    assert pixels[100, 18].tolist() == [255, 0, 0]
    assert pixels[100, -19].tolist() == [0, 255, 0]


@pytest.mark.parametrize(("width", "left"), [(455, 78), (341, 20), (456, 78), (300, 0)])
def test_the_crop_begins_where_the_published_one_does(width: int, left: int) -> None:
    columns = torch.arange(width).expand(3, 256, width).permute(1, 2, 0)
    assert centre_crop(columns, 224, 300)[0, 0, 0] == left


def test_short_side_is_exact_and_thin_frames_are_refused() -> None:
    assert short_side_size(240, 320, 256) == (256, 341)
    assert short_side_size(320, 240, 256) == (341, 256)
    with pytest.raises(CofinalError, match="9000x16 pixels are too thin"):
        short_side_size(16, 9000, 256)


def test_normalise_is_the_published_formula() -> None:
    clips = torch.randint(0, 256, (1, 2, 3, 4, 3), dtype=torch.uint8)
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    ours = normalise(clips, mean, std)
    expected = (clips[0, 1, 2, 3, 2].item() - 103.53) / 57.375
    assert ours.shape == (1, 3, 2, 3, 4)
    assert ours[0, 2, 1, 2, 3].item() == pytest.approx(expected, rel=1e-6)
