"""Label files: the published layouts and one's own CSV, sound and faulty."""

from __future__ import annotations

from pathlib import Path

import pytest

from cofinal.data.cards import card_names, load_card
from cofinal.data.labels import LabelTable, read_card_labels, read_csv_labels
from cofinal.errors import CofinalError
from shared_files import data_folder

RG_HEADER = "Video_Name Difficulty_Score Execution_Score Total_Score Penalty Video_length"


def fisv(folder: Path, *lines: str) -> LabelTable:
    """Reads lines as Fis-V's train.txt."""
    (folder / "train.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return read_card_labels(load_card("fisv"), folder)


def own(folder: Path, text: str, *targets: str) -> LabelTable:
    """Reads a text as one's own labels.csv."""
    (folder / "labels.csv").write_text(text, encoding="utf-8", newline="")
    return read_csv_labels(folder / "labels.csv", targets)


def found(table: LabelTable) -> list[tuple[str, str, int | None, str]]:
    """Kind, file name, line and severity of each finding."""
    return [(f.kind, Path(f.file).name, f.line, f.severity) for f in table.findings]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("2 abc 25.5 0", "label-not-a-number"),
        ("2 30,1 25.5 0", "label-not-a-number"),
        ("2 nan 25.5 0", "label-not-finite"),
        ("2 inf 25.5 0", "label-not-finite"),
        ("2 30.1 -0.5 0", "label-out-of-range"),
        ("2 30.1 50.01 0", "label-out-of-range"),
        ("2 30.1 25.5", "label-columns"),
        ("2 30.1 25.5 0 0", "label-columns"),
        ("../2 30.1 25.5 0", "id-invalid"),
        ("a\\2 30.1 25.5 0", "id-invalid"),
        (".2 30.1 25.5 0", "id-invalid"),
        ("1 30.1 25.5 0", "id-twice"),
    ],
)
def test_a_faulty_line_is_found_where_it_is_and_left_out(
    tmp_path: Path, line: str, kind: str
) -> None:
    table = fisv(tmp_path, "1 30 25 0", "", line, "3 31 26 0")
    assert found(table) == [(kind, "train.txt", 3, "error")]
    assert [label.id for label in table.labels] == ["1", "3"]


def test_each_faulty_target_of_a_line_is_found(tmp_path: Path) -> None:
    assert found(fisv(tmp_path, "1 30 25 0", "2 x 99 0")) == [
        ("label-not-a-number", "train.txt", 2, "error"),
        ("label-out-of-range", "train.txt", 2, "error"),
    ]


def test_scores_at_both_ends_of_the_range_are_sound(tmp_path: Path) -> None:
    assert fisv(tmp_path, "1 0 50 0", "2 100 0 0").findings == []


def test_an_id_in_both_splits_is_found_in_the_second_file(tmp_path: Path) -> None:
    (tmp_path / "test.txt").write_text("8 30 25 0\n7 30 25 0\n")
    table = fisv(tmp_path, "7 30 25 0")
    assert found(table) == [("id-twice", "test.txt", 2, "error")]
    assert "train.txt:1" in table.findings[0].message


def test_a_header_kept_by_mistake_is_found_and_is_no_performance(tmp_path: Path) -> None:
    table = fisv(tmp_path, "id TES PCS deduction", "1 30 25 0")
    assert found(table) == [("header-kept", "train.txt", 1, "error")]
    assert [label.id for label in table.labels] == ["1"]


def test_a_performance_that_would_be_eaten_as_header_is_found(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_text("Ball_001 8 9 17 0 90\nBall_002 8 9 17 0 90\n")
    table = read_card_labels(load_card("rg"), tmp_path)
    assert found(table) == [("header-eaten", "train.txt", 1, "error")]


def test_tabs_blanks_and_carriage_returns_separate_alike(tmp_path: Path) -> None:
    text = f"{RG_HEADER}\r\nBall_001\t8 \t 9  17\t0\t90\r\n\r\n"
    (tmp_path / "train.txt").write_bytes(text.encode("utf-8-sig"))
    table = read_card_labels(load_card("rg"), tmp_path)
    assert table.findings == []
    assert table.labels[0].scores == {"Difficulty": 8.0, "Execution": 9.0, "Total": 17.0}
    assert table.labels[0].category == "Ball"


def test_groups_are_joined_by_id(tmp_path: Path) -> None:
    (tmp_path / "performances.csv").write_text("id,skater,event,year\n1,S1,E1,2015\n9,S9,E9,2015\n")
    one, two = fisv(tmp_path, "1 30 25 0", "2 30 25 0").labels
    assert one.groups == {"skater": "S1", "event": "E1"}
    assert two.groups == {}


def test_a_group_file_without_its_columns_is_found(tmp_path: Path) -> None:
    (tmp_path / "performances.csv").write_text("id,skater\n1,S1\n")
    table = fisv(tmp_path, "1 30 25 0")
    assert found(table) == [("groups-columns", "performances.csv", 1, "error")]


def test_a_folder_without_label_files_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CofinalError, match=r"has no train\.txt or test\.txt"):
        read_card_labels(load_card("fisv"), tmp_path)


def test_text_that_is_not_utf8_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "train.txt").write_bytes(b"1 30 25 0\n\xff\xfe\n")
    with pytest.raises(CofinalError, match="not UTF-8"):
        read_card_labels(load_card("fisv"), tmp_path)
    (tmp_path / "train.txt").write_bytes(b"1 30 25 0\n2\0 30 25 0\n")
    with pytest.raises(CofinalError, match=r"train.txt:2 holds the control character '\\x00'"):
        read_card_labels(load_card("fisv"), tmp_path)


