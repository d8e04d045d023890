"""Many videos to a folder of features: resumable, on several workers, past broken files."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from cofinal.data.features import write_values
from cofinal.engines import side_by_side
from cofinal.errors import CofinalError, NoRoomError
from cofinal.extraction.backbones import SKELETON, brought_sources, use_backbone
from cofinal.extraction.backbones.loading import Backbone, JoinedBackbones, load_backbone
from cofinal.extraction.decoding import decoder_version
from cofinal.extraction.extractor import OnClips, extract
from cofinal.extraction.folder import FeatureFolder, VideoRecord
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.scanning import declared_seconds
from cofinal.extraction.skeletons import find_skeletons
from cofinal.extraction.sources import find_videos, passed_over
from cofinal.files.lock import alone_in
from cofinal.progress import Advance, track
from cofinal.skeleton.keypoints import SUFFIX, write_keypoints
from cofinal.version import __version__

# For estimates of time left where each video is sampled at its own rate.
USUAL_FPS = 25.0


@dataclass(frozen=True)
class BackboneChoice:
    """What `load_backbone` needs, small enough to send to a worker."""

    name: str
    """In BACKBONES."""
    weights: str | None = None
    """None, a published file's name, a path, or "random"."""
    device: str = "auto"
    """As for `load_backbone`."""
    precision: str = "float32"
    """"float32" or "bfloat16"."""
    sources: tuple[str | type, ...] = ()
    """By what a worker brings backbones of the user's own."""


@dataclass(frozen=True)
class BrokenVideo:
    """A video that gave no features."""

    file: str
    """Its path as given."""
    reason: str
    """One sentence."""


