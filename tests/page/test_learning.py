"""Jobs beside the page, what a training comes to, and the words for it."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from page_visitors import Visitor
from scipy.stats import spearmanr

from cofinal.agreement.model import read_predictions
from cofinal.config import DataSource, Preset, TrainingSettings
from cofinal.data.dataset import load_dataset
from cofinal.errors import CofinalError
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.page import honest, learning
from cofinal.page.access import Place
from cofinal.page.app import open_place
from cofinal.page.jobs import CANCELLED, FAILED, Jobs, Progress
from cofinal.page.outcomes import last_outcome


def wait(jobs: Jobs) -> Progress:
    end = time.monotonic() + 60
    while jobs.running and time.monotonic() < end:
        time.sleep(0.05)
    found = jobs.progress()
    assert found is not None
    return found


def test_a_job_that_cannot_be_done_says_why(organiser: Visitor) -> None:
    organiser.invite("Ana").mark(1, 5)
    jobs = organiser.place.jobs
    assert organiser.tell("/model/train", {"backbone": "motion"}).json() == {"started": True}
    again = organiser.tell("/model/train", {"backbone": "motion"})
    assert again.status_code == 400
    assert "another job is running" in again.json()["error"]
    ended = wait(jobs)
    assert ended.state == FAILED
    assert "1 films have marks for every target; mark 6 or more" in ended.told["error"]
    assert organiser.get("/model/progress").json()["told"] == ended.told
    with organiser.place.store.reading() as db:
        (row,) = db.execute("SELECT state, told FROM jobs").fetchall()
    assert row["state"] == FAILED
    assert json.loads(row["told"]) == ended.told


def test_a_job_is_cancelled_and_ends_with_the_page(organiser: Visitor) -> None:
    jobs = organiser.place.jobs
    organiser.tell("/model/train", {"backbone": "motion"})
    assert organiser.tell("/model/cancel", {}).status_code == 200
    assert wait(jobs).state == CANCELLED
    organiser.tell("/model/train", {"backbone": "motion"})
    process = jobs._process
    assert process is not None
    jobs.close()
    assert process.poll() is not None


def test_the_page_refuses_what_it_cannot_start(organiser: Visitor) -> None:
    assert organiser.tell("/model/train", {"backbone": "/etc/passwd"}).status_code == 400
    for wrong in ({}, {"backbone": ["motion"]}, {"backbone": "motion", "learned": {}}):
        assert organiser.tell("/model/train", wrong).status_code == 400
    assert organiser.tell("/model/report", {"film": "a"}).status_code == 400
    assert organiser.get("/model/report/a").status_code == 404
    assert organiser.get("/model/progress").json() == {"state": "none"}
    assert "No films of 6 have marks for every target" in organiser.get("/model").text


@dataclass(frozen=True)
class Learned:
    """A training on generated features; three of the performances have no labels."""

    place: Place
    choices: dict[str, Any]
    rows: list[dict[str, str]]
    targets: list[str]


@pytest.fixture(scope="module")
def learned(
    generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Learned]:
    """Trained once."""
    lines = Path(generated_source.dataset).read_text().splitlines()
    header = lines[0].split(",")
    targets = list(load_dataset(generated_source).targets)
    rows = [dict(zip(header, line.split(","), strict=True)) for line in lines[1:]]
    text = "\n".join(",".join(row[name] for name in ("id", *targets)) for row in rows[3:])
    labels = ",".join(("id", *targets)) + "\n" + text + "\n"
    films = {row["id"]: f"{row['id']}.mp4" for row in rows}
    choices = {"labels": labels, "targets": targets, "backbone": "motion", "films": films}
    model = CoFInAlSettings(
        width=8, heads=2, principal_components=8, sub_grades=4, embedding_width=8, grades=3
    )
    preset = Preset("cofinal", model, TrainingSettings(epochs=2, batch_size=8, members=1))
    place, steps = open_place(tmp_path_factory.mktemp("learned")), list[int]()
    with pytest.MonkeyPatch.context() as patch:
        features = generated_source.data
        patch.setattr(learning, "_watch", lambda folder, choices: (features, ["x is broken"]))
        patch.setattr(learning, "load_preset", lambda name: preset)
        told = learning.learn(place.out, choices, steps.append)
        assert steps == [1, 2, 3, 4]
        place.store.keep("run", told["run"])
        yield Learned(place, choices, rows, targets)
    place.close()


def test_what_a_training_comes_to(learned: Learned) -> None:
    place, rows, targets = learned.place, learned.rows, learned.targets
    outcome = last_outcome(place.store, place.out)
    assert outcome is not None
    assert set(outcome.scores) == {row["id"] for row in rows}
    assert len(outcome.learned) == len(rows) - 3
    assert outcome.intervals and outcome.broken == ["x is broken"]
    new = outcome.scores[rows[0]["id"]]["targets"][targets[0]]
    assert new["interval"][0] < new["score"] < new["interval"][1]
    predicted = read_predictions(outcome.predictions(place.out), targets)
    for k, target in enumerate(targets):
        given = np.array([float(row[target]) for row in rows[3:]])
        guessed = np.array([predicted[target][row["id"]] for row in rows[3:]])
        shown = [outcome.points(row["id"])[target] for row in rows[3:]]
        assert shown == pytest.approx(list(guessed), abs=1e-4)  # the file has four decimals
        measured = outcome.measures[k]
        assert measured["error"] == pytest.approx(np.abs(given - guessed).mean(), abs=1e-4)
        assert measured["srcc"] == pytest.approx(spearmanr(given, guessed).statistic)
        pairs = [
            (guessed[i] > guessed[j])
            for i in range(len(given))
            for j in range(len(given))
            if given[i] > given[j]
        ]
        assert measured["pairs_right"] == pytest.approx(np.mean(pairs))
        others = [np.delete(given, i).mean() for i in range(len(given))]
        assert measured["error_of_guessing"] == pytest.approx(np.abs(others - given).mean())


def test_the_page_shows_it(learned: Learned) -> None:
    organiser = Visitor(learned.place)
    organiser.get(f"/start/{learned.place.token}")
    text = organiser.get("/model").text
    assert "turns)" in text
    assert "film is gone" in text
    assert "Marks have changed since it learned" in text
    assert "x is broken" in text


def test_a_killed_training_is_not_done_again(learned: Learned) -> None:
    place = learned.place
    outcome = last_outcome(place.store, place.out)
    assert outcome is not None
    finished = sorted((place.out / "runs" / outcome.run / "evaluation").rglob("*.safetensors"))
    times = [path.stat().st_mtime_ns for path in finished]
    shutil.rmtree(place.out / "runs" / outcome.run / "training")
    learning.learn(place.out, learned.choices, lambda step: None)
    assert [path.stat().st_mtime_ns for path in finished] == times
    assert times


def test_few_films_are_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(CofinalError, match="2 films have marks for every target; mark 6"):
        learning.learn(tmp_path, {"labels": "id,score\na,1\nb,2\n"}, lambda step: None)


@pytest.mark.parametrize(
    ("films", "interval", "words"),
    [
        (12, (-0.2, 0.9), "Twelve films are too few to say whether it is better than chance"),
        (12, (0.2, 0.9), "twelve films are too few to say by how much"),
        (60, (-0.1, 0.3), "It cannot be told whether"),
        (60, (0.4, 0.7), "More films would tell more exactly"),
        (300, (0.6, 0.7), "It is better than chance: its rank correlation"),
        (5, None, "Five films are too few to say how good it is"),
    ],
)
def test_words_promise_no_more_than_the_test_shows(
    films: int, interval: tuple[float, float] | None, words: str
) -> None:
    measured = {
        "films": films,
        "error": 1.0,
        "error_of_guessing": 2.0,
        "pairs_right": 0.75,
        "srcc_interval": interval,
    }
    told = " ".join(honest.sentences(measured, True, 5))
    assert words in told
    assert "1.00 points off" in told and "2.00 off" in told and "75%" in told
    assert "whole groups at a time" in told
