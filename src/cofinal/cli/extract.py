"""`cofinal extract VIDEOS... --out DIR`: videos to clip features."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from cofinal.errors import printable
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.settings import Between, Workers

if TYPE_CHECKING:
    from cofinal.extraction.many import ExtractionSummary


@dataclass(frozen=True)
class Extract:
    """Turn videos into clip features, one .npy a video, with features.json beside them.

    A second run does only what is missing or whose settings or content changed. Broken videos are
    skipped, listed at the end, and make the exit status 1.
    """

    videos: Annotated[tuple[str, ...], tyro.conf.Positional]
    """Video files, folders of them (searched deeply), folders of a film's frames, or glob patterns;
    for backbone skeleton, files of keypoints."""
    out: Path
    """Folder for the features; created if missing."""
    recipe: Annotated[ExtractionRecipe, tyro.conf.arg(name="")] = field(
        default_factory=ExtractionRecipe
    )
    """How videos become features."""
    weights: str | None = None
    """Checkpoint of the backbone: a path, the name of a published file, or "random" to try things
    out; by default the published weights that docs/backbones.md lists first."""
    download: bool = False
    """Say yes to fetching published weights that are not in the cache folder."""
    device: str = "auto"
    """"auto" takes a GPU if there is one; else "cpu", "cuda", "cuda:1" ..."""
    workers: Workers = 1
    """Videos at a time, each in a process of its own."""
    engine: Literal["local", "ray"] = "local"
    """Where the workers run: on this machine, or on a Ray cluster (extra "cluster")."""
    decoder: Literal["av", "torchcodec"] = "av"
    """What decodes the videos."""
    max_hours: Annotated[float | None, Between(0, 1000, "low")] = None
    """How long a film may be; if left out 12 hours, and no more than its bytes make believable."""
    json: bool = False
    """Print what was done as JSON instead of words."""

    def run(self) -> int:
        """Runs the command.

        Returns:
            the exit status: 1 if any video was broken.

        Raises:
            CofinalError: mistakes that concern the whole run.
        """
        from cofinal.extraction.backbones import use_backbone
        from cofinal.extraction.many import extract_many

        summary = extract_many(
            self.videos,
            self.out,
            replace(self.recipe, backbone=use_backbone(self.recipe.backbone)),
            weights=self.weights,
            device=self.device,
            download=self.download,
            decoder=self.decoder,
            workers=self.workers,
            engine=self.engine,
            show_progress=True,
            max_hours=self.max_hours,
        )
        if self.json:
            print(json.dumps({"out": str(self.out), **summary.to_json()}))
        else:
            self._tell(summary)
        return 1 if summary.broken else 0

    def _tell(self, summary: ExtractionSummary) -> None:
        if summary.replaced_because:
            print(f"replaced earlier features: {'; '.join(summary.replaced_because)}")
        print(
            f"{len(summary.extracted)} extracted, {len(summary.skipped)} already present, "
            f"{len(summary.broken)} broken; features are in {self.out}"
        )
        for id, share in summary.found_shares.items():
            print(f"{id}: the person was found in {share:.0%} of the frames")
        for remark, ids in summary.remarked().items():
            print(printable(f"note: {remark} ({', '.join(ids)})"), file=sys.stderr)
        if summary.passed_over:
            passed_over = ", ".join(summary.passed_over)
            print(printable(f"passed over, convert them first: {passed_over}"), file=sys.stderr)
        for broken in summary.broken:
            print(f"broken: {broken.reason}", file=sys.stderr)
