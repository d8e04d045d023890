"""The landmarks of one person inside a region of a frame.

Letters: J landmarks, H W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from cofinal.extraction.pose.detector import Region
from cofinal.extraction.pose.graph import Graph

LANDMARKS = 33
# The network puts out six more; these two tell where to look in the next frame.
CENTRE, EDGE = 33, 34
# A landmark is moved to the middle of its peak in the heat map, if that is at least so high.
REFINE_CELLS, REFINE_LEAST = 7, 0.5


@dataclass(frozen=True, eq=False)
class Sight:
    """What was seen in a region."""

    places_J2: np.ndarray
    """(33, 2) in pixels of the frame."""
    visibility_J: np.ndarray
    """(33,), 0 to 1."""
    confidence: float
    """That the region holds a person, 0 to 1."""
    region: Region
    """Where it was looked."""
    following: Region
    """Where to look next."""


class Landmarks:
    """Finds landmarks in regions."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def look(self, frame_HWC: np.ndarray, region: Region) -> Sight:
        """Looks at a region of a frame (uint8 RGB)."""
        device = next(self.graph.buffers()).device
        with torch.inference_mode():
            found, flag, heat = self.graph(cut_out(frame_HWC, region, self.graph.side).to(device))
        values_J5 = found[0].cpu().numpy().astype(np.float64).reshape(-1, 5)
        shares_J2 = refined(values_J5[:, :2] / self.graph.side, heat[0].cpu().numpy())
        places_J2 = region.to_frame(shares_J2)
        return Sight(
            places_J2[:LANDMARKS],
            1 / (1 + np.exp(-values_J5[:LANDMARKS, 3])),
            float(flag),
            region,
            Region.around(places_J2[CENTRE], places_J2[EDGE]),
        )


def cut_out(frame_HWC: np.ndarray, region: Region, side: int) -> torch.Tensor:
    """The region turned upright, (1, 3, side, side), levels 0 to 1, black outside of the frame."""
    height, width = frame_HWC.shape[:2]
    cos, sin = math.cos(region.angle) * region.size, math.sin(region.angle) * region.size
    middle_x, middle_y = 2 * region.x / width - 1, 2 * region.y / height - 1
    turn = torch.tensor(
        [[[cos / width, -sin / width, middle_x], [sin / height, cos / height, middle_y]]],
        dtype=torch.float32,
    )
    grid = F.affine_grid(turn, [1, 3, side, side], align_corners=False)
    frame = torch.from_numpy(frame_HWC).permute(2, 0, 1)[None].float() / 255
    return F.grid_sample(frame, grid, align_corners=False)


def refined(shares_J2: np.ndarray, heat_JHW: np.ndarray) -> np.ndarray:
    """Landmarks (shares of the region) at the middles of their peaks in the heat map."""
    height, width = heat_JHW.shape[1:]
    result, reach = shares_J2.copy(), REFINE_CELLS // 2
    for j in range(len(shares_J2)):
        column, row = int(shares_J2[j, 0] * width), int(shares_J2[j, 1] * height)
        if not (0 <= column < width and 0 <= row < height):
            continue
        rows = slice(max(0, row - reach), min(height, row + reach + 1))
        columns = slice(max(0, column - reach), min(width, column + reach + 1))
        near = 1 / (1 + np.exp(-heat_JHW[j, rows, columns].astype(np.float64)))
        if near.max() >= REFINE_LEAST:
            total = near.sum()
            x = (near.sum(axis=0) * np.arange(columns.start, columns.stop)).sum() / total / width
            y = (near.sum(axis=1) * np.arange(rows.start, rows.stop)).sum() / total / height
            result[j] = x, y
    return result
