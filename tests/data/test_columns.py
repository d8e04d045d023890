"""Label files as people write them: what each column and row is taken for, or why it cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.data.checks import check_dataset
from cofinal.data.dataset import load_dataset
from cofinal.data.taken import taken_for
from cofinal.errors import CofinalError
from shared_files import fixture_folder

ROWS = 6


def source(folder: Path, text: str, *targets: str) -> DataSource:
    """A label file, and features for the ids p0 to p5."""
    (folder / "features").mkdir()
    draws = np.random.default_rng(0)
    for i in range(ROWS):
        values = draws.normal(size=(9 + i, 4)).astype(np.float32)
        np.save(folder / "features" / f"p{i}.npy", values)
    (folder / "labels.csv").write_text(text, encoding="utf-8")
    return DataSource(str(folder / "labels.csv"), folder / "features", targets=targets)


def csv(header: str, *columns: list[object]) -> str:
    """A label file with the ids p0, p1, ... and these columns."""
    rows = [f"p{i}," + ",".join(str(column[i]) for column in columns) for i in range(ROWS)]
    return "\n".join([header, *rows]) + "\n"


SCORES: list[object] = [25.5, 26.25, 23.5, 20.1, 24.2, 21.9]
YEARS: list[object] = [2014, 2015, 2016, 2014, 2015, 2016]
RANKS: list[object] = [2, 1, 4, 6, 3, 5]


def test_decimal_commas_do_not_hand_the_place_of_the_score_to_the_year(tmp_path: Path) -> None:
    commas: list[object] = [f'"{score}"'.replace(".", ",") for score in SCORES]
    data = source(tmp_path, csv("id,year,score", YEARS, commas))
    with pytest.raises(CofinalError, match=r"labels.csv:2: score is '25,5'; expected a point"):
        load_dataset(data)


@pytest.mark.parametrize(
    "texts",
    [
        ["25.5 pts", "26.25 pts", "23.5 pts", "20.1 pts", "24.2 pts", "21.9 pts"],
        ["2_5", "2_6", "2_3", "2_0", "2_4", "2_1"],
        ["\uff12\uff15", "\uff12\uff16", "\uff12\uff13", "20", "\uff12\uff14", "\uff12\uff11"],
    ],
)
def test_scores_that_only_look_like_numbers_are_told(tmp_path: Path, texts: list[object]) -> None:
    data = source(tmp_path, csv("id,year,Score", YEARS, texts))
    with pytest.raises(CofinalError, match=r"labels.csv:2: Score of p0 is .* correct the label"):
        load_dataset(data)


@pytest.mark.parametrize("column", [YEARS, RANKS, [0, 1, 0, 2, 1, 0], [2014.0] * 3 + [2015.0] * 3])
def test_years_ranks_and_start_numbers_are_no_scores(tmp_path: Path, column: list[object]) -> None:
    data = source(tmp_path, csv("id,number,TES,artistry", column, RANKS, SCORES))
    assert load_dataset(data).targets == ("TES", "artistry")
    assert "targets TES, artistry; groups number (numbers); no test split" in taken_for(data)


@pytest.mark.parametrize("name", ["total_score", "Final score", "judge-mark", "POINTS", "pcs"])
def test_whole_numbers_are_scores_where_they_are_called_so(tmp_path: Path, name: str) -> None:
    data = source(tmp_path, csv(f"id,athlete,{name}", [0, 1, 2, 3, 4, 5], RANKS))
    assert f"target {name}; groups athlete (numbers)" in taken_for(data)


def test_the_only_column_of_numbers_is_the_target(tmp_path: Path) -> None:
    data = source(tmp_path, csv("id,grs,coach", RANKS, list("abcabc")))
    assert taken_for(data) == "labels.csv: 6 performances; target grs; groups coach; no test split"


def test_labels_of_two_values_are_told_and_stay_so_in_any_part(tmp_path: Path) -> None:
    data = source(tmp_path, csv("id,correct", [0, 1, 0, 1, 1, 0]))
    assert taken_for(data).endswith("; labels of 2 values, so 2 grades")
    assert load_dataset(data).subset([0, 2]).grades == 2


def test_labels_of_more_values_are_no_grades(tmp_path: Path) -> None:
    data = source(tmp_path, csv("id,grs", RANKS))
    assert "grades" not in taken_for(data) and load_dataset(data).grades is None


def test_whole_numbers_that_cannot_be_told_apart_are_refused(tmp_path: Path) -> None:
    data = source(tmp_path, csv("id,year,rank", YEARS, RANKS))
    with pytest.raises(CofinalError, match="year, rank hold whole numbers, and none is called 'sc"):
        load_dataset(data)
    named = DataSource(data.dataset, data.data, targets=("rank",))
    assert "target rank; groups year (numbers)" in taken_for(named)


def test_codes_with_underscores_are_groups(tmp_path: Path) -> None:
    codes: list[object] = [f"2014_{i % 3}" for i in range(ROWS)]
    data = source(tmp_path, csv("id,event,score", codes, SCORES))
    dataset = load_dataset(data)
    assert dataset.targets == ("score",)
    assert dataset.groups == {"event": tuple(codes)}


@pytest.mark.parametrize("name", ["", "Unnamed: 0"])
def test_the_index_column_of_pandas_is_no_target(tmp_path: Path, name: str) -> None:
    rows = csv("id,score", SCORES).splitlines()
    text = "\n".join([f"{name},{rows[0]}", *(f"{i},{row}" for i, row in enumerate(rows[1:]))])
    data = source(tmp_path, text)
    assert load_dataset(data).targets == ("score",)
    [finding] = check_dataset(data)
    assert (finding.kind, finding.severity) == ("column-nameless", "warning")
    assert "column 1 has no name and is left out" in finding.message
    assert taken_for(data).endswith("no test split; left out columns without a name: 1")


def test_columns_without_a_name_are_told(tmp_path: Path) -> None:
    data = source(tmp_path, csv("id,score,,", SCORES, YEARS, RANKS))
    [finding] = check_dataset(data)
    assert "columns 3 to 4 have no name and are left out" in finding.message
    with pytest.raises(CofinalError, match=r"column 1 has no name: call it 'id' if it is that"):
        load_dataset(source_again(data, csv(",score", SCORES)))


def source_again(data: DataSource, text: str) -> DataSource:
    Path(data.dataset).write_text(text, encoding="utf-8")
    return data


@pytest.mark.parametrize("word", ["Test", "TEST", "testing", "held-out"])
def test_split_names_in_other_letters_are_understood(tmp_path: Path, word: str) -> None:
    splits: list[object] = [word, "Train", "training", "", "TRAIN", word.lower()]
    data = source(tmp_path, csv("id,score,Split", SCORES, splits))
    assert load_dataset(data).splits == ("test", "train", "train", "train", "train", "test")
    assert "splits train 4, test 2" in taken_for(data)


def test_a_split_that_serves_nothing_is_told(tmp_path: Path) -> None:
    data = source(tmp_path, csv("id,score,split", SCORES, ["val", "val", *["train"] * 4]))
    [finding] = check_dataset(data)
    assert (finding.kind, finding.line) == ("split-unused", 2)
    assert "2 performances are in split 'val', which neither trains nor tests" in finding.message
    assert "splits train 4, val 2" in taken_for(data)


def test_performances_without_a_score_are_left_out_of_its_target_alone(tmp_path: Path) -> None:
    marks: list[object] = [8.5, "", 7.5, "NA", 6.5, 5.5]
    data = source(tmp_path, csv("id,tes,pcs", SCORES, marks))
    assert load_dataset(data).ids == ("p0", "p2", "p4", "p5")
    assert "4 performances; targets tes, pcs" in taken_for(data)
    assert taken_for(data).endswith(
        "left out 2 without pcs (--targets with one name learns from all that have that one)"
    )
    alone = DataSource(data.dataset, data.data, targets=("tes",))
    assert len(load_dataset(alone)) == 6
    assert {f.severity for f in check_dataset(data)} == {"warning"}
    nobody = source_again(data, csv("id,tes,pcs", ["", *SCORES[1:]], [8.5, *[""] * 5]))
    with pytest.raises(CofinalError, match="no labelled performance with tes and pcs"):
        load_dataset(nobody)


def test_train_and_check_tell_what_columns_were_taken_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = source(tmp_path, csv("id,score,year", SCORES, YEARS))
    flags = ["--dataset", data.dataset, "--data", str(data.data)]
    said = "labels.csv: 6 performances; target score; groups year (numbers); no test split"
    assert main(["data", "check", *flags]) == 0
    assert capsys.readouterr().out.splitlines()[0] == said
    assert main(["train", *flags, "--method", "ridge", "--out", str(tmp_path / "run")]) == 0
    assert capsys.readouterr().err.splitlines()[0] == said


TRIALS = {
    "event_underscore": "24 performances; target score; groups event; no test split",
    "pandas_index": "target score; no groups; no test split; left out columns without a name: 1",
    "blank_headers": "left out columns without a name: 3, 4, 5",
    "split_capital": "target score; no groups; splits train 18, test 6",
    "auto_targets": "target score; groups deduction (numbers), year (numbers), athlete",
    "some_missing": "21 performances; targets tes, pcs; no groups; no test split; left out 3 with",
}


@pytest.mark.parametrize("name", TRIALS)
def test_files_of_people_who_tried_are_taken_for_what_they_are(name: str) -> None:
    folder = fixture_folder() / "trials"
    assert TRIALS[name] in taken_for(DataSource(folder / f"{name}.csv", folder / "features"))


def test_the_target_that_cannot_fill_its_grades_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tied: list[object] = [2.5, 1.5, 2.5, 1.5, 2.5, 1.5]
    data = source(tmp_path, csv("id,score,deduction", SCORES, tied))
    flags = ["--dataset", data.dataset, "--data", str(data.data), "--out", str(tmp_path / "run")]
    assert main(["train", *flags]) == 1
    assert "target 'deduction': 2 different scores cannot fill 4" in capsys.readouterr().err
