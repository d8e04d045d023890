"""A benchmark on paper: tables, JSON, figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix

from cofinal.benchmark.figures import confusion, reliability_curve
from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.data.dataset import Dataset


@pytest.fixture
def judges(generated: Dataset, tmp_path: Path) -> Path:
    """Three judges' marks of every performance."""
    rng = np.random.default_rng(0)
    lines = ["id,judge,target,mark"]
    for identifier, score in zip(generated.ids, generated.scores[:, 1], strict=True):
        lines += [f"{identifier},J{j},execution,{score + rng.normal():.2f}" for j in range(3)]
    (tmp_path / "judges.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "judges.csv"


def test_every_table_ends_with_one_judge_and_coverage_follows(
    generated_source: DataSource, run_folder: Path, judges: Path
) -> None:
    flags = f"benchmark --dataset {generated_source.dataset} --folds 3 --out {run_folder} "
    flags += f"--protocols kfold group:event --methods mean ridge --judges {judges}"
    assert main(flags.split()) == 0
    text = (run_folder / "benchmark.md").read_text()
    told = "Intervals and tests resample single performances (event has fewer than 10 groups)."
    assert text.count(told) == 4  # a target and protocol each
    tables = [part.split("\n\n")[2] for part in text.split("### execution")[1:]]
    assert len(tables) == 2
    assert all("*one judge of 3*" in table.splitlines()[-1] for table in tables)
    assert "*one judge" not in text.split("### difficulty")[1].split("###")[0]
    assert "### Prediction intervals of 90%" in text
    saved = json.loads((run_folder / "benchmark.json").read_text())
    assert saved["human"][0]["target"] == "execution" and saved["human"][0]["srcc"] > 0.8
    rows = saved["protocols"][1]["coverage"]["ridge"]
    assert {row["calibrated_on"] for row in rows} == {"kfold", "group:event"}
    assert all(0 <= row["coverage"] <= 1 and row["mean_width"] > 0 for row in rows)


def test_figures_are_drawn_for_every_protocol(
    generated_source: DataSource, run_folder: Path, tmp_path: Path
) -> None:
    preset = tmp_path / "tiny.toml"
    preset.write_text(
        'method = "cofinal"\n[model]\nwidth = 8\nheads = 2\nprincipal_components = 8\n'
        "sub_grades = 4\nembedding_width = 8\ngrades = 3\n[training]\nepochs = 1\nmembers = 1\n"
    )
    flags = (
        f"benchmark --dataset {generated_source.dataset} --folds 3 --out {run_folder} --figures "
    )
    flags += f"--seeds 1 --protocols kfold group:event --methods mean {preset}"
    assert main(flags.split()) == 0
    drawn = {path.name: Image.open(path) for path in (run_folder / "figures").iterdir()}
    kinds = ("scores", "errors", "grades", "confusion")
    expected = {f"{name}-{kind}.png" for name in ("kfold", "group-event") for kind in kinds}
    assert set(drawn) == {"methods.png", *expected}
    for image in drawn.values():
        assert image.format == "PNG" and len(set(np.asarray(image).ravel())) > 10


def test_figures_without_matplotlib_get_a_sentence(
    generated_source: DataSource,
    run_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    flags = f"benchmark --dataset {generated_source.dataset} --folds 3 --out {run_folder} --figures"
    assert main([*flags.split(), "--methods", "ridge", "--protocols", "kfold"]) == 1
    assert "pip install 'cofinal[report]'" in capsys.readouterr().err


def test_reliability_of_true_probabilities_lies_on_the_diagonal() -> None:
    rng = np.random.default_rng(0)
    chance = rng.uniform(size=20_000)
    said, met = reliability_curve(chance, rng.uniform(size=len(chance)) < chance)
    np.testing.assert_allclose(said, np.arange(0.05, 1, 0.1), atol=0.01)
    np.testing.assert_allclose(met, said, atol=0.035)  # three standard errors


def test_reliability_shows_what_is_wrong_with_overconfidence() -> None:
    rng = np.random.default_rng(1)
    chance = rng.uniform(size=20_000)
    shrunk = 0.5 + 0.5 * (chance - 0.5)
    said, met = reliability_curve(chance, rng.uniform(size=len(chance)) < shrunk)
    assert np.polyfit(said, met, 1)[0] == pytest.approx(0.5, abs=0.05)


def test_confusion_counts_shares_of_each_true_grade_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(2)
    score, edges = rng.uniform(0, 30, 50), np.array([0.0, 8.0, 12.0, 30.0])
    predicted = score + rng.normal(0, 5, (2, 50))
    true, printed = np.digitize(score, edges[1:-1]), np.digitize(predicted, edges[1:-1])
    expected = confusion_matrix(np.tile(true, 2), printed.ravel(), normalize="true")
    np.testing.assert_allclose(confusion(score, predicted, edges), expected)
    predicted[0, :10] = np.nan
    known = confusion(score, predicted, edges)
    rows = np.concatenate([true[10:], true])
    expected = confusion_matrix(rows, printed.ravel()[10:], normalize="true")
    np.testing.assert_allclose(known, expected)
