"""A scorer gives one answer, whatever thread, process or mode of torch asks."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from cofinal.config import Preset
from cofinal.errors import CofinalError
from cofinal.layers.attention import relative_time_code
from cofinal.layers.summary import equal_segments, soft_segments
from cofinal.methods import method_names
from cofinal.modelfolder.folder import save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import Task
from cofinal.records import Prediction
from cofinal.scorer import Scorer
from cofinal.testing import CHANNELS, make_clips, prepared_model
from test_all_methods import small_preset

CLIPS = [clips_TC.numpy() for clips_TC in make_clips([5, 9, 12, 3, 30, 17], 1)]


def scorer_of(method: str) -> Scorer:
    model = prepared_model(small_preset(method))
    info = ModelInfo(small_preset(method), Task(CHANNELS, model.task.targets))
    return Scorer(Ensemble([model]), info)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    """One scorer, for all that share it."""
    return scorer_of("cofinal")


@contextmanager
def doubles() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("method", method_names())
def test_the_callers_precision_changes_no_score(method: str) -> None:
    scorer = scorer_of(method)
    expected = scorer.score_many(CLIPS)
    with torch.autocast("cpu", torch.bfloat16):
        assert scorer.score_many(CLIPS) == expected
    with doubles():
        assert scorer.score_many(CLIPS) == expected
    with torch.inference_mode():
        assert scorer.score_many(CLIPS) == expected


def test_relative_time_is_of_one_precision() -> None:
    clips_BTC = torch.from_numpy(CLIPS[4])[None]
    mask_BT = torch.ones(clips_BTC.shape[:2], dtype=torch.bool)

    def everything() -> list[torch.Tensor]:
        return [
            soft_segments(clips_BTC, mask_BT, 4),
            equal_segments(clips_BTC, mask_BT, 4),
            relative_time_code(mask_BT, 8),
        ]

    expected = everything()
    with doubles():
        for found, plain in zip(everything(), expected, strict=True):
            assert found.dtype == torch.float32 and torch.equal(found, plain)


def test_autocast_would_change_this_score_otherwise(scorer: Scorer) -> None:
    member = scorer.model.first
    clips_BTC, mask_BT = torch.from_numpy(CLIPS[0])[None], torch.ones(1, 5, dtype=torch.bool)
    plain = member(clips_BTC, mask_BT).unit_score_BK
    with torch.autocast("cpu", torch.bfloat16):
        assert not torch.equal(member(clips_BTC, mask_BT).unit_score_BK, plain)


def test_threads_share_a_scorer(scorer: Scorer) -> None:
    expected = [scorer.score(clips_TC) for clips_TC in CLIPS]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            assert list(threads.map(scorer.score, CLIPS)) == expected


INHERITED: list[Scorer] = []


def score_inherited(clips_TC: np.ndarray) -> Prediction:
    return INHERITED[0].score(clips_TC)


def take(scorer: Scorer) -> None:
    INHERITED[:] = [scorer]


def test_a_spawned_worker_scores_with_the_scorer_it_is_sent(scorer: Scorer) -> None:
    expected = [scorer.score(clips_TC) for clips_TC in CLIPS]
    context = multiprocessing.get_context("spawn")
    with context.Pool(1, initializer=take, initargs=(scorer,)) as pool:
        assert pool.map_async(score_inherited, CLIPS).get(timeout=120) == expected


# Threads are what a fork loses, and tests have one: so in a process of its own, with two.
FORKED = """
import multiprocessing, pickle, sys, torch
from cofinal import load_model
torch.set_num_threads(2)
folder, scorer, clips, expected = pickle.loads(sys.stdin.buffer.read())
large = torch.randn(2000, 2000)
large @ large, large.exp().sum()  # the threads now run
def alike(one, other):  # another number of threads adds up in another order
    pairs = zip(one.targets, other.targets, strict=True)
    return all(abs(mine.score - theirs.score) < 1e-5 for mine, theirs in pairs)
def score(i):
    found = scorer.score(clips[i])
    torch.randn(2000, 2000).exp().sum()  # large enough for more threads than one
    return alike(found, expected[i]), torch.get_num_threads()
def load(i):
    return len(load_model(folder)[0].members), torch.get_num_threads()
if __name__ == "__main__":
    assert all(alike(scorer.score(c), e) for c, e in zip(clips, expected))
    for first, answer in ((score, (True, 1)), (load, (1, 1))):
        with multiprocessing.get_context("fork").Pool(2) as pool:
            answers = pool.map_async(first, range(len(clips))).get(timeout=60)
        assert answers == [answer] * len(clips), answers
    assert torch.get_num_threads() == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_forked_workers_score_with_the_scorer_they_inherit(scorer: Scorer, tmp_path: Path) -> None:
    preset, task = Preset(), Task(1024, ("s",))  # large enough for more threads than one
    save_model(Ensemble([build_model(preset, task)]), ModelInfo(preset, task), tmp_path)
    expected = [scorer.score(clips_TC) for clips_TC in CLIPS]
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED],
        input=pickle.dumps((tmp_path, scorer, CLIPS, expected)),
        capture_output=True,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "2"},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_a_scorer_on_a_gpu_refuses_a_forked_process(
    scorer: Scorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer, "device", torch.device("cuda"))
    monkeypatch.setattr(scorer, "_process", -1)
    with pytest.raises(CofinalError, match="start workers with the method 'spawn'"):
        scorer.score(CLIPS[0])


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", ""])
def test_a_device_that_is_not_there_gets_a_sentence(device: str) -> None:
    model = prepared_model(small_preset("ridge"))
    info = ModelInfo(small_preset("ridge"), Task(CHANNELS, model.task.targets))
    with pytest.raises(CofinalError, match=f"device '{device}' is not available here; use 'cpu'"):
        Scorer(Ensemble([model]), info, device=device)


def test_auto_takes_what_there_is() -> None:
    model = prepared_model(small_preset("ridge"))
    info = ModelInfo(small_preset("ridge"), Task(CHANNELS, model.task.targets))
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert Scorer(Ensemble([model]), info, device="auto").device.type == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device is here")
@pytest.mark.parametrize("method", method_names())
def test_a_gpu_gives_the_same_scores(method: str) -> None:
    expected = [e.score for p in scorer_of(method).score_many(CLIPS) for e in p.targets]
    scorer = scorer_of(method)
    scorer = Scorer(scorer.model, scorer.info, device="cuda")
    found = [e.score for p in scorer.score_many(CLIPS) for e in p.targets]
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-3)
