"""Search spaces: defaults that fit their methods, files of one's own, grids."""

from __future__ import annotations

import itertools
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from cofinal.config import (
    Choices,
    Preset,
    Range,
    default_space,
    grid,
    load_preset,
    load_space,
    method_preset,
    override,
    preset_names,
    preset_text,
    space_from,
    widened,
)
from cofinal.errors import CofinalError
from cofinal.methods import method_names
from cofinal.methods.cofinal import CoFInAlSettings

RATE = Range(3e-4, 3e-3, log=True)


@pytest.mark.parametrize("method", method_names())
def test_every_method_with_settings_has_a_space_around_its_own_values(method: str) -> None:
    preset = method_preset(method, load_preset("fisv"))
    if not fields(preset.model):
        with pytest.raises(CofinalError, match=f"'{method}' has no settings to search; choose an"):
            default_space(method)
        return
    space = default_space(method)
    plain = {name: entry.to_json() for name, entry in space.items()}
    assert space_from(plain, preset, "space") == space
    assert widened(space, preset) == space
    for changes in grid(space, limit=30):
        override(preset, changes)


@pytest.mark.parametrize(
    ("entry", "points"),
    [
        (Choices("a", "b"), ("a", "b")),
        (Range(0.0, 1.0), (0.0, 0.5, 1.0)),
        (Range(1e-4, 1e-2, log=True), (1e-4, 1e-3, 1e-2)),
        (Range(1, 9), (1, 5, 9)),
        (Range(2, 8, log=True), (2, 4, 8)),
        (Range(1, 2), (1, 2)),
    ],
)
def test_points_of_an_entry(entry: Choices | Range, points: tuple[Any, ...]) -> None:
    assert [type(point) for point in entry.points()] == [type(point) for point in points]
    if isinstance(points[0], str):
        assert entry.points() == points
    else:
        assert entry.points() == pytest.approx(points)


def test_a_grid_is_the_product_of_its_points() -> None:
    space = {"model.grades": Choices(2, 4), "a": Choices("x", "y", "z"), "training.rate": RATE}
    found = grid(space)
    points = [entry.points() for entry in space.values()]
    assert [tuple(f.values()) for f in found] == list(itertools.product(*points))
    assert all(list(f) == list(space) for f in found)
    assert grid(space, limit=18) == grid(space, limit=99) == found
    assert len(found) == 18


def test_a_limited_grid_is_a_seeded_choice_from_the_whole() -> None:
    space = {"a": Choices(*range(7)), "b": Choices(*range(5)), "c": RATE}
    whole = grid(space)
    few = grid(space, limit=10, seed=1)
    assert len(few) == len({tuple(f.values()) for f in few}) == 10
    assert [f for f in whole if f in few] == few
    assert grid(space, limit=10, seed=1) == few
    assert grid(space, limit=10, seed=2) != few
    huge = {f"s{i}": Choices(*range(10)) for i in range(15)}
    assert len(grid(huge, limit=3)) == 3
    with pytest.raises(CofinalError, match="limit is 0; expected 1 or more"):
        grid(space, limit=0)


def test_a_limited_grid_favours_no_value() -> None:
    space = {"a": Choices(0, 1), "b": Choices(*range(50))}
    drawn = [f["a"] for seed in range(40) for f in grid(space, limit=10, seed=seed)]
    assert 160 < sum(drawn) < 240  # binomial with 400 draws: four standard deviations


@pytest.mark.parametrize(
    "text",
    [
        '"model.grades" = [2, 4]\n"training.learning_rate" = {low = 3e-4, high = 3e-3, log = true}',
        "model.grades = [2, 4]\ntraining.learning_rate = {low = 3e-4, high = 3e-3, log = true}",
        "[model]\ngrades = [2, 4]\n[training.learning_rate]\nlow = 3e-4\nhigh = 3e-3\nlog = true",
    ],
)
def test_a_space_is_read_from_toml(tmp_path: Path, text: str) -> None:
    (tmp_path / "space.toml").write_text(text)
    space = load_space(tmp_path / "space.toml", Preset())
    assert space == {"model.grades": Choices(2, 4), "training.learning_rate": RATE}


