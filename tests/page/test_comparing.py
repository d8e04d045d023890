"""Two films side by side: what is said, what comes next, what it makes of the films."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from page_visitors import Visitor

from cofinal.agreement.bradley_terry import worths
from cofinal.data.labels import read_csv_labels
from cofinal.page.access import Place
from cofinal.page.comparisons import all_comparisons, next_pair, ranking
from cofinal.page.exports import export
from cofinal.page.raters import raters, tasks

ORDER = "abcdef"


def shown_pair(rater: Visitor, address: str = "/compare") -> tuple[int, int]:
    found = re.findall(r'data-position="(\d+)"', rater.get(address).text)
    return int(found[0]), int(found[1])


def film_of(place: Place, name: str, position: int) -> str:
    rater = next(one for one in raters(place.store) if one.name == name)
    return tasks(place.store, rater, [])[position - 1].film


def say_all(place: Place, rater: Visitor, name: str) -> int:
    """Compares all pairs; films later in the alphabet are better."""
    count = 0
    while "all pairs are compared" not in rater.get("/compare").text:
        left, right = shown_pair(rater)
        better = "left" if film_of(place, name, left) > film_of(place, name, right) else "right"
        told = {"left": left, "right": right, "better": better, "left_seconds": 0.5}
        assert rater.tell("/compare/say", told).status_code == 200
        count += 1
    return count


def test_all_pairs_are_asked_once_and_rank_the_films(organiser: Visitor, place: Place) -> None:
    rater = organiser.invite("Ana", repeat_share=0.5)
    assert "no two films" not in rater.get("/compare").text
    assert say_all(place, rater, "Ana") == len(list(combinations(ORDER, 2)))
    ranked = ranking(place.store, list(ORDER))
    assert [one.film for one in ranked] == list(reversed(ORDER))
    games = [(j, i, 1.0) for i, j in combinations(range(6), 2)]
    expected = worths(6, games)
    by_film = {one.film: one for one in ranked}
    for i, film in enumerate(ORDER):
        assert by_film[film].points == pytest.approx(expected.points[i])
        assert (by_film[film].low, by_film[film].high) == pytest.approx(
            tuple(expected.intervals[i])
        )
        assert by_film[film].comparisons == 5
    text = organiser.get("/ranking").text
    assert "15 comparisons of 1 rater" in text
    assert text.index(">f<") < text.index(">a<")


def test_comparisons_become_labels(organiser: Visitor, place: Place) -> None:
    say_all(place, organiser.invite("Ana"), "Ana")
    written = {path.name: path for path in export(place.store, place.films)}
    labels = {one.id: one.scores for one in read_csv_labels(written["preference.csv"]).labels}
    assert sorted(labels, key=lambda film: labels[film]["preference"]) == list(ORDER)
    assert written["comparisons.csv"].read_text().count("Ana") == 15
    assert "6 were compared" in organiser.get("/model").text


def test_the_last_word_on_a_pair_counts(organiser: Visitor, place: Place) -> None:
    rater = organiser.invite("Ana")
    left, right = shown_pair(rater)
    for better in ("left", "equal"):
        rater.tell("/compare/say", {"left": left, "right": right, "better": better})
    rater.tell("/compare/say", {"left": right, "right": left, "better": "left"})
    (row,) = all_comparisons(place.store)
    assert (row["left"], row["better"]) == (film_of(place, "Ana", right), "left")
    with place.store.reading() as db:
        assert db.execute("SELECT COUNT(*) FROM comparisons").fetchone()[0] == 3
    assert shown_pair(rater, f"/compare?pair={right}-{left}") == (right, left)


def test_what_others_said_changes_what_is_asked(organiser: Visitor, place: Place) -> None:
    ana, ben = organiser.invite("Ana"), organiser.invite("Ben")
    say_all(place, ana, "Ana")
    # Films far apart in Ana's order tell nothing new; neighbours do.
    pair = next_pair(place.store, raters(place.store)[1], list(ORDER))
    assert pair is not None
    assert abs(ORDER.index(pair[0]) - ORDER.index(pair[1])) == 1
    assert "Ana" not in ben.get("/compare").text
    assert ".mp4" not in ben.get("/compare").text


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"left": 1, "right": 1, "better": "left"},
        {"left": 1, "right": 2, "better": "both"},
        {"left": 1, "right": 2},
        {"left": 1, "right": 99, "better": "left"},
        {"left": "1", "right": 2, "better": "left"},
        {"left": True, "right": 2, "better": "left"},
        {"left": 1, "right": 2, "better": ["left"]},
        {"left": 1, "right": 2, "better": "left", "left_seconds": "x"},
    ],
)
def test_what_cannot_be_said(organiser: Visitor, place: Place, wrong: dict) -> None:
    assert organiser.invite("Ana").tell("/compare/say", wrong).status_code == 400
    assert not all_comparisons(place.store)


@pytest.mark.parametrize("pair", ["", "1", "1-1", "1-99", "a-b", "-1-2", "9" * 99 + "-1"])
def test_a_pair_that_there_is_not_is_the_next_one(organiser: Visitor, pair: str) -> None:
    left, right = shown_pair(organiser.invite("Ana"), f"/compare?pair={pair}")
    assert left != right
