"""Marks of the page as the command line's files, and what the page says of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from page_visitors import Visitor

from cofinal.agreement.measure import measure_agreement
from cofinal.config import AgreementSettings
from cofinal.data.judges import judge_marks
from cofinal.data.labels import read_csv_labels
from cofinal.page.access import Place
from cofinal.page.agreeing import agreement, sentences
from cofinal.page.exports import export
from cofinal.page.raters import raters, tasks

GIVEN = {
    "Ana": {"a": 1, "b": 3, "c": 5, "d": 6, "e": 8, "f": 9},
    "Ben": {"a": 2.5, "b": 4, "c": 6.25, "d": 7.25, "e": 9, "f": 10},
}


@pytest.fixture
def marked(organiser: Visitor) -> Place:
    """Two raters who marked all films; Ana some of them twice, half a point higher."""
    for name, given in GIVEN.items():
        visitor = organiser.invite(name, repeat_share=0.5 if name == "Ana" else 0)
        rater = next(one for one in raters(organiser.place.store) if one.name == name)
        for task in tasks(organiser.place.store, rater, []):
            mark = given[task.film] + 0.5 * (task.occasion - 1)
            assert visitor.mark(task.position, min(mark, 10)).status_code == 200
    return organiser.place


def test_exported_files_are_what_the_command_line_takes(marked: Place) -> None:
    labels, judges, trail, *_ = export(marked.store, marked.films)
    judged = judge_marks(judges)
    assert judged.judges == {"score": ("Ana", "Ben")}
    for film, row in zip(judged.ids, judged.marks["score"], strict=True):
        assert list(row) == [GIVEN["Ana"][film], GIVEN["Ben"][film]]
    assert np.isfinite(judged.again["score"][0, :, 0]).sum() == 3
    twice = {judged.ids[i] for i in np.flatnonzero(np.isfinite(judged.again["score"][0, :, 0]))}
    for label in read_csv_labels(labels).labels:
        ana = GIVEN["Ana"][label.id]
        ana = (ana + min(ana + 0.5, 10)) / 2 if label.id in twice else ana
        assert label.scores["score"] == pytest.approx((ana + GIVEN["Ben"][label.id]) / 2)
    assert len(trail.read_text().splitlines()) == 1 + 9 + 6


def test_groups_are_columns_of_the_labels(marked: Place, organiser: Visitor) -> None:
    for film in GIVEN["Ana"]:
        organiser.tell("/groups", {"film": film, "group": "one" if film in "abc" else "two"})
    groups = {
        label.id: label.groups
        for label in read_csv_labels(export(marked.store, marked.films)[0]).labels
    }
    assert groups["a"] == {"group": "one"}
    assert organiser.tell("/groups", {"film": "../a", "group": "x"}).status_code == 400


def test_the_page_says_what_the_command_says(marked: Place, organiser: Visitor) -> None:
    text = organiser.get("/agreement").text
    judged = judge_marks(marked.out / "judges.csv")
    (found,) = measure_agreement(judged, AgreementSettings())
    assert found.reliability and found.alpha is not None
    assert f"{found.reliability.icc_one:.3f}" in text
    assert f"alpha is {found.alpha:.2f}" in text
    assert "Ben gives 1.17 points more than Ana on average" in text
    assert "6 films are few" in text
    assert "Ana saw 3 films twice" in text
    assert "repeats with reliability 0.9" in text or "would repeat with reliability 0.9" in text
    figure = organiser.get("/agreement/1.png")
    assert figure.content.startswith(b"\x89PNG")
    assert organiser.get("/agreement/2.png").status_code == 404


def test_nothing_is_said_before_there_is_anything(organiser: Visitor) -> None:
    assert "Nothing can be said yet" in organiser.get("/agreement").text
    organiser.invite("Ana").mark(1, 5)
    assert "Nothing can be said yet" in organiser.get("/agreement").text
    assert organiser.get("/agreement/1.png").status_code == 404


def test_the_model_is_one_more_judge(marked: Place, tmp_path: Path) -> None:
    lines = [f"{film},{(GIVEN['Ana'][film] + GIVEN['Ben'][film]) / 2 + 1}" for film in GIVEN["Ana"]]
    predicted = tmp_path / "predictions.csv"
    predicted.write_text("id,score predicted\n" + "\n".join(lines) + "\n")
    (found,) = agreement(marked.store, marked.films, predicted).found
    assert found.model and found.model.difference.bias == pytest.approx(1)
    assert any("The model" in sentence for sentence in sentences(found))


def test_tables_are_downloaded_and_written(marked: Place, organiser: Visitor) -> None:
    answer = organiser.get("/export/judges.csv")
    assert answer.headers["content-disposition"] == 'attachment; filename="judges.csv"'
    assert answer.text.startswith("id,judge,target,mark,occasion\n")
    assert organiser.get("/export/other.csv").status_code == 404
    written = {Path(path).name for path in organiser.tell("/export/all", {}).json()["files"]}
    assert {"labels.csv", "orders.csv", "agreement.json", "agreement.md", "score.png"} <= written
    orders = organiser.get("/export/orders.csv").text.splitlines()
    assert len(orders) == 1 + 9 + 6
    assert (organiser.place.store.path.stat().st_mode & 0o077) == 0
