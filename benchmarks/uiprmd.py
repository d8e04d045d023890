"""Skeleton descriptors on real bodies: correct or not, on the movements of UI-PRMD.

Each of ten rehabilitation movements is a question of its own: was the repetition performed
correctly or not? One subject at a time is left out. `all` is the area under the ROC curve over the
predictions for all subjects, `inside` its mean over the subjects taken by themselves; both are
means over the ten movements. `raw` is what descriptors have to beat: ridge regression on means,
standard deviations, extremes, nine evenly spaced poses and speeds of the hip-centred joints, with
the best of three strengths, which flatters it.

    python benchmarks/uiprmd.py --data DATA/ui-prmd [--methods ridge svr cofinal]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cofinal import Dataset, Preset, ProtocolSettings, skeleton_features
from cofinal.config import TrainingSettings
from cofinal.evaluation.evaluate import evaluate
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.methods import settings_class

HERE = Path(__file__).parent
FPS = 30.0
RAW_STRENGTHS = (10.0, 100.0, 1000.0)
# Repetitions last 1 to 6 seconds: each is one clip, of the frames it has.
RECIPE = ExtractionRecipe("skeleton", clip_frames=160, stride_frames=160)
PRESETS = {
    "ridge": Preset("ridge"),
    "svr": Preset("svr"),
    "cofinal": Preset(
        "cofinal",
        settings_class("cofinal")(principal_components=64, width=32, grades=2),
        TrainingSettings(epochs=30, members=1),
    ),
}


def main() -> None:
    """Measures, prints and writes uiprmd.json and uiprmd.md; other methods' rows there stay."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--methods", nargs="+", default=list(PRESETS), choices=list(PRESETS))
    given = parser.parse_args()
    names, sequences = read(given.data / "sequences.npz")
    kept = HERE / "uiprmd.json"
    rows = json.loads(kept.read_text())["rows"] if kept.exists() else {}
    rows["raw"] = raw_row(names, sequences)
    started = time.process_time()
    features = [
        skeleton_features(s, "ui-prmd", FPS, up="y", recipe=RECIPE, id=name)
        for name, s in zip(names, sequences, strict=True)
    ]
    describing = time.process_time() - started
    for method in given.methods:
        rows[method] = method_row(method, names, features)
        print(method, rows[method], flush=True)
    result = {"sequences": len(names), "describing_seconds": round(describing, 1), "rows": rows}
    kept.write_text(json.dumps(result, indent=1) + "\n")
    (HERE / "uiprmd.md").write_text(table(result))


def read(path: Path) -> tuple[list[str], list[np.ndarray]]:
    """Names, and positions (frames, 22, 3) in centimetres."""
    with np.load(path, allow_pickle=False) as file:
        names, lengths, positions = file["names"], file["lengths"], file["positions"]
    parts = np.split(positions.astype(np.float32), np.cumsum(lengths)[:-1])
    return [str(name) for name in names], [part.reshape(len(part), -1, 3) for part in parts]


def movement_of(name: str) -> str:
    """For example "m01"."""
    return name.split("_", maxsplit=1)[0]


def subject_of(name: str) -> str:
    """For example "s01"."""
    return name.split("_")[1]


def correct(names: list[str]) -> np.ndarray:
    """1 for a correct repetition, else 0."""
    return np.array([float(name.endswith("_correct")) for name in names])


def areas(labels: np.ndarray, predicted: np.ndarray, subjects: np.ndarray) -> tuple[float, float]:
    """Area under the curve over all, and the mean of those inside a subject."""
    inside = [
        roc_auc_score(labels[subjects == one], predicted[subjects == one])
        for one in np.unique(subjects)
    ]
    return float(roc_auc_score(labels, predicted)), float(np.mean(inside))


def raw_features(positions: np.ndarray) -> np.ndarray:
    """Simple statistics of hip-centred joints."""
    hips = (positions[:, [14]] + positions[:, [18]]) / 2
    flat = (positions - hips).reshape(len(positions), -1)
    speed = np.abs(np.diff(flat, axis=0))
    poses = flat[np.linspace(0, len(flat) - 1, 9).round().astype(int)].ravel()
    parts = (
        flat.mean(0),
        flat.std(0),
        flat.min(0),
        flat.max(0),
        poses,
        speed.mean(0),
        speed.max(0),
    )
    return np.concatenate(parts)


def raw_row(names: list[str], sequences: list[np.ndarray]) -> dict[str, float]:
    """The reference, with the strength that suits it best."""
    table_NF = np.stack([raw_features(positions) for positions in sequences])
    rows = []
    for strength in RAW_STRENGTHS:
        found = []
        for index in movements(names).values():
            own = [names[i] for i in index]
            labels, subjects = correct(own), np.array([subject_of(name) for name in own])
            predicted = np.empty(len(own))
            for one in np.unique(subjects):
                out = subjects == one
                model = make_pipeline(StandardScaler(), Ridge(strength))
                model.fit(table_NF[index][~out], labels[~out])
                predicted[out] = model.predict(table_NF[index][out])
            found.append(areas(labels, predicted, subjects))
        rows.append(np.mean(found, axis=0))
        print("raw", strength, rows[-1], flush=True)
    best = max(rows, key=lambda row: float(row[0]))
    return {"all": round(float(best[0]), 3), "inside": round(float(best[1]), 3)}


def movements(names: list[str]) -> dict[str, list[int]]:
    """Numbers of the repetitions of each movement."""
    found: dict[str, list[int]] = {}
    for i, name in enumerate(names):
        found.setdefault(movement_of(name), []).append(i)
    return found


def method_row(method: str, names: list[str], features: list) -> dict[str, float]:
    """One method of the package on the descriptors."""
    started, found = time.process_time(), []
    for index in movements(names).values():
        own = [names[i] for i in index]
        subjects = np.array([subject_of(name) for name in own])
        dataset = Dataset.from_arrays(
            [features[i] for i in index], correct(own), own, groups={"subject": subjects}
        )
        protocol = ProtocolSettings("group", group="subject", folds=len(np.unique(subjects)))
        result = evaluate(dataset, PRESETS[method], protocol)
        found.append(areas(correct(own), result.predictions[0, :, 0], subjects))
    everything, inside = np.mean(found, axis=0)
    seconds = time.process_time() - started
    return {
        "all": round(float(everything), 3),
        "inside": round(float(inside), 3),
        "seconds": round(seconds),
    }


def table(result: dict) -> str:
    """The table for people."""
    lines = [
        "# Skeleton descriptors on UI-PRMD",
        "",
        "`python benchmarks/uiprmd.py --data DATA/ui-prmd`",
        "",
        f"{result['sequences']} repetitions of ten movements by eight subjects, each subject left",
        "out once; area under the ROC curve, mean of ten movements. `raw` is ridge regression on",
        "simple statistics of the joints, with the best of three strengths. A repetition is one",
        f"clip; describing all took {result['describing_seconds']} s of one core. Seconds are",
        "processor time of 80 trainings on a machine that others used.",
        "",
        "| method | all subjects | inside a subject | seconds |",
        "| --- | --- | --- | --- |",
    ]
    for name, row in result["rows"].items():
        seconds = row.get("seconds", "")
        lines.append(f"| `{name}` | {row['all']:.3f} | {row['inside']:.3f} | {seconds} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
