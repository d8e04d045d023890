"""Readers of what is known beforehand, and of what a marking page is given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from mutations import mutated_json, mutated_text
from subjects import Subject
from text_readers import SHEETS

from cofinal.data.given import asked_numbers
from cofinal.files.reading import read_json
from cofinal.given.rules import read_rules
from cofinal.modelfolder.given import GivenModel
from cofinal.page.targets import read_targets

TARGETS = ("score", "other")
RULES = ("base_value:covariate:score", "difficulty:multiply:other")
WIDTHS = {"base_value": 3, "difficulty": 1}
GIVEN = b"id,difficulty,base_value\np1,2.5,30\np2,3.1,28.5\n"
PAGE_TARGETS = b"target,lowest,highest,step\nscore,0,10,0.25\nflow,0,10,0.5\n"
MODEL = json.dumps(
    {
        "rules": [
            {"name": "base_value", "kind": "covariate", "target": "score"},
            {"name": "difficulty", "kind": "multiply", "target": "other"},
        ],
        "widths": WIDTHS,
        "readout": [
            {"given": [0.5, 0.1, 0.1], "video": [0.3, 0.2], "bias": 1.0, "error": 2.0},
            None,
        ],
    }
).encode()


def answer(folder: Path) -> Any:
    """What a model that was trained with numbers given makes of those of one performance."""
    told = read_json(folder / "a.json", "what is given")
    model = GivenModel.from_json(told, "a.json", TARGETS)
    numbers = {name: [1.0] * width for name, width in model.widths.items()}
    given = model.told([numbers], ["p1"], TARGETS)
    return model, [] if model.readout is None else model.readout.linear(given)


def read_numbers(folder: Path) -> Any:
    """Numbers of two performances, from a CSV."""
    rules = read_rules(("difficulty:multiply",))
    return asked_numbers([str(folder / "a.csv")], ["p1", "p2"], rules, {"difficulty": 1})


def read_bases(folder: Path) -> Any:
    """Base values of a performance, from its sheet."""
    rules = read_rules(("base_value:add",))
    return asked_numbers([str(folder / "a.json")], ["p2"], rules, {"base_value": 4})


def check_model(folder: Path, found: Any) -> None:
    """Written and read again it is the same, and what it adds is finite."""
    model, linear = found
    again = GivenModel.from_json(json.loads(json.dumps(model.to_json())), "again", TARGETS)
    assert again == model and all(np.isfinite(values).all() for values in linear)


def check_numbers(folder: Path, found: Any) -> None:
    """Finite, and as many as asked for."""
    for one in found:
        for values in one.values():
            assert np.isfinite(values).all() and values.ndim == 1


def subjects() -> list[Subject]:
    """Every reader of given numbers."""
    return [
        Subject("given numbers of a model", {"a.json": (MODEL, mutated_json)}, answer, check_model),
        Subject(
            "given numbers, CSV", {"a.csv": (GIVEN, mutated_text)}, read_numbers, check_numbers
        ),
        Subject("given base values", {"a.json": (SHEETS, mutated_json)}, read_bases, check_numbers),
        Subject(
            "targets of a page",
            {"a.csv": (PAGE_TARGETS, mutated_text)},
            lambda folder: read_targets(folder / "a.csv"),
        ),
    ]
