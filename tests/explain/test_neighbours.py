"""Training performances that look alike, against brute force; their file, also when hostile."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cofinal.config import DataSource, Preset
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.explain.neighbours import (
    Embedding,
    NeighbourIndex,
    held_out_distances,
    summary_features,
)
from cofinal.files.digests import file_sha256
from cofinal.generated.synthetic import generate
from cofinal.grades import grade_edges
from cofinal.methods.ridge import RidgeSettings
from cofinal.modelfolder.info import ModelInfo
from cofinal.modelfolder.neighbours import NEIGHBOURS, neighbour_bytes, read_neighbours
from cofinal.models.interface import Task
from cofinal.scorer import Scorer
from cofinal.workflows import train_and_test

CHANNELS = 8


@pytest.fixture(scope="module")
def edges(generated: Dataset) -> np.ndarray:
    return np.stack([grade_edges(column, 3) for column in generated.scores.T])


@pytest.fixture(scope="module")
def index(generated: Dataset, edges: np.ndarray) -> NeighbourIndex:
    return NeighbourIndex.build(
        generated.ids, generated.clips, generated.scores, generated.targets, edges
    )


@pytest.fixture
def info(generated: Dataset) -> ModelInfo:
    task = Task(generated.channels, generated.targets)
    return ModelInfo(Preset("ridge", RidgeSettings()), task, data={"sha256": generated.sha256})


def test_a_training_performances_nearest_is_itself(
    index: NeighbourIndex, generated: Dataset
) -> None:
    for i, clips_TC in enumerate(generated.clips):
        first, second = index.nearest(clips_TC, "execution")
        assert first.id == generated.ids[i]
        assert first.similarity == pytest.approx(1, abs=2e-3)
        assert first.score == generated.scores[i, 1]
        assert 0 <= second.similarity < first.similarity


def test_neighbours_of_a_grade_are_the_nearest_of_a_search(
    index: NeighbourIndex, generated: Dataset, edges: np.ndarray
) -> None:
    query_TC = generate(1, CHANNELS, (12, 18), seed=11).clips[0]
    features_NF = summary_features(generated.clips)
    unit = (features_NF - features_NF.mean(0)) / features_NF.std(0)
    unit_query = (summary_features([query_TC])[0] - features_NF.mean(0)) / features_NF.std(0)
    components = np.linalg.svd(unit)[2][: index.vectors_NE.shape[1]]
    distance_N = np.linalg.norm((unit - unit_query) @ components.T, axis=1)
    for grade in (1, 2, 3):
        low, high = edges[0, grade - 1 : grade + 1]
        inside = [i for i, s in enumerate(generated.scores[:, 0]) if low <= s < high]
        expected = sorted(inside, key=lambda i: distance_N[i])[:3]
        found = index.nearest(query_TC, "difficulty", grade, count=3)
        assert [n.id for n in found] == [generated.ids[i] for i in expected]
        assert {n.grade for n in found} == {grade}
    assert index.nearest(query_TC, "difficulty", 4) == []


def test_neighbours_do_not_depend_on_the_order_of_the_training_performances(
    index: NeighbourIndex, generated: Dataset, edges: np.ndarray
) -> None:
    order = np.random.default_rng(0).permutation(len(generated))
    shuffled = generated.subset(order)
    other = NeighbourIndex.build(
        shuffled.ids, shuffled.clips, shuffled.scores, shuffled.targets, edges
    )
    for query_TC in generate(5, CHANNELS, (12, 18), seed=11).clips:
        mine, theirs = (one.nearest(query_TC, "execution", 2, 4) for one in (index, other))
        assert [n.id for n in mine] == [n.id for n in theirs]
        np.testing.assert_allclose(
            [n.similarity for n in mine], [n.similarity for n in theirs], atol=2e-3
        )


def test_an_embedding_keeps_and_leaves_out_what_pythagoras_says() -> None:
    features_NF = np.random.default_rng(1).normal(size=(30, 12)) * np.arange(1, 13)
    features_NF[:, 3] = 5.0  # a channel without variance
    embedding = Embedding.fit(features_NF[:20], width=4)
    vectors_ME, left_M = embedding.embed(features_NF[20:])
    unit_MF = (features_NF[20:] - embedding.mean_F) / embedding.scale_F
    rebuilt_MF = vectors_ME @ embedding.basis_FE.T
    np.testing.assert_allclose(left_M, np.square(unit_MF - rebuilt_MF).sum(1), rtol=1e-4)
    assert vectors_ME.shape == (10, 4)


def test_about_as_many_new_performances_are_strange_as_the_percentile_says() -> None:
    made = generate(160, CHANNELS, (12, 18), seed=5)
    edges = np.stack([grade_edges(column, 3) for column in made.scores.T])
    index = NeighbourIndex.build(
        [str(i) for i in range(80)], made.clips[:80], made.scores[:80], ("a", "b"), edges
    )
    percentiles = np.array([index.strangeness(clips).percentile for clips in made.clips[80:]])
    assert 35 < percentiles.mean() < 65
    assert (percentiles >= 90).mean() < 0.25


@pytest.mark.parametrize("kind", ["shifted", "noise", "constant"])
def test_a_performance_of_another_kind_is_strange(
    index: NeighbourIndex, generated: Dataset, kind: str
) -> None:
    clips_TC = generated.clips[0]
    strange_TC = {
        "shifted": clips_TC + 3,
        "noise": np.random.default_rng(0).normal(0, 8, clips_TC.shape).astype(np.float32),
        "constant": np.full_like(clips_TC, -4),
    }[kind]
    assert index.strangeness(strange_TC).percentile == 100
    assert index.strangeness(clips_TC).percentile < 50  # in training, so nearest to itself


def test_held_out_distances_are_larger_than_those_of_performances_the_embedding_knows() -> None:
    features_NF = np.random.default_rng(2).normal(size=(40, 100))
    embedding = Embedding.fit(features_NF)
    known = np.sqrt(embedding.embed(features_NF)[1])
    assert held_out_distances(features_NF).min() > known.max()


def beside(info: ModelInfo, folder: Path) -> ModelInfo:
    """The info of a model with which the index in a folder was saved."""
    return replace(info, files={NEIGHBOURS: file_sha256(folder / NEIGHBOURS)})


def test_saved_and_read_index_answers_the_same(
    index: NeighbourIndex, info: ModelInfo, generated: Dataset, tmp_path: Path
) -> None:
    (tmp_path / NEIGHBOURS).write_bytes(neighbour_bytes(index))
    assert read_neighbours(tmp_path, info) is None  # the model knows of none
    read = read_neighbours(tmp_path, beside(info, tmp_path))
    assert read is not None
    for clips_TC in (generated.clips[3], generated.clips[4] + 1):
        for target in generated.targets:
            assert read.nearest(clips_TC, target, 2) == index.nearest(clips_TC, target, 2)
        assert read.strangeness(clips_TC) == index.strangeness(clips_TC)
    # Float16 vectors and a basis as wide as they: small beside any model.
    assert (tmp_path / NEIGHBOURS).stat().st_size < 20_000


def test_training_leaves_an_index_and_a_model_without_one_works(
    generated_source: DataSource, tmp_path: Path
) -> None:
    preset = Preset("ridge", RidgeSettings())
    folder = train_and_test(generated_source, preset, tmp_path, show_progress=False).model_folder
    info = Scorer.load(folder).info
    read = read_neighbours(folder, info)
    assert read is not None
    assert len(read.ids) == 24  # the split "train" alone
    assert set(read.grades_NK[:, 0]) == {0, 1, 2, 3}  # every method is asked for grades
    (folder / NEIGHBOURS).unlink()
    assert read_neighbours(folder, info) is None


def _damage(tensors: dict[str, np.ndarray], name: str, value: float) -> None:
    tensors[name] = tensors[name].copy()
    tensors[name].flat[0] = value


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda t, a: _damage(t, "basis", np.nan), "basis hold a value that is not finite"),
        (lambda t, a: _damage(t, "vectors", np.inf), "vectors hold a value that is not finite"),
        (lambda t, a: _damage(t, "grades", -1), "grades or scales are negative"),
        (lambda t, a: _damage(t, "scale", 0), "grades or scales are negative"),
        (lambda t, a: t.update(scores=t["scores"][:5]), "scores are float64"),
        (lambda t, a: t.update(basis=t["basis"][:, 0].copy()), "basis are float32"),
        (lambda t, a: t.update(basis=np.zeros((), np.float32)), "basis are float32"),
        (lambda t, a: t.update(grades=t["scores"]), "grades are float64"),
        (lambda t, a: t.update(held_out=None), "held_out"),
        (lambda t, a: a.update(ids=None), "it lacks 'ids'"),
        (lambda t, a: a.update(ids="{}"), "names are no list of 2 or more"),
        (lambda t, a: a.update(ids="[1, 2]"), "names are no list of 2 or more"),
        (lambda t, a: a.update(ids="[[], []]"), "names are no list of 2 or more"),
        (lambda t, a: a.update(ids="["), "is no index of training performances"),
        (lambda t, a: a.update(ids="[" * 100_000), "is no index of training performances"),
    ],
)
def test_a_damaged_index_gets_a_sentence(
    index: NeighbourIndex,
    info: ModelInfo,
    tmp_path: Path,
    change: Callable[[dict[str, np.ndarray], dict[str, str]], None],
    sentence: str,
) -> None:
    (tmp_path / NEIGHBOURS).write_bytes(neighbour_bytes(index))
    tensors = load_file(tmp_path / NEIGHBOURS)
    about = {"ids": json.dumps(index.ids)}
    change(tensors, about)
    tensors = {name: tensor for name, tensor in tensors.items() if tensor is not None}
    about = {name: text for name, text in about.items() if text is not None}
    save_file(tensors, tmp_path / NEIGHBOURS, about)
    with pytest.raises(CofinalError) as found:
        read_neighbours(tmp_path, beside(info, tmp_path))
    assert sentence in str(found.value)
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("content", [b"", b"text", b"\xff" * 64])
def test_a_file_that_is_no_index_gets_a_sentence(
    info: ModelInfo, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / NEIGHBOURS).write_bytes(content)
    with pytest.raises(CofinalError, match="is no index of training performances"):
        read_neighbours(tmp_path, beside(info, tmp_path))


def test_the_index_of_another_model_gets_a_sentence(
    index: NeighbourIndex, info: ModelInfo, tmp_path: Path
) -> None:
    (tmp_path / NEIGHBOURS).write_bytes(neighbour_bytes(index))
    with pytest.raises(CofinalError, match="was not saved with the model beside it; copy the"):
        read_neighbours(tmp_path, replace(info, files={NEIGHBOURS: "0" * 64}))


def test_features_of_another_width_and_unknown_targets_get_a_sentence(
    index: NeighbourIndex, generated: Dataset
) -> None:
    with pytest.raises(CofinalError, match="training performances have 8 channels a clip"):
        index.strangeness(np.zeros((3, 9), np.float32))
    with pytest.raises(CofinalError, match="target 'TES' has no neighbours"):
        index.nearest(generated.clips[0], "TES")
