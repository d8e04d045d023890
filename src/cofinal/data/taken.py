"""What the columns and rows of a data source were taken for, told in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cofinal.config import DataSource
from cofinal.data.dataset import (
    chosen_targets,
    expected_recipe,
    feature_folder,
    labelled,
    of_category,
    read_labels,
)
from cofinal.data.films import find_remarks, recipe_told
from cofinal.data.labels import Label, LabelTable
from cofinal.errors import CofinalError
from cofinal.grades import own_grades


def taken_for(source: DataSource) -> str:
    """Tells targets, groups, splits and what is left out, so that no guess goes unseen.

    Raises:
        CofinalError: labels that cannot be read.
    """
    table = read_labels(source)
    targets = chosen_targets(source, table)
    labels = of_category(table.labels, source.category)
    used = labelled(labels, targets)
    said = [
        f"{len(used)} performances",
        f"{'targets' if len(targets) > 1 else 'target'} {', '.join(targets)}",
        f"given {', '.join(source.given)}" if source.given else "",
        _groups(table, used),
        _splits(used),
        _left_out(table, labels, targets),
        grades_told(own_grades(np.array([[one.scores[t] for t in targets] for one in used]))),
        *_films(source, used),
    ]
    return f"{Path(source.dataset).name}: {'; '.join(part for part in said if part)}"


def _films(source: DataSource, labels: Sequence[Label]) -> list[str]:
    """How films were watched, and what may surprise about some; nothing without features."""
    try:
        folder = feature_folder(source)
        recipe = expected_recipe(source, folder)
        return [recipe_told(recipe), *(one.message for one in find_remarks(labels, folder))]
    except CofinalError:  # told where features are read
        return []


def grades_told(grades: int | None) -> str:
    """What labels that are grades themselves mean for every method; nothing for scores."""
    return f"labels of {grades} values, so {grades} grades" if grades else ""


def _groups(table: LabelTable, labels: Sequence[Label]) -> str:
    numeric = table.columns.numeric if table.columns else ()
    names = dict.fromkeys(name for label in labels for name in label.groups)
    told = [f"{name} (numbers)" if name in numeric else name for name in names]
    return f"groups {', '.join(told)}" if told else "no groups"


def _splits(labels: Sequence[Label]) -> str:
    counts = Counter(label.split for label in labels)
    if set(counts) == {"train"}:
        return "no test split"
    return f"splits {', '.join(f'{name} {count}' for name, count in counts.most_common())}"


def _left_out(table: LabelTable, labels: Sequence[Label], targets: Sequence[str]) -> str:
    """Performances without scores, other targets, and columns without a name."""
    without = Counter(name for label in labels for name in targets if name not in label.scores)
    told = [f"{count} without {name}" for name, count in without.items()]
    if told and len(targets) > 1:
        told[-1] += " (--targets with one name learns from all that have that one)"
    told += [target.name for target in table.targets if target.name not in targets]
    nameless = table.columns.nameless if table.columns else []
    if nameless:
        told.append(f"columns without a name: {', '.join(map(str, nameless))}")
    return f"left out {', '.join(told)}" if told else ""
