"""Work on several processes: what cannot work gets a sentence."""

from __future__ import annotations

import joblib
import pytest

from cofinal.engines import side_by_side
from cofinal.errors import CofinalError


def test_a_cluster_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="Ray does not support this version of Python")

    def unreachable(**_: object) -> None:
        raise ConnectionError("Failed to connect")

    monkeypatch.setattr(joblib, "Parallel", unreachable)
    monkeypatch.setenv("RAY_ADDRESS", "nowhere:6379")
    with pytest.raises(CofinalError, match="cluster at nowhere:6379 cannot be reached; start it"):
        list(side_by_side(abs, [(1,)], 2, "ray"))


def test_the_number_of_workers_and_the_engine_are_checked() -> None:
    with pytest.raises(CofinalError, match="workers is 0; expected 1 or more"):
        list(side_by_side(abs, [(1,)], 0))
    with pytest.raises(CofinalError, match="engine 'dask' is unknown; use local or ray"):
        list(side_by_side(abs, [(1,)], 2, "dask"))


def test_results_are_those_of_the_calls() -> None:
    assert sorted(side_by_side(abs, [(-3,), (2,), (-1,)], 1)) == [1, 2, 3]
