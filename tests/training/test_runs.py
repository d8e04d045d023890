"""Run folders: kills and resumption, seeds, refusals."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cofinal.config import DataSource, Preset
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.models.ensemble import Ensemble
from cofinal.training.loop import train, train_seeds
from cofinal.training.runs import Run, data_fingerprint, first_difference

# Twelve training steps: epochs 1 to 4 of three batches.
TINY = [
    *("--model.width", "8", "--model.heads", "2", "--model.principal-components", "8"),
    *("--model.sub-grades", "4", "--model.embedding-width", "8", "--model.grades", "3"),
    *("--model.summary-segments", "2", "--training.epochs", "4", "--training.batch-size", "8"),
    *("--training.members", "2", "--training.device", "cpu", "--training.view-clips", "8"),
]
COMMAND = "import sys; from cofinal.cli.main import main; sys.exit(main(sys.argv[1:]))"
# The process kills itself by SIGKILL, which no handler sees, at a known moment.
KILLED_IN_MID_EPOCH = """
import os, signal
from cofinal.training.stack import MemberStack
original = MemberStack.update_average
def update_average(self, step):
    original(self, step)
    if step == 7:
        os.kill(os.getpid(), signal.SIGKILL)
MemberStack.update_average = update_average
"""
KILLED_WHILE_WRITING_A_CHECKPOINT = """
import os, signal
import torch
original = torch.save
def save(value, path):
    if value["epoch"] == 3:
        path.write_bytes(b"half a checkpoint")
        os.kill(os.getpid(), signal.SIGKILL)
    original(value, path)
