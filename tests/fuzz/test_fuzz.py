"""The short form of `make fuzz`: a few spoilt inputs for every reader; what must hold for all."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from run import all_subjects, fuzz
from watch import watch

from cofinal.data.labels import read_csv_labels
from cofinal.errors import LONGEST, CofinalError, sentence
from cofinal.files.tables import csv_text
from cofinal.records import natural_key
from cofinal.settings import QUOTED, quoted

INPUTS = 3


def test_no_reader_answers_a_spoilt_file_with_more_than_a_sentence() -> None:
    faults = {}
    for subject in all_subjects():
        tally = fuzz(subject, max(2, INPUTS * subject.weight // 10), seed=1)
        assert tally.accepted + tally.refused + sum(tally.faults.values()) == tally.tried
        faults |= {f"{subject.name}: {place}": tally.examples[place] for place in tally.faults}
    assert faults == {}


def test_the_watch_tells_every_fault(tmp_path: Path) -> None:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()

    def told(read) -> tuple[str, str]:  # type: ignore[no-untyped-def]
        verdict, _ = watch(read, inside)
        return verdict.outcome, verdict.told

    def refuse(text: str) -> None:
        raise CofinalError(text)

    def long_sentence(_: Path) -> None:
        error = CofinalError("")
        error.args = ("x" * 200,)
        raise error

    assert told(lambda _: 1) == ("accepted", "")
    assert told(lambda _: refuse("no")) == ("refused", "no")
    assert told(lambda folder: (folder / "a").write_text("a"))[0] == "accepted"
    for read, expected in (
        (lambda _: {}["a"], "KeyError"),
        (lambda _: sys.exit(3), "SystemExit"),
        (lambda _: warnings.warn("odd", RuntimeWarning, stacklevel=1), "RuntimeWarning"),
        (lambda _: outside.write_text("a"), "outside: open"),
        (lambda _: (outside.parent / "folder").mkdir(), "outside: os.mkdir"),
        (lambda _: subprocess.run(["true"], check=True), "outside: subprocess.Popen"),
        (lambda _: torch.zeros(2**29), "t allocate memory"),
        (lambda _: np.zeros(2**28), "MemoryError"),
        (long_sentence, "x" * 100),
        (lambda folder: (folder / ".cofinal-1.tmp").touch(), "half a file is left"),
    ):
        outcome, text = told(read)
        assert outcome == "fault" and expected in text, (expected, text)
        for left in inside.glob(".cofinal*"):
            left.unlink()


def test_the_watch_ends_what_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watch.WAITED", 0.05)

    def wait(_: Path) -> None:
        reader, _writer = os.pipe()
        os.read(reader, 1)

    verdict, _ = watch(wait, tmp_path)
    assert verdict.outcome == "fault" and "TooSlow" in verdict.told


@given(st.text(max_size=3000))
def test_any_text_is_a_sentence_of_one_printable_line(text: str) -> None:
    told = sentence(text)
    assert len(told) <= LONGEST + 5 and len(told.splitlines()) <= 1
    told.encode()


@given(st.one_of(st.text(), st.integers(), st.binary(), st.lists(st.floats())))
def test_any_value_can_be_quoted(value: object) -> None:
    assert len(quoted(value)) <= QUOTED + 3


@given(st.lists(st.integers(0, 10**30), min_size=2))
def test_numbers_in_names_sort_as_numbers(numbers: list[int]) -> None:
    names = sorted((f"p{n}" for n in numbers), key=natural_key)
    assert names == [f"p{n}" for n in sorted(numbers)]


NAMES = st.from_regex(r"[A-Za-z0-9é][A-Za-z0-9é_-]{0,8}", fullmatch=True)


@given(
    st.dictionaries(NAMES, st.floats(-1e6, 1e6), min_size=1, max_size=6),
    st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_scores_come_back_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, scores: dict[str, float], ends: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "labels.csv"
    text = csv_text(["id", "score"], [[name, repr(value)] for name, value in scores.items()])
    path.write_bytes(text.replace("\n", ends).encode())
    table = read_csv_labels(path, ("score",))
    assert {label.id: label.scores["score"] for label in table.labels} == scores
