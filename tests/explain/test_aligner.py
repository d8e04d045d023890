"""Placing elements in time, on planted performances whose times are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from scipy.stats import gamma, geom, multivariate_normal

from cofinal.data.sheets import Element, Fault
from cofinal.errors import CofinalError
from cofinal.explain.aligner import Aligner, Lengths, Placement, equal_parts
from cofinal.explain.aligner_fit import equal_weights, expectation, fit_aligner, maximisation
from cofinal.explain.elements import given_places, place_elements, sum_evidence
from cofinal.explain.evidence import Evidence
from cofinal.files.digests import file_sha256
from cofinal.modelfolder.aligner import ALIGNER, aligner_bytes, read_aligner
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.interface import Task
from cofinal.records import ClipFeatures, FeatureRecipe
from cofinal.times import ClipTimes
from test_all_methods import small_preset

FAMILIES = ("jump", "spin", "steps", "wave")
CHANNELS = 12
RECIPE = FeatureRecipe(clip_frames=32, stride_frames=8, fps=25.0)
Planted = tuple[list[np.ndarray], list[list[Element]], list[list[tuple[int, int]]]]


def plant(count: int, seed: int, noise: float = 0.6) -> Planted:
    """Performances whose families differ by a direction; gaps and lengths are random."""
    rng = np.random.default_rng(seed)
    look_FC = 2 * np.linalg.qr(np.random.default_rng(9).normal(size=(CHANNELS, CHANNELS)))[0]
    clips, orders, places = [], [], []
    for _ in range(count):
        order = [*rng.permutation(len(FAMILIES)), *rng.integers(len(FAMILIES), size=2)]
        kinds, place = [-1] * rng.integers(1, 7), []
        for f in order:
            length = int(rng.integers(5, 8)) + 4 * (f == 1)
            place.append((len(kinds), len(kinds) + length))
            kinds += [f] * length + [-1] * rng.integers(1, 7)
        clips_TC = look_FC[kinds] + noise * rng.normal(size=(len(kinds), CHANNELS))
        hall_C = 3 * rng.normal(size=CHANNELS)
        clips.append((clips_TC + hall_C).astype(np.float32))
        orders.append([Element(f"{FAMILIES[f]} {k}", FAMILIES[f]) for k, f in enumerate(order)])
        places.append(place)
    return clips, orders, places


@pytest.fixture(scope="module")
def planted() -> Planted:
    return plant(24, seed=1)


@pytest.fixture(scope="module")
def fresh() -> Planted:
    return plant(8, seed=2)


@pytest.fixture(scope="module")
def aligner(planted: Planted) -> Aligner:
    return fit_aligner(*planted[:2])


def borders(placed: list[Placement]) -> list[tuple[int, int]]:
    return [(p.first_clip, p.first_clip + p.clips) for p in placed]


def errors(aligner: Aligner, fresh: Planted) -> float:
    """Mean absolute error of the borders, in clips."""
    return float(
        np.mean(
            [
                np.abs(np.subtract(borders(aligner.place(ClipFeatures(c), order)), place)).mean()
                for c, order, place in zip(*fresh, strict=True)
            ]
        )
    )


def test_planted_elements_are_found_in_performances_not_learned_from(
    aligner: Aligner, fresh: Planted
) -> None:
    baseline = np.mean(
        [
            np.abs(np.cumsum(equal_parts(len(c), len(p)), axis=1) - p).mean()
            for c, _, p in zip(*fresh, strict=True)
        ]
    )
    assert baseline > 2
    assert errors(aligner, fresh) < 0.2
    longer = aligner.lengths.mean_F[aligner.families.index("spin")]
    assert longer > 1.4 * aligner.lengths.mean_F[aligner.families.index("jump")]
    confidence = aligner.place(ClipFeatures(fresh[0][0]), fresh[1][0])[0].confidence
    assert confidence is not None and 0.8 < confidence <= 1


def test_orders_that_are_wrong_teach_nothing(planted: Planted, fresh: Planted) -> None:
    rng = np.random.default_rng(0)
    wrong = [[order[i] for i in rng.permutation(len(order))] for order in planted[1]]
    assert errors(fit_aligner(planted[0], wrong), fresh) > 1.5


def test_the_given_order_is_likelier_than_another(aligner: Aligner, fresh: Planted) -> None:
    rng, won = np.random.default_rng(0), []
    for clips_TC, order, _ in zip(*fresh, strict=True):
        features = ClipFeatures(clips_TC)
        own = aligner.log_likelihood(features, order)
        other = [order[i] for i in rng.permutation(len(order))]
        won.append(own > aligner.log_likelihood(features, other))
    assert np.mean(won) > 0.8


def test_times_in_sheets_take_no_part_in_learning(planted: Planted, aligner: Aligner) -> None:
    timed = [
        [replace(e, start_seconds=1.0, end_seconds=2.0) for e in order] for order in planted[1]
    ]
    again = fit_aligner(planted[0], timed)
    np.testing.assert_array_equal(again.means_FD, aligner.means_FD)
    np.testing.assert_array_equal(again.lengths.mean_F, aligner.lengths.mean_F)


def test_likelihood_never_falls_from_round_to_round(planted: Planted) -> None:
    told: list[float] = []
    fit_aligner(*planted[:2], rounds=8, on_round=lambda _, likelihood: told.append(likelihood))
    assert len(told) == 8
    # Priors and shrinkage make it a little less than exact.
    assert (np.diff(told) > -0.01 * abs(told[0])).all() and told[-1] > told[0]


def test_places_do_not_depend_on_hall_scale_or_names(aligner: Aligner, fresh: Planted) -> None:
    clips_TC, order = fresh[0][0], fresh[1][0]
    expected = borders(aligner.place(ClipFeatures(clips_TC), order))
    assert borders(aligner.place(ClipFeatures(clips_TC + 5), order)) == expected
    renamed = [replace(element, name="x") for element in order]
    assert borders(aligner.place(ClipFeatures(clips_TC), renamed)) == expected
    half = clips_TC.astype(np.float16)
    assert borders(aligner.place(ClipFeatures(half), order)) == expected


def test_elements_without_family_are_learned_by_name(planted: Planted, aligner: Aligner) -> None:
    named = [[Element(e.family or "") for e in order] for order in planted[1]]
    again = fit_aligner(planted[0], named)
    assert again.families == FAMILIES
    np.testing.assert_array_equal(again.means_FD, aligner.means_FD)


def test_every_element_lasts_a_clip_even_where_there_are_just_enough(aligner: Aligner) -> None:
    clips_TC = np.random.default_rng(0).normal(size=(5, CHANNELS)).astype(np.float32)
    placed = aligner.place(ClipFeatures(clips_TC), [Element("e", "jump")] * 5)
    assert borders(placed) == [(k, k + 1) for k in range(5)]


def test_weights_of_equal_parts_count_every_clip_once() -> None:
    weights = equal_weights([10, 7], [[0, 1], [1]], 3)
    np.testing.assert_allclose(weights.clips_TF.sum(1), 1)
    assert weights.moments_F3[:, 0].tolist() == [1, 2, 5]
    # Two parts of 5 clips, 0.65 of each its element's: 3.25 clips.
    np.testing.assert_allclose(weights.clips_TF[:10].sum(0), [3.25, 3.25, 3.5])


def test_priors_and_densities_are_those_of_scipy(aligner: Aligner) -> None:
    lengths = Lengths(np.array([6.0, 2.0]), np.array([2.0, 1.0]))
    density_L = gamma.pdf(np.arange(1, 41), a=9, scale=2 / 3)
    prior_L = np.exp(lengths.log_prior(0, 40))
    np.testing.assert_allclose(prior_L[1:], density_L / density_L.sum(), rtol=1e-9)
    assert prior_L[0] == 0
    absent = geom.pmf(np.arange(1, 42), 1 / 3)  # counts from 1; background from 0
    np.testing.assert_allclose(np.exp(lengths.log_prior(1, 40)), absent)
    white_TD = np.random.default_rng(0).normal(size=(6, aligner.means_FD.shape[1]))
    covariance_DD = np.linalg.inv(aligner.precision_DD)
    for f, mean_D in enumerate(aligner.means_FD):
        expected_T = multivariate_normal(mean_D, covariance_DD).logpdf(white_TD)
        np.testing.assert_allclose(aligner._log_density(white_TD)[:, f], expected_T)


def test_the_covariance_is_the_scatter_around_the_means(planted: Planted, aligner: Aligner) -> None:
    white = [aligner.whiten(clips_TC) for clips_TC in planted[0]]
    classes = [aligner.classes(order) for order in planted[1]]
    weights, _ = expectation(aligner, white, classes)
    found, every_ND = maximisation(aligner, white, weights), np.concatenate(white)
    scatter_DD = sum(
        (every_ND - mean_D).T @ ((every_ND - mean_D) * share_N[:, None])
        for mean_D, share_N in zip(found.means_FD, weights.clips_TF.T, strict=True)
    ) / len(every_ND)
    D = len(scatter_DD)
    expected_DD = 0.9 * scatter_DD + 0.1 * np.trace(scatter_DD) / D * np.eye(D)
    np.testing.assert_allclose(np.linalg.inv(found.precision_DD), expected_DD, atol=1e-9)


def test_given_times_become_the_clips_whose_middles_they_hold() -> None:
    def place(start: float, end: float) -> tuple[int, int]:
        order = [Element("e", None, None, None, start, end)]
        placed = given_places(order, 10, ClipTimes(0.0, 1.0, 1.0), "p")
        assert placed is not None
        assert (placed[0].start_seconds, placed[0].end_seconds) == (start, end)
        (found,) = borders(placed)
        return found

    assert place(2, 5) == (2, 5)
    assert place(2.6, 4.4) == (3, 4)
    assert place(2.6, 2.8) == (2, 3)  # holds no middle: the nearest clip
    assert place(9.8, 14) == (9, 10)
    with pytest.raises(CofinalError, match="'e' ends at 30 seconds, but the 10 clips of"):
        place(9.8, 30)
    with pytest.raises(CofinalError, match="'e' starts at 10 seconds, but the 10 clips of"):
        place(10, 11)
    late = Element("e", None, None, None, 8, 10, (Fault("fall", 9, 16, 1.0),))
    with pytest.raises(CofinalError, match="'fall' ends at 16 seconds, but the 10 clips of"):
        given_places([late], 10, ClipTimes(0.0, 1.0, 1.0), "p")


def test_evidence_is_summed_over_elements_per_target() -> None:
    values_KT = np.arange(12.0).reshape(2, 6)
    evidence = Evidence("gradients", ("TES", "PCS"), values_KT)
    points_KE = sum_evidence(evidence, [Placement(0, 2), Placement(3, 3)])
    assert points_KE.tolist() == [[0 + 1, 3 + 4 + 5], [6 + 7, 9 + 10 + 11]]


@pytest.mark.parametrize(
    ("order", "clips", "sentence"),
    [
        ([], 9, "0 elements in 9 clips; expected 1 or more elements, each at least a clip long"),
        ([Element("e", "jump")] * 10, 9, "10 elements in 9 clips; expected 1 or more elements"),
        ([Element("Lutz", "throw")], 9, "element 'Lutz' is of family 'throw', of which the aligne"),
        ([Element("Lutz")], 9, "element 'Lutz' is of family 'Lutz', of which the aligner has seen"),
    ],
)
def test_what_cannot_be_placed_gets_a_sentence(
    aligner: Aligner, order: list[Element], clips: int, sentence: str
) -> None:
    with pytest.raises(CofinalError) as told:
        aligner.place(ClipFeatures(np.zeros((clips, CHANNELS), np.float32)), order)
    assert sentence in str(told.value) and "\n" not in str(told.value)


def test_other_channels_get_a_sentence(aligner: Aligner) -> None:
    with pytest.raises(CofinalError, match=r"shape \(9, 5\); the aligner was fitted on 12 channel"):
        aligner.place(ClipFeatures(np.zeros((9, 5), np.float32)), [Element("e", "jump")])


@pytest.mark.parametrize(
    ("clips", "orders", "sentence"),
    [
        ([(9, 4)], [1], "1 performances and 1 orders of elements; an aligner needs two or more"),
        ([(9, 4), (9, 4)], [1], "2 performances and 1 orders of elements"),
        ([(9, 4), (9, 4)], [1, 0], "0 elements in 9 clips"),
        ([(9, 4), (9, 4)], [1, 10], "10 elements in 9 clips"),
        ([(9, 4), (9, 5)], [1, 1], r"features have shapes (9, 5) and (9, 4); an aligner needs"),
    ],
)
def test_what_cannot_be_learned_from_gets_a_sentence(
    clips: list[tuple[int, int]], orders: list[int], sentence: str
) -> None:
    arrays = [np.zeros(shape, np.float32) for shape in clips]
    with pytest.raises(CofinalError) as told:
        fit_aligner(arrays, [[Element("e", "jump")] * count for count in orders])
    assert sentence in str(told.value)


def test_a_performance_needs_a_sheet_and_something_that_tells_times(aligner: Aligner) -> None:
    features = ClipFeatures(np.zeros((9, CHANNELS), np.float32), "p7", RECIPE)
    sheets = {name: (Element("e", "jump"),) for name in ("a", "b", "c", "d", "p7")}
    with pytest.raises(CofinalError, match="no elements of 'p8', only of a, b, c and 2 more; add"):
        place_elements(replace(features, id="p8"), sheets, aligner)
    with pytest.raises(
        CofinalError, match="nothing tells when the elements of 'p7' were performed"
    ):
        place_elements(features, sheets, None)
    assert len(place_elements(features, sheets, aligner)[1]) == 1
    timed = {"p7": (Element("e", "x", start_seconds=1.0, end_seconds=2.0),)}
    (given,) = place_elements(features, timed, None)[1]
    assert (given.start_seconds, given.end_seconds, given.confidence) == (1.0, 2.0, None)


INFO = ModelInfo(small_preset("ridge"), Task(CHANNELS, ("s",)), data={"sha256": "abc"})


def beside(folder: Path) -> ModelInfo:
    """The info of a model with which the aligner in a folder was saved."""
    return replace(INFO, files={ALIGNER: file_sha256(folder / ALIGNER)})


def test_an_aligner_read_again_places_alike(
    aligner: Aligner, fresh: Planted, tmp_path: Path
) -> None:
    assert read_aligner(tmp_path, INFO) is None
    (tmp_path / ALIGNER).write_bytes(aligner_bytes(aligner))
    again = read_aligner(tmp_path, beside(tmp_path))
    assert again is not None
    features = ClipFeatures(fresh[0][0], recipe=RECIPE)
    assert again.place(features, fresh[1][0]) == aligner.place(features, fresh[1][0])


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("precision", np.nan, "precision hold a value that is not finite"),
        ("precision", -1.0, "Matrix is not positive definite"),
        ("length_means", 0.0, "lengths are not positive"),
        ("family_means", None, "File does not contain tensor family_means"),
        ("mean", np.zeros(3), "mean are float64 (3,), expected (12,)"),
        ("families", "[]", "names are no list of 1 or more"),
        ("families", "[" * 100_000, "is no aligner of elements"),
        ("trust", "7", "trust is 7, expected 0 to 1"),
        ("trust", "NaN", "trust is nan, expected 0 to 1"),
    ],
)
def test_a_damaged_aligner_gets_a_sentence(
    aligner: Aligner, tmp_path: Path, name: str, value: object, sentence: str
) -> None:
    (tmp_path / ALIGNER).write_bytes(aligner_bytes(aligner))
    tensors = load_file(tmp_path / ALIGNER)
    about = {"families": '["jump", "spin", "steps", "wave"]', "trust": "0.3"}
    if isinstance(value, str):
        about[name] = value
    elif isinstance(value, float):
        tensors[name][:] = value
    elif value is None:
        del tensors[name]
    else:
        tensors[name] = np.asarray(value)
    save_file(tensors, tmp_path / ALIGNER, about)
    with pytest.raises(CofinalError) as told:
        read_aligner(tmp_path, beside(tmp_path))
    assert sentence in str(told.value) and "\n" not in str(told.value)
