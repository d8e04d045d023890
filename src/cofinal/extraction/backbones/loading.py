"""Builds a backbone with its weights, ready to turn clips into features."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from cofinal.devices import choose_device
from cofinal.errors import CofinalError
from cofinal.extraction.backbones import (
    BACKBONES,
    BROUGHT,
    POSE,
    SKELETON,
    BackboneCard,
    backbone_card,
    backbone_parts,
    efficientnet,
    i3d,
    motion,
    video_swin,
)
from cofinal.extraction.backbones.weights import (
    find_weights,
    load_into,
    state_sha256,
    verified_sha256,
)
from cofinal.extraction.pose.published import WEIGHTS_SHA256, converted_folder, load_tracker
from cofinal.extraction.pose.tracking import Tracker
from cofinal.extraction.recipe import ONE_PRECISION, PRECISIONS
from cofinal.extraction.transforms import normalise

RANDOM = "random"
RANDOM_SEED = 0
# Clips at once: more gives nothing on a CPU, where one clip fills the cores.
CPU_BATCH_CLIPS, GPU_BATCH_CLIPS = 1, 8


State = dict[str, torch.Tensor]
# How each learned backbone is built, and how names in its weight files become ours.
NETWORKS: dict[str, tuple[Callable[[], nn.Module], Callable[[State], State]]] = {
    "i3d": (i3d.I3D, i3d.rename_state),
    "frames": (efficientnet.FrameStatistics, efficientnet.rename_state),
    **{
        f"video-swin-{size}": (
            functools.partial(video_swin.VideoSwin, config),
            video_swin.rename_state,
        )
        for size, config in video_swin.SWIN_SIZES.items()
    },
}


class Backbone:
    """A frozen backbone on a device; without a module it is `motion`, or `skeleton`'s name.

    Attributes:
        name: identifier, as in BACKBONES.
        width: C, channels of a clip's features.
        weights_sha256: hash of the weight file (of the parameters if random), None without any.
        precision: "float32" or "bfloat16".
        device: where it runs.
    """

    def __init__(
        self,
        card: BackboneCard,
        module: nn.Module | None,
        weights_sha256: str | None,
        device: torch.device,
        precision: str,
    ) -> None:
        self.name, self.width = card.name, card.output_width
        self.weights_sha256, self.precision, self.device = weights_sha256, precision, device
        self._card = card
        self._dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._module = module
        if module is not None:
            module.to(device=device, dtype=self._dtype).eval().requires_grad_(False)

    @property
    def parts(self) -> tuple[Backbone, ...]:
        """The backbones whose features stand side by side: this one."""
        return (self,)

    @property
    def batch_clips(self) -> int:
        """Clips that are best given at once on this device."""
        return CPU_BATCH_CLIPS if self.device.type == "cpu" else GPU_BATCH_CLIPS

    def features(self, clips_BTHWC: np.ndarray) -> np.ndarray:
        """Features of clips.

        Args:
            clips_BTHWC: uint8 (B, T, H, W, 3) RGB.

        Returns:
            (B, C) float32. Other batch sizes give the same within rounding (1e-5 relative in
            float32, 1e-2 in bfloat16).
        """
        if self._module is None:
            return np.stack([motion.describe_clip(clip_THWC) for clip_THWC in clips_BTHWC])
        with torch.inference_mode():
            clips = torch.from_numpy(clips_BTHWC).to(self.device)
            clips_BCTHW = normalise(clips, self._card.mean, self._card.std, self._dtype)
            return self._module(clips_BCTHW).float().cpu().numpy()


class JoinedBackbones:
    """Several backbones whose features stand side by side, clip by clip.

    Attributes:
        name: the names joined by "+".
        parts: the backbones, in that order.
        width: C, channels of all together.
        weights_sha256: hash of the parts' hashes; None if none has weights.
        precision: of the parts that have a choice.
    """

    def __init__(self, parts: Sequence[Backbone], precision: str) -> None:
        self.name = "+".join(part.name for part in parts)
        self.parts = tuple(parts)
        self.width = sum(part.width for part in parts)
        self.weights_sha256 = joined_sha256([part.weights_sha256 for part in parts])
        self.precision = precision


def joined_sha256(hashes: Sequence[str | None]) -> str | None:
    """One hash for the weights of joined backbones; a single one stays as it is."""
    if len(hashes) == 1 or not any(hashes):
        return hashes[0]
    return hashlib.sha256("+".join(part or "none" for part in hashes).encode()).hexdigest()


class PoseBackbone(Backbone):
    """`pose`: it needs a whole film to describe a clip, so `extractor` gives it whole frames.

    Attributes:
        tracker: follows the person.
    """

    def __init__(self, card: BackboneCard, tracker: Tracker, device: torch.device) -> None:
        super().__init__(card, None, WEIGHTS_SHA256, device, "float32")
        tracker.to(device)
        self.tracker = tracker


def load_backbone(
    name: str,
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    precision: str = "float32",
    download: bool = False,
) -> Backbone | JoinedBackbones:
    """Builds the backbone `name`, or each of those it joins by "+"; see `load_single`."""
    names = backbone_parts(name)
    chosen = [_weights_of_part(name, part, weights) for part in names]
    loaded = [
        load_single(
            part,
            own,
            device=device,
            precision="float32" if part in ONE_PRECISION else precision,
            download=download,
        )
        for part, own in zip(names, chosen, strict=True)
    ]
    return loaded[0] if len(loaded) == 1 else JoinedBackbones(loaded, precision)


def _weights_of_part(name: str, part: str, weights: str | Path | None) -> str | Path | None:
    """What `--weights` means for one of several joined backbones.

    Raises:
        CofinalError: a file, of which nobody can say whose it is.
    """
    if name == part or weights is None:
        return weights
    if weights != RANDOM:
        raise CofinalError(
            f"weights {str(weights)!r} are of one backbone, but {name} joins several; leave out "
            "--weights, so that each takes its own from the cache folder"
        )
    return RANDOM if backbone_card(part).weights else None


def load_single(
    name: str,
    weights: str | Path | None = None,
    *,
    device: str = "auto",
    precision: str = "float32",
    download: bool = False,
) -> Backbone:
    """Builds the backbone `name` and loads its weights.

    Args:
        name: in BACKBONES.
        weights: None for the default published weights; the name of another published file of
            this backbone; the path of a checkpoint; or "random" (seed 0), to try things out.
        device: "auto" (a GPU if torch sees one), "cpu", "cuda", "cuda:1", "mps" ...
        precision: "float32" or "bfloat16".
        download: the user's yes to fetching missing weights.

    Raises:
        CofinalError: unknown names, missing or unfit weights, or a device that is not there.
    """
    card = backbone_card(name)
    if precision not in PRECISIONS:
        raise CofinalError(f"precision {precision!r} is unknown; use {' or '.join(PRECISIONS)}")
    place = choose_device(device)
    if name not in BACKBONES:
        return _load_brought(card, weights, place, precision)
    if name == POSE:
        return PoseBackbone(card, load_tracker(weights, download), place)
    path = weights_path(card, weights, download)
    if name in ("motion", SKELETON):
        return Backbone(card, None, None, torch.device("cpu"), "float32")
    build, rename = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        module = build()
    if path is None:
        _randomise(module)
        return Backbone(card, module, state_sha256(module), place, precision)
    load_into(module, path, rename)
    return Backbone(card, module, verified_sha256(path), place, precision)


def _load_brought(
    card: BackboneCard, weights: str | Path | None, place: torch.device, precision: str
) -> Backbone:
    """A backbone of the user's own; its hash is that of its code and of its weights."""
    brought = BROUGHT.find(card.name)
    if not issubclass(brought.found, nn.Module):
        raise CofinalError(
            f"backbone {card.name!r} is no torch module; derive the class from torch.nn.Module"
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        try:
            module = brought.found()
        except Exception as error:  # whatever code of one's own may raise
            raise CofinalError(
                f"backbone {card.name!r} cannot be built without arguments "
                f"({type(error).__name__}: {error}); mend the class"
            ) from error
    if weights is None or weights == RANDOM:
        own = state_sha256(module) if module.state_dict() else None
    else:
        load_into(module, _checkpoint(weights, card), lambda state: state)
        own = verified_sha256(Path(weights))
    return Backbone(card, module, joined_sha256([brought.code, own]), place, precision)


def _checkpoint(weights: str | Path, card: BackboneCard) -> Path:
    if not Path(weights).is_file():
        names = ", ".join(published.file for published in card.weights)
        others = f" or one of {names}" if names else ""
        raise CofinalError(
            f"weights {str(weights)!r} are neither a file nor known for {card.name}; "
            f"give a checkpoint's path{others}"
        )
    return Path(weights)


def weights_path(card: BackboneCard, weights: str | Path | None, download: bool) -> Path | None:
    """Resolves what `weights` names; None for "random" and for backbones without weights."""
    if not card.weights and weights is not None:
        raise CofinalError(f"backbone {card.name} has no weights; leave out --weights ({weights})")
    if not card.weights or weights == RANDOM:
        return None
    if weights is None:
        return find_weights(card.weights[0], download)
    for published in card.weights:
        if str(weights) == published.file:
            return find_weights(published, download)
    return _checkpoint(weights, card)


def weights_sha256(
    name: str, weights: str | Path | None = None, download: bool = False
) -> str | None:
    """Hash that `load_backbone` would record, without building the backbone where possible."""
    hashes: list[str | None] = []
    for part in backbone_parts(name):
        own = _weights_of_part(name, part, weights)
        card = backbone_card(part)
        if part == POSE:
            converted_folder(own, download)
            hashes.append(WEIGHTS_SHA256)
            continue
        path = weights_path(card, own, download) if part in BACKBONES else None
        if path is not None:
            hashes.append(verified_sha256(path))
        else:
            hashes.append(load_single(part, own, device="cpu").weights_sha256)
    return joined_sha256(hashes)


def _randomise(module: nn.Module) -> None:
    """Tables start at zero, which would leave the position bias out of every check."""
    generator = torch.Generator().manual_seed(RANDOM_SEED)
    for name, parameter in module.named_parameters():
        if name.endswith("relative_position_bias_table"):
            nn.init.normal_(parameter, std=0.02, generator=generator)
