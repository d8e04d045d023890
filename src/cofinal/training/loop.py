"""The training loop, readable from top to bottom: set up, epochs, finished members.

Letters: M members, N performances, B videos, T clips, C channels, K targets.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cofinal.config import Preset, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.devices import choose_device
from cofinal.errors import CofinalError
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.models.interface import AssessmentModel, Labels, Task
from cofinal.progress import track
from cofinal.training.batches import Batch, ClipTensors, HeldClips, PackedClips, draw_batch
from cofinal.training.held_out import kept_aside
from cofinal.training.optim import build_optimizer, learning_rate, take_state
from cofinal.training.runs import Run
from cofinal.training.stack import MemberStack

# Seeds of members and epochs are spread so that runs of neighbouring seeds share none.
MEMBER_STRIDE = 1_000
EPOCH_STRIDE = 1_000_003


# What is told after an epoch: the averaged model of each seed.
AfterEpoch = Callable[[list[Ensemble]], None]


def train(
    dataset: Dataset,
    preset: Preset,
    folder: str | Path | None = None,
    show_progress: bool = True,
    after_epoch: AfterEpoch | None = None,
) -> Ensemble:
    """Trains a method on all performances of `dataset`; see `train_seeds`."""
    seeds = (preset.training.seed,)
    return train_seeds(dataset, preset, seeds, folder, show_progress, after_epoch)[0]


def train_seeds(
    dataset: Dataset,
    preset: Preset,
    seeds: Sequence[int],
    folder: str | Path | None = None,
    show_progress: bool = True,
    after_epoch: AfterEpoch | None = None,
) -> list[Ensemble]:
    """Trains a method once for each seed, all seeds at once: one stack, one copy of the data.

    Each seed has its own first weights, order of performances, views and mixed pairs, as if it
    were trained alone; only the draws of dropout come from one generator.

    Args:
        dataset: the training performances.
        preset: method, its settings, and how to train it; its own seed is replaced.
        seeds: one or more.
        folder: run folder; a run found there continues, and a kill loses at most one epoch.
        show_progress: whether to show progress with time left on standard error.
        after_epoch: called with the averaged models after every epoch but costs its time.

    Returns:
        The trained members of each seed, on the CPU, in evaluation mode. A method without
        parameters knows no seeds: all are then the same model.

    Raises:
        CofinalError: no data set, too little data, or `folder` holds another run.
    """
    if len(Dataset.checked(dataset)) < 2:
        raise CofinalError(f"{len(dataset)} training performances; expected at least 2")
    run = Run(folder) if folder is not None else None
    if run:
        run.open(preset, dataset, seeds)
    members = train_members(dataset, preset, seeds, run, show_progress, after_epoch)
    if not members[0].knows_error:
        error_K = held_out_error(dataset, preset)
        for member in members:
            member.learn_error(error_K)
    if not members[0].trains_by_gradient:
        return [Ensemble(members).eval()] * len(seeds)
    return ensembles(members, len(seeds))


def train_members(
    dataset: Dataset,
    preset: Preset,
    seeds: Sequence[int],
    run: Run | None = None,
    show_progress: bool = False,
    after_epoch: AfterEpoch | None = None,
) -> list[AssessmentModel]:
    """The members of all seeds, prepared and trained."""
    with torch.random.fork_rng(devices=[]):
        members = prepare_members(dataset, preset, seeds)
        if members[0].trains_by_gradient:
            staged = stage_clips(dataset, members[0])
            fit(members, staged, dataset, preset.training, seeds, run, show_progress, after_epoch)
    return members


def held_out_error(dataset: Dataset, preset: Preset) -> np.ndarray:
    """Root mean square error (K,) in points on a part that one member was not trained on.

    Where there are too few performances to spare a part, the scores' standard deviation.
    """
    parts = kept_aside(dataset)
    if parts is None:
        spread_K: np.ndarray = dataset.scores.std(0)
        return spread_K
    training, aside = map(dataset.subset, parts)
    single = replace(preset, training=replace(preset.training, members=1))
    model = Ensemble(train_members(training, single, (preset.training.seed,))).eval()
    error_NK = predict_scores(model, aside.clips) - aside.scores
    error_K: np.ndarray = np.sqrt(np.square(error_NK).mean(0))
    return error_K


def ensembles(members: Sequence[AssessmentModel], count: int) -> list[Ensemble]:
    """The members in `count` equal parts, each of which answers as one."""
    size = len(members) // count
    return [Ensemble(members[i * size : (i + 1) * size]).eval() for i in range(count)]


def task_of(dataset: Dataset) -> Task:
    """What a model of this data set reads and predicts."""
    return Task(dataset.channels, dataset.targets, dataset.grades)


def prepare_members(
    dataset: Dataset, preset: Preset, seeds: Sequence[int]
) -> list[AssessmentModel]:
    """Fresh members with everything learned that needs no gradients.

    What is learned without gradients is the same in all members, so it is learned once. A method
    without parameters has one member.
    """
    task = task_of(dataset)
    members: list[AssessmentModel] = []
    for seed, index in product(seeds, range(preset.training.members)):
        torch.manual_seed(seed * MEMBER_STRIDE + index)
        model = build_model(preset, task)
        if not members:
            model.prepare(ClipTensors(dataset.clips), labels_of(dataset, model))
        else:
            model.start_from(members[0])
        members.append(model.eval())
        if not model.trains_by_gradient:
            break
    return members


@torch.no_grad()
def stage_clips(dataset: Dataset, model: AssessmentModel) -> PackedClips | HeldClips:
    """The clips behind the fixed stage of a prepared model, which all members share.

    Without such a stage they stay where they are, in the precision they are stored in.
    """
    if not model.has_fixed_stage():
        return HeldClips(dataset.clips)
    clips = (model.fixed_stage(values) for values in ClipTensors(dataset.clips))
    return PackedClips.of(clips, [len(values) for values in dataset.clips])


def labels_of(dataset: Dataset, model: AssessmentModel) -> Labels[np.ndarray]:
    """The scores, and the judges' marks for a method that learns from these."""
    return Labels(dataset.scores, dataset.marks if model.learns_from_judges else None)


