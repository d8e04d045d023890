"""Moments and elements: marked, changed, taken back, exported and brought in again."""

from __future__ import annotations

import pytest
from page_visitors import Visitor

from cofinal.data.annotations import read_annotations
from cofinal.data.sheets import read_sheets
from cofinal.page.exports import export
from cofinal.page.moments import all_moments
from cofinal.page.raters import raters, tasks


def film_at(organiser: Visitor, position: int) -> str:
    return tasks(organiser.place.store, raters(organiser.place.store)[0], [])[position - 1].film


def moment(
    rater: Visitor, name: str, start: float, end: float | None = None, **more: object
) -> dict:
    told = {"name": name, "note": "", "start": start, "end": end, **more}
    answer = rater.tell("/rate/1/moment", told)
    assert answer.status_code == 200, answer.text
    return answer.json()["moments"]


def test_a_change_is_a_new_line_and_the_last_one_counts(organiser: Visitor) -> None:
    rater = organiser.invite("Ana")
    (first,) = moment(rater, "element", 0.2, 0.7)
    (changed,) = moment(rater, "leap", 0.2, 0.7, number=first["number"], note="high")
    assert (changed["name"], changed["note"], changed["number"]) == (
        "leap",
        "high",
        first["number"],
    )
    assert moment(rater, "leap", 0.2, 0.7, number=first["number"], removed=True) == []
    assert "leap" not in rater.get("/rate/1").text
    with organiser.place.store.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM moments").fetchone()[0] == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "", "start": 0},
        {"name": "a\nb", "start": 0},
        {"name": 3, "start": 0},
        {"name": "a", "start": -1},
        {"name": "a", "start": "0"},
        {"name": "a"},
        {"name": "a", "start": 1, "end": 1},
        {"name": "a", "start": 1, "end": 1e9},
        {"name": "a", "start": 0, "number": 99},
        {"name": "a", "start": 0, "number": [1]},
        {"name": "a", "start": 0, "note": "x" * 1001},
    ],
)
def test_moments_that_cannot_be(organiser: Visitor, wrong: dict) -> None:
    answer = organiser.invite("Ana").tell("/rate/1/moment", wrong)
    assert answer.status_code == 400
    assert not all_moments(organiser.place.store)


def test_names_used_before_are_offered_to_who_used_them(organiser: Visitor) -> None:
    ana, ben = organiser.invite("Ana"), organiser.invite("Ben")
    moment(ana, "split leap", 0.2)
    assert '<option value="split leap">' in ana.get("/rate/2").text
    assert "split leap" not in ben.get("/rate/2").text


def test_nobody_changes_moments_of_others(organiser: Visitor) -> None:
    ana, ben = organiser.invite("Ana"), organiser.invite("Ben")
    (own,) = moment(ana, "leap", 0.2)
    for position in range(1, 7):
        told = {"name": "mine", "start": 0, "number": own["number"]}
        assert ben.tell(f"/rate/{position}/moment", told).status_code == 400


def test_moments_go_out_and_come_back(organiser: Visitor) -> None:
    rater = organiser.invite("Ana")
    moment(rater, "turn", 0.5, 0.9)
    moment(rater, "leap", 0.1, 0.4)
    moment(rater, "wobble", 0.3, note="left foot")
    film, place = film_at(organiser, 1), organiser.place
    written = {path.name: path for path in export(place.store, place.films)}
    (sheet,) = read_sheets(written["sheets.json"]).items()
    assert sheet[0] == film
    assert [(one.name, one.start_seconds, one.end_seconds) for one in sheet[1]] == [
        ("leap", 0.1, 0.4),
        ("turn", 0.5, 0.9),
    ]
    assert len(read_annotations(written["moments.csv"])) == 3
    answer = organiser.get(f"/export/elan/{film}.eaf")
    assert answer.text == written[f"{film}.eaf"].read_text()
    organiser.invite("Ben")
    for name in ("moments.csv", "boris.csv", f"{film}.eaf", "sheets.json"):
        told = {"name": name, "text": written[name].read_text(), "judge": "Ana"}
        assert organiser.tell("/moments", told).json() == {"new": 0}, name
    for name, new in (("boris.csv", 3), (f"{film}.eaf", 0), ("sheets.json", 0)):
        told = {"name": name, "text": written[name].read_text(), "judge": "Ben"}
        assert organiser.tell("/moments", told).json() == {"new": new}, name


@pytest.mark.parametrize(
    ("name", "text", "judge"),
    [
        ("x.exe", "", "Ana"),
        ("x.csv", "film,judge,name,start,end,note\nzzz,Ana,a,0,1,\n", ""),
        ("x.csv", "film,judge,name,start,end,note\na,Eve,a,0,1,\n", ""),
        ("x.eaf", "<", "Ana"),
        ("../../x.json", "[]", "Ana"),
        ("x.csv", 3, "Ana"),
    ],
)
def test_what_cannot_be_brought_in(organiser: Visitor, name: str, text: str, judge: str) -> None:
    organiser.invite("Ana")
    answer = organiser.tell("/moments", {"name": name, "text": text, "judge": judge})
    assert answer.status_code == 400
    assert "/tmp" not in answer.text
    assert not all_moments(organiser.place.store)