def test_values_take_the_type_of_their_setting() -> None:
    values = {"model.dropout": [0, 0.5], "model.summary_share": {"low": 0, "high": 1}}
    space = space_from(values, Preset(), "space")
    assert [type(value) for value in space["model.dropout"].points()] == [float, float]
    share = space["model.summary_share"]
    assert isinstance(share, Range) and not share.is_whole
    whole = space_from({"model.grades": {"low": 2, "high": 8}}, Preset(), "space")["model.grades"]
    assert isinstance(whole, Range) and whole.is_whole


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty; expected lines such as"),
        ("grades = [2]", "setting 'grades' is unknown; expected a name such as"),
        ("model.grade = [2]", "setting 'grade' is unknown; CoFInAlSettings knows grades"),
        ("model.grades = 3", "model.grades is 3; expected a list of values, or { low"),
        ("model.grades = []", "choices []: expected one or more different values"),
        ("model.grades = [2, 2]", "choices [2, 2]: expected one or more different values"),
        ("model.grades = ['2']", "setting grades is '2'; expected a whole number"),
        ("model.grades = [2.0]", "setting grades is 2.0; expected a whole number"),
        ("model.grades = [[2]]", "setting grades is [2]; expected a whole number"),
        ("model.grades = [0]", "setting grades is 0; expected 1 to 100"),
        ("model.spacing = ['odd']", "choose one of equal-count, equal-width"),
        ("model.dropout = [nan]", "dropout is nan; expected a finite number"),
        ("model.dropout = {low = 0.1}", "expected a list of values, or { low"),
        ("model.dropout = {low = 0.1, high = 0.2, step = 1}", "expected a list of values, or {"),
        ("model.dropout = {low = 0.2, high = 0.1}", "range from 0.2 to 0.1: expected low below"),
        ("model.dropout = {low = 0.1, high = 0.1}", "expected low below high"),
        ("model.dropout = {low = 0.1, high = 0.2, log = 1}", "log is 1; expected true or false"),
        ("model.dropout = {low = 0.1, high = 1.0}", "dropout is 1.0; expected 0 up to but not"),
        ("model.dropout = {low = 0, high = 0.2, log = true}", "with log: expected low more than 0"),
        ("model.grades = {low = 2, high = 4.5}", "setting grades is 4.5; expected a whole number"),
        (
            "model.spacing = {low = 'equal-count', high = 'equal-width'}",
            "spacing is 'equal-count'; expected a list of values, since it is no number",
        ),
        ("training.seed = [1, 2]", "training.seed is nothing to choose by results; leave it out"),
        ("training.device = ['cpu']", "training.device is nothing to choose by results"),
        ("model.sub_grades = [40]", "embedding_width is 32; expected at least sub_grades (40)"),
        ("model = 3", "model is 3; expected a list of values"),
        ("model.grades = ", "is not TOML"),
    ],
)
def test_a_faulty_space_gets_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "space.toml"
    path.write_text(text)
    with pytest.raises(CofinalError, match=re.escape(sentence)) as raised:
        load_space(path, Preset())
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_space_that_is_missing_or_no_text_gets_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CofinalError, match=r"cannot read .*absent.toml .*name a TOML file"):
        load_space(tmp_path / "absent.toml", Preset())
    (tmp_path / "a.toml").write_bytes(b"\xff")
    with pytest.raises(CofinalError, match="is not UTF-8 text; save it as UTF-8"):
        load_space(tmp_path / "a.toml", Preset())


@pytest.mark.parametrize("method", ["ridge", "mean"])
def test_training_of_a_method_without_settings_is_not_searched(method: str) -> None:
    preset = method_preset(method, Preset())
    with pytest.raises(CofinalError, match="has no settings to search"):
        space_from({"training.epochs": [1, 2]}, preset, "space")


def test_a_space_is_widened_to_the_presets_own_values() -> None:
    preset = Preset(model=CoFInAlSettings(grades=5, dropout=0.05))
    space = {"model.grades": Choices(2, 4), "model.dropout": Range(0.1, 0.5)}
    assert widened(space, preset) == {
        "model.grades": Choices(2, 4, 5),
        "model.dropout": Range(0.05, 0.5),
    }


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_written_as_toml_is_read_back(name: str, tmp_path: Path) -> None:
    preset = override(load_preset(name), {"training.learning_rate": 1.25e-5})
    (tmp_path / "p.toml").write_text(preset_text(preset, "first line\nsecond line"))
    assert load_preset(str(tmp_path / "p.toml")) == preset
    assert (tmp_path / "p.toml").read_text().startswith("# first line\n# second line\nmethod = ")
