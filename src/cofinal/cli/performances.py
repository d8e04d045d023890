"""What commands share that take a model and performances: flags, reading."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

import tyro

from cofinal.progress import track

if TYPE_CHECKING:
    from cofinal.modelfolder.given import Numbers
    from cofinal.records import ClipFeatures
    from cofinal.scorer import Scorer

Made = TypeVar("Made")

VIDEO_FLAGS = ("backbone_class", "weights", "device", "precision", "download")


@dataclass(frozen=True)
class PerformancesCommand:
    """Base of commands that read videos or clip features for a trained model."""

    model: tyro.conf.Positional[Path]
    """Model folder, a model that comes with the package (`cofinal models`), or OWNER/NAME of one on
    a hub (extra `hub`)."""
    performances: tyro.conf.Positional[tuple[Path, ...]]
    """One or more video files, or .npy or .npz files of clip features."""
    model_class: str | None = field(default=None, kw_only=True)
    """Class of your own that the model was trained with, my_method.py:MyMethod; a model folder
    names it, but never makes its file run."""
    backbone_class: str | None = field(default=None, kw_only=True)
    """For videos: class of your own that made the model's features, my_backbone.py:MyBackbone."""
    weights: str | None = field(default=None, kw_only=True)
    """For videos: checkpoint of the backbone, if it is not in the cache folder."""
    device: str = field(default="auto", kw_only=True)
    """"cpu", "cuda", or "auto" for a GPU where there is one: for the backbone of videos, and for
    the model where it scores. Explanations are computed on the CPU."""
    precision: Literal["float32", "bfloat16"] = field(default="float32", kw_only=True)
    """For videos: arithmetic of the backbone; bfloat16 is faster."""
    download: bool = field(default=False, kw_only=True)
    """Say yes to fetching what is not here: for videos published weights, and a hub's model."""

    given: tuple[str, ...] = field(default=(), kw_only=True)
    """For a model that was trained with --given: NAME=NUMBER for all performances, or a file: a CSV
    with id and a column per name, or sheets of elements (JSON, CSV) for base values."""

    only_for_videos: ClassVar[tuple[str, ...]] = VIDEO_FLAGS
    """Flags without effect on .npy files."""

    def scorer(self, confidence: float | None = None, device: str = "cpu") -> Scorer:
        """The model, ready to score."""
        from cofinal.methods import use_method
        from cofinal.scorer import Scorer

        if self.model_class:
            use_method(self.model_class)
        return Scorer.load(self.model, confidence, device, self.download)

    def numbers(self, scorer: Scorer, sheet: Path | None = None) -> dict[Path, Numbers]:
        """What is given of each performance, checked before anything costs time.

        Args:
            scorer: the model.
            sheet: sheets of elements, which tell base values if no --given does.
        """
        from cofinal.data.given import asked_numbers
        from cofinal.errors import CofinalError

        files = self.files()
        asks, ids = scorer.info.given, [path.stem for path in files]
        if asks is None:
            if self.given:
                raise CofinalError(
                    f"--given {self.given[0]}: the model was trained without; leave out --given"
                )
            return {path: {} for path in files}
        texts = self.given or ((str(sheet),) if sheet else ())
        numbers = asked_numbers(texts, ids, asks.rules, asks.widths)
        asks.told(numbers, ids, scorer.targets)
        return dict(zip(files, numbers, strict=True))

    def files(self) -> list[Path]:
        """Every performance, those in archives too; a broken archive is named when it is read."""
        from cofinal.data.archives import performances_in
        from cofinal.errors import CofinalError

        found: list[Path] = []
        for path in self.performances:
            try:
                found += performances_in(path)
            except CofinalError:
                found.append(path)
        return found

    def check_performances(self, what: str) -> None:
        """Refuses a command without performances, and flags that concern none of them."""
        from cofinal.errors import CofinalError

        if not self.performances:
            raise CofinalError(f"nothing to {what}; name video or .npy files after the model")
        from cofinal.data.archives import is_features

        if not all(is_features(path) for path in self.performances):
            return
        from cofinal.modelfolder.naming import is_hub_id

        defaults = {f.name: f.default for f in fields(self)}
        for name in self.only_for_videos:
            if name == "download" and is_hub_id(self.model):
                continue
            if getattr(self, name) != defaults[name]:
                flag = name.replace("_", "-")
                raise CofinalError(
                    f"--{flag} is about reading videos, but every performance is a .npy file; "
                    f"leave out --{flag}"
                )

    def each(self, make: Callable[[Path], Made]) -> tuple[list[Made], int]:
        """What `make` gives for every performance that it does not refuse.

        A broken file must not cost the others their scores: it is named, and told by the status.

        Returns:
            What was made, in order, and the exit status: 1 if any was refused.
        """
        from cofinal.errors import CofinalError

        made: list[Made] = []
        refused: dict[str, CofinalError] = {}
        for path in self.files():
            try:
                made.append(make(path))
            except CofinalError as error:
                named = path.stem in str(error)
                refused.setdefault(str(error) if named else f"{path}: {error}", error)
        if not made and len(refused) == 1:  # nothing else is to be said
            [(told, cause)] = refused.items()
            raise CofinalError(told) from cause
        for sentence in refused:
            print(f"cofinal: error: {sentence}", file=sys.stderr)
        return made, 1 if refused else 0

    def features(self, scorer: Scorer, path: Path) -> ClipFeatures:
        """Clip features of one file, by what its name says it is."""
        from cofinal.data.archives import is_features

        if is_features(path):  # without the imports that extraction needs
            return scorer.checked(path)
        from cofinal.errors import CofinalError, printable
        from cofinal.extraction.backbones import SKELETON, use_backbone
        from cofinal.extraction.extractor import extract_like
        from cofinal.extraction.stills import is_stills

        skeletons = scorer.info.recipe.backbone == SKELETON
        if path.is_dir() and not skeletons and not is_stills(path):
            raise CofinalError(
                f"{path} is a folder; name video or .npy files, for example {path / '*.npy'}"
            )
        if self.backbone_class:
            use_backbone(self.backbone_class)
        with track(f"extracting {path.name}", 1.0) as advance:
            features = extract_like(
                path,
                scorer.info.recipe,
                weights=self.weights,
                device=self.device,
                precision=self.precision,
                download=self.download,
                on_clips=lambda done, total: advance(done / max(total, 1)),
            )
        for remark in features.remarks:
            print(f"note: {printable(features.id)}: {remark}", file=sys.stderr)
        return scorer.checked(features)
