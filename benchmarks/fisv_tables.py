"""Makes all tables of Fis-V anew: methods, agreement, explanations.

    python benchmarks/fisv_tables.py --data DATA/fis-v

from the repository's root, with a path that all may read: tables tell it. One process. Finished
trainings are kept in the work folder, so a stopped run continues with the same command; each table
is written as soon as it is whole. `--only methods` makes one of them.

Rough times, measured with version 0.1.0 on one worker of two cores, three protocols (random, event
and skater folds), five folds, three seeds: mean, ridge, svr and ridge-segments 25 s together;
action-net and usdl 6 min each, musdl 7, core 18, ms-lstm 19, gdlt-adamw 46, cofinal-released-adamw
56, cofinal 65: 3.7 hours in all. The statistics of the table, 20,000 samples of whole groups, take
about a minute. Explanations took 8 minutes, agreement 7 (five trainings of cofinal).
`--methods` adds others, such as dae, hgcn, t2cr and phi, whose time nobody has measured here.
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import tyro

from cofinal.cli.main import main

# Relative, since tables tell the command with it.
HERE = Path(os.path.relpath(Path(__file__).parent))
METHODS = (
    *("mean", "ridge", "svr", "ridge-segments"),
    *("usdl", "musdl", "ms-lstm", "action-net", "core"),
    *("gdlt-adamw", "cofinal-released-adamw", "cofinal"),
)
PROTOCOLS = ("kfold", "group:event", "group:skater")
TABLES = ("methods", "agreement", "explanations")


@dataclass
class Arguments:
    """Make the tables of Fis-V."""

    data: Path
    """Folder of Fis-V, with performances.csv and score_sheets.json."""
    work: Path = Path("runs/fisv-tables")
    """Where finished trainings are kept."""
    only: tuple[str, ...] = TABLES
    """Which tables: methods, agreement, explanations."""
    methods: tuple[str, ...] = METHODS
    """Rows of the table of methods."""
    seeds: int = 3
    """Seeds of each trained method."""


def run(*words: object) -> None:
    """One command of `cofinal`, in this process; a failure ends everything."""
    sys.argv = ["cofinal", *map(str, words)]  # tables tell the command
    status = main(sys.argv[1:])
    if status:
        raise SystemExit(status)


def make_methods(arguments: Arguments) -> None:
    """fisv.md, fisv.json and the figures in fisv/."""
    out = arguments.work / "methods"
    run(
        *("benchmark", "--dataset", "fisv", "--data", arguments.data, "--out", out, "--figures"),
        *("--seeds", arguments.seeds, "--protocols", *PROTOCOLS),
        *("--methods", *arguments.methods),
    )
    for ending in (".md", ".json"):
        shutil.copyfile(out / f"benchmark{ending}", HERE / f"fisv{ending}")
    for figure in (out / "figures").iterdir():
        if (HERE / "fisv" / figure.name).exists():  # the others are not shown
            shutil.copyfile(figure, HERE / "fisv" / figure.name)


def make_agreement(arguments: Arguments) -> None:
    """The judges of Fis-V and the model as one more of them."""
    data, out = arguments.data, arguments.work / "events"
    by_event = ("--protocol", "group", "--group", "event")
    run("evaluate", "--dataset", "fisv", "--data", data, *by_event, "--out", out)
    groups = ("--groups", data / "performances.csv")
    predictions = ("--predictions", out / "predictions.csv", "--figures")
    judged = HERE / "agreement"
    run("agreement", data, *groups, *predictions, "--out", judged / "fisv")
    run("agreement", data, "--components", *groups, "--out", judged / "fisv-components")


def make_explanations(arguments: Arguments) -> None:
    """explanations_fisv.md, .json and .png."""
    out = arguments.work / "explanations"
    run(
        *("benchmark", "--dataset", "fisv", "--data", arguments.data, "--out", out, "--figures"),
        *("--explanations", "--methods", "cofinal", "--seeds", 1),
        *("--evidence", "votes", "occlusion-1", "--explained", 8, "--random-orders", 5),
    )
    for ending in (".md", ".json", ".png"):
        shutil.copyfile(out / f"explanations{ending}", HERE / f"explanations_fisv{ending}")


if __name__ == "__main__":
    chosen = tyro.cli(Arguments)
    makers = {
        "methods": make_methods,
        "agreement": make_agreement,
        "explanations": make_explanations,
    }
    for name in chosen.only:
        makers[name](chosen)
