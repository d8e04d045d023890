"""Decoders: rotation, odd pixel formats, streams without a frame count, and hostile files."""

from __future__ import annotations

import contextlib
import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from video_files import frame_number, numbered_frame, textured_frame, write_video

from cofinal.errors import CofinalError
from cofinal.extraction import containers
from cofinal.extraction.backbones.loading import load_backbone
from cofinal.extraction.decoding import DECODERS, decode_packet, decoded_frames, decoder_version
from cofinal.extraction.extractor import extract
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.scanning import scan_timeline
from shared_files import data_folder

MOTION = ExtractionRecipe(backbone="motion")


def first_frame(path: Path) -> np.ndarray:
    return next(iter(decoded_frames(path, scan_timeline(path), "av"))).to_rgb()


def sentence(path: Path) -> str:
    """What a user reads when `path` is extracted; anything but a CofinalError fails the test."""
    with pytest.raises(CofinalError) as caught:
        extract(path, MOTION, load_backbone("motion"))
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text and "Traceback" not in text
    return text


def turn(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Writes a display matrix (a, b, c, d) into an mp4's track header, as phones do."""
    content = bytearray(path.read_bytes())
    start = content.index(b"tkhd") + 4 + 40
    a, b, c, d = (value * 0x10000 for value in matrix)
    content[start : start + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 0x40000000)
    path.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("matrix", "turns"),
    # QuickTime: x' = a x + c y, y' = b x + d y. So (0, 1, -1, 0) takes "right" to "down":
    # a quarter turn clockwise, which is three of np.rot90's.
    [((1, 0, 0, 1), 0), ((0, 1, -1, 0), 3), ((-1, 0, 0, -1), 2), ((0, -1, 1, 0), 1)],
)
def test_rotation_is_honoured(
    tmp_path: Path, matrix: tuple[int, int, int, int], turns: int
) -> None:
    upright = np.zeros((48, 64, 3), dtype=np.uint8)
    upright[:24, :32] = (255, 255, 255)
    path = write_video(tmp_path / "phone.mp4", [upright] * 3)
    turn(path, matrix)
    found, expected = first_frame(path), np.rot90(upright, turns)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected.astype(int)).mean() < 5


def test_lossless_pixels_come_out_exactly(tmp_path: Path) -> None:
    image = textured_frame(70, 90)
    path = write_video(tmp_path / "exact.mkv", [image], codec="ffv1", pix_fmt="bgr0")
    assert np.array_equal(first_frame(path), image)


@pytest.mark.parametrize("pix_fmt", ["gray", "gray16le", "yuv420p10le", "rgb48be"])
def test_grey_and_deep_pixels(tmp_path: Path, pix_fmt: str) -> None:
    image = np.repeat(textured_frame(64, 96)[:, :, :1], 3, axis=2)
    suffix, codec = ("mov", "png") if pix_fmt.startswith("rgb48") else ("mkv", "ffv1")
    path = write_video(tmp_path / f"odd.{suffix}", [image] * 3, codec=codec, pix_fmt=pix_fmt)
    found = first_frame(path)
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - image.astype(int)).mean() < 3
    assert extract(path, MOTION, load_backbone("motion")).values.shape == (1, 576)


def test_streams_without_a_frame_count(tmp_path: Path) -> None:
    path = write_video(tmp_path / "live.mkv", [numbered_frame(n) for n in range(70)], codec="ffv1")
    with av.open(str(path)) as container:
        assert container.streams.video[0].frames == 0
    assert scan_timeline(path).frame_count(25) == 70


@pytest.mark.parametrize("suffix", ["mp4", "avi", "mkv", "webm", "mov", "gif", "ts"])
def test_containers(tmp_path: Path, suffix: str) -> None:
    codec = {"webm": "libvpx", "gif": "gif", "ts": "mpeg2video"}.get(suffix, "mpeg4")
    pix_fmt = "rgb8" if suffix == "gif" else "yuv420p"
    path = write_video(
        tmp_path / f"v.{suffix}",
        [numbered_frame(n) for n in range(50)],
        codec=codec,
        pix_fmt=pix_fmt,
    )
    timeline = scan_timeline(path)
    assert timeline.frame_count(25) == 50
    frames = list(decoded_frames(path, timeline, "av"))
    assert len(frames) == 50
    tolerance = 0.011  # gif counts in hundredths of a second, mkv in thousandths
    times = [float(frame.shown_seconds) for frame in frames]
    np.testing.assert_allclose(times, np.arange(50) / 25, atol=tolerance)
    if suffix != "gif":
        assert [frame_number(frame.to_rgb()) for frame in frames] == list(range(50))


