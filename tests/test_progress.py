"""Progress with time left, where no terminal is."""

from __future__ import annotations

import pytest

import cofinal.progress
from cofinal.progress import heard_by, track


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock whose one entry is the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(cofinal.progress.time, "monotonic", lambda: now[0])
    return now


def test_lines_tell_share_time_left_and_note(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with track("training", 40) as advance:
        clock[0] += 20
        advance(10, "loss 1.5")
    # A quarter took 20 s, so three quarters take 60.
    assert capsys.readouterr().err == "training: 25%, 60 s left loss 1.5\n"


def test_lines_come_now_and_then_only(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with track("training", 100) as advance:
        for done in range(100):
            clock[0] += 1
            advance(done)
    assert 3 <= capsys.readouterr().err.count("\n") <= 7


def test_silence_is_silent(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with track("training", 10, shown=False) as advance:
        clock[0] += 1000
        advance(5, "loss")
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_a_listener_hears_what_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    heard: list[tuple[str, float, str]] = []
    with heard_by(lambda what, share, note: heard.append((what, share, note))):
        with track("training", 40) as advance:
            advance(10, "loss 1.5")
        with track("silence", 1, shown=False) as advance:
            advance(1)
    assert heard == [("training", 0.0, ""), ("training", 0.25, "loss 1.5")]
    with track("silence", 1, shown=False):
        pass
    assert len(heard) == 2
    assert capsys.readouterr().err == ""
