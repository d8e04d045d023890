"""Benchmarks: who is trained, what is kept, what is measured and written."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from cofinal.benchmark.plan import Entry, read_protocol
from cofinal.benchmark.run import ProtocolResult, run_benchmark
from cofinal.cli.main import main
from cofinal.config import (
    BenchmarkSettings,
    DataSource,
    Preset,
    ProtocolSettings,
    TrainingSettings,
    load_preset,
    preset_text,
)
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.evaluation.evaluate import evaluate
from cofinal.evaluation.folds import make_folds
from cofinal.evaluation.nested import Choice, choose
from cofinal.evaluation.predictions import FoldJob, fold_identity
from cofinal.methods.mean import MeanSettings
from cofinal.methods.ridge import RidgeSettings

MEAN = Entry("mean", Preset("mean", MeanSettings()))
RIDGE = Entry("ridge", Preset("ridge", RidgeSettings()))
SETTINGS = BenchmarkSettings(
    protocols=("kfold", "group:event"), folds=3, seeds=2, include_test=True
)


@pytest.fixture
def trained(tiny_preset: Preset) -> Entry:
    """The tiny CoFInAl as a row."""
    return Entry("tiny", replace(tiny_preset, training=replace(tiny_preset.training, members=1)))


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Labels of all trainings that a benchmark starts."""
    started: list[str] = []
    original = FoldJob.run

    def counted(job: FoldJob, *rest: Any) -> Any:
        started.append(job.label)
        return original(job, *rest)

    monkeypatch.setattr(FoldJob, "run", counted)
    return started


def numbers(results: list[ProtocolResult]) -> dict[tuple[str, str], np.ndarray]:
    return {
        (found.name, label): method.result.predictions
        for found in results
        for label, method in found.methods.items()
    }


def assert_same(first: list[ProtocolResult], second: list[ProtocolResult]) -> None:
    a, b = numbers(first), numbers(second)
    assert a.keys() == b.keys()
    for key, values in a.items():
        np.testing.assert_array_equal(values, b[key])


def test_a_benchmark_holds_what_an_evaluation_of_the_same_folds_predicts(
    generated: Dataset, run_folder: Path
) -> None:
    kfold, event = run_benchmark(generated, [MEAN, RIDGE], SETTINGS, run_folder)
    for found in (kfold, event):
        expected = evaluate(generated, RIDGE.preset, found.protocol)
        np.testing.assert_allclose(
            found.methods["ridge"].result.predictions, expected.predictions, rtol=1e-6
        )
        assert found.methods["ridge"].result["execution"].srcc == pytest.approx(
            expected["execution"].srcc
        )


def test_seeds_of_a_trained_method_give_a_spread_and_closed_forms_need_one(
    generated: Dataset, run_folder: Path, trained: Entry
) -> None:
    kfold, _ = run_benchmark(generated, [RIDGE, trained], SETTINGS, run_folder)
    assert kfold.methods["ridge"].seeds == 1
    assert kfold.methods["tiny"].seeds == 2
    assert kfold.methods["tiny"].result.predictions.shape == (2, len(generated), 2)
    assert kfold.methods["tiny"].result["execution"].srcc_spread is not None
    assert kfold.methods["tiny"].result.settings["seconds"] > 0


def test_repeats_have_other_partitions(generated: Dataset, run_folder: Path) -> None:
    settings = replace(SETTINGS, protocols=("kfold",), repeats=2)
    (kfold,) = run_benchmark(generated, [RIDGE], settings, run_folder)
    first, second = kfold.methods["ridge"].result.predictions
    assert not np.allclose(first, second)
    assert np.isfinite(first).all() and np.isfinite(second).all()


def test_another_method_adds_only_its_own_trainings(
    generated: Dataset, run_folder: Path, jobs: list[str]
) -> None:
    run_benchmark(generated, [MEAN], SETTINGS, run_folder)
    jobs.clear()
    run_benchmark(generated, [MEAN, RIDGE], SETTINGS, run_folder)
    assert jobs == ["ridge"] * 6


