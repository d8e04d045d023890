"""The pixel path: from a decoded frame to the square a backbone sees.

Short side to 256, centre crop 224 x 300 (height x width), resize to 224 x 224; antialiased
bilinear with rounding to whole grey levels after each resize, as PIL does it.

As in the published recipe, the crop's edge is at round((width - 300) / 2), and a resized frame that
is smaller than the crop in one direction is padded there with black: a portrait video of 9:16 gets
bars of 22 pixels at both sides. The last resize changes the aspect ratio of every video.
Stored pixels are taken as square: a sample aspect ratio in the file is not applied.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from cofinal.errors import CofinalError
from cofinal.extraction.recipe import ExtractionRecipe

# Beyond this the short-side resize blows a thin frame up to hundreds of megabytes.
MAX_ASPECT_RATIO = 16


def resize(image_HWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resizes with antialiased bilinear interpolation, rounding to whole grey levels.

    Args:
        image_HWC: uint8, any size.
        height: of the result in pixels.
        width: of the result in pixels.

    Returns:
        uint8 (height, width, C), within 1 grey level of `PIL.Image.resize(..., BILINEAR)`.
    """
    if tuple(image_HWC.shape[:2]) == (height, width):
        return image_HWC
    image_1CHW = image_HWC.permute(2, 0, 1)[None]
    resized = F.interpolate(
        image_1CHW, size=(height, width), mode="bilinear", antialias=True, align_corners=False
    )
    return resized[0].permute(1, 2, 0)


def centre_crop(image_HWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """The middle `height` x `width` pixels; smaller frames are padded with black.

    Halves of a pixel go to the even edge, as Python rounds; an odd pixel of padding to the end.
    """
    rows, columns = image_HWC.shape[:2]
    below, beside = max(0, height - rows), max(0, width - columns)
    if below or beside:
        edges = (0, 0, beside // 2, beside - beside // 2, below // 2, below - below // 2)
        image_HWC = F.pad(image_HWC, edges)
    top, left = round((rows + below - height) / 2), round((columns + beside - width) / 2)
    return image_HWC[top : top + height, left : left + width]


def short_side_size(height: int, width: int, short_side: int) -> tuple[int, int]:
    """Size after the shorter side becomes `short_side`; the longer is cut to whole pixels.

    Raises:
        CofinalError: one side is more than `MAX_ASPECT_RATIO` times the other.
    """
    short, long = sorted((height, width))
    if short < 1 or long > MAX_ASPECT_RATIO * short:
        raise CofinalError(
            f"frames of {width}x{height} pixels are too thin to be a performance; "
            f"expected sides within {MAX_ASPECT_RATIO}:1, so check or convert the video"
        )
    scaled = short_side * long // short
    return (short_side, scaled) if height <= width else (scaled, short_side)


def frame_pixels(frame_HWC: np.ndarray, recipe: ExtractionRecipe) -> np.ndarray:
    """Takes one frame through the pixel path.

    Args:
        frame_HWC: uint8 (height, width, 3) RGB.
        recipe: the spatial settings.

    Returns:
        uint8 (input_px, input_px, 3) RGB, contiguous.
    """
    image_HWC = torch.from_numpy(frame_HWC)
    size = short_side_size(image_HWC.shape[0], image_HWC.shape[1], recipe.short_side_px)
    image_HWC = resize(image_HWC, *size)
    image_HWC = centre_crop(image_HWC, recipe.crop_height_px, recipe.crop_width_px)
    image_HWC = resize(image_HWC, recipe.input_px, recipe.input_px)
    return np.ascontiguousarray(image_HWC.numpy())


def normalise(
    clips_BTHWC: torch.Tensor,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    dtype: torch.dtype = torch.float32,
) -> torch.Tensor:
    """Grey levels to a backbone's input: (level - mean) / std per channel.

    Args:
        clips_BTHWC: uint8 (B, T, H, W, 3) RGB.
        mean: per channel, in grey levels 0..255.
        std: per channel, in grey levels.
        dtype: of the result; the arithmetic is float32.

    Returns:
        (B, 3, T, H, W) of `dtype`, channels last in memory.
    """
    device = clips_BTHWC.device
    mean_C = torch.tensor(mean, dtype=torch.float32, device=device)
    scale_C = 1.0 / torch.tensor(std, dtype=torch.float32, device=device)
    clips = ((clips_BTHWC.float() - mean_C) * scale_C).to(dtype)
    return clips.permute(0, 4, 1, 2, 3)
