"""What decides the numbers in a feature file: the settings of extraction. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from cofinal.brought import MissingError, names_a_file
from cofinal.errors import CofinalError
from cofinal.extraction.backbones import POSE, SKELETON, backbone_parts
from cofinal.records import FeatureRecipe

PRECISIONS = ("float32", "bfloat16")
# Backbones that compute in float32 whatever is asked of others.
ONE_PRECISION = frozenset({"motion", POSE, SKELETON})
# Larger settings than any backbone takes; they bound what a hostile features.json can ask for.
MAX_CLIP_FRAMES, MAX_SIDE_PX = 1024, 2048
# Raised when the same settings begin to mean other pixels, so that kept features are made again.
# 2: the crop's edge is rounded to the nearest pixel, and small frames are padded with black.
PIXEL_PATH = 2
# What backbones see that take no square.
WHOLE = {POSE: "whole frame, short side at most 480", SKELETON: "no picture"}
JOINED = " + "
_CROP = re.compile(r"short side (\d+), centre (\d+)x(\d+), resize (\d+)x(\d+)")


@dataclass(frozen=True)
class ExtractionRecipe:
    """How a video becomes clips and clips become features.

    The defaults are those of the published Fis-V and Rhythmic Gymnastics features: 32 frames at 25
    fps, not overlapping, short side 256, centre crop 224 x 300, resized to 224 x 224.
    """

    backbone: str = "video-swin-b"
    """Name in `BACKBONES`, or a class of your own, my_backbone.py:MyBackbone; "+" joins several,
    such as "motion+frames"."""
    fps: float | Literal["native"] = 25.0
    """Frames per second that the video is sampled at, above 0 and at most 240; or "native" for
    the video's own rate, each frame once, as the published features were made."""
    clip_frames: int = 32
    """Frames in a clip, 2 to 1024."""
    stride_frames: int = 32
    """Frames from the start of one clip to the start of the next, 1 to 1024."""
    short_side_px: int = 256
    """Length of the frame's shorter side after the first resize, in pixels."""
    crop_height_px: int = 224
    """Height of the centre crop in pixels; lower frames are padded with black."""
    crop_width_px: int = 300
    """Width of the centre crop in pixels; narrower frames are padded with black."""
    input_px: int = 224
    """Side of the square that the crop is resized to, and that the backbone sees."""
    precision: str = "float32"
    """Arithmetic of the backbone: "float32", or "bfloat16" (faster, cosine above 0.9999 to it)."""

    def __post_init__(self) -> None:
        if self.fps != "native":
            _check_range("fps", self.fps, 0.01, 240)
        _check_range("clip_frames", self.clip_frames, 2, MAX_CLIP_FRAMES)
        _check_range("stride_frames", self.stride_frames, 1, MAX_CLIP_FRAMES)
        for name in ("short_side_px", "crop_height_px", "crop_width_px", "input_px"):
            _check_range(name, getattr(self, name), 16, MAX_SIDE_PX)
        if self.precision not in PRECISIONS:
            raise CofinalError(
                f"precision {self.precision!r} is unknown; use {' or '.join(PRECISIONS)}"
            )
        if self.precision != "float32" and set(self.backbone.split("+")) <= ONE_PRECISION:
            raise CofinalError(
                f"precision is {self.precision!r}, but backbone {self.backbone!r} knows only "
                "'float32'; leave the precision out"
            )

    @property
    def crop(self) -> str:
        """The spatial settings in words, as features.json and models record them."""
        square = (
            f"short side {self.short_side_px}, centre {self.crop_height_px}x{self.crop_width_px}, "
            f"resize {self.input_px}x{self.input_px}"
        )
        seen = [WHOLE.get(part, square) for part in self.backbone.split("+")]
        return JOINED.join(dict.fromkeys(seen))

    def parts(self) -> list[ExtractionRecipe]:
        """The settings for each of the backbones that are joined."""
        return [
            replace(
                self,
                backbone=part,
                precision="float32" if part in ONE_PRECISION else self.precision,
            )
            for part in backbone_parts(self.backbone)
        ]

    def digest(self, weights_sha256: str | None) -> str:
        """Hash of these settings with the weights: equal digests mean comparable features."""
        value = {**asdict(self), "weights_sha256": weights_sha256, "pixel_path": PIXEL_PATH}
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    def feature_recipe(self, weights_sha256: str | None) -> FeatureRecipe:
        """The part of the settings that features and models are compared by."""
        return FeatureRecipe(
            backbone=self.backbone,
            weights_sha256=weights_sha256,
            clip_frames=self.clip_frames,
            stride_frames=self.stride_frames,
            fps=self.fps,
            crop=self.crop,
        )

    def features_json(
        self, weights_sha256: str | None, decoder: str, version: str
    ) -> dict[str, Any]:
        """The head of features.json: `FeatureRecipe`'s keys, then descriptive ones.

        Args:
            weights_sha256: hash of the weight file; None for a backbone without weights.
            decoder: name and version of what decoded, for example "av 18.1.0".
            version: of this package.
        """
        return {
            **asdict(self.feature_recipe(weights_sha256)),
            "precision": self.precision,
            "dtype": "float32",
            "decoder": decoder,
            "cofinal_version": version,
        }

    @classmethod
    def from_feature_recipe(
        cls, known: FeatureRecipe, precision: str = "float32"
    ) -> ExtractionRecipe:
        """The settings that make features comparable to `known`; what is None takes the default.

        Raises:
            CofinalError: the backbone is not known, or the crop is in words this version lacks.
        """
        if known.backbone is None:
            raise CofinalError(
                "the model does not say which backbone its features came from; "
                "extract features yourself and score those"
            )
        try:
            backbone_parts(known.backbone)
        except MissingError as error:
            told = f" ({error})" if names_a_file(known.backbone) else ""
            raise CofinalError(
                f"the model's features were made with {known.backbone!r}, which cannot be made "
                f"from videos here{told}; score .npy files of such features"
            ) from error
        values: dict[str, Any] = {"backbone": known.backbone, "precision": precision}
        for name in ("fps", "clip_frames", "stride_frames"):
            if getattr(known, name) is not None:
                values[name] = getattr(known, name)
        if known.stride_frames is None and known.clip_frames is not None:
            values["stride_frames"] = known.clip_frames
        for crop in (known.crop or "").split(JOINED):
            if crop and crop not in WHOLE.values():
                values |= _parse_crop(crop)
        return cls(**values)


def _check_range(name: str, value: float, low: float, high: float) -> None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = whole or (name == "fps" and isinstance(value, float))
    if not fits or not low <= value <= high:
        kind = "number" if name == "fps" else "whole number"
        also = ", or 'native'" if name == "fps" else ""
        raise CofinalError(f"{name} is {value!r}; expected a {kind} from {low:g} to {high:g}{also}")


def _parse_crop(crop: str) -> dict[str, int]:
    match = _CROP.fullmatch(crop)
    if match is None or match[4] != match[5]:
        raise CofinalError(
            f"crop {crop!r} cannot be repeated by this version; expected "
            "'short side S, centre HxW, resize RxR', so extract features as their maker did"
        )
    names = ("short_side_px", "crop_height_px", "crop_width_px", "input_px")
    return dict(zip(names, map(int, match.groups()[:4]), strict=True))
