"""A model that was told something answers total and execution, and asks for it ever after."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dives import Dives, dives, write_dives
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import KFold

from cofinal.cli.main import main
from cofinal.errors import CofinalError
from cofinal.estimator import MethodRegressor, create_method
from cofinal.evaluation.estimators import evaluate
from cofinal.scorer import Scorer

TINY = {"epochs": 2, "members": 1, "width": 8, "heads": 2, "principal_components": 4}
TRAINED = 48


@pytest.fixture(scope="module")
def found() -> Dives:
    """Sixty dives."""
    return dives()


@pytest.fixture(scope="module")
def multiplied(found: Dives) -> MethodRegressor:
    """A ridge that learned the execution of 48 dives, calibrated."""
    part = slice(TRAINED)
    given = {"difficulty:multiply": found.difficulty[part]}
    model = create_method("ridge", calibration="folds")
    return model.fit(found.clips[part], found.scores[part], given=given)


def test_total_and_execution_are_answered(found: Dives, multiplied: MethodRegressor) -> None:
    clips, difficulty = found.clips[TRAINED:], found.difficulty[TRAINED:]
    given = {"difficulty": difficulty}
    execution = multiplied.predict_execution(clips, given)
    np.testing.assert_allclose(execution, found.execution[TRAINED:], atol=0.3)
    np.testing.assert_allclose(multiplied.predict(clips, given), difficulty * execution)
    low, high = multiplied.predict_interval(clips, given=given).T
    inside = (low <= found.scores[TRAINED:]) & (found.scores[TRAINED:] <= high)
    assert inside.mean() >= 0.7
    # An interval is as many times wider as the dive is harder.
    prediction = multiplied.to_scorer().score(clips[0], {"difficulty": 3.0})["score"]
    assert prediction.execution is not None
    ends = np.array(prediction.execution.interval)
    np.testing.assert_allclose(prediction.interval, 3 * ends)
    # Grade and place are the execution's, whatever the difficulty.
    other = multiplied.to_scorer().score(clips[0], {"difficulty": 1.5})["score"]
    assert (other.grade, other.place) == (prediction.grade, pytest.approx(prediction.place))
    assert other.score == pytest.approx(prediction.score / 2)
    assert other.to_json()["execution"]["score"] == pytest.approx(prediction.score / 3)


def test_a_model_folder_keeps_what_is_needed(
    found: Dives, multiplied: MethodRegressor, tmp_path: Path
) -> None:
    multiplied.to_scorer().save(tmp_path / "model")
    scorer = Scorer.load(tmp_path / "model")
    given = [{"difficulty": value} for value in found.difficulty[:4]]
    mine, theirs = (
        one.score_many(found.clips[:4], given) for one in (scorer, multiplied.to_scorer())
    )
    assert mine == theirs
    assert "difficulty:multiply" in (tmp_path / "model" / "card.md").read_text()
    for told, sentence in (
        (None, "trained with difficulty given and does not score without; give it"),
        ({"height": 3}, "'height' is unknown to this model; it asks difficulty"),
        ({"difficulty": 0}, "difficulty is 0, and it multiplies"),
        ({"difficulty": "hard"}, "'hard'; expected numbers"),
        ({"difficulty": [1, 2]}, "has 2 numbers; this model was trained with 1"),
    ):
        with pytest.raises(CofinalError, match=sentence):
            scorer.score(found.clips[0], told)
    with pytest.raises(CofinalError, match="expected a list of 2, one dictionary for each"):
        scorer.score_many(found.clips[:2], given[:1])


def test_estimators_are_measured_on_total_and_execution(found: Dives) -> None:
    given = {"difficulty:multiply": found.difficulty}
    ridge = create_method("ridge")
    told = [
        evaluate(ridge, found.clips, found.scores, given=given, cv=cv)
        for cv in (5, KFold(5, shuffle=True, random_state=0))
    ]
    for one in told:
        np.testing.assert_allclose(one.scores[:, 0], found.scores)
        assert one["score"].mae == pytest.approx(
            np.abs(one.predictions[0] - one.scores).mean(), rel=1e-9
        )
        assert one.execution[0].mae < one["score"].mae < 0.5
    # The same folds give the same numbers either way.
    assert told[0]["score"].mae == pytest.approx(told[1]["score"].mae, rel=1e-4)
    with pytest.raises(CofinalError, match="no method of this package"):
        evaluate(DummyRegressor(), found.clips, found.scores, given=given)


def test_a_model_that_was_told_nothing_refuses_given(found: Dives) -> None:
    model = create_method("mean").fit(found.clips, found.scores)
    with pytest.raises(CofinalError, match="difficulty is given, but the model was trained with"):
        model.predict(found.clips, {"difficulty": found.difficulty})


@pytest.mark.parametrize(
    "change",
    [
        {"rules": []},
        {"rules": [{"name": "a", "kind": "twice"}]},
        {"rules": [{"name": "other", "kind": "add"}]},
        {"widths": {"difficulty": 0}},
        {"readout": [{"given": [1], "video": [1], "bias": 0, "error": 1}]},
        {"widths": None},
    ],
)
def test_a_damaged_folder_is_refused(
    multiplied: MethodRegressor, tmp_path: Path, change: dict[str, Any]
) -> None:
    multiplied.to_scorer().save(tmp_path / "model")
    path = tmp_path / "model" / "config.json"
    config = json.loads(path.read_text())
    config["given"] |= change
    path.write_text(json.dumps(config))
    with pytest.raises(CofinalError, match="damaged"):
        Scorer.load(tmp_path / "model")


def test_evidence_adds_up_to_the_total(found: Dives) -> None:
    part = slice(TRAINED)
    scores = np.c_[found.scores, found.execution]
    given = {
        "difficulty:multiply:total": found.difficulty[part],
        "difficulty:covariate:execution": found.difficulty[part],
    }
    model = create_method("cofinal", **TINY)
    model.fit(found.clips[part], scores[part], targets=["total", "execution"], given=given)
    told = {"difficulty": found.difficulty[50:51]}
    explanation = model.explain(found.clips[50:51], told)[0]
    assert explanation.evidence.average_K is not None
    sums = explanation.evidence.average_K + explanation.evidence.values_KT.sum(1)
    np.testing.assert_allclose(sums, model.predict(found.clips[50:51], told)[0], rtol=1e-4)
    # Leaving clips out changes the total by as much as the difficulty says.
    easy, hard = (
        model.explain(found.clips[50:51], {"difficulty": [value]}, method="occlusion")[0]
        for value in (1.5, 3.0)
    )
    np.testing.assert_allclose(hard.evidence.values_KT[0], 2 * easy.evidence.values_KT[0], 1e-3)
    assert hard.targets[0].score == pytest.approx(2 * easy.targets[0].score, rel=1e-4)


@pytest.fixture(scope="module")
def trained(found: Dives, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of `cofinal train --given` on dives on disk."""
    folder = tmp_path_factory.mktemp("given")
    labels = write_dives(folder / "dives", found)
    flags = ["train", "--dataset", str(labels), "--method", "ridge", "--given"]
    assert main([*flags, "difficulty:multiply", "--out", str(folder / "run")]) == 0
    return folder


