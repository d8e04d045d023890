"""One video to clip features: the reader's path through this package.

    plan_video -> decoded_frames -> clips_from_frames -> Backbone.features

Decoding runs in a thread ahead of the backbone and at most a few clips ahead, so memory depends on
the frame size and not on the video's length.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np

from cofinal.data.features import write_values
from cofinal.errors import CofinalError
from cofinal.extraction.backbones import POSE, SKELETON
from cofinal.extraction.backbones.loading import (
    Backbone,
    JoinedBackbones,
    PoseBackbone,
    load_backbone,
    weights_sha256,
)
from cofinal.extraction.cache import (
    cached_features_path,
    read_cached_features,
)
from cofinal.extraction.clips import Ahead, ClipPlan, clips_from_frames, plan_clips
from cofinal.extraction.containers import check_file
from cofinal.extraction.decoding import decoded_frames, decoder_version
from cofinal.extraction.picture import look
from cofinal.extraction.pose.watching import watch
from cofinal.extraction.recipe import ONE_PRECISION, ExtractionRecipe
from cofinal.extraction.scanning import scan_timeline
from cofinal.extraction.skeletons import describe_clips, extract_skeleton
from cofinal.extraction.stills import is_stills
from cofinal.extraction.timeline import Timeline
from cofinal.files.digests import file_sha256
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.skeleton.keypoints import SUFFIX, Keypoints, read_keypoints, write_keypoints

OnClips = Callable[[int, int], None]
"""Called with (clips done, clips in all) as extraction goes on."""
OnKeypoints = Callable[[Keypoints], None]


def extract(
    path: str | Path,
    recipe: ExtractionRecipe,
    backbone: Backbone | JoinedBackbones,
    *,
    decoder: str = "av",
    batch_clips: int | None = None,
    on_clips: OnClips | None = None,
    on_keypoints: OnKeypoints | None = None,
    max_hours: float | None = None,
) -> ClipFeatures:
    """Extracts the clip features of one video; joined backbones watch it one after the other.

    Args:
        path: the video file, or that of skeletons for backbone `skeleton`.
        recipe: settings; its backbone and precision must be those of `backbone`.
        backbone: from `load_backbone`.
        decoder: one of `DECODERS`.
        batch_clips: clips given to the backbone at once; None for what suits the device.
        on_clips: told of progress.
        on_keypoints: given what `pose` saw.
        max_hours: how long the film may be, as for `scan_timeline`.

    Returns:
        features (T, C) float32, named after the file without its suffix.

    Raises:
        CofinalError: anything wrong with the file, in a sentence.
    """
    path = Path(path)
    _check_backbone(recipe, backbone)
    if recipe.backbone == SKELETON:
        return extract_skeleton(path, recipe)
    timeline, plan = plan_video(path, recipe, max_hours)
    columns: list[np.ndarray] = []
    keypoints = share = None
    for own, part in zip(recipe.parts(), backbone.parts, strict=True):
        frames = decoded_frames(path, timeline, decoder)
        tell = _telling(on_clips, len(columns), len(backbone.parts), plan.clips)
        if isinstance(part, PoseBackbone):
            count = timeline.frame_count(plan.fps)
            keypoints = watch(frames, count, plan.fps, part.tracker, tell)
            share = keypoints.found_share
            columns.append(describe_clips(keypoints, plan, count))
        else:
            with Ahead(clips_from_frames(frames, plan, own)) as clips:
                size = batch_clips or part.batch_clips
                columns.append(_rows(clips, part, size, functools.partial(tell, plan.clips)))
    if keypoints is not None and on_keypoints is not None:
        on_keypoints(keypoints)
    values = np.concatenate(columns, axis=1)
    return ClipFeatures(
        values,
        id=film_id(path),
        recipe=recipe.feature_recipe(backbone.weights_sha256),
        first_clip_seconds=plan.first_clip_seconds,
        own_fps=plan.fps,
        found_share=share,
        remarks=look(path).remarks(recipe, timeline, _still(values)),
    )


def _still(values_TC: np.ndarray) -> bool:
    """Whether features say that nothing happens."""
    alike = len(values_TC) > 1 and bool((values_TC == values_TC[0]).all())
    return alike or not values_TC.any()


def film_id(path: Path) -> str:
    """The name of a film: its file without the ending, or its folder of frames."""
    return path.name if path.is_dir() else path.stem


def _check_backbone(recipe: ExtractionRecipe, backbone: Backbone | JoinedBackbones) -> None:
    if (recipe.backbone, recipe.precision) != (backbone.name, backbone.precision):
        raise CofinalError(
            f"the recipe asks for {recipe.backbone} in {recipe.precision}, but the backbone is "
            f"{backbone.name} in {backbone.precision}; load the backbone that the recipe names"
        )


def _telling(
    on_clips: OnClips | None, before: int, parts: int, clips: int
) -> Callable[[int, int], None]:
    """Turns what one of several backbones has done, out of all of it, into clips done in all."""

    def tell(total: int, done: int) -> None:
        if on_clips is not None:
            on_clips((before * total + done) * clips // (parts * total), clips)

    return tell


def _rows(
    clips: Iterator[np.ndarray], backbone: Backbone, size: int, on_done: Callable[[int], None]
) -> np.ndarray:
    """Features of clips as they come, `size` at a time."""
    rows: list[np.ndarray] = []
    done = 0
    for batch_BTHWC in _batches(clips, size):
        rows.append(backbone.features(batch_BTHWC))
        done += len(batch_BTHWC)
        on_done(done)
    return np.concatenate(rows)


def plan_video(
    path: str | Path, recipe: ExtractionRecipe, max_hours: float | None = None
) -> tuple[Timeline, ClipPlan]:
    """When a video is shown and which of its frames form which clip, without decoding it."""
    timeline = scan_timeline(path, max_hours)
    fps = timeline.rate(recipe.fps)
    frames = timeline.frame_count(fps)
    return timeline, plan_clips(frames, recipe.clip_frames, recipe.stride_frames, fps)


def extract_like(
    path: str | Path,
    known: FeatureRecipe,
    *,
    weights: str | Path | None = None,
    device: str = "auto",
    precision: str = "float32",
    download: bool = False,
    use_cache: bool = True,
    on_clips: OnClips | None = None,
) -> ClipFeatures:
    """Extracts a video as a model's features were made, or takes them from the user's cache.

    Args:
        path: the video file, or that of skeletons for backbone `skeleton`.
        known: the recipe that the model records; where it names a weight hash, the weights at
            hand must have it.
        weights: as for `load_backbone`.
        device: as for `load_backbone`.
        precision: "float32" or "bfloat16".
        download: the user's yes to fetching missing weights.
        use_cache: keep the features in the cache folder, and read them from there.
        on_clips: told of progress.

    Raises:
        CofinalError: a bad file, missing weights, or weights other than the model's.
    """
    recipe = recipe_like(known, precision)
    if recipe.backbone == SKELETON:
        return extract_skeleton(path, recipe)
    path = Path(path) if is_stills(path) else check_file(path)
    hash_at_hand = weights_sha256(recipe.backbone, weights, download)
    _check_weights(known.weights_sha256, hash_at_hand, recipe.backbone)
    keeping = _Keeping.of(path, recipe.digest(hash_at_hand)) if use_cache else _Keeping(None)
    if keeping.place:
        found = _from_cache(keeping.place, path, recipe, hash_at_hand)
        if found is not None:
            return found
    backbone = load_backbone(
        recipe.backbone, weights, device=device, precision=recipe.precision, download=download
    )
    features = extract(
        path, recipe, backbone, on_clips=on_clips, on_keypoints=keeping.keep_keypoints
    )
    return keeping.keep(features)


@dataclass
class _Keeping:
    """Keeps the features of a film for the next call; who cannot keep gives them all the same."""

    place: Path | None
    doubts: tuple[str, ...] = ()
    """Why they are not kept."""

    @classmethod
    def of(cls, film: Path, digest: str) -> _Keeping:
        """Where the features of a film are kept, if anywhere."""
        content = file_sha256(film)
        try:
            return cls(cached_features_path(content, digest, decoder_version("av")))
        except CofinalError as error:
            return cls(None, (f"its features are not kept: {error}",))

    def keep_keypoints(self, keypoints: Keypoints) -> None:
        """Keeps what `pose` saw."""
        if self.place is not None:
            self._write(functools.partial(write_keypoints, _beside(self.place), keypoints))

    def keep(self, features: ClipFeatures) -> ClipFeatures:
        """Keeps features, and tells where their keypoints are, or why nothing was kept."""
        if self.place is not None:
            self._write(functools.partial(write_values, self.place, features.values))
        keypoints = self.place and _beside(self.place)
        found = keypoints if keypoints and keypoints.is_file() else None
        return replace(features, keypoints=found, remarks=features.remarks + self.doubts)

    def _write(self, write: Callable[[], None]) -> None:
        try:
            write()
        except CofinalError as error:
            self.place, self.doubts = None, (f"its features are not kept: {error}",)


def _from_cache(
    kept: Path, path: Path, recipe: ExtractionRecipe, weights: str | None
) -> ClipFeatures | None:
    """Kept features with the video's times; None if anything is missing."""
    found = read_cached_features(kept, film_id(path), recipe.feature_recipe(weights))
    share = beside = None
    if POSE in recipe.backbone.split("+"):
        if not _beside(kept).is_file():
            return None
        beside = _beside(kept)
        share = read_keypoints(beside).found_share
    if found is None:
        return None
    timeline, plan = plan_video(path, recipe)
    return replace(
        found,
        first_clip_seconds=plan.first_clip_seconds,
        own_fps=plan.fps,
        found_share=share,
        keypoints=beside,
        remarks=look(path).remarks(recipe, timeline, _still(found.values)),
    )


def _beside(kept: Path) -> Path:
    """Where the keypoints of kept features are."""
    return kept.with_name(kept.stem + SUFFIX)


def recipe_like(known: FeatureRecipe, precision: str = "float32") -> ExtractionRecipe:
    """The settings comparable to `known`; some backbones have one precision whatever is asked."""
    if known.backbone is not None and set(known.backbone.split("+")) <= ONE_PRECISION:
        precision = "float32"
    return ExtractionRecipe.from_feature_recipe(known, precision)


def _check_weights(expected: str | None, found: str | None, backbone: str) -> None:
    if expected is not None and found is not None and expected != found:
        raise CofinalError(
            f"the model's features were made with {backbone} weights {expected[:12]}..., but the "
            f"weights at hand are {found[:12]}...; give the model's weights with --weights"
        )


def _batches(clips: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    while batch := list(islice(clips, size)):
        yield np.stack(batch)