torch.save = save
"""
KILLED_BEFORE_THE_MODEL_IS_WHOLE = """
import os, signal
import cofinal.modelfolder.folder
cofinal.modelfolder.folder.write_together = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
"""


def run_train(source: DataSource, out: Path, preamble: str = "") -> int:
    """Runs `cofinal train` in a process of its own; returns its status."""
    arguments = ["train", "--dataset", source.dataset, "--out", str(out), *TINY]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", preamble + COMMAND, *arguments],
        check=False,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr
    return done.returncode


def epochs_logged(folder: Path) -> list[dict[str, Any]]:
    """The lines of metrics.jsonl without the seconds, which differ."""
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_a_run_that_is_killed_again_and_again_comes_to_exactly_the_same_end(
    generated_source: DataSource, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_train(generated_source, whole) == 0
    for preamble, epochs in (
        (KILLED_IN_MID_EPOCH, 2),
        (KILLED_WHILE_WRITING_A_CHECKPOINT, 2),
        (KILLED_BEFORE_THE_MODEL_IS_WHOLE, 4),
    ):
        assert run_train(generated_source, killed, preamble) == -signal.SIGKILL
        saved = Run(killed).load()
        assert saved is not None and saved["epoch"] == epochs
        assert not (killed / "result.json").exists()
        assert not (killed / "model" / "config.json").exists()
    assert run_train(generated_source, killed) == 0
    for name in ("model/model.safetensors", "predictions.csv", "table.txt"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    assert epochs_logged(killed) == epochs_logged(whole)


def test_a_run_logs_one_line_an_epoch(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    train(generated, tiny_preset, run_folder, show_progress=False)
    lines = epochs_logged(run_folder)
    assert [line["epoch"] for line in lines] == [1, 2, 3]
    for line in lines:
        assert all(np.isfinite(value) for value in line["loss"].values())


def test_a_finished_run_given_again_changes_no_number(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    first = weights(train(generated, tiny_preset, run_folder, show_progress=False))
    log = (run_folder / "metrics.jsonl").read_text()
    assert_same(first, weights(train(generated, tiny_preset, run_folder, show_progress=False)))
    assert (run_folder / "metrics.jsonl").read_text() == log


def weights(model: Ensemble) -> dict[str, torch.Tensor]:
    """All tensors of a model."""
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    """All tensors are equal, bit by bit."""
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def with_training(preset: Preset, **settings: Any) -> Preset:
    """The preset with other training settings."""
    return replace(preset, training=replace(preset.training, **settings))


def test_the_same_seed_gives_the_same_numbers_whatever_was_drawn_before(
    generated: Dataset, tiny_preset: Preset
) -> None:
    torch.manual_seed(1)
    first = weights(train(generated, tiny_preset, show_progress=False))
    torch.manual_seed(2)
    assert_same(first, weights(train(generated, tiny_preset, show_progress=False)))


def test_another_seed_gives_other_numbers(generated: Dataset, tiny_preset: Preset) -> None:
    first = weights(train(generated, tiny_preset, show_progress=False))
    other = weights(train(generated, with_training(tiny_preset, seed=1), show_progress=False))
    assert not torch.equal(first["members.0.vote_KGD"], other["members.0.vote_KGD"])


def test_members_of_one_seed_differ(generated: Dataset, tiny_preset: Preset) -> None:
    model = weights(train(generated, tiny_preset, show_progress=False))
    assert not torch.equal(model["members.0.vote_KGD"], model["members.1.vote_KGD"])


def test_training_leaves_the_callers_random_state_alone(
    generated: Dataset, tiny_preset: Preset
) -> None:
    before = torch.get_rng_state()
    train(generated, tiny_preset, show_progress=False)
    assert torch.equal(torch.get_rng_state(), before)


def test_looking_after_each_epoch_changes_no_number(
    generated: Dataset, tiny_preset: Preset
) -> None:
    looks = []
    looked = train(generated, tiny_preset, show_progress=False, after_epoch=looks.append)
    assert len(looks) == tiny_preset.training.epochs
    assert_same(weights(looked), weights(train(generated, tiny_preset, show_progress=False)))


def test_a_folder_with_a_run_of_other_settings_is_refused(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    train(generated, tiny_preset, run_folder, show_progress=False)
    with pytest.raises(CofinalError, match=r"training\.epochs 3 instead of 4; name another folder"):
        train(generated, with_training(tiny_preset, epochs=4), run_folder, show_progress=False)


def test_a_folder_with_a_run_on_other_data_is_refused(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    Run(run_folder).open(tiny_preset, generated, [0])
    (run_folder / "metrics.jsonl").touch()
    changed = replace(generated, scores=generated.scores + 1)
    with pytest.raises(CofinalError, match=r"data\.sha256 .* instead of .*--out"):
        train(changed, tiny_preset, run_folder, show_progress=False)


def test_a_fingerprint_sees_ids_scores_and_features(generated: Dataset) -> None:
    clips = list(generated.clips)
    clips[3] = clips[3].copy()
    clips[3][0, 0] += 1
    changes: list[Dataset] = [
        replace(generated, ids=("x", *generated.ids[1:])),
        replace(generated, scores=generated.scores * 1.001),
        replace(generated, clips=tuple(clips)),
        generated.subset(range(len(generated) - 1)),
    ]
    hashes = {data_fingerprint(dataset)["sha256"] for dataset in (generated, *changes)}
    assert len(hashes) == 5


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_a_checkpoint_of_other_seeds_is_not_taken_over(
    generated: Dataset, tiny_preset: Preset, tmp_path: Path, seeds: tuple[int, ...]
) -> None:
    preset = with_training(tiny_preset, members=1)
    mine, other = tmp_path / "mine", tmp_path / "other"
    for folder, those in ((mine, seeds), (other, (0, 1) if len(seeds) == 1 else (0,))):
        train_seeds(generated, preset, those, folder, show_progress=False)
    shutil.copy(Run(other).checkpoint, Run(mine).checkpoint)
    with pytest.raises(CofinalError, match=r"does not fit this training .* has shape .*remove"):
        train_seeds(generated, preset, seeds, mine, show_progress=False)
    with pytest.raises(CofinalError, match=r"holds a run with seeds \["):
        train_seeds(generated, preset, seeds, other, show_progress=False)


def zero_strides(saved: dict[str, Any]) -> None:
    average = saved["state"]["stack"]["average"]
    name = next(iter(average))
    average[name] = torch.zeros(1).expand(average[name].shape)


def not_finite(saved: dict[str, Any]) -> None:
    weights = next(iter(saved["state"]["stack"]["parameters"].values()))
    weights.detach().view(-1)[0] = torch.nan


def another_decay(saved: dict[str, Any]) -> None:
    saved["state"]["optimizer"]["param_groups"][0]["weight_decay"] = 1e9


def half_a_state(saved: dict[str, Any]) -> None:
    del saved["state"]["optimizer"]["state"][0]["exp_avg"]


def another_log(saved: dict[str, Any]) -> None:
    saved["epoch"] = 10**12


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (zero_strides, "has too few numbers"),
        (not_finite, "a value that is not finite"),
        (another_decay, "its optimiser has another weight_decay"),
        (half_a_state, "its optimiser kept .* of parameter 0"),
        (another_log, "its log has other epochs"),
    ],
)
def test_a_checkpoint_that_another_hand_changed_is_told_before_training(
    generated: Dataset,
    tiny_preset: Preset,
    run_folder: Path,
    change: Callable[[dict[str, Any]], None],
    sentence: str,
) -> None:
    train(generated, tiny_preset, run_folder, show_progress=False)
    path = Run(run_folder).checkpoint
    saved = torch.load(path, weights_only=True)
    change(saved)
    torch.save(saved, path)
    with pytest.raises(CofinalError, match=f"{sentence}.*remove it to start again"):
        train(generated, tiny_preset, run_folder, show_progress=False)


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty", "foreign"])
def test_a_damaged_checkpoint_gets_a_sentence(
    generated: Dataset, tiny_preset: Preset, run_folder: Path, damage: str
) -> None:
    train(generated, tiny_preset, run_folder, show_progress=False)
    path = Run(run_folder).checkpoint
    whole = path.read_bytes()
    path.write_bytes({"garbage": b"no checkpoint", "empty": b""}.get(damage, whole[:-200]))
    if damage == "foreign":
        torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(CofinalError, match=r"checkpoint\.pt .*remove it to start again"):
        train(generated, tiny_preset, run_folder, show_progress=False)


def test_a_checkpoint_with_code_in_it_is_refused_and_does_not_run(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    train(generated, tiny_preset, run_folder, show_progress=False)
    harmed = run_folder / "harmed"
    torch.save({"epoch": Touch(harmed), "state": {}, "metrics": []}, Run(run_folder).checkpoint)
    with pytest.raises(CofinalError, match="remove it to start again"):
        train(generated, tiny_preset, run_folder, show_progress=False)
    assert not harmed.exists()


class Touch:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


def test_a_training_that_diverges_gets_a_sentence_and_no_checkpoint(
    generated: Dataset, tiny_preset: Preset, run_folder: Path
) -> None:
    preset = with_training(tiny_preset)
    object.__setattr__(preset.training, "learning_rate", 1e30)  # more than a user may
    with pytest.raises(CofinalError, match=r"not finite in epoch 1; lower training\.learning_rate"):
        train(generated, preset, run_folder, show_progress=False)
    assert not Run(run_folder).checkpoint.exists()


def test_one_performance_is_too_few(generated: Dataset, tiny_preset: Preset) -> None:
    with pytest.raises(CofinalError, match="1 training performances; expected at least 2"):
        train(generated.subset([0]), tiny_preset, show_progress=False)


@pytest.mark.parametrize(
    ("found", "wanted", "sentence"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1, "code": 2}, {"a": 1}, None),
        ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b 1 instead of 2"),
        ({}, {"a": 2}, "a None instead of 2"),
        (
            {"preset": {"model": {"x": 1}}},
            {"preset": {"model": {"x": 3}}},
            "model.x 1 instead of 3",
        ),
    ],
)
def test_a_difference_is_told_by_its_name_and_both_values(
    found: Any, wanted: Any, sentence: str | None
) -> None:
    assert first_difference(found, wanted) == sentence
