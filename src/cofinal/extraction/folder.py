"""A folder of features: one .npy a video, and features.json that says how each was made.

features.json begins with the keys of `FeatureRecipe` (what a model compares), then describes
decoder, precision and version, then lists the videos: file name, size, time of change and hash of
the content, clips, the digest of the settings, and when its clips are in it. A video is current if
its features exist, were made with the same settings, and its content is the same.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from cofinal.data.features import RECIPE_FILE
from cofinal.errors import CofinalError
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.files.atomic import write_json
from cofinal.files.digests import file_sha256
from cofinal.files.fields import record_from
from cofinal.files.reading import read_json
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.settings import quoted
from cofinal.skeleton.keypoints import SUFFIX

WHAT = "a features.json as `cofinal extract` writes it"


@dataclass(frozen=True)
class VideoRecord:
    """What is known of one video whose features are in the folder."""

    file: str
    """File name without its folders."""
    bytes: int
    """Size of the file."""
    modified_ns: int
    """Time of its last change, in nanoseconds since 1970."""
    sha256: str
    """Hash of its content."""
    clips: int
    """T, rows of its features."""
    settings: str
    """`ExtractionRecipe.digest` of how its features were made."""
    first_clip_seconds: float = 0.0
    """When its first clip starts."""
    fps: float | None = None
    """Frames per second it was sampled at."""
    found_share: float | None = None
    """Share of frames in which the person was found, where one was looked for."""
    remarks: tuple[str, ...] = ()
    """What may surprise about the film, a clause each."""

    @classmethod
    def of(cls, path: Path, features: ClipFeatures, settings: str) -> VideoRecord:
        """Reads size, time and hash of the file at `path`."""
        sha256 = file_sha256(path)
        state = path.stat()
        return cls(
            path.name,
            state.st_size,
            state.st_mtime_ns,
            sha256,
            len(features.values),
            settings,
            features.first_clip_seconds,
            features.fps,
            features.found_share,
            features.remarks,
        )

    def is_same_video(self, path: Path) -> bool:
        """Whether `path` holds the same content; it is read only if size and time leave doubt."""
        try:
            state = path.stat()
        except OSError:
            return False
        if path.is_dir():  # OpenPose's, a file a frame
            return file_sha256(path) == self.sha256
        if state.st_size != self.bytes:
            return False
        return state.st_mtime_ns == self.modified_ns or file_sha256(path) == self.sha256


class FeatureFolder:
    """The features of one recipe in one folder.

    Args:
        folder: created when the first features are written.
        recipe: settings of this run.
        weights_sha256: hash of the backbone's weights.
        decoder: name and version.
        version: of this package.
    """

    def __init__(
        self,
        folder: str | Path,
        recipe: ExtractionRecipe,
        weights_sha256: str | None,
        decoder: str,
        version: str,
    ) -> None:
        self.folder = Path(folder)
        self.settings = recipe.digest(weights_sha256)
        self._head = recipe.features_json(weights_sha256, decoder, version)
        self._recipe = recipe.feature_recipe(weights_sha256)
        self._videos, self._differences = self._read()

    def features_path(self, id: str) -> Path:
        """Where the features of the video named `id` are."""
        return self.folder / f"{id}.npy"

    def is_current(self, id: str, path: Path) -> bool:
        """Whether the features of `id` are there, made with these settings from this content."""
        record = self._videos.get(id)
        return (
            record is not None
            and record.settings == self.settings
            and self.features_path(id).is_file()
            and record.is_same_video(path)
        )

    def begin(self, ids: list[str]) -> list[str]:
        """Makes room: features of `ids` that other settings made are removed.

        Returns:
            what differs, in words; empty if nothing had to go.

        Raises:
            CofinalError: the folder also holds features of videos that this run does not redo, or
                .npy files that no run of ours can have left.
        """
        stale = [id for id, record in self._videos.items() if record.settings != self.settings]
        kept = sorted(set(stale) - set(ids))
        if kept:
            what = "; ".join(self._differences) or "another precision or version"
            raise CofinalError(
                f"{self.folder} holds features made with other settings ({what}), for example of "
                f"{kept[0]!r}; choose another --out, or give those videos too to redo them all"
            )
        self._refuse_strangers()
        for id in stale:
            self._remove(id)
            del self._videos[id]
        self._write()
        return self._differences if stale else []

    def _refuse_strangers(self) -> None:
        """A run that was killed leaves at most features of the settings in features.json."""
        if (self.folder / RECIPE_FILE).is_file() and not self._differences:
            return
        for path in sorted(self.folder.rglob("*.npy")):
            if path.relative_to(self.folder).with_suffix("").as_posix() not in self._videos:
                raise CofinalError(
                    f"{path} was not made by this command with known settings and might be "
                    "overwritten; choose another --out, or move it away"
                )

    def add(self, id: str, record: VideoRecord) -> None:
        """Records a video whose features are written."""
        self._videos[id] = record
        self._write()

    def drop(self, id: str) -> None:
        """Forgets a video that could not be extracted, with any features of earlier content."""
        self._remove(id)
        if self._videos.pop(id, None) is not None:
            self._write()

    def _remove(self, id: str) -> None:
        """Removes the features of a video, and the keypoints beside them."""
        for old in (self.features_path(id), self.folder / f"{id}{SUFFIX}"):
            old.unlink(missing_ok=True)

    def _write(self) -> None:
        videos = {id: asdict(record) for id, record in sorted(self._videos.items())}
        write_json(self.folder / RECIPE_FILE, {**self._head, "videos": videos})

    def _read(self) -> tuple[dict[str, VideoRecord], list[str]]:
        path = self.folder / RECIPE_FILE
        if not path.is_file():
            return {}, []
        content = read_json(path, WHAT)
        try:
            known = record_from(FeatureRecipe, content, str(path))
            videos = content.get("videos", {})
            if not isinstance(videos, dict):
                raise CofinalError(f"videos are {quoted(videos)}; expected an object")
            records = {
                id: record_from(VideoRecord, record, f"video {quoted(id)}")
                for id, record in videos.items()
            }
        except CofinalError as error:
            raise CofinalError(
                f"{path} is not as expected ({error}); expected {WHAT}, so choose another --out"
            ) from error
        return records, self._recipe.differences(known)
