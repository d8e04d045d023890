"""`motion`: a classical descriptor of appearance and motion that needs no weights.

For each clip, in grey levels, at two scales (half and quarter of the input), on a grid of 4 x 4
cells, averaged over the clip's frames:
  - appearance: histogram of spatial gradient directions, 8 unsigned bins, weighted by gradient
    magnitude (the idea of HOG: Dalal and Triggs, CVPR 2005);
  - motion: histogram of normal flow, 8 signed bins, weighted by its speed; normal flow is the part
    of optical flow that brightness constancy gives without smoothing, -I_t grad(I) / |grad(I)|^2
    (Horn and Schunck 1981, equation 2); the histogram is that of HOF (Laptev et al., CVPR 2008);
  - change: mean and standard deviation over time of |I_t|, how much moves and how unsteadily.
Square roots tame the large values (as in RootSIFT, Arandjelovic and Zisserman, CVPR 2012).

It knows nothing of people or sport. It is there to train and score with nothing downloaded, and as
the floor that a learned backbone must beat.
Written in NumPy: the arrays are small, and threads would cost more than they give.
Letters: B clips, T frames, H W pixels, Y X cells, O orientations.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

SCALES = (2, 4)
CELLS = 4
ORIENTATIONS = 8
# Rec. 601 luma, the grey of the standard definition video this descriptor was used on.
LUMA = (0.299, 0.587, 0.114)
# Grey levels per pixel: below this a gradient is sensor noise, and flow along it is not defined.
GRADIENT_FLOOR = 2.0
# Pixels per frame; normal flow beyond it comes from occlusion, not from movement.
SPEED_LIMIT_PX = 8.0


def grey(clip_THWC: np.ndarray) -> np.ndarray:
    """uint8 (T, H, W, 3) RGB to luma (T, H, W), float32, 0..255."""
    return clip_THWC.astype(np.float32) @ np.array(LUMA, dtype=np.float32)


def shrink(luma_THW: np.ndarray, factor: int) -> np.ndarray:
    """Means of `factor` x `factor` pixels; what is left over at the end is dropped."""
    frames, height, width = luma_THW.shape
    rows, columns = height // factor, width // factor
    whole = luma_THW[:, : rows * factor, : columns * factor]
    return whole.reshape(frames, rows, factor, columns, factor).mean(axis=(2, 4))


def gradients(
    before_HW: np.ndarray, after_HW: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Central differences along x and y, and the difference of two neighbouring frames.

    Returns:
        I_x, I_y and I_t, each (H - 2, W - 2), in grey levels per pixel and per frame; I_x and I_y
        are those of the mean of both frames, so that all three mean the same instant.
    """
    middle = (before_HW + after_HW) / 2
    along_x = (middle[1:-1, 2:] - middle[1:-1, :-2]) / 2
    along_y = (middle[2:, 1:-1] - middle[:-2, 1:-1]) / 2
    return along_x, along_y, (after_HW - before_HW)[1:-1, 1:-1]


def cell_numbers(height: int, width: int) -> np.ndarray:
    """Number of the grid cell that holds each pixel, 0 to 15 in row-major order: (H, W)."""
    rows = np.arange(height) * CELLS // height
    columns = np.arange(width) * CELLS // width
    return rows[:, None] * CELLS + columns


def cell_means(value_HW: np.ndarray, cell_HW: np.ndarray) -> np.ndarray:
    """Mean of `value_HW` in each cell: (Y * X,), float64."""
    cells = cell_HW.ravel()
    totals = np.bincount(cells, value_HW.ravel(), minlength=CELLS**2)
    return totals / np.bincount(cells, minlength=CELLS**2)


def direction_histogram(
    angle_HW: np.ndarray, weight_HW: np.ndarray, period: float, cell_HW: np.ndarray
) -> np.ndarray:
    """Histogram of directions in each cell, per pixel.

    Args:
        angle_HW: radians.
        weight_HW: what each pixel adds, shared between the two nearest directions.
        period: 2 pi for signed directions, pi for unsigned ones.
        cell_HW: from `cell_numbers`.

    Returns:
        (Y * X, O) float64, at least 0: a cell's bins sum to its mean weight.
    """
    place = angle_HW * (ORIENTATIONS / period)
    low = np.floor(place)
    share = (place - low) * weight_HW
    low = low.astype(np.int64)
    totals = np.zeros(CELLS**2 * ORIENTATIONS)
    for direction, weight in ((low, weight_HW - share), (low + 1, share)):
        number = cell_HW * ORIENTATIONS + direction % ORIENTATIONS
        totals += np.bincount(number.ravel(), weight.ravel(), minlength=totals.size)
    pixels = np.bincount(cell_HW.ravel(), minlength=CELLS**2)
    return totals.reshape(CELLS**2, ORIENTATIONS) / pixels[:, None]


def describe_pair(before_HW: np.ndarray, after_HW: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Histograms and change between two neighbouring frames.

    Returns:
        (Y * X, 2 * O) appearance and motion, and (Y * X,) mean change, float64.
    """
    along_x, along_y, along_t = gradients(before_HW, after_HW)
    cell_HW = cell_numbers(*along_x.shape)
    magnitude = np.hypot(along_x, along_y)
    angle = np.arctan2(along_y, along_x)
    appearance = direction_histogram(angle, magnitude, np.pi, cell_HW)
    speed = np.where(magnitude > GRADIENT_FLOOR, -along_t / np.maximum(magnitude, 1e-6), 0.0)
    speed = np.clip(speed, -SPEED_LIMIT_PX, SPEED_LIMIT_PX)
    # A negative speed along the gradient is a positive one against it.
    heading = np.where(speed < 0, angle + np.pi, angle)
    motion = direction_histogram(heading, np.abs(speed), 2 * np.pi, cell_HW)
    return np.concatenate([appearance, motion], axis=1), cell_means(np.abs(along_t), cell_HW)


def describe_scale(luma_THW: np.ndarray) -> np.ndarray:
    """The descriptor at one scale: (Y * X * (2 * O + 2),), float32.

    Frame by frame, because whole clips of intermediate values do not fit a processor's cache.
    """
    pairs = [describe_pair(before, after) for before, after in pairwise(luma_THW)]
    histograms = np.mean([pair[0] for pair in pairs], axis=0)
    change_TY = np.stack([pair[1] for pair in pairs])
    steadiness = np.stack([change_TY.mean(axis=0), change_TY.std(axis=0)], axis=1)
    return np.sqrt(np.concatenate([histograms, steadiness], axis=1)).ravel().astype(np.float32)


def describe_clip(clip_THWC: np.ndarray) -> np.ndarray:
    """The descriptor of one clip.

    Args:
        clip_THWC: uint8 (T, H, W, 3) RGB, T at least 2, H and W at least 32.

    Returns:
        (576,) float32, at least 0.
    """
    luma_THW = grey(clip_THWC)
    return np.concatenate([describe_scale(shrink(luma_THW, scale)) for scale in SCALES])