@dataclass
class ExtractionSummary:
    """What a run over many videos did."""

    extracted: list[str] = field(default_factory=list)
    """Ids whose features were made."""
    skipped: list[str] = field(default_factory=list)
    """Ids whose features were there already, with the same settings and content."""
    broken: list[BrokenVideo] = field(default_factory=list)
    """Videos that gave none."""
    found_shares: dict[str, float] = field(default_factory=dict)
    """Share of frames in which the person was found, by id, where one was looked for."""
    remarks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What may surprise about a film, by id, a clause each."""
    passed_over: list[str] = field(default_factory=list)
    """Films in the folders named that cannot be read here."""
    replaced_because: list[str] = field(default_factory=list)
    """How the settings of an earlier run differed, if its features were replaced."""

    def remarked(self) -> dict[str, list[str]]:
        """What may surprise -> the ids of the films that it is about."""
        films: dict[str, list[str]] = {}
        for id, remarks in self.remarks.items():
            for remark in remarks:
                films.setdefault(remark, []).append(id)
        return films

    def to_json(self) -> dict[str, Any]:
        """A dictionary of plain values, for JSON."""
        return asdict(self)


class _Progress:
    """Tells how far a run is, and what is wrong with a broken video.

    Args:
        advance: told the share of clips that is done.
        videos: to be done.
        clips: of all of them, an estimate.
        shown: whether broken videos are told at once.
    """

    def __init__(self, advance: Advance, videos: int, clips: int, shown: bool) -> None:
        self._advance, self._videos, self._shown = advance, videos, shown
        self._ahead = max(clips, 1)
        self._clips: dict[str, int] = {}
        self._finished = 0

    def clips(self, id: str, done: int, total: int) -> None:
        """The video `id` has so many clips done; with several workers told once a video."""
        self._clips[id] = done
        share = min(sum(self._clips.values()) / self._ahead, 1.0)
        self._advance(share, f"{self._finished} of {self._videos} videos")

    def video(self, id: str, result: VideoRecord | str) -> None:
        """The video `id` is finished, or broken for the reason given."""
        self._finished += 1
        if isinstance(result, str):
            if self._shown:
                print(f"skipped: {result}", file=sys.stderr, flush=True)
        else:
            self.clips(id, result.clips, result.clips)


def extract_many(
    sources: Sequence[str | Path],
    out: str | Path,
    recipe: ExtractionRecipe,
    *,
    weights: str | None = None,
    device: str = "auto",
    download: bool = False,
    decoder: str = "av",
    workers: int = 1,
    engine: str = "local",
    show_progress: bool = False,
    max_hours: float | None = None,
) -> ExtractionSummary:
    """Extracts many videos into `out`, doing only what is missing or changed.

    Args:
        sources: files, folders and glob patterns.
        out: folder for one .npy a video and features.json.
        recipe: settings.
        weights: as for `load_backbone`.
        device: as for `load_backbone`.
        download: the user's yes to fetching missing weights.
        decoder: one of `DECODERS`.
        workers: videos at a time, each in a process with its own backbone.
        engine: "local" processes, or "ray" for joblib's Ray back end.
        show_progress: tell on standard error how far the run is, and of broken videos at once.
        max_hours: how long a film may be; 12, and no more than its bytes make believable, if left
            out.

    Returns:
        what was done; broken videos are in it and raise nothing.

    Raises:
        CofinalError: mistakes that concern the whole run, such as missing weights, or another run
            in `out`.
    """
    if workers < 1:
        raise CofinalError(f"workers is {workers}; expected 1 or more")
    find = find_skeletons if recipe.backbone == SKELETON else find_videos
    videos = find(sources)
    choice = BackboneChoice(
        recipe.backbone, weights, device, recipe.precision, brought_sources(recipe.backbone)
    )
    backbone = load_backbone(
        choice.name, weights, device=device, precision=choice.precision, download=download
    )
    with alone_in(out), track("extracting", 1.0, show_progress) as advance:
        folder = FeatureFolder(
            out, recipe, backbone.weights_sha256, decoder_version(decoder), __version__
        )
        todo = {id: path for id, path in videos.items() if not folder.is_current(id, path)}
        summary = ExtractionSummary(skipped=[id for id in videos if id not in todo])
        summary.passed_over = [str(path) for path in passed_over(sources)]
        summary.replaced_because = folder.begin(list(videos))
        clips = _clips_ahead(todo, recipe) if show_progress else 1
        progress = _Progress(advance, len(todo), clips, show_progress)
        job = _Job(folder.folder, folder.settings, recipe, choice, decoder, max_hours)
        if workers == 1 and engine == "local":
            results = _one_by_one(job, todo, backbone, progress)
        else:
            del backbone
            calls = [(job, id, path) for id, path in todo.items()]
            results = side_by_side(_run_in_worker, calls, workers, engine)
        _collect(results, folder, todo, summary, progress)
    return summary


@dataclass(frozen=True)
class _Job:
    """What is the same for every video of a run."""

    folder: Path
    settings: str
    recipe: ExtractionRecipe
    choice: BackboneChoice
    decoder: str
    max_hours: float | None

    def run(
        self, id: str, path: Path, backbone: Backbone | JoinedBackbones, on_clips: OnClips | None
    ) -> VideoRecord | str:
        """Extracts and writes one video; gives its record, or why there is none."""
        try:
            keep = functools.partial(write_keypoints, self.folder / f"{id}{SUFFIX}")
            features = extract(
                path,
                self.recipe,
                backbone,
                decoder=self.decoder,
                on_clips=on_clips,
                on_keypoints=keep,
                max_hours=self.max_hours,
            )
            record = VideoRecord.of(path, features, self.settings)
            write_values(self.folder / f"{id}.npy", features.values)
            return record
        except NoRoomError:  # the others would fare no better
            raise
        except CofinalError as error:
            return str(error)
        except Exception as error:
            # One video must not end a run of days: devices out of memory land here.
            reason = (str(error) or type(error).__name__).splitlines()[0]
            return f"{path} failed ({reason}); try it alone to see more"


_Result = tuple[str, VideoRecord | str]


def _one_by_one(
    job: _Job, todo: dict[str, Path], backbone: Backbone | JoinedBackbones, progress: _Progress
) -> Iterator[_Result]:
    for id, path in todo.items():
        yield id, job.run(id, path, backbone, functools.partial(progress.clips, id))


@functools.lru_cache(maxsize=1)
def _worker_backbone(choice: BackboneChoice) -> Backbone | JoinedBackbones:
    for source in choice.sources:
        use_backbone(source)
    return load_backbone(
        choice.name, choice.weights, device=choice.device, precision=choice.precision
    )


def _run_in_worker(job: _Job, id: str, path: Path) -> _Result:
    return id, job.run(id, path, _worker_backbone(job.choice), None)


def _collect(
    results: Iterator[_Result],
    folder: FeatureFolder,
    todo: dict[str, Path],
    summary: ExtractionSummary,
    progress: _Progress,
) -> None:
    for id, result in results:
        if isinstance(result, str):
            folder.drop(id)
            summary.broken.append(BrokenVideo(str(todo[id]), result))
        else:
            folder.add(id, result)
            summary.extracted.append(id)
            if result.remarks:
                summary.remarks[id] = result.remarks
            if result.found_share is not None:
                summary.found_shares[id] = result.found_share
        progress.video(id, result)


def _clips_ahead(todo: dict[str, Path], recipe: ExtractionRecipe) -> int:
    """Clips to come by the files' headers, for the time left; a broken file counts none."""
    if recipe.backbone == SKELETON:
        return len(todo)
    clips = 0
    for path in todo.values():
        try:
            seconds = declared_seconds(path)
        except CofinalError:
            continue
        fps = USUAL_FPS if recipe.fps == "native" else recipe.fps
        clips += max(1, int(seconds * fps / recipe.stride_frames))
    return clips
