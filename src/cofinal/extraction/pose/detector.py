"""Where people are in a whole frame: the detector's answers as regions to look at closely.

Letters: A anchors, B boxes, H W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from cofinal.extraction.pose.graph import Graph
from cofinal.extraction.transforms import resize

# Cells a side and anchors a cell of the detector's maps: 2254 anchors in all.
MAPS = ((28, 2), (14, 2), (7, 6))
LEAST_CONFIDENCE = 0.5
# Boxes that share more than this of their union are one person.
SAME_PERSON = 0.3
# A region is so much larger than the body that the detector saw.
ENLARGED = 1.25


@dataclass(frozen=True)
class Region:
    """A turned square of a frame, in its pixels."""

    x: float
    """Middle, from the left."""
    y: float
    """Middle, from the top."""
    size: float
    """Side."""
    angle: float
    """How far the body leans clockwise from upright, in radians, -pi to pi."""

    @classmethod
    def around(cls, centre: np.ndarray, edge: np.ndarray) -> Region:
        """The region of a body with its middle at `centre`, whose circle goes through `edge`."""
        across, down = (float(v) for v in edge - centre)
        turned = math.pi / 2 - math.atan2(-down, across)
        angle = turned - 2 * math.pi * math.floor((turned + math.pi) / (2 * math.pi))
        size = 2 * ENLARGED * math.hypot(across, down)
        return cls(float(centre[0]), float(centre[1]), size, angle)

    def to_frame(self, shares: np.ndarray) -> np.ndarray:
        """Places (..., 2) in the region, 0 to 1 from its turned corner, as pixels of the frame."""
        away = (shares - 0.5) * self.size
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        x = self.x + cos * away[..., 0] - sin * away[..., 1]
        y = self.y + sin * away[..., 0] + cos * away[..., 1]
        return np.stack([x, y], axis=-1)

    def is_near(self, other: Region) -> bool:
        """Whether the other is the same body a moment later: moved or grown by less than half."""
        moved = math.hypot(self.x - other.x, self.y - other.y)
        return moved < 0.5 * self.size and 0.5 < other.size / max(self.size, 1e-6) < 2


def anchors() -> np.ndarray:
    """Middles of the detector's anchors, as shares of its picture: (A, 2) x and y."""
    found = []
    for cells, count in MAPS:
        rows, columns = np.divmod(np.arange(cells * cells), cells)
        middles = (np.stack([columns, rows], axis=1) + 0.5) / cells
        found.append(np.repeat(middles, count, axis=0))
    return np.concatenate(found)


class Detector:
    """Finds people in whole frames."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._anchors_A2 = anchors()

    def regions(self, frame_HWC: np.ndarray, most: int) -> list[Region]:
        """The regions of at most `most` persons, the surest first."""
        boxes_A12, confidence_A, scale, edges = self._look(frame_HWC)
        order = np.argsort(-confidence_A)
        order = order[confidence_A[order] >= LEAST_CONFIDENCE]
        regions: list[Region] = []
        while len(order) and len(regions) < most:
            alike = _overlap(boxes_A12[order[0]], boxes_A12[order]) > SAME_PERSON
            same = order[alike]
            # The mean of all boxes of one person is steadier than the best one.
            mean = np.average(boxes_A12[same], axis=0, weights=confidence_A[same])
            places = (mean[4:].reshape(-1, 2) - edges) * scale
            regions.append(Region.around(places[0], places[1]))
            order = order[~alike]
        return regions

    def _look(self, frame_HWC: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
        """Boxes as shares of the picture, confidences, pixels a share, and the black edges."""
        side, long = self.graph.side, max(frame_HWC.shape[:2])
        picture, left, top = self.letterboxed(frame_HWC)
        device = next(self.graph.buffers()).device
        with torch.inference_mode():
            boxes, raw = self.graph(picture.to(device))
        boxes_A12 = boxes[0].cpu().numpy().astype(np.float64) / side
        boxes_A12[:, :2] += self._anchors_A2
        boxes_A12[:, 4:] += np.tile(self._anchors_A2, 4)
        logit_A = raw[0, :, 0].cpu().numpy().astype(np.float64).clip(-100, 100)
        return boxes_A12, 1 / (1 + np.exp(-logit_A)), float(long), np.array([left, top]) / side

    def letterboxed(self, frame_HWC: np.ndarray) -> tuple[torch.Tensor, int, int]:
        """The whole frame in the detector's square, black around it, levels -1 to 1.

        Returns:
            (1, 3, side, side), and how many pixels are black left of the frame and above it.
        """
        height, width = frame_HWC.shape[:2]
        side, long = self.graph.side, max(height, width)
        rows, columns = max(1, round(side * height / long)), max(1, round(side * width / long))
        top, left = (side - rows) // 2, (side - columns) // 2
        picture = torch.full((side, side, 3), -1.0)
        small = resize(torch.from_numpy(frame_HWC), rows, columns)
        picture[top : top + rows, left : left + columns] = small.float() / 127.5 - 1
        return picture.permute(2, 0, 1)[None], left, top


def _overlap(box: np.ndarray, boxes_B12: np.ndarray) -> np.ndarray:
    """Intersection over union of one box (middle, size) with others."""
    low, high = box[:2] - box[2:4] / 2, box[:2] + box[2:4] / 2
    lows, highs = boxes_B12[:, :2] - boxes_B12[:, 2:4] / 2, boxes_B12[:, :2] + boxes_B12[:, 2:4] / 2
    shared = (np.minimum(high, highs) - np.maximum(low, lows)).clip(0).prod(axis=1)
    return shared / (box[2:4].prod() + boxes_B12[:, 2:4].prod(axis=1) - shared + 1e-12)