def test_an_unknown_card_is_refused_with_those_there_are() -> None:
    with pytest.raises(CofinalError, match="'nope' is unknown; use fisv, rg"):
        load_card("nope")


@pytest.mark.parametrize("name", card_names())
def test_every_card_reads_and_its_targets_are_columns(name: str) -> None:
    card = load_card(name)
    assert {target.column for target in card.targets} <= set(card.labels.columns)
    assert any(target.default for target in card.targets)


def test_fisv_labels_read_as_published() -> None:
    folder = data_folder() / "fis-v"
    table = read_card_labels(load_card("fisv"), folder)
    lines = [line.split() for line in (folder / "train.txt").read_text().splitlines()]
    assert table.findings == []
    assert [label.id for label in table.labels] == [cells[0] for cells in lines]
    assert [label.line for label in table.labels] == list(range(1, 401))
    assert [(label.scores["TES"], label.scores["PCS"]) for label in table.labels] == [
        (float(cells[1]), float(cells[2])) for cells in lines
    ]
    assert all(set(label.groups) == {"skater", "event"} for label in table.labels)


def test_rg_labels_read_as_published() -> None:
    folder = data_folder() / "rg"
    table = read_card_labels(load_card("rg"), folder)
    assert table.findings == []
    for split, count in (("train", 800), ("test", 200)):
        labels = [label for label in table.labels if label.split == split]
        assert len(labels) == count
        lines = (folder / f"{split}.txt").read_text().splitlines()
        for label in labels:
            cells = lines[label.line - 1].split()
            assert label.id == cells[0]
            assert list(label.scores.values()) == [float(cell) for cell in cells[1:4]]
    assert {label.category for label in table.labels} == {"Ball", "Clubs", "Hoop", "Ribbon"}


def test_own_columns_find_their_roles(tmp_path: Path) -> None:
    text = (
        "ID,jump,coach,Split,category,art\n"
        "1,3.5,Ann,test,junior,2.5\n2,4,Bob,,,\n3,5,Ann,train,,1\n"
    )
    table = own(tmp_path, text)
    assert [target.name for target in table.targets] == ["jump", "art"]
    one, two, three = table.labels
    assert (one.scores, one.split, one.category) == ({"jump": 3.5, "art": 2.5}, "test", "junior")
    assert (two.scores, two.split) == ({"jump": 4.0}, "train")
    assert (three.split, three.category, three.groups) == ("train", None, {"coach": "Ann"})
    assert found(table) == [("label-missing", "labels.csv", 3, "warning")]


def test_named_targets_leave_other_numbers_as_groups(tmp_path: Path) -> None:
    table = own(tmp_path, "id,score,year\n1,3,2015\n2,4,2016\n", "score")
    assert [label.groups for label in table.labels] == [{"year": "2015"}, {"year": "2016"}]


def test_negative_scores_of_ones_own_are_sound(tmp_path: Path) -> None:
    assert own(tmp_path, "id,score\n1,-3\n2,1e3\n").findings == []


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("2,x", "label-not-a-number"),
        ("2,1_0", "label-not-a-number"),
        ("2,\uff11", "label-not-a-number"),
        ("2,nan", "label-not-finite"),
        ("2,-inf", "label-not-finite"),
        ("2", "label-columns"),
        ("2,3,4", "label-columns"),
        (",3", "id-invalid"),
        ("../b,3", "id-invalid"),
        ("1,3", "id-twice"),
    ],
)
def test_a_faulty_row_is_found_where_it_is(tmp_path: Path, row: str, kind: str) -> None:
    table = own(tmp_path, f"id,score\n1,3\n\n{row}\n5,3\n6,4\n")
    assert found(table) == [(kind, "labels.csv", 4, "error")]
    assert [label.id for label in table.labels] == ["1", "5", "6"]


def test_lines_are_counted_through_cells_that_span_several(tmp_path: Path) -> None:
    table = own(
        tmp_path, 'id,score,note\n1,3,"two\nlines"\n2,x,b\n3,4,"a\nb\nc"\n4,y,b\n5,1,c\n6,1,c\n'
    )
    assert [finding.line for finding in table.findings] == [4, 8]
    assert [label.line for label in table.labels] == [2, 5, 9, 10]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "first line is ''"),
        ("name,score\n1,2\n", "one of them 'id'"),
        ("1,2\n3,4\n", "one of them 'id'"),
        ("id,score,score\n1,2,3\n", "different column names"),
        ("id,coach\n1,Ann\n", "no column of numbers"),
        ("id,score\n", "no line under its header; expected one per performance"),
        ("id;score\n1;3\n", "'id;score'; expected .* one of them 'id'; save it with commas"),
        ('id,score\n1,"3,5"\n2,"4,5"\n', "labels.csv:2: score is '3,5'; expected a point"),
        ('id,score\n1,3\n"2,4\n', "labels.csv:3 cannot be read as CSV: unexpected end"),
    ],
)
def test_a_csv_without_sense_gets_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        own(tmp_path, text)


def test_a_cell_too_long_for_csv_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CofinalError, match=r"labels\.csv:2 cannot be read as CSV"):
        own(tmp_path, "id,score\n1," + "9" * 200_000 + "\n")


def test_a_named_target_that_is_no_column_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(CofinalError, match="no column 'PCS' for a target; it has TES"):
        own(tmp_path, "id,TES\n1,2\n", "PCS")


def test_a_column_of_fixed_meaning_is_no_target(tmp_path: Path) -> None:
    with pytest.raises(CofinalError, match="no column 'split' for a target; it has TES"):
        own(tmp_path, "id,TES,split\n1,2,train\n", "split")
