"""A full disk: "no room left", nothing half-written, and what was whole stays so."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pytest
from safetensors import safe_open

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.errors import NoRoomError
from cofinal.files.atomic import TEMPORARY, write_text
from cofinal.files.reading import read_json

KIB = 1024
SHORT = "--training.epochs 2 --training.members 1"
COMMANDS = {
    "train": "train --method ridge",
    "train by gradients": f"train --method usdl {SHORT}",
    "evaluate": "evaluate --method ridge",
    "benchmark": "benchmark --methods mean ridge",
    "tune": "tune --method ridge-segments --trials 1",
}


def words(command: str, source: DataSource, out: Path) -> list[str]:
    data = ["--dataset", str(source.dataset), "--features", str(source.data)]
    return [*COMMANDS[command].split(), *data, "--out", str(out)]


def check_whole(folder: Path) -> None:
    """Everything that is there was written to its end."""
    assert list(folder.rglob(TEMPORARY)) == []
    for path in folder.rglob("*.json"):
        read_json(path, "JSON")
    for path in folder.rglob("*.safetensors"):
        with safe_open(path, framework="numpy") as file:
            assert all(file.get_tensor(name) is not None for name in file.keys())  # noqa: SIM118
    for path in folder.rglob("*.npy"):
        assert np.load(path).size


@pytest.mark.parametrize("writes", [0, 1, 3, 6])
@pytest.mark.parametrize("command", ["train", "train by gradients", "evaluate", "benchmark"])
def test_a_disk_that_fills_up_gets_a_sentence_and_nothing_is_half_written(
    command: str,
    writes: int,
    generated_source: DataSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    done = iter(range(writes))

    def full_after_some(_: int) -> None:
        if next(done, None) is None:
            raise OSError(errno.ENOSPC, "No space left on device")

    out = tmp_path / "out"
    arguments = words(command, generated_source, out)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full_after_some)
        status = main(arguments)
    said = capsys.readouterr().err
    check_whole(out)
    assert status == (1 if "no room left" in said else 0), said
    assert status == 1 or writes == 6  # some write no more files than that
    assert main(arguments) == 0  # there is room again


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A disk of a mebibyte of one's own."""
    place = Path(mkdtemp(prefix="cofinal-disk-"))  # pytest cannot remove what is mounted
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted by root alone")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)
    place.rmdir()


@pytest.mark.parametrize("room", [0, 8 * KIB, 40 * KIB])
@pytest.mark.parametrize("command", ["train", "train by gradients", "evaluate", "tune"])
def test_a_small_disk_gets_a_sentence(
    command: str,
    room: int,
    generated_source: DataSource,
    small_disk: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (small_disk / "other").write_bytes(bytes(1024 * KIB - room))
    status = main(words(command, generated_source, small_disk / "out"))
    said = capsys.readouterr().err
    assert status == 0 or ("no room left" in said and "Traceback" not in said)
    check_whole(small_disk / "out")


def test_an_old_file_survives_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NoRoomError, match=r"no room left on the disk for .*a\.txt"):
        write_text(path, "new")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is a device of Linux")
def test_output_that_a_disk_cannot_take_gets_a_sentence() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "cofinal", "data", "check", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "cofinal: error: no room left on the disk; free some, and try again\n"


@pytest.mark.filterwarnings("always")
def test_a_result_that_cannot_be_kept_is_told_all_the_same(
    generated_source: DataSource,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What took hours must not be lost because the last small file has no room."""
    written = os.replace

    def full_at_last(source: Path, target: Path) -> None:
        if Path(target).name in ("result.json", "benchmark.json"):
            raise OSError(errno.ENOSPC, "No space left on device")
        written(source, target)

    monkeypatch.setattr(os, "replace", full_at_last)
    for command, shown in (("train", "Model: "), ("evaluate", "kfold"), ("benchmark", "| ridge |")):
        assert main(words(command, generated_source, tmp_path / command)) == 0
        said = capsys.readouterr()
        assert shown in said.out
        assert "warning: the result is not kept: no room left on the disk" in said.err
