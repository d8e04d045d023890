"""How well are elements placed in time? Generated routines, where times are known, and Fis-V.

    cofinal data routines --out ROUTINES --count 60
    cofinal data routines --out FRESH --count 120 --seed 1
    for folder in ROUTINES FRESH; do
        cofinal extract $folder/videos --out $folder/features --backbone motion --stride-frames 8
    done
    python benchmarks/alignment.py --routines ROUTINES --fresh FRESH --fisv FOLDER_OF_FISV

An aligner is fitted on the order of the elements of other performances than those it is measured
on. "ceiling" alone saw the times of the training performances. Settings were chosen on ROUTINES; of
FRESH, made afterwards, the first 60 are placed by the aligner fitted on all of ROUTINES.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tyro

from cofinal.benchmark.tables import library_versions
from cofinal.config import DataSource, Preset, ProtocolSettings, TrainingSettings
from cofinal.data.dataset import Dataset, load_dataset
from cofinal.data.features import read_features
from cofinal.data.sheets import Element, read_sheets
from cofinal.evaluation.bootstrap import mean_interval
from cofinal.evaluation.folds import make_folds
from cofinal.explain.aligner import Aligner, Placement, class_name, equal_parts
from cofinal.explain.aligner_fit import Weights, fit_aligner, maximisation
from cofinal.explain.evidence import occlusion
from cofinal.files.atomic import write_json, write_text
from cofinal.files.reading import read_json
from cofinal.files.tables import markdown_table
from cofinal.methods.ridge import RidgeSettings
from cofinal.models.ensemble import Ensemble
from cofinal.records import ClipFeatures
from cofinal.training.loop import train

HERE = Path(__file__).parent
MEASURES = ("border error", "IoU", "clips right", "middle inside")
ABOUT = (
    "Border error: mean absolute error of starts and ends, in seconds. IoU: overlap of an "
    "element's placed and true time. Clips right: share of clips given their element, or none. "
    "Middle inside: share of elements whose true middle lies in the placed time. Means over "
    "performances with 95 % bootstrap intervals."
)
LIMIT = (
    "Step sequences and spins last about as long as real ones. A jump takes a second or two: "
    "what is placed as one is mostly the skating that leads to it. Order alone cannot tell a jump "
    "from its approach where every jump has one, and a start from shorter elements ended alike."
)
Order = Sequence[Element]
Place = Callable[[ClipFeatures, Order], list[Placement]]
Learn = Callable[[Dataset, list[Order]], Place]


@dataclass
class Arguments:
    """Measure the aligner."""

    routines: Path | None = None
    """Folder of generated routines, with features/; what was measured before is kept without."""
    fresh: Path | None = None
    """Folder of routines of another seed, on which nothing was chosen; needs ROUTINES too."""
    fisv: Path | None = None
    """Folder of Fis-V; what was measured before is kept without."""
    out: Path = HERE / "alignment"
    """The result, as .json and .md."""
    shuffles: int = 5
    """Wrong orders that each performance of Fis-V is compared with, of either kind."""


def features_of(dataset: Dataset, i: int) -> ClipFeatures:
    """One performance."""
    return dataset.features(i)


def with_aligner(change: Callable[[Aligner], Aligner] = lambda a: a) -> Learn:
    """Fits an aligner on the order of elements, then changes it."""

    def learn(dataset: Dataset, orders: list[Order]) -> Place:
        return change(fit_aligner(dataset.clips, orders)).place

    return learn


def equal(dataset: Dataset, orders: list[Order]) -> Place:
    """The baseline: nothing is learned."""

    def place(features: ClipFeatures, order: Order) -> list[Placement]:
        times, parts = features.times, equal_parts(len(features.values), len(order))
        assert times is not None
        return [Placement(a, n, times.border(a), times.border(a + n)) for a, n in parts]

    return place


def shuffled(dataset: Dataset, orders: list[Order]) -> Place:
    """Fitted on orders that are wrong: what is then right does not come from order."""
    rng = np.random.default_rng(0)
    return fit_aligner(
        dataset.clips, [[order[i] for i in rng.permutation(len(order))] for order in orders]
    ).place


def ceiling(dataset: Dataset, orders: list[Order]) -> Place:
    """What the same model does when it is told the times of the training performances."""
    aligner = fit_aligner(dataset.clips, orders, rounds=0)
    F, clips = len(aligner.families) + 1, dataset.recipe.times()
    rows, moments_F3 = [], np.zeros((F, 3))
    assert clips is not None
    step = clips.step_seconds
    for i, order in enumerate(orders):
        own_T = truth(features_of(dataset, i), order)
        classes = np.array([*aligner.classes(order), F - 1])
        rows.append(np.eye(F)[classes[own_T]])
        times = np.array([(e.start_seconds, e.end_seconds) for e in order], float) / step
        for f, length in zip(classes, times[:, 1] - times[:, 0], strict=False):
            moments_F3[f] += (1, length, length**2)
        gaps = np.r_[times[:, 0], len(own_T)] - np.r_[0, times[:, 1]]
        moments_F3[-1] += (len(gaps), gaps.sum(), np.square(gaps).sum())
    white = [aligner.whiten(values) for values in dataset.clips]
    return maximisation(aligner, white, Weights(np.concatenate(rows), moments_F3)).place


def with_evidence(dataset: Dataset, orders: list[Order]) -> Place:
    """Occlusion evidence of ridge, trained on the same performances, as further channels."""
    preset = Preset("ridge", RidgeSettings(), TrainingSettings())
    model = train(dataset, preset, None, show_progress=False)
    scale = 3 * np.std(np.concatenate(dataset.clips), axis=0).max()

    def add(features: ClipFeatures) -> ClipFeatures:
        return replace(features, values=beside(model, features, float(scale)))

    clips = [add(features_of(dataset, i)).values for i in range(len(dataset))]
    aligner = fit_aligner(clips, orders)
    return lambda features, order: aligner.place(add(features), order)


def beside(model: Ensemble, features: ClipFeatures, scale: float) -> np.ndarray:
    """Clips with the evidence of each target beside them, scaled to count among the channels."""
    values_TK = occlusion(model, features).values_KT.T
    unit_TK = values_TK / np.maximum(values_TK.std(0), 1e-9) * scale
    return np.concatenate([features.values, unit_TK.astype(np.float32)], axis=1)


METHODS: dict[str, Learn] = {
    "equal parts": equal,
    "lengths and places, no features": with_aligner(lambda a: replace(a, trust=0.0)),
    "aligner": with_aligner(),
    "aligner, occlusion evidence too": with_evidence,
    "aligner fitted on shuffled orders": shuffled,
    "ceiling: told the training times": ceiling,
}


def truth(features: ClipFeatures, order: Order) -> np.ndarray:
    """The element that each clip's middle is in, -1 for none: (T,)."""
    times = [(e.start_seconds, e.end_seconds) for e in order]
    return element_at(features, times)  # type: ignore[arg-type]


