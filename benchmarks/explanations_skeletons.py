"""Do explanations of models on skeletons point at faults? Prints and writes a table.

Generated routines come with their figures' joints, so no film is needed. In five folds the others
are trained on, and single clips of the held-out ones are left out. Measures as in
explanations_routines.md.

    python benchmarks/explanations_skeletons.py
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from cofinal import Dataset, load_preset
from cofinal.audit.explanations.faults import AgainstChance, find_faults
from cofinal.audit.explanations.truth import mark_clips
from cofinal.config import Preset, method_preset
from cofinal.data.sheets import read_sheets
from cofinal.explain.ways import read_way
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.extraction.skeletons import features_of
from cofinal.files.atomic import write_json
from cofinal.generated.choreography import generate_routines
from cofinal.generated.films import figure_keypoints, routine_sheet
from cofinal.records import ClipFeatures
from cofinal.training.loop import train

FPS, FOLDS = 25, 5
# Routines, and frames in a clip.
RUNS = ((60, 32), (60, 16), (240, 32))
METHODS = ("ridge", "cofinal")


def main() -> None:
    """Measures all runs."""
    lines = [
        "# Faults found by models on skeletons",
        "",
        "`python benchmarks/explanations_skeletons.py`",
        "",
        "Generated routines of seed 0, five folds, backbone `skeleton`, preset `generated`, target",
        "execution, clips left out one at a time. Measures as in",
        "[explanations_routines.md](explanations_routines.md); pointing is the share of routines",
        "whose clip that cost most points is faulty.",
        "",
        "| method | trained on | clip frames | average precision | pooled | pointing "
        "| times chance |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for count, frames in RUNS:
        for method in METHODS:
            lines.append(row(method, count, frames))
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    (Path(__file__).parent / "explanations_skeletons.md").write_text(text)


def row(method: str, count: int, frames: int) -> str:
    """One line of the table."""
    routines = generate_routines(count, seed=0)
    recipe = ExtractionRecipe("skeleton", clip_frames=frames, stride_frames=frames)
    clips = [features_of(figure_keypoints(one, FPS), recipe, one.id) for one in routines]
    execution = np.array([one.execution for one in routines])
    dataset = Dataset.from_arrays(clips, execution, targets=("execution",))
    with tempfile.TemporaryDirectory() as place:
        sheets = Path(place) / "sheets.json"
        write_json(sheets, {one.id: routine_sheet(one) for one in routines})
        elements = read_sheets(sheets)
    marks = []
    for i, one in enumerate(clips):
        times = dataset.times(i)
        assert times is not None
        marks.append(mark_clips(elements[one.id], len(one.values), times))
    base = load_preset("generated")
    preset = base if method == base.method else method_preset(method, base)
    found = find_faults(points_lost(dataset, preset), marks)
    cells = [text(one) for one in (found.precision, found.pooled, found.pointing)]
    pointing = found.pointing
    times_chance = "-" if pointing is None else f"{pointing.value / pointing.chance:.1f}"
    trained = count - count // FOLDS
    return "| " + " | ".join([method, str(trained), str(frames), *cells, times_chance]) + " |"


def points_lost(dataset: Dataset, preset: Preset) -> list[np.ndarray]:
    """Points lost (1, T) in each clip of each routine, by models of the other folds."""
    found: dict[int, np.ndarray] = {}
    for part in np.array_split(np.random.default_rng(0).permutation(len(dataset)), FOLDS):
        rest = np.setdiff1d(np.arange(len(dataset)), part)
        model = train(dataset.subset(rest), preset, show_progress=False)
        for i in part:
            evidence = read_way("occlusion-1").explain(model, ClipFeatures(dataset.clips[i]))
            assert evidence is not None
            found[int(i)] = -evidence.values_KT[:1]
    return [found[i] for i in sorted(found)]


def text(found: AgainstChance | None) -> str:
    """A measure beside chance."""
    return "-" if found is None else f"{found.value:.3f} (chance {found.chance:.3f})"


if __name__ == "__main__":
    main()