def on_device(labels: Labels[np.ndarray], device: torch.device) -> Labels[Tensor]:
    """The same as float32 tensors on a device."""
    scores_NK, marks_NKJ = (
        None if values is None else torch.from_numpy(values).float().to(device)
        for values in (labels.scores_NK, labels.marks_NKJ)
    )
    assert scores_NK is not None
    return Labels(scores_NK, marks_NKJ)


def fit(
    members: list[AssessmentModel],
    staged: PackedClips | HeldClips,
    dataset: Dataset,
    settings: TrainingSettings,
    seeds: Sequence[int],
    run: Run | None,
    show_progress: bool,
    after_epoch: AfterEpoch | None,
) -> None:
    """Trains the parameters of all members at once and leaves the averaged weights in them."""
    device = choose_device(settings.device, mps=True)
    packed = staged.to(device)
    labels = on_device(labels_of(dataset, members[0]), device)
    stack = MemberStack([member.to(device) for member in members], settings.averaging)
    optimizer = build_optimizer(stack.parameters, settings)
    metrics = take_over(run, stack, optimizer) if run else []
    with track("training", settings.epochs, show_progress) as advance:
        for epoch in range(len(metrics), settings.epochs):
            started = time.monotonic()
            losses = train_epoch(stack, optimizer, packed, labels, settings, seeds, epoch)
            seconds = round(time.monotonic() - started, 3)
            metrics.append({"epoch": epoch + 1, "seconds": seconds, "loss": losses})
            if run:
                state = {"stack": stack.state(), "optimizer": optimizer.state_dict()}
                run.save(epoch + 1, state, metrics)
            if after_epoch:
                stack.write_to(members)
                after_epoch(ensembles(members, len(seeds)))
            advance(epoch + 1, f"loss {sum(losses.values()):.3f}")
    stack.write_to(members)
    for member in members:
        member.cpu().finish(staged.performances())


def take_over(
    run: Run, stack: MemberStack, optimizer: torch.optim.Optimizer
) -> list[dict[str, Any]]:
    """Goes on where a killed run stopped, if there is one; returns the log of its epochs.

    Raises:
        CofinalError: a checkpoint that is damaged, or of another training.
    """
    saved = run.load()
    if saved is None:
        return []
    try:
        stack.load_state(saved["state"]["stack"])
        take_state(optimizer, saved["state"]["optimizer"])
        metrics: list[dict[str, Any]] = json.loads(json.dumps(saved["metrics"]))
        epochs = [line["epoch"] for line in metrics]
        if epochs != list(range(1, len(metrics) + 1)) or saved["epoch"] != len(metrics):
            raise ValueError("its log has other epochs")
    except (LookupError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise CofinalError(
            f"{run.checkpoint} does not fit this training ({error}); remove it to start again"
        ) from error
    return metrics


def train_epoch(
    stack: MemberStack,
    optimizer: torch.optim.Optimizer,
    packed: PackedClips | HeldClips,
    labels: Labels[Tensor],
    settings: TrainingSettings,
    seeds: Sequence[int],
    epoch: int,
) -> dict[str, float]:
    """One pass over the performances; returns the mean of each loss term.

    All randomness follows from seed and epoch, so a continued run repeats an uninterrupted one.
    """
    torch.manual_seed(seeds[0] * EPOCH_STRIDE + epoch)
    batches = math.ceil(len(packed.length_N) / settings.batch_size)
    sums: dict[str, float] = {}
    for index, drawn in enumerate(epoch_batches(packed, labels, settings, seeds, epoch)):
        step = epoch * batches + index
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, batches * settings.epochs, settings)
        with torch.autocast(packed.device.type, torch.bfloat16, settings.precision == "bfloat16"):
            losses = stack.loss(drawn)
        means = {name: float(value.detach().mean()) for name, value in losses.items()}
        if not math.isfinite(sum(means.values())):
            # Now, not after the epoch: weights that are no numbers have no place in a grade.
            raise CofinalError(
                f"the loss is not finite in epoch {epoch + 1}; lower training.learning_rate "
                f"({settings.learning_rate:g}) and run `cofinal data check`"
            )
        # Members share nothing, so the gradient of the sum is each member's own gradient.
        total = torch.stack([value.sum() for value in losses.values()]).sum()
        total.backward()
        if settings.clip_gradient:
            stack.clip_gradients(settings.clip_gradient)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)  # now, so that the next forward pass has the room
        stack.update_average(step)
        for name, mean in means.items():
            sums[name] = sums.get(name, 0.0) + mean / batches
    return sums


def epoch_batches(
    packed: PackedClips | HeldClips,
    labels: Labels[Tensor],
    settings: TrainingSettings,
    seeds: Sequence[int],
    epoch: int,
) -> Iterator[list[Batch]]:
    """The batches of one epoch, for each seed one in its own order and with its own views."""
    generators = [torch.Generator().manual_seed(seed * EPOCH_STRIDE + epoch) for seed in seeds]
    performances = len(packed.length_N)
    orders = [
        torch.randperm(performances, generator=generator).split(settings.batch_size)
        for generator in generators
    ]
    for rows in zip(*orders, strict=True):
        yield [
            draw_batch(packed, labels, rows_B, settings, generator)
            for rows_B, generator in zip(rows, generators, strict=True)
        ]
