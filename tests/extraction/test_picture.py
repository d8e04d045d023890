"""What is told of a film that is not as the published features' films are."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image
from video_files import moving_square, textured_frame, write_video

from cofinal.cli.main import main
from cofinal.errors import CofinalError
from cofinal.extraction.backbones.loading import load_backbone
from cofinal.extraction.extractor import extract
from cofinal.extraction.picture import look
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.scanning import scan_timeline
from shared_files import fixture_folder

MOTION = ExtractionRecipe(backbone="motion", input_px=64)


def remarks(path: Path) -> tuple[str, ...]:
    return extract(path, MOTION, load_backbone("motion")).remarks


def test_an_ordinary_film_gets_no_remark(tmp_path: Path) -> None:
    path = write_video(tmp_path / "wide.mp4", moving_square(40, 2, 90, 160))
    assert look(path).seen(MOTION) == (pytest.approx(300 / 455), pytest.approx(224 / 256))
    assert remarks(path) == ()


def test_a_portrait_film_is_told_how_little_of_it_is_seen(tmp_path: Path) -> None:
    path = write_video(tmp_path / "tall.mp4", moving_square(40, 2, 160, 90))
    assert remarks(path) == ("only the middle 49% of the picture's height is seen",)
    whole = ExtractionRecipe(backbone="pose", input_px=64)
    assert look(path).seen(whole) == (1.0, 1.0)


def test_motion_elsewhere_in_the_picture_is_told_of(tmp_path: Path) -> None:
    ground = textured_frame(160, 90)
    frames = []
    for number in range(70):
        frame = ground.copy()
        frame[:8, number : number + 8] = 255  # above the part that is seen
        frames.append(frame)
    path = write_video(tmp_path / "above.mkv", frames, codec="ffv1", pix_fmt="bgr0")
    assert "nothing moves in the part of the picture that is seen" in remarks(path)


def test_interlaced_anamorphic_and_hdr_films_are_told_of(tmp_path: Path) -> None:
    path = tmp_path / "tape.mpg"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg2video", rate=25, options={"flags": "+ildct+ilme"})
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(16, 9) * Fraction(128, 160)
        for pixels in moving_square(40, 2, 128, 160):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    told = " ".join(remarks(path))
    assert "frames are interlaced" in told and "pixels are 1.42 times as wide as high" in told
    bright = tmp_path / "bright.mkv"
    with av.open(str(bright), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p10le"
        stream.codec_context.color_trc = 16
        for pixels in moving_square(40, 2):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    assert remarks(bright) == ("colours are HDR and look flat here; convert the film to SDR",)


def test_a_folder_of_frames_is_a_film(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = moving_square(70, 2, 60, 80)
    film = write_video(tmp_path / "film.mkv", frames, codec="ffv1", pix_fmt="bgr0")
    folder = tmp_path / "shots" / "one"
    folder.mkdir(parents=True)
    for number, pixels in enumerate(frames):  # "9" stands before "10"
        Image.fromarray(pixels).save(folder / f"{number}.png")
    alone = extract(film, MOTION, load_backbone("motion"))
    assert np.array_equal(extract(folder, MOTION, load_backbone("motion")).values, alone.values)
    out = tmp_path / "features"
    settings = ["--backbone", "motion", "--input-px", "64"]
    assert main(["extract", str(folder.parent), *settings, "--out", str(out)]) == 0
    assert np.array_equal(np.load(out / "one.npy"), alone.values)
    assert "pictures of a folder are taken as 25 frames a second (one)" in capsys.readouterr().err
    (folder / "3.png").write_bytes(b"no picture")
    with pytest.raises(CofinalError, match=r"3\.png cannot be read as a picture"):
        extract(folder, MOTION, load_backbone("motion"))


def test_joined_recordings_are_seen_to_their_end(tmp_path: Path) -> None:
    videos = fixture_folder() / "trials" / "videos"
    joined = extract(videos / "joined.ts", MOTION, load_backbone("motion"))
    whole = extract(videos / "whole.mp4", MOTION, load_backbone("motion"))
    assert joined.remarks[-1:] == ("2 recordings follow one another in the file",)
    assert joined.values.shape == whole.values.shape == (12, 576)
    for one, other in zip(joined.values, whole.values, strict=True):
        assert np.corrcoef(one, other)[0, 1] > 0.99  # two encodings of the same pictures


def test_recordings_joined_by_a_copy_are_seen_to_their_end(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{n}.ts", moving_square(48, n, 60, 80), codec="mpeg2video")
        for n in (1, 3, 5)
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    timeline = scan_timeline(joined)
    assert timeline.duration_seconds == pytest.approx(3 * 48 / 25, abs=0.05)
    assert len(timeline.joins) == 2


def test_a_film_that_claims_hours_is_not_believed(tmp_path: Path) -> None:
    pictures = [textured_frame(48, 64)] * 60
    times = [number * 50_000 for number in range(60)]  # 49 minutes
    path = write_video(tmp_path / "claims.mkv", pictures, codec="mpeg4", times_ms=times)
    with pytest.raises(CofinalError, match=r"bytes make believable; .*--max-hours"):
        scan_timeline(path)
    assert scan_timeline(path, max_hours=1).duration_seconds > 2900
    with pytest.raises(CofinalError, match=r"longer than 0\.5 hours; .*--max-hours"):
        scan_timeline(path, max_hours=0.5)


def test_a_check_and_a_training_tell_of_the_films(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        size = (160, 90) if number == 2 else (90, 160)
        write_video(tmp_path / f"{number}.mp4", moving_square(40, number + 1, *size))
    out = tmp_path / "features"
    settings = ["--backbone", "motion", "--input-px", "64"]
    assert main(["extract", str(tmp_path), *settings, "--out", str(out)]) == 0
    (tmp_path / "labels.csv").write_text("id,score\n0,1.5\n1,2.5\n2,3.5\n3,4.5\n")
    data = ["--dataset", str(tmp_path / "labels.csv"), "--features", str(out)]
    seen = "only the middle 49% of the picture's height is seen: 2 (1 of 4 films)"
    capsys.readouterr()
    assert main(["data", "check", *data]) == 0
    said = capsys.readouterr().out
    assert "features motion at 25/s in clips of 32 frames of the picture short side 256" in said
    assert f"warning [film] {out / 'features.json'}: {seen}" in said
    assert main(["train", *data, "--method", "mean", "--out", str(tmp_path / "run")]) == 0
    assert seen in capsys.readouterr().err.splitlines()[0]
