"""Raters, their orders, hidden repeats, and marks that are never overwritten."""

from __future__ import annotations

import sqlite3
from collections import Counter

import pytest
from page_visitors import Visitor

from cofinal.errors import CofinalError
from cofinal.page.access import Place
from cofinal.page.marks import all_marks, trail
from cofinal.page.raters import order_of, raters, tasks
from cofinal.page.store import Store
from cofinal.page.targets import Target


def test_an_order_follows_from_its_seed_and_has_its_repeats_apart() -> None:
    films = [f"film{i}" for i in range(20)]
    orders = [order_of(films, 0.25, seed) for seed in range(50)]
    assert order_of(films, 0.25, 7) == orders[7]
    assert len({tuple(order) for order in orders}) == 50
    for order in orders:
        assert Counter(occasion for _, occasion in order) == {1: 20, 2: 5}
        for film, occasion in order:
            if occasion == 2:  # a third of the films lie between
                assert order.index((film, 2)) - order.index((film, 1)) > 6
    # Repeats do not give themselves away by standing at the end.
    assert any(order[-1][1] == 1 for order in orders)
    assert len(order_of(films, 1.0, 0)) == 40
    assert order_of([], 0.5, 0) == []


def test_marks_are_saved_resumed_and_traced(organiser: Visitor) -> None:
    rater = organiser.invite("Ana", repeat_share=0.34)
    assert rater.get("/rate").url.path == "/rate/1"
    assert rater.mark(1, 5).json()["done"]
    first = rater.mark(1, 6.25).json()["saved"]
    assert rater.mark(1, 6.25).json()["saved"] == first  # asked again
    assert rater.get("/rate").url.path == "/rate/2"
    assert 'value="6.25"' in rater.get("/rate/1").text
    rater.mark(2, 4)
    rater.mark(2, None)
    assert rater.get("/rate").url.path == "/rate/2"
    (mark,) = all_marks(organiser.place.store)
    assert (mark.judge, mark.target, mark.mark) == ("Ana", "score", 6.25)
    changes = [(row["before"], row["mark"]) for row in trail(organiser.place.store)]
    assert changes == [(None, 5), (5, 6.25), (None, 4), (4, None)]
    for position in range(1, 9):
        rater.mark(position, 3)
    assert rater.get("/rate").url.path == "/done"


def test_the_file_itself_refuses_to_change_a_mark(organiser: Visitor) -> None:
    organiser.invite("Ana").mark(1, 5)
    store: Store = organiser.place.store
    for change in ("UPDATE marks SET mark = 9", "DELETE FROM marks"):
        with pytest.raises(sqlite3.IntegrityError, match="marks are never"), store.writing() as db:
            db.execute(change)
    assert all_marks(store)[0].mark == 5


def test_what_is_not_on_the_scale_is_refused(organiser: Visitor) -> None:
    rater = organiser.invite("Ana")
    for wrong in (10.25, -0.25, 5.1, True, "5", [5], 1e999):
        answer = rater.tell(
            "/rate/1/mark", {"target": "score", "mark": wrong} if wrong != 1e999 else {}
        )
        assert answer.status_code == 400, wrong
        assert "expected" in answer.json()["error"]
    assert rater.mark(1, 5, "style").status_code == 400
    assert rater.mark(77, 5).status_code == 400
    assert not all_marks(organiser.place.store)


def test_raters_are_blind_to_each_other_and_to_names(organiser: Visitor, place: Place) -> None:
    ana, ben = organiser.invite("Ana"), organiser.invite("Ben")
    position = next(
        t.position for t in tasks(place.store, raters(place.store)[0], []) if t.film == "e"
    )
    ana.mark(position, 7.75)
    for number in range(1, 7):
        text = ben.get(f"/rate/{number}").text
        assert "7.75" not in text
        assert "Ana" not in text
        assert ".mp4" not in text
    assert ben.get("/").status_code == 403  # the organiser's


def test_who_has_marked_everything_sees_what_the_others_gave(organiser: Visitor) -> None:
    ana, ben = organiser.invite("Ana"), organiser.invite("Ben")
    for position in range(1, 7):
        ana.mark(position, 7.75)
    for position in range(1, 6):
        ben.mark(position, 2)
    assert "7.75" not in ben.get("/done").text
    ben.mark(6, 2)
    assert ben.get("/done").text.count("7.75") == 6


def test_a_film_that_comes_later_comes_last(
    organiser: Visitor, place: Place, film_bytes: bytes
) -> None:
    rater = organiser.invite("Ana")
    before = tasks(place.store, raters(place.store)[0], list(place.films.paths()))
    (place.films.folder / "aa.mp4").write_bytes(film_bytes)
    place.films._looked = -100.0
    rater.get("/rate")
    after = tasks(place.store, raters(place.store)[0], list(place.films.paths()))
    assert after[:-1] == before
    assert after[-1].film == "aa"


def test_a_film_that_goes_is_told(organiser: Visitor, place: Place) -> None:
    rater = organiser.invite("Ana")
    for path in place.films.paths().values():
        path.unlink()
    for address in ("/rate/1", "/rate/1/film"):
        answer = rater.get(address)
        assert answer.status_code == 404
        assert "is gone" in answer.text or "cannot be read" in answer.text
    place.films._looked = -100.0
    assert "is not in the folder" in rater.get("/rate/1").text
    assert rater.mark(1, 5).status_code == 200  # what was seen before may be marked
    assert organiser.get("/").status_code == 200


def test_films_of_one_name_in_folders_of_one_name_are_told(
    organiser: Visitor, place: Place, film_bytes: bytes
) -> None:
    for folder in ("x/more", "y/more"):
        (place.films.folder / folder).mkdir(parents=True)
        (place.films.folder / folder / "f.mp4").write_bytes(film_bytes)
    place.films._looked = -100.0
    answer = organiser.get("/")
    assert answer.status_code == 404
    assert "rename one of them" in answer.text


@pytest.mark.parametrize("name", ["", " ", "x" * 81, "a\nb", "Ana"])
def test_a_rater_needs_a_name_of_their_own(organiser: Visitor, name: str) -> None:
    organiser.invite("Ana")
    assert organiser.tell("/raters", {"name": name, "repeat_share": 0}).status_code == 400


def test_names_are_text_not_markup(organiser: Visitor) -> None:
    organiser.invite("<script>alert(1)</script>")
    assert "<script>alert" not in organiser.get("/").text


@pytest.mark.parametrize(
    "scale", [(0, 0, 1), (1, 0, 0.5), (0, 10, 0), (0, 10, 11), (0, float("inf"), 1)]
)
def test_scales_that_cannot_be(scale: tuple[float, float, float]) -> None:
    with pytest.raises(CofinalError, match="expected a higher end"):
        Target("score", *scale)