def element_at(features: ClipFeatures, times: Sequence[tuple[float, float]]) -> np.ndarray:
    """The element that each clip's middle is in, -1 for none: (T,)."""
    T, clips = len(features.values), features.times
    assert clips is not None
    middle_T, own_T = np.array([clips.border(t + 0.5) for t in range(T)]), np.full(T, -1)
    for k, (start, end) in enumerate(times):
        own_T[(start <= middle_T) & (middle_T < end)] = k
    return own_T


def measure(features: ClipFeatures, order: Order, placed: list[Placement]) -> list[float]:
    """The measures of one performance."""
    found = np.array([(p.start_seconds, p.end_seconds) for p in placed], float)
    true = np.array([(e.start_seconds, e.end_seconds) for e in order], float)
    both = np.minimum(found[:, 1], true[:, 1]) - np.maximum(found[:, 0], true[:, 0])
    lengths = np.diff(found).ravel() + np.diff(true).ravel()
    middle = true.mean(1)
    right = element_at(features, found.tolist()) == truth(features, order)
    return [
        float(np.abs(found - true).mean()),
        float((both.clip(0) / (lengths - both.clip(0))).mean()),
        float(right.mean()),
        float(((found[:, 0] <= middle) & (middle < found[:, 1])).mean()),
    ]


def folds_of(dataset: Dataset, kind: str, folds: int = 5) -> Iterator[tuple[list[int], list[int]]]:
    """Positions of training and held-out performances, by random folds or folds of events."""
    settings = (
        ProtocolSettings("group", group="event", folds=folds)
        if kind == "event"
        else ProtocolSettings("kfold", folds=folds)
    )
    for fold in make_folds(dataset, settings):
        yield list(fold.train), list(fold.held_out)


def held_out(dataset: Dataset, orders: list[Order], kind: str, learn: Learn) -> np.ndarray:
    """Measures of each performance, placed by what was learned without it: (N, 4)."""
    rows = np.empty((len(dataset), len(MEASURES)))
    for training, rest in folds_of(dataset, kind):
        place = learn(dataset.subset(training), [orders[i] for i in training])
        for i in rest:
            features = features_of(dataset, i)
            rows[i] = measure(features, orders[i], place(features, orders[i]))
    return rows


