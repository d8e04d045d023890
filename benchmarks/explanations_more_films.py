"""Do explanations find faults better when the model has seen more films? Prints a table.

The films of one set are explained by folds; the models of each fold have also been trained on all
films of another set. Features of the other set may start a clip more often; rows between are
left out.

    python benchmarks/explanations_more_films.py routines routines-seed1

Each folder is one of `cofinal data routines`, with `motion` features in `features`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from cofinal import DataSource, load_dataset, load_preset
from cofinal.audit.explanations.faults import AgainstChance, ClipMarks, find_faults
from cofinal.audit.explanations.truth import detector_scores, mark_clips
from cofinal.config import Preset, method_preset
from cofinal.data.dataset import Dataset
from cofinal.data.features import read_description, video_times
from cofinal.data.labels import read_csv_labels
from cofinal.data.sheets import read_sheets
from cofinal.explain.ways import read_way
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.training.loop import train

FOLDS = 5


def with_more(first: Dataset, folder: Path) -> Dataset:
    """The first set and, behind it, those films of another whose features are there."""
    described = read_description(folder / "features")
    recipe = FeatureRecipe.from_json(described)
    assert recipe.stride_frames and first.recipe.stride_frames
    step = first.recipe.stride_frames // recipe.stride_frames
    labels = [
        label
        for label in read_csv_labels(folder / "labels.csv", first.targets).labels
        if (folder / "features" / f"{label.id}.npy").exists()
    ]
    clips = [np.load(folder / "features" / f"{label.id}.npy")[::step].copy() for label in labels]
    scores = np.array([[label.scores[name] for name in first.targets] for label in labels])
    count = len(first) + len(labels)
    return replace(
        first,
        ids=(*first.ids, *(f"more-{label.id}" for label in labels)),
        scores=np.concatenate([first.scores, scores]),
        clips=(*first.clips, *clips),
        splits=("train",) * count,
        categories=(None,) * count,
        groups={},
        video_times=first.video_times
        | {f"more-{label.id}": video_times(described, label.id) for label in labels},
    )


def explained(
    dataset: Dataset, preset: Preset, parts: list[np.ndarray], way: str
) -> list[np.ndarray]:
    """Points lost (1, T) in each clip of the films in the parts, by models of the other films."""
    found: dict[int, np.ndarray] = {}
    for part in parts:
        rest = np.setdiff1d(np.arange(len(dataset)), part)
        model = train(dataset.subset(rest), preset, show_progress=False)
        for i in part:
            evidence = read_way(way).explain(model, ClipFeatures(dataset.clips[i]))
            assert evidence is not None
            found[int(i)] = -evidence.values_KT[:1]
    return [found[i] for i in sorted(found)]


def line(name: str, films: int, scores: list[np.ndarray], marks: list[ClipMarks]) -> str:
    """A row of the table."""

    def text(found: AgainstChance | None) -> str:
        return "-" if found is None else f"{found.value:.3f} (chance {found.chance:.3f})"

    found = find_faults(scores, marks)
    cells = [text(one) for one in (found.precision, found.pooled, found.pointing, found.inside)]
    return "| " + " | ".join([name, str(films), *cells]) + " |"


def main(first: Path, more: Path) -> None:
    """Prints the table."""
    source = DataSource(str(first / "labels.csv"), first / "features", targets=("execution",))
    small = load_dataset(source)
    large = with_more(small, more)
    sheets = read_sheets(first / "sheets.json")
    other = {
        f"more-{name}": elements for name, elements in read_sheets(more / "sheets.json").items()
    }
    marks = []
    for i, (name, clips) in enumerate(zip(large.ids, large.clips, strict=True)):
        times = large.times(i)
        assert times is not None
        marks.append(mark_clips((sheets | other)[name], len(clips), times))
    parts = np.array_split(np.random.default_rng(0).permutation(len(small)), FOLDS)
    base = load_preset("generated")
    print("| way | films trained on | average precision | pooled | pointing | among elements |")
    print("| --- | --- | --- | --- | --- | --- |")
    for dataset in (small, large):
        films = len(dataset) - len(small) // FOLDS
        judged = marks[: len(small)]
        for preset in (base, method_preset("ridge", base)):
            for way in ("gradients", "occlusion-1", "occlusion-3"):
                scores = explained(dataset, preset, parts, way)
                print(line(f"{preset.method}, {way}", films, scores, judged), flush=True)
        faulty = [m.faulty_T for m in marks[: len(dataset)]]
        folds = [*parts, np.arange(len(small), len(dataset))]
        shown = detector_scores(dataset.clips, faulty, [fold for fold in folds if len(fold)])
        ceiling = [shown[i] for i in range(len(small))]
        print(line("ceiling: trained on the faults' times", films, ceiling, judged), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