def test_another_seed_adds_only_its_own_trainings(
    generated: Dataset, run_folder: Path, trained: Entry
) -> None:
    settings = replace(SETTINGS, protocols=("kfold",), seeds=1)
    (one,) = run_benchmark(generated, [RIDGE, trained], settings, run_folder)
    (two,) = run_benchmark(generated, [RIDGE, trained], replace(settings, seeds=2), run_folder)
    np.testing.assert_array_equal(
        one.methods["tiny"].result.predictions[0], two.methods["tiny"].result.predictions[0]
    )


@pytest.mark.parametrize("change", ["settings", "data", "folds"])
def test_trainings_of_something_else_are_not_taken_for_ones_own(
    generated: Dataset, run_folder: Path, jobs: list[str], trained: Entry, change: str
) -> None:
    settings = replace(SETTINGS, protocols=("kfold",), seeds=1)
    run_benchmark(generated, [trained], settings, run_folder)
    jobs.clear()
    if change == "settings":
        model = replace(trained.preset.model, grades=2)
        trained = replace(trained, preset=replace(trained.preset, model=model))
    if change == "data":
        generated = replace(generated, scores=generated.scores + 1)
    if change == "folds":
        settings = replace(settings, folds=4)
    run_benchmark(generated, [trained], settings, run_folder)
    assert len(jobs) == settings.folds


def test_a_killed_benchmark_continues_to_the_same_end(
    generated: Dataset, run_folder: Path, jobs: list[str], trained: Entry
) -> None:
    whole = run_benchmark(generated, [RIDGE, trained], SETTINGS, run_folder / "whole")

    def stop(done: int, total: int) -> None:
        if done >= 5:
            raise KeyboardInterrupt

    place = run_folder / "killed"
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(generated, [RIDGE, trained], SETTINGS, place, on_progress=stop)
    jobs.clear()
    told: list[tuple[int, int]] = []
    continued = run_benchmark(
        generated, [RIDGE, trained], SETTINGS, place, on_progress=lambda d, t: told.append((d, t))
    )
    assert len(jobs) < 12
    assert told[0][0] >= 5 and told[-1] == (18, 18)
    assert_same(whole, continued)
    assert not any((place / "unfinished").glob("*"))


@pytest.mark.parametrize("engine", ["local", pytest.param("ray", marks=pytest.mark.slow)])
def test_processes_find_the_same_as_one(
    generated: Dataset, run_folder: Path, trained: Entry, engine: str
) -> None:
    settings = replace(SETTINGS, protocols=("group:event",))
    alone = run_benchmark(generated, [RIDGE, trained], settings, run_folder / "alone")
    if engine == "ray":
        ray = pytest.importorskip("ray", reason="Ray does not support this version of Python")
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        several = run_benchmark(
            generated, [RIDGE, trained], settings, run_folder / "several", 2, engine
        )
    finally:
        if engine == "ray":
            ray.shutdown()
    for key, values in numbers(alone).items():
        np.testing.assert_allclose(values, numbers(several)[key], rtol=1e-4)


def test_every_method_is_compared_with_the_best_baseline(
    generated: Dataset, run_folder: Path, trained: Entry
) -> None:
    kfold, _ = run_benchmark(generated, [MEAN, RIDGE, trained], SETTINGS, run_folder)
    assert kfold.baseline == {"difficulty": "ridge", "execution": "ridge"}
    assert [entry.label for entry in kfold.comparisons["execution"]] == ["mean", "tiny"]
    worse, tested = kfold.comparisons["execution"]
    assert worse.difference < 0 and worse.p_value < 0.05 and worse.p_holm is None
    assert tested.p_holm == tested.p_value  # one method is under test


def test_grade_probabilities_belong_to_the_performances_they_were_made_for(
    generated: Dataset, run_folder: Path, trained: Entry
) -> None:
    kfold, _ = run_benchmark(generated, [RIDGE, trained], SETTINGS, run_folder)
    assert kfold.methods["ridge"].grade_chances[0][0].shape == (len(generated), 4)
    (first, *_) = kfold.methods["ridge"].result.measures
    assert first.grading is not None and first.grading.right > 0.25
    chances, grades = kfold.methods["tiny"].grade_chances[0]
    assert chances.shape == (2 * len(generated), 3)
    np.testing.assert_allclose(chances.sum(1), 1, rtol=1e-5)
    assert set(grades) <= {0, 1, 2}
    assert np.bincount(grades).min() > len(generated) / 3  # equally frequent grades


