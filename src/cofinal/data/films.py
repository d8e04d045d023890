"""What features.json tells of the films that features were made of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cofinal.data.features import read_description, recipe_file
from cofinal.data.findings import Finding
from cofinal.data.labels import Label
from cofinal.data.names import FeatureNames
from cofinal.records import FeatureRecipe

# Ids that a finding names.
NAMED = 3


def find_remarks(labels: Sequence[Label], folder: Path) -> list[Finding]:
    """What may surprise about the films, such as how little of a portrait picture is seen."""
    about = read_description(folder).get("videos")
    if not isinstance(about, dict):
        return []
    names = FeatureNames(folder)
    films: dict[str, list[Label]] = {}
    for label in labels:
        for remark in _remarks(about.get(names.name(label.id))):
            films.setdefault(remark, []).append(label)
    return [
        Finding(
            "film",
            f"{remark}: {', '.join(label.id for label in of[:NAMED])}"
            f"{', ...' if len(of) > NAMED else ''} ({len(of)} of {len(labels)} films)",
            str(recipe_file(folder)),
            severity="warning",
        )
        for remark, of in films.items()
    ]


def _remarks(record: Any) -> list[str]:
    found = record.get("remarks") if isinstance(record, dict) else None
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def recipe_told(recipe: FeatureRecipe) -> str:
    """How films were watched, in words; nothing where it is not known."""
    if recipe.backbone is None:
        return ""
    told = [f"features {recipe.backbone}"]
    if recipe.fps is not None:
        told.append("at the films' own rates" if recipe.fps == "native" else f"at {recipe.fps:g}/s")
    if recipe.clip_frames is not None:
        told.append(f"in clips of {recipe.clip_frames} frames")
    if recipe.crop:
        told.append(f"of the picture {recipe.crop}")
    return " ".join(told)