def test_two_ways_of_decoding_agree(tmp_path: Path) -> None:
    # The plain way: whole file into memory, every frame, then the clip's frames picked by hand.
    path = data_folder() / "videos" / "arm_wrestling.mp4"
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        plain = [
            (frame.pts * stream.time_base, frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        ]
    ours = list(decoded_frames(path, scan_timeline(path), "av"))
    assert [frame.shown_seconds for frame in ours] == [time for time, _ in plain]
    assert all(np.array_equal(ours[n].to_rgb(), plain[n][1]) for n in (0, 100, 279))


def importable_decoders() -> list[str]:
    found = []
    for decoder in DECODERS:
        with contextlib.suppress(CofinalError):
            decoder_version(decoder)
            found.append(decoder)
    return found


@pytest.mark.parametrize("decoder", importable_decoders())
@pytest.mark.parametrize("name", ["pancake.mkv", "clean_and_jerk.mp4", "dive.gif"])
def test_every_decoder_that_imports_gives_the_same_features(name: str, decoder: str) -> None:
    path = data_folder() / "videos" / name
    backbone = load_backbone("motion")
    expected = extract(path, MOTION, backbone, decoder="av").values
    # Builds of FFmpeg differ by a grey level at most; identical ones were seen to agree exactly.
    found = extract(path, MOTION, backbone, decoder=decoder).values
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_a_decoder_that_does_not_import_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    with pytest.raises(CofinalError, match="use the decoder 'av'"):
        decoder_version("torchcodec")


def test_zero_bytes_text_and_folders(tmp_path: Path) -> None:
    empty, text = tmp_path / "empty.mp4", tmp_path / "text.mp4"
    empty.touch()
    text.write_text("this is a letter, not a video\n" * 100)
    assert "zero bytes" in sentence(empty)
    assert "not a video" in sentence(text)
    assert "is not a file" in sentence(tmp_path)
    assert "does not exist" in sentence(tmp_path / "gone.mp4")


def test_a_playlist_named_mp4_reads_no_other_file(tmp_path: Path) -> None:
    write_video(tmp_path / "secret.ts", [numbered_frame(1)] * 5, codec="mpeg2video")
    hls, concat = tmp_path / "hls.mp4", tmp_path / "concat.mp4"
    hls.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.ts\n#EXT-X-ENDLIST\n")
    concat.write_text("ffconcat version 1.0\nfile secret.ts\n")
    assert "not a video" in sentence(hls)
    assert "not a video" in sentence(concat)


def test_pictures_are_not_videos(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(textured_frame(64, 64)).save(tmp_path / "picture.png")
    (tmp_path / "picture.png").rename(tmp_path / "picture.mp4")
    assert "not a video" in sentence(tmp_path / "picture.mp4")


@pytest.mark.parametrize("name", ["pancake.mkv", "clean_and_jerk.mp4", "balance_beam_01.avi"])
@pytest.mark.parametrize("kept", [0.001, 0.5, 0.9])
def test_truncated_files(tmp_path: Path, name: str, kept: float) -> None:
    content = (data_folder() / "videos" / name).read_bytes()
    path = tmp_path / name
    path.write_bytes(content[: int(len(content) * kept)])
    assert sentence(path)


@pytest.mark.parametrize("name", ["pancake.mkv", "arm_wrestling.mp4", "dive.gif"])
def test_flipped_bytes_end_in_features_or_a_sentence(tmp_path: Path, name: str) -> None:
    content = bytearray((data_folder() / "videos" / name).read_bytes())
    noise = np.random.default_rng(5)
    for position in noise.integers(0, len(content), 300):
        content[position] = noise.integers(256)
    path = tmp_path / name
    path.write_bytes(bytes(content))
    try:
        assert np.isfinite(extract(path, MOTION, load_backbone("motion")).values).all()
    except CofinalError as error:
        assert str(path) in str(error)


def test_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        samples = np.zeros((1, 44100), dtype=np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert "no video stream" in sentence(path)


def test_one_frame_and_odd_names(tmp_path: Path) -> None:
    folder = tmp_path / "a folder with spaces: 新体操 ü"
    folder.mkdir()
    path = write_video(folder / "Übung 1, 日本.avi", [textured_frame(120, 160)])
    features = extract(path, MOTION, load_backbone("motion"))
    assert features.values.shape == (1, 576)
    assert features.id == "Übung 1, 日本"


def test_very_large_frames(tmp_path: Path) -> None:
    image = np.zeros((8000, 8000, 3), dtype=np.uint8)
    image[:4000] = 200
    path = write_video(tmp_path / "huge.avi", [image], codec="mjpeg", pix_fmt="yuvj420p")
    assert extract(path, MOTION, load_backbone("motion")).values.shape == (1, 576)


def test_frames_above_the_limit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_video(tmp_path / "large.avi", [textured_frame(120, 160)])
    monkeypatch.setattr(containers, "MAX_FRAME_PIXELS", 10_000)
    assert "160x120 pixels" in sentence(path)


def test_timestamps_that_jump_are_refused(tmp_path: Path) -> None:
    frames = [numbered_frame(n) for n in range(4)]
    times = [0, 40, 80, 3_600_000]
    path = write_video(tmp_path / "jump.mkv", frames, codec="ffv1", times_ms=times)
    assert "jump" in sentence(path)


def test_a_file_that_disappears_between_scan_and_decoding(tmp_path: Path) -> None:
    path = write_video(tmp_path / "gone.avi", [numbered_frame(n) for n in range(5)])
    timeline = scan_timeline(path)
    path.unlink()
    with pytest.raises(CofinalError, match="does not exist"):
        list(decoded_frames(path, timeline, "av"))


@pytest.mark.parametrize("kind", ["InvalidDataError", "UnknownError", "PatchWelcomeError"])
def test_a_damaged_packet_gives_no_frame_whatever_its_error_is_called(kind: str) -> None:
    class Packet:
        def decode(self) -> None:
            raise getattr(av.error, kind)(1, "damaged")

    assert decode_packet(Packet()) is None


def test_decoders_are_named() -> None:
    assert decoder_version("av") == f"av {av.__version__}"
    with pytest.raises(CofinalError, match="decoder 'cv2' is unknown"):
        decoded_frames("v.mp4", scan_of_nothing(), "cv2")


def scan_of_nothing():  # type: ignore[no-untyped-def]
    from cofinal.extraction.timeline import Timeline

    return Timeline(Fraction(0), Fraction(0), Fraction(1), 1, Fraction(1, 25))
