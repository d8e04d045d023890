"""Data-set cards: what a published data set looks like on disk, as TOML beside this file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cofinal.errors import CofinalError
from cofinal.records import FeatureRecipe

CARD_FOLDER = Path(__file__).parent / "cards"


@dataclass(frozen=True)
class Target:
    """One score that judges gave."""

    name: str
    column: str
    """Its column in the label file."""
    range: tuple[float, float] | None = None
    """Lowest and highest score possible in points, for the data check; None if not known."""
    unit: str = "points"
    default: bool = True
    """Whether it is predicted when no targets are named."""


@dataclass(frozen=True)
class LabelLayout:
    """How label files are written."""

    columns: tuple[str, ...]
    """Column names in order; the first is the performance's id."""
    files: dict[str, str]
    """Split name -> file name."""
    header: bool
    """Whether the first line names the columns."""
    category: str | None = None
    """"prefix" if the id's part before the underscore is the category, else None."""


@dataclass(frozen=True)
class PublishedResult:
    """What a paper reports, measured by its own protocol."""

    method: str
    source: str
    srcc: dict[str, float]
    """Target -> SRCC."""


@dataclass(frozen=True)
class Card:
    """One data set."""

    name: str
    title: str
    labels: LabelLayout
    targets: tuple[Target, ...]
    feature_folders: tuple[str, ...]
    """Folder names under which the features are looked for."""
    channels: int | None = None
    recipe: FeatureRecipe = field(default_factory=FeatureRecipe)
    group_file: str | None = None
    """Optional CSV with an `id` column and the group columns."""
    group_columns: tuple[str, ...] = ()
    judge_file: str | None = None
    """Optional JSON of score sheets with each judge's marks."""
    preset: str | None = None
    published: tuple[PublishedResult, ...] = ()
    """On the official split, best epoch on the test part unless the source says otherwise."""
    citation: str = ""
    licence: str = ""


def card_names() -> list[str]:
    """Names of the cards that come with the package."""
    return sorted(path.stem for path in CARD_FOLDER.glob("*.toml"))


@cache
def load_card(name: str) -> Card:
    """Reads the card of a published data set by its name.

    Raises:
        CofinalError: no such card.
    """
    path = CARD_FOLDER / f"{name}.toml"
    if name not in card_names():
        raise CofinalError(
            f"data set {name!r} is unknown; use {', '.join(card_names())}, "
            "or the path of your own labels, a file that ends in .csv"
        )
    values = tomllib.loads(path.read_text(encoding="utf-8"))
    labels, features, groups = values["labels"], values["features"], values.get("groups", {})
    return Card(
        name=values["name"],
        title=values["title"],
        labels=LabelLayout(
            tuple(labels["columns"]), labels["files"], labels["header"], labels.get("category")
        ),
        targets=tuple(
            Target(**(entry | {"range": tuple(entry["range"])})) for entry in values["targets"]
        ),
        feature_folders=tuple(features["folders"]),
        channels=features["channels"],
        recipe=FeatureRecipe(**features["recipe"]),
        group_file=groups.get("file"),
        group_columns=tuple(groups.get("columns", ())),
        judge_file=values.get("judges", {}).get("file"),
        preset=values["preset"],
        published=tuple(PublishedResult(**entry) for entry in values.get("published", ())),
        citation=values["citation"],
        licence=values["licence"],
    )