def test_training_measures_total_and_execution(trained: Path, found: Dives) -> None:
    result = json.loads((trained / "run" / "result.json").read_text())
    assert [row["target"] for row in result["measures"]] == ["score"]
    [execution] = result["execution"]
    assert execution["mae"] < 0.3
    assert result["measures"][0]["mae"] > 1.5 * execution["mae"]
    assert result["trained_on"]["given"] == ["difficulty:multiply"]
    table = (trained / "run" / "table.txt").read_text()
    assert "score execution" in table
    assert "Given beforehand: difficulty:multiply." in table
    # The CSV holds what the judges gave.
    line = (trained / "run" / "predictions.csv").read_text().splitlines()[1].split(",")
    assert float(line[-2]) == pytest.approx(found.scores[0], abs=1e-4)


def test_score_asks_for_what_was_given(
    trained: Path, found: Dives, capsys: pytest.CaptureFixture[str]
) -> None:
    model, files = str(trained / "run" / "model"), trained / "dives" / "features"
    capsys.readouterr()
    assert main(["score", model, str(files / "d0.npy")]) == 1
    assert "does not score without" in capsys.readouterr().err
    assert main(["score", model, str(files / "d0.npy"), "--given", "difficulty=2"]) == 0
    text = capsys.readouterr().out
    assert "of execution x 2 given" in text
    names = [str(files / "d0.npy"), str(files / "d7.npy")]
    labels = str(trained / "dives" / "labels.csv")
    assert main(["score", model, *names, "--given", labels, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [one["given"]["difficulty"] for one in told] == [
        [found.difficulty[0]],
        [found.difficulty[7]],
    ]
    for i, one in zip((0, 7), told, strict=True):
        [target] = one["targets"]
        assert target["score"] == pytest.approx(found.scores[i], abs=1)
        factor = found.difficulty[i]
        assert target["score"] == pytest.approx(factor * target["execution"]["score"])


def test_explanations_and_pages_tell_the_execution(
    trained: Path, found: Dives, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, file = str(trained / "run" / "model"), str(trained / "dives" / "features" / "d7.npy")
    told = [model, file, "--given", "difficulty=2"]
    assert main(["explain", *told]) == 0
    text = capsys.readouterr().out
    score, execution = re.findall(r"([\d.]+) points, ([\d.]+) of execution", text)[0]
    assert float(score) == pytest.approx(2 * float(execution), abs=0.02)
    # Performances alike are told with their executions.
    alike = re.findall(r"d(\d+) \(execution ([\d.]+)", text)
    assert alike
    for number, points in alike:
        assert float(points) == pytest.approx(found.execution[int(number)], abs=0.01)
    page, data = tmp_path / "page.html", tmp_path / "page.json"
    assert main(["report", *told, "-o", str(page)]) == 0
    assert "of execution \N{MULTIPLICATION SIGN} 2 given" in page.read_text()
    assert main(["report", *told, "-o", str(data)]) == 0
    [performance] = json.loads(data.read_text())["performances"]
    assert performance["given"] == {"difficulty": [2.0]}
    assert performance["targets"][0]["execution"]["factor"] == 2
    assert main(["report", *told[:2], "-o", str(page)]) == 1
    assert "does not score without" in capsys.readouterr().err


def test_a_benchmark_prints_three_rows_a_method(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--dataset", str(trained / "dives" / "labels.csv"), "--protocols", "group:event"]
    flags += ["--given", "difficulty:multiply", "--methods", "ridge", "ridge-segments", "mean"]
    assert main(["benchmark", *flags, "--out", str(trained / "bench")]) == 0
    text = capsys.readouterr().out
    rows = [
        line.split(" | ")[0].strip("| ") for line in text.splitlines() if "±" in line or "|" in line
    ]
    start = rows.index("given only")
    assert rows[start : start + 6] == [
        "given only",
        "ridge, video only",
        "ridge, both",
        "given only",
        "ridge-segments, video only",
        "ridge-segments, both",
    ]
    assert "must not stand beside" in text
    found = json.loads((trained / "bench" / "benchmark.json").read_text())
    [protocol] = found["protocols"]
    methods = protocol["methods"]
    assert set(methods) == {rows[start], *rows[start + 1 : start + 3], *rows[start + 4 : start + 6]}
    for name, method in methods.items():
        assert len(method["execution"]) == 1, name
    both, video = methods["ridge, both"], methods["ridge, video only"]
    assert both["measures"][0]["srcc"] > 0.99 > video["measures"][0]["srcc"]
    assert both["execution"][0]["srcc"] > video["execution"][0]["srcc"]


def test_given_is_refused_where_it_means_nothing(
    trained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = str(trained / "dives" / "labels.csv")
    flags = ["--dataset", labels, "--given", "difficulty:covariate"]
    out = ["--out", str(trained / "other")]
    model = str(trained / "run" / "model")
    for command, sentence in (
        (["export", model, "--format", "torch"], "told difficulty beforehand, which an exported"),
        (["benchmark", *flags, "--explanations", *out], "of videos alone; leave out --given"),
        (["data", "audit", *flags], "leave out --given"),
        (
            ["evaluate", *flags, "--method", "ridge", "--protocol", "best-on-test"],
            "a covariate is fitted after the last",
        ),
        (["evaluate", *flags[:2], "--method", "mean", "--sheet", labels], "--sheet"),
    ):
        assert main(command) == 1
        assert sentence in capsys.readouterr().err