def test_nested_choice_sees_only_the_training_part_and_takes_the_better_setting(
    generated: Dataset, tiny_preset: Preset
) -> None:
    seen: list[set[str]] = []

    def spied(training: Dataset, held_out: Dataset, preset: Preset) -> np.ndarray:
        seen.append(set(training.ids) | set(held_out.ids))
        assert not set(training.ids) & set(held_out.ids)
        return held_out.scores * (1 if preset.training.learning_rate == 0.01 else -1)

    protocol = replace(SETTINGS, folds=2)
    outer = evaluate(generated, MEAN.preset, _kfold(protocol)).protocol
    fold = make_folds(generated, _kfold(protocol))[0]
    training = generated.subset(fold.train)
    useless, useful = {"training.learning_rate": 1e-9}, {"training.learning_rate": 0.01}
    choice = Choice((useless, useful), 2)
    preset, chosen = choose(training, tiny_preset, choice, _kfold(protocol), spied)
    assert outer["folds"] == 2
    assert seen == [set(training.ids)] * 4
    assert chosen == useful and preset.training.learning_rate == 0.01


def _kfold(settings: BenchmarkSettings) -> Any:
    return read_protocol("kfold", settings)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"protocols": ("loo",)}, "protocol 'loo' is unknown; choose from kfold, group:COLUMN"),
        ({"protocols": ("group",)}, "protocol 'group' is unknown"),
        ({"protocols": ("group:coach",)}, "'coach' is unknown; labels has event"),
        ({"protocols": ("kfold",), "folds": 99}, "cannot fill 99 folds"),
    ],
)
def test_protocols_that_do_not_fit_get_a_sentence(
    generated: Dataset, run_folder: Path, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(CofinalError, match=sentence):
        run_benchmark(generated, [MEAN], replace(SETTINGS, **changes), run_folder)


def test_one_performance_per_group_is_refused_when_asked_for_and_left_out_otherwise(
    generated: Dataset, run_folder: Path
) -> None:
    lonely = replace(generated, groups={"skater": generated.ids})
    with pytest.raises(CofinalError, match="has a 'skater' of its own"):
        run_benchmark(lonely, [MEAN], replace(SETTINGS, protocols=("group:skater",)), run_folder)
    found = run_benchmark(lonely, [MEAN], replace(SETTINGS, protocols=()), run_folder)
    assert [entry.name for entry in found] == ["kfold", "final"]


def test_groups_that_cannot_be_folded_are_left_out_and_named(
    generated_source: DataSource, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--dataset", str(generated_source.dataset), "--features", str(generated_source.data)]
    words = ["benchmark", *data, "--methods", "mean", "--folds", "12", "--json"]
    assert main([*words, "--out", str(run_folder)]) == 0
    said = capsys.readouterr()
    assert "left out group:event: " in said.err and "cannot fill 12 folds" in said.err
    protocols = json.loads(said.out)["protocols"]
    assert [entry["name"] for entry in protocols] == ["kfold"]
    assert "are left out" in protocols[0]["methods"]["mean"]["test_split"]
    assert main([*words, "--include-test", "--out", str(run_folder)]) == 0
    protocols = json.loads(capsys.readouterr().out)["protocols"]
    assert [entry["name"] for entry in protocols] == ["kfold", "final"]
    assert main([*words, "--within", "nope", "--out", str(run_folder / "other")]) == 1
    assert "group column 'nope' is unknown" in capsys.readouterr().err
    assert not list((run_folder / "other").rglob("*.safetensors"))  # told before any training


def test_the_command_writes_tables_and_json_and_continues(
    generated_source: DataSource, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = f"benchmark --dataset {generated_source.dataset} --methods mean ridge --folds 3 "
    command += f"--out {run_folder} --protocols kfold group:event final best-on-test"
    assert main(command.split()) == 0
    shown = capsys.readouterr().out
    assert shown.count("SRCC of best epoch on test, OPTIMISTIC") == 2  # one a target
    assert "## No event in two folds" in shown and "best baseline" in shown
    saved = json.loads((run_folder / "benchmark.json").read_text())
    assert [p["name"] for p in saved["protocols"]] == [
        "kfold",
        "group:event",
        "final",
        "best-on-test",
    ]
    assert [p["optimistic"] for p in saved["protocols"]] == [False, False, False, True]
    ridge = saved["protocols"][0]["methods"]["ridge"]
    assert ridge["preset"]["method"] == "ridge"
    assert f"| ridge | {ridge['measures'][0]['srcc']:.3f} (" in shown
    assert saved["versions"]["torch"] and saved["data"]["sha256"]
    assert (run_folder / "benchmark.md").read_text().startswith("# Benchmark: labels")
    assert main([*command.split(), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["protocols"] == saved["protocols"]


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ("--methods best", "method 'best' is unknown; choose one of"),
        ("--methods none.toml", "cannot read none.toml"),
        ("--methods mean mean", "method 'mean' is named twice"),
        ("--workers 0", "workers is 0"),
        ("--seeds 0", "setting seeds is 0"),
        ("--confidence 1", "setting confidence is 1.0"),
    ],
)
def test_mistakes_get_a_sentence(
    generated_source: DataSource,
    run_folder: Path,
    capsys: pytest.CaptureFixture[str],
    flags: str,
    sentence: str,
) -> None:
    command = f"benchmark --dataset {generated_source.dataset} --out {run_folder}"
    if "--methods" not in flags:
        command += " --methods mean"
    assert main(f"{command} {flags}".split()) == 1
    assert sentence in capsys.readouterr().err


def test_constant_labels_are_measured_as_undefined_not_as_zero(
    generated: Dataset, run_folder: Path
) -> None:
    constant = replace(generated, scores=np.full_like(generated.scores, 7.0))
    with pytest.raises(CofinalError, match="training scores are 7"):
        run_benchmark(constant, [MEAN], SETTINGS, run_folder)


def test_only_methods_that_learn_from_judges_are_trained_anew_for_other_marks(
    generated: Dataset,
) -> None:
    protocol = ProtocolSettings(folds=2)
    fold = make_folds(generated, protocol)[0]
    marks_NKJ = np.ones((*generated.scores.shape, 3))

    def identities(preset: Preset) -> list[str]:
        data = [
            generated,
            replace(generated, marks=marks_NKJ),
            replace(generated, marks=marks_NKJ + 1),
        ]
        return [fold_identity(each, preset, protocol, fold) for each in data]

    assert len(set(identities(RIDGE.preset))) == 1
    assert len(set(identities(load_preset("musdl")))) == 3


def test_a_benchmark_learns_from_judges_and_shows_the_human_row(
    generated_source: DataSource, generated: Dataset, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    place = generated.targets.index("execution")
    lines = [
        f"{identifier},J{judge},execution,{points + rng.normal():.2f}"
        for identifier, points in zip(generated.ids, generated.scores[:, place], strict=True)
        for judge in range(3)
    ]
    judges = tmp_path / "judges.csv"
    judges.write_text("\n".join(["id,judge,target,mark", *lines]) + "\n", encoding="utf-8")
    small = replace(
        load_preset("musdl"),
        training=TrainingSettings(epochs=2, batch_size=8, members=1),
    )
    (tmp_path / "small.toml").write_text(preset_text(small), encoding="utf-8")
    flags = [
        *("benchmark", "--dataset", generated_source.dataset),
        *("--data", str(generated_source.data), "--methods", str(tmp_path / "small.toml"), "mean"),
        *("--protocols", "kfold", "--folds", "2", "--seeds", "1", "--out", str(tmp_path / "out")),
    ]
    assert main([*flags, "--judges", str(judges)]) == 0
    text = (tmp_path / "out" / "benchmark.md").read_text(encoding="utf-8")
    assert "one judge of 3" in text
    kept = set((tmp_path / "out" / "folds" / "small").rglob("*.safetensors"))
    assert main(flags) == 0
    without = set((tmp_path / "out" / "folds" / "small").rglob("*.safetensors")) - kept
    assert len(kept) == len(without) == 2
    tables = [load_file(path)["predictions"] for path in (*kept, *without)]
    assert not any(np.array_equal(a, b) for a in tables[:2] for b in tables[2:])
