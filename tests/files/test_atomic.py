"""Files that are either whole or absent."""

from __future__ import annotations

import json
import math
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from cofinal.errors import CofinalError
from cofinal.files.atomic import TEMPORARY, atomic_path, write_json, write_text
from cofinal.files.lock import alone_in
from cofinal.files.reading import read_json

KILLED_BEFORE_RENAME = """
import os, signal, sys
from cofinal.files.atomic import write_text
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
write_text(sys.argv[1], "new")
"""
KILLED_WHILE_WRITING = """
import os, signal, sys
from cofinal.files.atomic import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("ne")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("program", [KILLED_BEFORE_RENAME, KILLED_WHILE_WRITING])
@pytest.mark.parametrize("old", ["old", None])
def test_a_kill_leaves_the_old_file_or_none(tmp_path: Path, program: str, old: str | None) -> None:
    path = tmp_path / "a.txt"
    if old:
        path.write_text(old)
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (path.read_text() if path.exists() else None) == old
    assert len(list(tmp_path.glob(TEMPORARY))) == 1
    with alone_in(tmp_path):  # the next run clears what the killed one left
        assert list(tmp_path.glob(TEMPORARY)) == []


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_old_file_stays_whole_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with atomic_path(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_text(tmp_path / "a.txt", "x")
        assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o666 & ~umask
        assert os.umask(umask) == umask
    finally:
        os.umask(before)


def test_folders_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "a" / "b" / "c.txt", "x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CofinalError, match=r"cannot write .*choose a folder you may write to"):
        write_text(tmp_path / "file" / "a.txt", "x")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, [1.0, {"a": math.nan}]])
def test_numbers_that_json_lacks_are_refused_and_nothing_is_written(
    tmp_path: Path, value: object
) -> None:
    write_json(tmp_path / "a.json", {"old": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", value)
    assert read_json(tmp_path / "a.json", "a test's file") == {"old": 1}


def test_json_keeps_text_of_any_language(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"skater": "Žofie 羽生"})
    raw = (tmp_path / "a.json").read_bytes()
    assert json.loads(raw) == {"skater": "Žofie 羽生"}
    assert "羽生".encode() in raw


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe", b""])
def test_what_is_no_json_gets_a_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(CofinalError, match=r"a\.json.* a test's file"):
        read_json(tmp_path / "a.json", "a test's file")
