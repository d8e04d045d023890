"""The model as one more judge: planted judges in its place, brute force, predictions.csv."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from simulated_marks import simulated, with_gaps

from cofinal.agreement.kappa import grades_of_marks, quadratic_kappa
from cofinal.agreement.model import model_as_judge, read_predictions
from cofinal.agreement.reliability import reliability
from cofinal.errors import CofinalError


def test_a_judge_in_the_models_place_passes_for_one() -> None:
    marks_NJ = simulated(4000, 6, seed=0, deviations=(2.0, 0.0, 1.0))
    found = model_as_judge(marks_NJ[:, 5], marks_NJ[:, :5], None)
    assert found.ratio == pytest.approx(1, abs=0.05)
    assert found.ratio_interval is not None
    assert found.ratio_interval[0] < 1 < found.ratio_interval[1]
    assert found.worth_judges == pytest.approx(1, abs=0.1)
    assert found.panel and found.panel_with_model
    assert found.panel_with_model.icc_one == pytest.approx(found.panel.icc_one, abs=0.01)


@pytest.mark.parametrize("judges", [3, 10])
def test_the_mean_of_several_judges_is_worth_as_many(judges: int) -> None:
    marks_NJ = simulated(6000, 5 + judges, seed=1, deviations=(2.0, 0.0, 1.0))
    found = model_as_judge(marks_NJ[:, 5:].mean(1), marks_NJ[:, :5], None)
    assert found.worth_judges == pytest.approx(judges, rel=0.1)
    # Two judges differ by two variances, the mean of m and a judge by 1 + 1 / m of them.
    assert found.ratio == pytest.approx(2 / (1 + 1 / judges), abs=0.05)


def test_every_number_by_hand() -> None:
    marks_NJ = with_gaps(simulated(30, 4, seed=2), 0.2, seed=2)
    predicted_N = simulated(30, 1, seed=3)[:, 0]
    predicted_N[4:8] = np.nan
    edges = np.array([0.0, 18.0, 20.0, 22.0, 40.0])
    found = model_as_judge(predicted_N, marks_NJ, edges)
    rows = [
        (p, [m for m in marks if not np.isnan(m)])
        for p, marks in zip(predicted_N.tolist(), marks_NJ.tolist(), strict=True)
    ]
    rows = [(p, marks) for p, marks in rows if not np.isnan(p) and len(marks) > 1]
    assert found.performances == len(rows) < 26
    gaps = [p - np.mean(marks) for p, marks in rows]
    assert found.difference.bias == pytest.approx(np.mean(gaps))
    expected = scipy.stats.spearmanr([p for p, _ in rows], [np.mean(m) for _, m in rows])
    assert found.srcc == pytest.approx(expected.statistic)
    among = np.mean([np.mean([(a - b) ** 2 for a, b in combinations(m, 2)]) for _, m in rows])
    apart = np.mean([np.mean([(p - m) ** 2 for m in marks]) for p, marks in rows])
    assert found.ratio == pytest.approx(among / apart)
    noise = np.mean([np.var(m, ddof=1) / len(m) for _, m in rows])
    assert found.worth_judges == pytest.approx(among / 2 / (np.mean(np.square(gaps)) - noise))
    grade_N, grades_NJ = grades_of_marks(predicted_N, edges), grades_of_marks(marks_NJ, edges)
    kappas = []
    for j in range(4):
        both = ~np.isnan(grade_N) & ~np.isnan(grades_NJ[:, j]) & ((~np.isnan(marks_NJ)).sum(1) > 1)
        kappas.append(quadratic_kappa(grade_N[both], grades_NJ[both, j]))
    assert found.kappa == pytest.approx(np.mean(kappas))
    whole = ~np.isnan(np.column_stack([marks_NJ, predicted_N])).any(1)
    joined = np.column_stack([marks_NJ, predicted_N])[whole]
    assert found.panel_with_model == reliability(joined)
    assert found.panel == reliability(joined[:, :4])


def test_a_model_no_worse_than_the_panels_mean_has_no_worth() -> None:
    marks_NJ = simulated(50, 3, seed=4)
    found = model_as_judge(marks_NJ.mean(1), marks_NJ, None)
    assert found.worth_judges is None and found.srcc == 1
    same = model_as_judge(np.arange(5.0), np.arange(5.0)[:, None].repeat(2, 1), None)
    assert (same.ratio, same.ratio_interval, same.worth_judges) == (None, None, None)


def written(folder: Path, text: str) -> Path:
    path = folder / "predictions.csv"
    path.write_text(text)
    return path


def test_predictions_are_averaged_over_repeats(tmp_path: Path) -> None:
    text = "id,repeat,event,TES given,TES predicted,PCS predicted\n"
    text += "a,0,E1,30,31,20\na,1,E1,30,33,21\nb,0,E2,40,38,25\n"
    found = read_predictions(written(tmp_path, text), ("PCS", "GOE", "TES"))
    assert found == {"PCS": {"a": 20.5, "b": 25.0}, "TES": {"a": 32.0, "b": 38.0}}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("id,TES predicted\na,1\n", "predicts TES, and judges marked PCS; expected a column such"),
        ("id,score\na,1\n", "predicts nothing, and judges marked PCS"),
        ("id,PCS predicted\na,much\n", "PCS predicted 'much'; expected a finite number"),
        ("name,PCS predicted\na,1\n", "expected the columns id, each once"),
    ],
)
def test_faulty_predictions_get_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        read_predictions(written(tmp_path, text), ("PCS",))


def test_predictions_of_other_performances_get_a_sentence() -> None:
    with pytest.raises(CofinalError, match="no performance has a prediction and the marks of two"):
        model_as_judge(np.full(4, np.nan), simulated(4, 3, seed=0), None)
