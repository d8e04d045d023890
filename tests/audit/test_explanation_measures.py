"""Measures of explanations: planted truth is found, chance is not, and p is what it says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from cofinal.audit.explanations.faults import (
    ClipMarks,
    against_shifts,
    average_precision,
    find_faults,
    shifts,
)
from cofinal.audit.explanations.measures import (
    between_seeds,
    deletion_insertion,
    mark_correlation,
    rank_correlation,
)
from cofinal.audit.explanations.truth import (
    detector_scores,
    mark_clips,
    read_truth,
    unlike_the_mean,
)
from cofinal.data.dataset import Dataset
from cofinal.data.sheets import Element, Fault
from cofinal.evaluation.metrics import srcc
from cofinal.evaluation.resampling import alone
from cofinal.explain.elements import place_elements
from cofinal.files.atomic import write_json
from cofinal.records import FeatureRecipe
from cofinal.times import ClipTimes


def test_average_precision_is_that_of_scikit_learn_ties_included() -> None:
    rng = np.random.default_rng(0)
    for levels in (3, 1000):
        score_T = rng.integers(levels, size=30).astype(float)
        marked_XT = rng.random((5, 30)) < 0.3
        expected_X = [average_precision_score(row, score_T) for row in marked_XT]
        np.testing.assert_allclose(average_precision(score_T, marked_XT), expected_X)


def test_shifts_go_around_in_a_circle_and_the_first_is_none() -> None:
    assert shifts(np.array([1, 2, 3])).tolist() == [[1, 2, 3], [3, 1, 2], [2, 3, 1]]


def random_marks(rng: np.random.Generator, performances: int = 25) -> list[ClipMarks]:
    """Two faults of three clips among 24 in each performance, inside the middle 20."""
    found = []
    for _ in range(performances):
        share_FT = np.zeros((2, 24))
        for row_T, start in zip(share_FT, rng.choice([2, 6, 10, 14, 18], 2, False), strict=True):
            row_T[start : start + 3] = 1 / 3
        inside_T = np.zeros(24, dtype=bool)
        inside_T[2:22] = True
        deductions = rng.choice([0.1, 0.3, 0.5, 1.0], 2)
        found.append(ClipMarks((share_FT > 0).any(0), inside_T, share_FT, deductions))
    return found


def smooth_noise(rng: np.random.Generator, performances: int) -> list[np.ndarray]:
    """Evidence (1, 24) that runs on from clip to clip and knows nothing."""
    noise = rng.normal(size=(performances, 1, 26))
    return list(noise[..., :-2] + noise[..., 1:-1] + noise[..., 2:])


def test_evidence_that_is_the_truth_finds_every_fault() -> None:
    marks = random_marks(np.random.default_rng(1))
    found = find_faults([(m.deduction_F @ m.share_FT)[None] for m in marks], marks)
    for one in (found.precision, found.pooled, found.pointing, found.inside):
        assert one is not None
        assert one.value == pytest.approx(1)
        assert one.p < 0.01 and one.chance < 0.5
    assert found.prevalence == pytest.approx(0.25)
    assert found.deduction is not None and found.deduction.value == pytest.approx(1)


def test_evidence_that_knows_nothing_is_as_good_as_chance() -> None:
    rng = np.random.default_rng(2)
    marks = random_marks(rng, 200)
    found = find_faults(smooth_noise(rng, 200), marks)
    for one in (found.precision, found.pooled, found.pointing, found.inside, found.deduction):
        assert one is not None and one.interval is not None
        assert one.value == pytest.approx(one.chance, abs=0.06)
        assert one.p > 0.01
    assert found.pooled is not None and found.pooled.value == pytest.approx(0.25, abs=0.05)


def test_p_of_finding_faults_is_uniform_where_there_is_nothing() -> None:
    rng = np.random.default_rng(3)
    p = []
    for _ in range(150):
        marks = random_marks(rng, 8)
        evidence = smooth_noise(rng, 8)
        each = [
            np.array([average_precision(e[0], row[None])[0] for row in shifts(m.faulty_T)])
            for e, m in zip(evidence, marks, strict=True)
        ]
        found = against_shifts(each, alone(8, 10), seed=len(p))
        assert found is not None
        p.append(found.p)
    # Clips clipped at both ends make shifts not quite exchangeable; 4 standard errors.
    assert np.mean(p) == pytest.approx(0.5, abs=4 * 0.29 / 150**0.5)
    assert np.mean(np.array(p) < 0.1) < 0.1 + 4 * 0.3 / 150**0.5


def test_performances_without_faults_take_no_part_in_precision_but_in_the_pool() -> None:
    marks = random_marks(np.random.default_rng(4), 3)
    clean = ClipMarks(np.zeros(24, bool), marks[0].inside_T, np.zeros((0, 24)), np.zeros(0))
    scores = [m.faulty_T[None].astype(float) for m in marks]
    found = find_faults([*scores, np.full((1, 24), 2.0)], [*marks, clean])
    assert found.precision is not None and found.precision.value == 1
    assert found.pooled is not None and found.pooled.value < 1


def element(start: float | None, end: float | None, *faults: Fault) -> Element:
    return Element("e", start_seconds=start, end_seconds=end, faults=faults)


def test_clips_are_marked_by_how_much_of_them_lies_in_a_fault() -> None:
    marks = mark_clips(
        [element(1.0, 5.0, Fault("wobble", 1.4, 3.4, 0.3), Fault("step out", 4.6, 4.8, 0.1))],
        6,
        ClipTimes(0.0, 1.0, 1.0),
    )
    # The long fault holds the middles of clips 1 and 2; the short one none: clip 4 is the nearest.
    assert marks.faulty_T.tolist() == [False, True, True, False, True, False]
    assert marks.inside_T.tolist() == [False, True, True, True, True, False]
    assert marks.share_FT.tolist() == [[0, 0.5, 0.5, 0, 0, 0], [0, 0, 0, 0, 1, 0]]
    assert marks.deduction_F.tolist() == [0.3, 0.1]
    later = mark_clips(
        [element(1.0, 5.0, Fault("fall", 1.4, 3.4, 1.0))], 6, ClipTimes(1.0, 1.0, 3.0)
    )
    # Clips of three seconds whose middles are at 2.5, 3.5, ...
    assert later.faulty_T.tolist() == [True, False, False, False, False, False]


def test_what_is_measured_of_elements_is_what_explain_shows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    recipe = FeatureRecipe(clip_frames=16, stride_frames=8, fps=25.0)
    clips = tuple(rng.normal(size=(40 + i, 6)).astype(np.float32) for i in range(6))
    ids = tuple(f"p{i}" for i in range(6))
    sheets = {
        name: {
            "elements": [
                {"element": f"e{k}", "family": "leap", "start": start, "end": start + 1.1}
                for k, start in enumerate(np.sort(rng.uniform(0, 11, 5)).round(3))
            ]
        }
        for name in ids
    }
    first = {name: (float(rng.integers(4)) / 25, 25.0) for name in ids}
    dataset = Dataset(
        *("d", ("a",), ids, np.ones((6, 1)), clips, ("train",) * 6, (None,) * 6),
        recipe=recipe,
        video_times=first,
    )
    write_json(tmp_path / "sheets.json", sheets)
    truth = read_truth(dataset, tmp_path / "sheets.json", [np.arange(3), np.arange(3, 6)])
    for i, name in enumerate(ids):
        _, shown = place_elements(dataset.features(i), {name: truth.sheets[i]}, None)
        assert truth.placements["times"][i] == [place.stretch for place in shown]
    assert truth.placements["equal parts"][0] == [(8 * k, 8) for k in range(5)]


def test_evidence_that_follows_the_marks_is_told_from_evidence_that_follows_the_place() -> None:
    rng = np.random.default_rng(5)
    usual_E = np.arange(7.0)
    mark_NE = usual_E + 0.3 * rng.normal(size=(60, 7))
    by_place = mark_correlation(
        [usual_E[None] + rng.normal(size=(1, 7)) for _ in mark_NE], list(mark_NE)
    )
    assert by_place is not None and by_place.p_given_place is not None
    assert by_place.within > 0.5 and by_place.p_within < 0.01
    assert by_place.p_given_place > 0.05
    truly = mark_correlation(
        [mark[None] + 0.3 * rng.normal(size=(1, 7)) for mark in mark_NE], list(mark_NE)
    )
    assert truly is not None and truly.given_place is not None
    assert (
        truly.given_place > 0.5 and truly.p_given_place is not None and truly.p_given_place < 0.01
    )


def test_correlation_within_performances_is_spearmans() -> None:
    rng = np.random.default_rng(6)
    evidence = [rng.normal(size=(2, 6)) for _ in range(5)]
    marks = [rng.normal(size=6) for _ in range(5)]
    found = mark_correlation(evidence, marks)
    expected = [
        np.mean([srcc(row, mark) for row in e]) for e, mark in zip(evidence, marks, strict=True)
    ]  # type: ignore[misc]
    assert found is not None and found.within == pytest.approx(np.mean(expected))
    assert mark_correlation([np.ones((1, 6))], [marks[0]]) is None


def test_p_within_performances_is_uniform_where_there_is_nothing() -> None:
    rng = np.random.default_rng(7)
    p = []
    for seed in range(100):
        found = mark_correlation(
            list(rng.normal(size=(5, 1, 6))), list(rng.normal(size=(5, 6))), seed
        )
        assert found is not None
        p.append(found.p_within)
    assert np.mean(p) == pytest.approx(0.5, abs=4 * 0.29 / 10)


def test_evidence_that_ignores_the_model_is_caught_by_random_weights() -> None:
    rng = np.random.default_rng(8)
    edges = [np.abs(np.diff(rng.normal(size=(1, 31)), axis=1)) for _ in range(20)]
    caught = rank_correlation(edges, edges)
    assert (
        caught is not None and caught.mean == pytest.approx(1) and caught.size == pytest.approx(1)
    )
    honest = rank_correlation(edges, [rng.normal(size=(1, 30)) for _ in range(20)])
    assert honest is not None and abs(honest.mean) < 0.2
    assert rank_correlation([np.ones((1, 5))], [np.ones((1, 5))]) is None


def test_seeds_are_compared_pair_by_pair() -> None:
    rows = np.stack([np.arange(6.0), np.arange(6.0), -np.arange(6.0)])
    found = between_seeds([rows])
    assert (
        found is not None and found.mean == pytest.approx(-1 / 3) and found.size == pytest.approx(1)
    )
    assert between_seeds([rows[:1]]) is None


def test_areas_are_means_over_the_curve_less_chance() -> None:
    lost_RNOS = np.zeros((1, 4, 3, 2))
    lost_RNOS[:, :, 0], lost_RNOS[:, :, 1], lost_RNOS[:, :, 2] = 3.0, -1.0, -4.0
    found = deletion_insertion(lost_RNOS, np.full((1, 4, 5, 2), 1.0), spread=2.0)
    assert (found.deletion, found.insertion, found.chance) == (2, 2, 1)
    assert (found.share_of_spread, found.moved, found.better_than_chance) == (1, 4, 1)
    assert found.deletion_interval == (2, 2)


def test_a_detector_shown_the_faults_finds_them_out_of_fold() -> None:
    rng = np.random.default_rng(9)
    marks = random_marks(rng, 20)
    clips = [rng.normal(size=(24, 5)) + 3 * m.faulty_T[:, None] * np.eye(5)[0] for m in marks]
    folds = [np.arange(10), np.arange(10, 20)]
    scores = detector_scores(clips, [m.faulty_T for m in marks], folds)
    found = find_faults([scores[i] for i in range(20)], marks)
    assert found.precision is not None and found.precision.value > 0.9
    clips[0][:, 1:] = 0
    expected_T = np.abs(clips[0][:, 0] - clips[0][:, 0].mean())
    np.testing.assert_allclose(unlike_the_mean(clips[0])[0], expected_T)