def with_interval(values_N: np.ndarray) -> dict[str, Any]:
    """Mean over performances with its bootstrap interval."""
    return {"mean": float(values_N.mean()), "interval": mean_interval(values_N)}


def stride_32(dataset: Dataset) -> Dataset:
    """Every fourth clip: what features of the published stride would be."""
    recipe = replace(dataset.recipe, stride_frames=32)
    return replace(dataset, clips=tuple(values[::4] for values in dataset.clips), recipe=recipe)


def routines(folder: Path) -> dict[str, Any]:
    """All methods on generated routines."""
    dataset = load_dataset(DataSource(str(folder / "labels.csv"), folder / "features"))
    sheets = read_sheets(folder / "sheets.json")
    orders: list[Order] = [sheets[identifier] for identifier in dataset.ids]
    coarse, found = stride_32(dataset), {}
    few = ("equal parts", "aligner", "ceiling: told the training times")
    plans = [("event", name, dataset) for name in METHODS]
    plans += [("random", name, dataset) for name in few] + [("event", name, coarse) for name in few]
    for kind, name, data in plans:
        started = time.perf_counter()
        rows = held_out(data, orders, kind, METHODS[name])
        label = f"{kind} folds, stride {data.recipe.stride_frames}: {name}"
        found[label] = {m: with_interval(rows[:, i]) for i, m in enumerate(MEASURES)}
        found[label]["seconds"] = round(time.perf_counter() - started, 1)
        print(label, {m: round(found[label][m]["mean"], 3) for m in MEASURES}, flush=True)
    return {"performances": len(dataset), "methods": found}


def fresh_routines(known: Path, fresh: Path, count: int = 60) -> dict[str, Any]:
    """An aligner fitted on all known routines places the first of other ones."""
    dataset = load_dataset(DataSource(str(known / "labels.csv"), known / "features"))
    known_sheets, sheets = read_sheets(known / "sheets.json"), read_sheets(fresh / "sheets.json")
    place = with_aligner()(dataset, [known_sheets[identifier] for identifier in dataset.ids])
    baseline = equal(dataset, [])
    rows: dict[str, list[list[float]]] = {"equal parts": [], "aligner": []}
    sure: list[tuple[float, float]] = []
    for identifier in list(sheets)[:count]:
        features = read_features(fresh / "features" / f"{identifier}.npy")
        order, placed = sheets[identifier], place(features, sheets[identifier])
        rows["equal parts"].append(measure(features, order, baseline(features, order)))
        rows["aligner"].append(measure(features, order, placed))
        own_T = truth(features, order)
        for k, one in enumerate(placed):
            own = own_T[one.first_clip : one.first_clip + one.clips] == k
            sure.append((one.confidence or 0.0, float(own.mean())))
    arrays = {name: np.array(values) for name, values in rows.items()}
    return {
        "performances": count,
        "methods": {
            name: {m: with_interval(values[:, i]) for i, m in enumerate(MEASURES)}
            for name, values in arrays.items()
        },
        "confidence": dict(zip(("mean", "clips right"), np.mean(sure, axis=0), strict=True)),
    }


def other_orders(orders: list[Order], i: int, count: int, rng: np.random.Generator) -> list[Order]:
    """Orders of other performances with the same families, as often, in another order."""
    own = [class_name(e) for e in orders[i]]
    fit = [
        order
        for order in orders
        if sorted(map(class_name, order)) == sorted(own) and [class_name(e) for e in order] != own
    ]
    return [fit[k] for k in rng.permutation(len(fit))[:count]]


def random_orders(order: Order, count: int, rng: np.random.Generator) -> list[Order]:
    """Random orders of the same elements, other than their own in families."""
    own, found = [class_name(e) for e in order], []
    while len(found) < count:
        other = [order[i] for i in rng.permutation(len(order))]
        if [class_name(e) for e in other] != own:
            found.append(other)
    return found


