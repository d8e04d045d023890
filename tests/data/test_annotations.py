"""Moments and elements of ELAN and BORIS; ELAN's format against an independent reader (pympi)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cofinal.data.annotations import Annotation, annotations_csv, boris_csv, read_annotations
from cofinal.data.elan import eaf_text, read_eaf
from cofinal.errors import CofinalError

SEEN = [
    Annotation("film", "Ana", "spin", 1.25, 3.5, "fast, then slow"),
    Annotation("film", "Ana", "fall", 2.0),
    Annotation("film", "Ana", "steps & turns", 3.0, 6.0),  # begins before the spin ends
    Annotation("film", "Ben", "spin", 1.5, 3.25),
]


def in_order(found: list[Annotation]) -> list[Annotation]:
    return sorted(found, key=lambda one: (one.judge, one.start))


def test_tables_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "moments.csv"
    path.write_text(annotations_csv(SEEN))
    assert read_annotations(path) == SEEN
    path.write_text(boris_csv(SEEN, {"film": "film.mp4"}))
    assert in_order(read_annotations(path)) == in_order(SEEN)


def test_elan_files_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "other.eaf"
    path.write_text(eaf_text(SEEN, "film.mp4"))
    assert in_order(read_eaf(path)) == in_order(SEEN)


def test_another_reader_of_elan_files_finds_the_same(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling reads ELAN's files independently")
    path = tmp_path / "film.eaf"
    path.write_text(eaf_text(SEEN, "film.mp4"))
    read = elan.Eaf(str(path))
    assert read.get_annotation_data_for_tier("Ben elements") == [(1500, 3250, "spin")]
    found = [
        (start, end, name)
        for tier in ("Ana elements", "Ana elements 2", "Ana moments")
        for start, end, name, *_ in read.get_annotation_data_for_tier(tier)
    ]
    assert found == [(1250, 3500, "spin"), (3000, 6000, "steps & turns"), (2000, 2040, "fall")]
    (note,) = read.get_ref_annotation_data_for_tier("Ana elements notes")
    assert note[2] == "fast, then slow"
    assert read.get_linked_files()[0]["RELATIVE_MEDIA_URL"] == "./film.mp4"


def test_files_of_another_writer_are_read(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling writes ELAN's files independently")
    made = elan.Eaf(author="someone")
    made.add_linked_file("file:///C:/films/routine 7.mp4", relpath="./routine 7.mp4")
    made.add_tier("judge one")
    made.add_annotation("judge one", 500, 1500, "leap")
    made.add_annotation("judge one", 2000, 2600, "")
    path = tmp_path / "anything.eaf"
    made.to_file(str(path))
    assert read_eaf(path) == [Annotation("routine 7", "judge one", "leap", 0.5, 1.5)]


BORIS_7 = """Observation id\tlesson
Media file(s)
Player #1\t/home/me/film.mp4
\t
Time\tMedia file path\tTotal length\tFPS\tSubject\tBehavior\tBehavioral category\tComment\tStatus
0.5\t/home/me/film.mp4\t20\t25\tNo focal subject\tfall\t\thard\tPOINT
1.25\t/home/me/film.mp4\t20\t25\tAna\tspin\t\t\tSTART
3.5\t/home/me/film.mp4\t20\t25\tAna\tspin\t\t\tSTOP
"""
AGGREGATED = """Observation id,Subject,Behavior,Behavior type,Start (s),Stop (s),Duration (s),Media file name,Comment start
lesson,Ana,spin,STATE,1.25,3.5,2.25,C:\\films\\film.mp4,well done
lesson,Ana,fall,POINT,2,2,NA,C:\\films\\film.mp4,
"""  # noqa: E501


def test_tables_of_boris_are_found_below_their_headings(tmp_path: Path) -> None:
    path = tmp_path / "events.tsv"
    path.write_text(BORIS_7)
    assert read_annotations(path) == [
        Annotation("film", "", "fall", 0.5, None, "hard"),
        Annotation("film", "Ana", "spin", 1.25, 3.5),
    ]
    path.write_text(AGGREGATED)
    assert read_annotations(path) == [
        Annotation("film", "Ana", "spin", 1.25, 3.5, "well done"),
        Annotation("film", "Ana", "fall", 2.0),
    ]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a,b\n1,2\n", "no line has the columns"),
        ("film,judge,name,start,end,note\nx,Ana,spin,3,2,\n", "later end"),
        ("film,judge,name,start,end,note\nx,Ana,,3,4,\n", "is empty"),
        ("film,judge,name,start,end,note\nx,Ana,spin,soon,4,\n", "finite number"),
        (BORIS_7.replace("STOP", "START"), "START and STOP in turn"),
        (BORIS_7[: BORIS_7.rindex("3.5")], "no STOP"),
        (AGGREGATED.replace("1.25,3.5", "1.25,0.5"), "later end"),
    ],
)
def test_faulty_tables_get_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(CofinalError, match=sentence):
        read_annotations(path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no xml", "is not XML"),
        ("<html/>", "expected a file of ELAN"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><ANNOTATION_DOCUMENT/>', "document type"),
        (eaf_text(SEEN, "film.mp4").replace('TIME_VALUE="1250"', ""), "has no time"),
        (eaf_text(SEEN, "film.mp4").replace('TIME_VALUE="1250"', 'TIME_VALUE="9999"'), "later end"),
    ],
)
def test_faulty_elan_files_get_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "film.eaf"
    path.write_text(text)
    with pytest.raises(CofinalError, match=sentence):
        read_eaf(path)
