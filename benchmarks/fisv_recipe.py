"""The table of docs/recipe.md: what was tried on the 400 Fis-V training performances.

    python benchmarks/fisv_recipe.py --data FOLDER_OF_FISV

Every variant is evaluated on random folds and on folds that share no event. Finished variants are
kept in the work folder, so a stopped run continues; the table is written anew after each.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tyro

from cofinal.config import DataSource, Preset, ProtocolSettings, load_preset, override
from cofinal.data.dataset import load_dataset
from cofinal.evaluation.evaluate import evaluate
from cofinal.files.atomic import write_text
from cofinal.files.tables import markdown_table
from cofinal.methods.mean import MeanSettings
from cofinal.methods.ridge import RidgeSettings

HERE = Path(__file__).parent
PROTOCOLS = {
    "random": ProtocolSettings("kfold"),
    "event": ProtocolSettings("group", group="event"),
    "skater": ProtocolSettings("group", group="skater"),
}
# name -> what differs from the preset `fisv` with two members; the preset itself has four.
VARIANTS: dict[str, dict[str, Any]] = {
    "two members": {},
    "one member": {"training.members": 1},
    "network alone": {"model.summary_share": 0.0},
    "summary read-out alone": {"model.summary_share": 1.0, "training.epochs": 1},
    "no mixing": {"training.mixing": 0.0},
    "no weight averaging": {"training.averaging": 0.0},
    "20 epochs": {"training.epochs": 20},
    "80 epochs": {"training.epochs": 80},
    "112 clips a view": {"training.view_clips": 112},
    "time code": {"model.time_code": 0.5},
    "equal-width grades": {"model.spacing": "equal-width"},
    "8 grades": {"model.grades": 8},
    "no channel dropout": {"training.channel_dropout": 0.0},
    "no dot regression": {"model.place_weight": 0.0},
    "an encoder": {"model.encoder_layers": 1},
    "no summary segments": {"model.summary_segments": 0},
}


@dataclass
class Arguments:
    """Measure the variants of the recipe."""

    data: Path
    """Folder of Fis-V."""
    work: Path = Path("runs/recipe")
    """Where finished variants are kept."""
    out: Path = HERE / "fisv_recipe"
    """The result, as .json and .md."""
    only: tuple[str, ...] = ()
    """Names of variants to run; all if none are named."""
    repeats: int = 1
    """Repeats with other folds and seeds."""


def presets() -> dict[str, Preset]:
    """Every variant, the baselines first."""
    base = load_preset("fisv")
    baselines = {
        "mean": replace(base, method="mean", model=MeanSettings()),
        "ridge": replace(base, method="ridge", model=RidgeSettings()),
    }
    two = override(base, {"training.members": 2})
    variants = {name: override(two, changes) for name, changes in VARIANTS.items()}
    return baselines | {"preset fisv": base} | variants


def row(name: str, results: dict[str, dict[str, Any]]) -> list[str]:
    """One line of the Markdown table, cell by cell."""
    cells = [name]
    for protocol in PROTOCOLS:
        for target in (0, 1):
            if protocol not in results:
                cells.append("")
                continue
            row = results[protocol]["measures"][target]
            rank = "-" if row["srcc"] is None else f"{row['srcc']:.3f}"
            cells.append(f"{rank} / {row['r_l2']:.2f}")
    seconds = sum(result["seconds"] for result in results.values())
    return [*cells, f"{seconds:.0f} s"]


def write_table(path: Path, results: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Writes all results so far as JSON and Markdown."""
    write_text(path.with_suffix(".json"), json.dumps(results, indent=1) + "\n")
    head = [f"{p} {t}" for p in PROTOCOLS for t in ("TES", "PCS")]
    rows = [row(name, found) for name, found in results.items()]
    lines = ["SRCC / R-l2 x 100", "", *markdown_table(["variant", *head, "time"], rows)]
    write_text(path.with_suffix(".md"), "\n".join(lines))


def main() -> None:
    """Runs what is missing and writes the table."""
    arguments = tyro.cli(Arguments)
    dataset = load_dataset(DataSource("fisv", arguments.data))
    results: dict[str, dict[str, dict[str, Any]]] = {}
    saved = arguments.out.with_suffix(".json")
    if saved.exists():
        results = json.loads(saved.read_text())
    for name, preset in presets().items():
        if arguments.only and name not in arguments.only:
            continue
        for protocol, settings in PROTOCOLS.items():
            if protocol == "skater" and name not in ("mean", "ridge", "preset fisv"):
                continue
            folder = arguments.work / f"{name}-{protocol}".replace(" ", "_").replace("%", "percent")
            repeated = replace(settings, repeats=arguments.repeats)
            result = evaluate(dataset, preset, repeated, folder)
            results.setdefault(name, {})[protocol] = result.to_json()
            write_table(arguments.out, results)
            print(name, protocol, row(name, results[name]), flush=True)


if __name__ == "__main__":
    main()
