"""Killed runs, two at once in one folder: nothing lost, nothing mixed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

KILLS = Path(__file__).resolve().parents[2] / "benchmarks" / "kills.py"


def check(rounds: int, *commands: str) -> None:
    words = [sys.executable, str(KILLS), "--rounds", str(rounds), "--commands", *commands]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(f"| `{command}` | {rounds} |" in done.stdout for command in commands)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
def test_killed_runs_of_two_at_once_end_as_if_nothing_had_happened() -> None:
    check(2, "train", "evaluate", "benchmark", "extract")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are forked")
@pytest.mark.parametrize("command", ["train", "evaluate", "benchmark", "extract"])
def test_killed_runs_at_fifty_moments(command: str) -> None:
    check(50, command)
