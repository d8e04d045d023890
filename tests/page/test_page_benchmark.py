"""What benchmarks/page.md states, in small: a real server under load, a kill, and attacks."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).parents[2] / "benchmarks" / "page.py"


@pytest.fixture(scope="module")
def measures() -> dict[str, Any]:
    return runpy.run_path(str(PROGRAM))


@pytest.fixture
def films(tmp_path: Path, measures: dict[str, Any]) -> Path:
    folder = tmp_path / "films"
    folder.mkdir()
    measures["make_films"](folder)
    return folder


def test_no_mark_is_lost_when_many_save(films: Path, measures: dict[str, Any]) -> None:
    found = measures["load"](films, raters=5, seconds=2.0)
    assert found["saved"] > 10
    assert found["errors"] == found["lost"] == 0


def test_a_kill_loses_no_acknowledged_mark(films: Path, measures: dict[str, Any]) -> None:
    found = measures["kill"](films, kills=1, raters=3)
    assert found["acknowledged"] > 0
    assert found["lost"] == 0


def test_attacks_bring_nothing(films: Path, measures: dict[str, Any]) -> None:
    found = measures["hostile"](films, attacks=150)
    assert found["alive"]
    assert found["failures_500"] == found["traces"] == found["leaks"] == 0
    assert found["statuses"]["400"] > 10  # they got as far as the page itself


def test_a_loss_would_be_seen(films: Path, measures: dict[str, Any]) -> None:
    """The count of lost marks is not zero by itself."""
    with measures["serving"](films) as server:
        (cookie,) = measures["prepare"](server, 1)
        server.send("/rate/1/mark", {"target": "score", "mark": 7}, cookie)
    assert measures["in_file"](films) == {("rater 0", 7)}
    assert {("rater 0", 8)} - measures["in_file"](films)