def fisv(folder: Path, shuffles: int) -> dict[str, Any]:
    """What can be said where no times are known: is the given order likelier than others?"""
    dataset = load_dataset(DataSource("fisv", folder))
    sheets = read_sheets(folder / "score_sheets.json")
    orders: list[Order] = [sheets[identifier] for identifier in dataset.ids]
    rng, started = np.random.default_rng(0), time.perf_counter()
    wins: dict[str, list[float]] = {"random orders": [], "orders of other performances": []}
    placed: dict[str, list[tuple[float, float]]] = {}
    for training, rest in folds_of(dataset, "event", 3):
        aligner = fit_aligner(dataset.subset(training).clips, [orders[i] for i in training])
        print(f"Fis-V: fitted on {len(training)}", flush=True)
        for i in rest:
            features = features_of(dataset, i)
            own = aligner.log_likelihood(features, orders[i])
            for name, others in (
                ("random orders", random_orders(orders[i], shuffles, rng)),
                ("orders of other performances", other_orders(orders, i, shuffles, rng)),
            ):
                lost = [own > aligner.log_likelihood(features, other) for other in others]
                wins[name] += [float(np.mean(lost))] if lost else []
            times = features.times
            length = len(features.values) * (times.step_seconds if times else 1.0)
            for element, place in zip(orders[i], aligner.place(features, orders[i]), strict=True):
                assert place.start_seconds is not None and place.end_seconds is not None
                middle = (place.start_seconds + place.end_seconds) / 2 / length
                lasts = place.end_seconds - place.start_seconds
                placed.setdefault(class_name(element), []).append((lasts, middle))
    return {
        "performances": len(dataset),
        "given order likelier than": {
            name: with_interval(np.array(shares)) | {"performances": len(shares)}
            for name, shares in wins.items()
        },
        "families": {
            family: {
                "elements": len(pairs),
                "mean seconds": float(np.mean([a for a, _ in pairs])),
                "mean place": float(np.mean([b for _, b in pairs])),
            }
            for family, pairs in sorted(placed.items())
        },
        "seconds": round(time.perf_counter() - started, 1),
    }


def shown(entry: dict[str, Any], digits: int = 2) -> str:
    """A mean with its interval."""
    low, high = entry["interval"]
    return f"{entry['mean']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def tables(result: dict[str, Any]) -> str:
    """The result for people."""
    generated, skating = result["routines"], result["fisv"]
    fresh = result["fresh"]
    placed = [
        [name, *(shown(entry[m]) for m in MEASURES), f"{entry['seconds']:.0f}"]
        for name, entry in generated["methods"].items()
    ]
    again = [
        [name, *(shown(entry[m]) for m in MEASURES)] for name, entry in fresh["methods"].items()
    ]
    likelier = [
        [name, shown(entry), str(entry["performances"])]
        for name, entry in skating["given order likelier than"].items()
    ]
    seconds = skating["seconds"] + sum(e["seconds"] for e in generated["methods"].values())
    versions = ", ".join(f"{name} {text}" for name, text in result["versions"].items())
    lines = [
        f"`{result['command']}`; its first lines say how the data are made.\n",
        f"## {generated['performances']} generated routines, `motion` features\n",
        f"{ABOUT}\n",
        *markdown_table(["", *MEASURES, "s"], placed),
        f"## {fresh['performances']} routines of another seed\n",
        "Placed by the aligner fitted on all of those above; nothing was chosen on them:\n",
        *markdown_table(["", *MEASURES], again),
        f"The aligner's mean confidence there is {fresh['confidence']['mean']:.2f}; "
        f"{fresh['confidence']['clips right']:.2f} of the clips it places are the element's.",
        f"\n## Fis-V, {skating['performances']} performances, 3 folds of events\n",
        "No times are known. Share of wrong orders of the same families that a held-out "
        "performance makes less likely than its own order; .5 is chance:\n",
        *markdown_table(["compared with", "share", "performances"], likelier),
        "Where held-out elements are placed:\n",
        *markdown_table(FAMILY_COLUMNS, family_rows(skating["families"])),
        LIMIT,
        f"\n{seconds:.0f} s in all; {versions}.",
    ]
    return "\n".join(lines) + "\n"


FAMILY_COLUMNS = ("family", "elements", "mean length, s", "mean middle, 0 to 1")


def family_rows(families: dict[str, dict[str, float]]) -> list[list[str]]:
    """Where held-out elements of each family are placed."""
    return [
        [family, str(e["elements"]), f"{e['mean seconds']:.1f}", f"{e['mean place']:.2f}"]
        for family, e in families.items()
    ]


def main() -> None:
    """Measures and writes."""
    arguments = tyro.cli(Arguments)
    parts = {}
    if arguments.routines:
        parts["routines"] = routines(arguments.routines)
    if arguments.routines and arguments.fresh:
        parts["fresh"] = fresh_routines(arguments.routines, arguments.fresh)
    if arguments.fisv:
        parts["fisv"] = fisv(arguments.fisv, arguments.shuffles)
    path = arguments.out.with_suffix(".json")
    result = read_json(path, "an earlier result") if path.exists() else {}
    result |= parts | {
        "command": "python benchmarks/alignment.py --routines ROUTINES --fresh FRESH --fisv FISV",
        "versions": library_versions(),
    }
    write_json(path, result)
    if {"routines", "fresh", "fisv"} <= result.keys():
        write_text(arguments.out.with_suffix(".md"), tables(result))
        print(tables(result))


if __name__ == "__main__":
    main()
