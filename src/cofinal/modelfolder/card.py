"""`card.md` in a model folder: a model for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import torch

from cofinal.evaluation.intervals import Calibration
from cofinal.modelfolder.info import MeasuredCoverage, ModelInfo, Quality
from cofinal.models.ensemble import Ensemble
from cofinal.version import __version__

CARD = "card.md"


def model_card(info: ModelInfo, model: Ensemble, neighbours: bool) -> str:
    """A short description: what it is, what it was trained on, what it holds, its limits.

    Args:
        info: what is known of the model.
        model: the trained members.
        neighbours: whether an index of the training performances lies beside it.
    """
    ranges = "\n".join(
        f"- {target}: {low:.2f} to {high:.2f} points"
        for target, (low, high) in zip(
            info.task.targets, model.first.range_K2.tolist(), strict=True
        )
    )
    count, data = sum(p.numel() for p in model.parameters()), info.trained_on
    return (
        f"# {info.preset.method} trained on {data.name or 'unknown data'}\n\n"
        f"- Training performances: {data.performances or 'unknown'}\n"
        f"- Backbone of the features: {info.recipe.backbone or 'not recorded'}, "
        f"{info.task.channels} channels a clip\n"
        f"- Members averaged: {len(model.members)}; trained parameters: {count:,}\n"
        f"- Seed: {info.preset.training.seed}; cofinal {__version__}, torch {torch.__version__}\n\n"
        f"{given_text(info)}"
        f"Score range the model can express:\n\n{ranges}\n\n"
        f"## Measured\n\n{measured_text(info)}\n\n"
        f"## Prediction intervals\n\n{calibration_text(info.calibration)}\n\n"
        f"## What this folder holds of the training performances\n\n"
        f"{held_text(info, model, neighbours)}\n\n"
        "## Limits\n\n"
        "Scores are comparable with the training data's judges only. Performances of another kind, "
        "camera or backbone are outside of what it was trained on. Its accuracy on unseen "
        "performances is what `cofinal evaluate` measures, not what it reaches in training.\n"
    )


def given_text(info: ModelInfo) -> str:
    """What must be known of a performance; nothing where nothing must."""
    if info.given is None:
        return ""
    rules = ", ".join(map(str, info.given.rules))
    return (
        f"Known before a performance is scored: {rules}. With `multiply` and `add` the model "
        "learned the execution, and the ranges below are its.\n\n"
    )


def measured_text(info: ModelInfo) -> str:
    """The measures of a model card, a line per target and category."""
    if not info.quality:
        return "Not measured: the data had no test split. `cofinal evaluate` measures by folds."
    lines = [*map(quality_line, info.quality), *coverage_lines(info.coverage)]
    if info.measured.get("protocol") not in (None, "final"):
        lines.append("Measured by folds, of models like this one trained without the performance")
    return "\n".join(f"- {line}" for line in lines)


def quality_line(quality: Quality) -> str:
    """How well a model does for one target."""
    rank = "undefined" if quality.srcc is None else f"{quality.srcc:.3f}"
    if quality.srcc_interval:
        low, high = quality.srcc_interval
        rank += f" (95 % interval {low:.3f} to {high:.3f})"
    of = f"{quality.target}, {quality.category}" if quality.category else quality.target
    error = "undefined" if quality.mae is None else f"{quality.mae:.2f} points"
    return (
        f"{of}: SRCC {rank}, mean absolute error {error}, "
        f"{quality.performances} held-out performances"
    )


def coverage_lines(measured: Iterable[MeasuredCoverage]) -> list[str]:
    """What the intervals reached on held-out performances, a line per target."""
    return [
        f"{entry.target}: {100 * entry.confidence:g} % intervals hold the score of "
        f"{entry.coverage:.1%} of {entry.performances} held-out performances (95 % interval "
        f"{entry.coverage_interval[0]:.1%} to {entry.coverage_interval[1]:.1%}), "
        f"mean width {entry.mean_width:.2f} points"
        for entry in measured
    ]


def calibration_text(calibration: Calibration | None) -> str:
    """What a model card says of prediction intervals."""
    if calibration is None:
        return "Not calibrated: train with `--calibration folds` for prediction intervals."
    return (
        f"Calibrated on {len(calibration)} performances that took no part in training the model "
        "which predicted them. A named share of performances exchangeable with these has its score "
        "inside; not of other events, cameras or kinds of performances."
    )


def held_text(info: ModelInfo, model: Ensemble, neighbours: bool) -> str:
    """What a folder gives away of the performances that the model learned from."""
    held: Collection[str] = [
        *(
            [
                "`neighbours.safetensors`: ids, scores and a short vector of each, so that an "
                "explanation can name those most alike. `cofinal train --no-neighbours` leaves it "
                "out; the model scores without it."
            ]
            if neighbours
            else []
        ),
        *(
            [
                "`calibration.json`: how far scores of calibration ones lay from the middle of "
                "what was predicted, in order of size; neither ids nor scores."
            ]
            if info.calibration
            else []
        ),
        *(
            ["`model.safetensors`: features of some of them, which this method compares with."]
            if model.first.holds_performances
            else []
        ),
    ]
    if not held:
        return "Neither ids nor scores nor features of single ones."
    return "\n".join(f"- {line}" for line in held)
