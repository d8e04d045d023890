"""Locks of folders: who is told what, what a kill leaves, what is cleared."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

import pytest

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.errors import CofinalError
from cofinal.files import lock
from cofinal.files.lock import alone_in

HOLDS = """
import sys
from cofinal.files.lock import alone_in
with alone_in(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that holds a folder until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    stream: IO[str] | None = process.stdout
    assert stream is not None and stream.readline() == "held\n"
    return process


def test_the_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    other = holder(tmp_path)
    told = rf"is in use by process {other.pid} on {socket.gethostname()} since \d{{4}}-"
    told += rf".*`-c {tmp_path}`.*choose another --out"
    with pytest.raises(CofinalError, match=told), alone_in(tmp_path):
        pass
    other.communicate("")
    with alone_in(tmp_path):
        pass


def test_a_killed_process_blocks_nobody(tmp_path: Path) -> None:
    other = holder(tmp_path)
    other.send_signal(signal.SIGKILL)
    other.communicate()
    with alone_in(tmp_path):
        assert str(os.getpid()) in (tmp_path / lock.LOCK).read_text()


def test_a_function_may_ask_for_what_its_caller_holds_but_another_thread_may_not(
    tmp_path: Path,
) -> None:
    refused: list[str] = []

    def other() -> None:
        try:
            with alone_in(tmp_path):
                pass
        except CofinalError as error:
            refused.append(str(error))

    with alone_in(tmp_path):
        with alone_in(tmp_path / "." / "x" / ".."):
            pass
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(refused) == 1 and f"process {os.getpid()}" in refused[0]
    other()
    assert len(refused) == 1


def test_what_killed_writes_left_is_cleared_but_not_in_another_runs_folder(tmp_path: Path) -> None:
    kept = [tmp_path / "a.tmp", tmp_path / ".hidden.tmp", tmp_path / "other" / ".cofinal-x.tmp"]
    left = [tmp_path / ".cofinal-a1.tmp", tmp_path / "deep" / "er" / ".cofinal-b2.tmp"]
    for path in [*kept, *left, tmp_path / "other" / lock.LOCK]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    with alone_in(tmp_path):
        assert [path.exists() for path in kept] == [True] * 3
        assert [path.exists() for path in left] == [False] * 2


def test_a_disk_without_locks_warns_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(handle: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(lock, "_take", none)
    with pytest.warns(UserWarning, match="has no locks; see that no other run"), alone_in(tmp_path):
        pass


def test_an_unreadable_record_still_gets_a_sentence(tmp_path: Path) -> None:
    other = holder(tmp_path)
    (tmp_path / lock.LOCK).write_text("{")
    with pytest.raises(CofinalError, match="in use by another process; wait"), alone_in(tmp_path):
        pass
    other.communicate("")


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CofinalError, match=r"cannot write to .*choose another --out"),
        alone_in(tmp_path / "file" / "run"),
    ):
        pass


@pytest.mark.parametrize(
    "command",
    [
        "train --dataset {data} --out {out}",
        "evaluate --dataset {data} --out {out}",
        "benchmark --dataset {data} --out {out}",
        "tune --dataset {data} --out {out}",
        "extract {film} --backbone motion --out {out}",
        "data generate --out {out}",
        "data routines --count 1 --out {out}",
        "agreement {marks} --out {out}",
        "import {film} --out {out}",
    ],
)
def test_every_command_that_writes_into_a_folder_takes_its_lock(
    command: str,
    tmp_path: Path,
    generated_source: DataSource,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, marks, statuses = tmp_path / "out", tmp_path / "marks.csv", []
    lines = [f"{i},{judge},score,{i + k}" for i in range(8) for k, judge in enumerate("ab")]
    marks.write_text("\n".join(["id,judge,target,mark", *lines]) + "\n")
    data = generated_source.dataset
    words = command.format(data=data, out=folder, marks=marks, film=tmp_path / "a.mp4").split()
    with alone_in(folder):
        other = threading.Thread(target=lambda: statuses.append(main(words)))
        other.start()
        other.join()
    assert statuses == [1]
    assert f"{folder} is in use by" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == [lock.LOCK]
