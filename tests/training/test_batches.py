"""Training batches: which clips are seen, and how performances are mixed."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cofinal.config import TrainingSettings
from cofinal.models.interface import Labels
from cofinal.training.batches import (
    Batch,
    HeldClips,
    PackedClips,
    choose_clips,
    draw_batch,
    stretch,
)

lengths = st.lists(st.integers(1, 40), min_size=1, max_size=8)
seeds = st.integers(0, 10_000)
PLAIN = TrainingSettings(view="whole", mixing=0.0, channel_dropout=0.0)


def seeded(seed: int) -> torch.Generator:
    """A generator."""
    return torch.Generator().manual_seed(seed)


def choose(length: list[int], seed: int = 0, **settings: Any) -> tuple[Tensor, Tensor]:
    """Chosen clip numbers and their mask."""
    return choose_clips(torch.tensor(length), TrainingSettings(**settings), seeded(seed))


def rows(chosen: tuple[Tensor, Tensor]) -> list[list[int]]:
    """The valid clip numbers of each performance; checks that they come first."""
    clip_BT, mask_BT = chosen
    count_B = mask_BT.sum(1)
    assert torch.equal(mask_BT, torch.arange(mask_BT.shape[1]) < count_B.unsqueeze(1))
    return [row[:count].tolist() for row, count in zip(clip_BT, count_B.tolist(), strict=True)]


def packed_and_plain(length: list[int], channels: int = 3) -> tuple[PackedClips, list[Tensor]]:
    """Performances as a list and packed; every number in them differs."""
    values = torch.arange(1.0, sum(length) * channels + 1).view(-1, channels)
    clips = list(values.split(length))
    return PackedClips.of(clips, length), clips


def draw(length: list[int], seed: int = 0, **settings: Any) -> tuple[Batch, list[Tensor], Tensor]:
    """A batch of all performances in order, their clips, and their scores."""
    packed, clips = packed_and_plain(length)
    scores = torch.arange(1.0, len(length) + 1).unsqueeze(1) ** 2
    chosen = replace(PLAIN, **settings)
    order = torch.arange(len(length))
    return draw_batch(packed, Labels(scores), order, chosen, seeded(seed)), clips, scores


@given(lengths)
def test_whole_shows_every_clip_in_order(length: list[int]) -> None:
    assert rows(choose(length, view="whole")) == [list(range(count)) for count in length]


@given(lengths, seeds, st.integers(1, 30))
def test_a_window_is_a_run_of_clips_and_whole_where_shorter(
    length: list[int], seed: int, clips: int
) -> None:
    chosen = choose(length, seed, view="window", view_clips=clips)
    assert chosen[0].shape == (len(length), clips)
    for row, count in zip(rows(chosen), length, strict=True):
        assert row == list(range(row[0], row[0] + min(count, clips)))
        assert row[-1] < count


def test_every_window_is_drawn_the_last_one_too_and_equally_often() -> None:
    clip_BT, _ = choose([10] * 6000, view="window", view_clips=7)
    counts = torch.bincount(clip_BT[:, 0], minlength=4)
    assert len(counts) == 4
    # 1500 expected each, with standard deviation 34.
    assert (counts - 1500).abs().max() < 170


@given(lengths, seeds, st.integers(1, 50))
def test_a_subset_keeps_order_and_size_and_is_whole_where_shorter(
    length: list[int], seed: int, clips: int
) -> None:
    chosen = choose(length, seed, view="subset", view_clips=clips)
    assert chosen[0].shape[1] == min(max(length), clips)
    for row, count in zip(rows(chosen), length, strict=True):
        assert row == sorted(set(row))
        assert row[0] >= 0 and row[-1] < count
        assert len(row) == min(count, clips)


def test_every_clip_is_in_a_subset_equally_often() -> None:
    chosen = choose([10] * 3000 + [17], view="subset", view_clips=3)
    counts = torch.bincount(torch.tensor(rows(chosen)[:-1]).flatten(), minlength=10)
    assert counts.sum() == 9000
    # 900 expected each, with standard deviation 25.
    assert (counts - 900).abs().max() < 125


@pytest.mark.parametrize("view", ["subset", "window"])
def test_the_generator_alone_decides(view: str) -> None:
    length = [30, 20, 25]
    again = [rows(choose(length, seed, view=view, view_clips=9)) for seed in (1, 1, 2)]
    assert again[0] == again[1] != again[2]


@given(lengths, seeds)
def test_gathering_is_plain_indexing_and_zero_behind(length: list[int], seed: int) -> None:
    packed, clips = packed_and_plain(length)
    order = torch.randperm(len(length), generator=seeded(seed))
    settings = TrainingSettings(view="subset", view_clips=9)
    clip_BT, mask_BT = choose_clips(packed.length_N[order], settings, seeded(seed))
    gathered_BTC = packed.gather(order, clip_BT, mask_BT)
    held = HeldClips([values.numpy() for values in clips])
    assert torch.equal(held.gather(order, clip_BT, mask_BT), gathered_BTC)
    assert torch.equal(held.to(torch.device("meta")).length_N, packed.length_N)
    for b, n in enumerate(order.tolist()):
        valid = mask_BT[b]
        assert torch.equal(gathered_BTC[b, valid], clips[n][clip_BT[b, valid]])
        assert not gathered_BTC[b, ~valid].any()


def test_packing_holds_one_performance_at_a_time_beside_the_packed() -> None:
    alive: list[weakref.ref[Tensor]] = []

    def made() -> Iterator[Tensor]:
        for i in range(9):
            assert sum(one() is not None for one in alive) <= 1
            values = torch.full((i + 1, 3), float(i), dtype=torch.float16)
            alive.append(weakref.ref(values))
            yield values
            del values

    packed = PackedClips.of(made(), range(1, 10))
    assert packed.clips_PC.dtype == torch.float16
    assert packed.clips_PC[:, 0].tolist() == [float(i) for i in range(9) for _ in range(i + 1)]
    row, first = torch.tensor([4]), torch.zeros(1, 1, dtype=torch.long)
    gathered_BTC = packed.gather(row, first, torch.ones(1, 1, dtype=torch.bool))
    assert gathered_BTC.dtype == torch.float32 and gathered_BTC.tolist() == [[[4.0] * 3]]


@given(lengths)
def test_stretching_to_oneself_changes_nothing(length: list[int]) -> None:
    batch, _, _ = draw(length)
    own = stretch(batch.clips_BTC, batch.mask_BT, torch.arange(len(length)))
    assert torch.equal(own, batch.clips_BTC)


@given(st.lists(st.integers(2, 40), min_size=2, max_size=6), seeds)
def test_a_stretched_partner_runs_from_beginning_to_end_at_even_pace(
    length: list[int], seed: int
) -> None:
    position_BT1 = torch.arange(max(length)).expand(len(length), -1).unsqueeze(-1).float()
    mask_BT = torch.arange(max(length)) < torch.tensor(length).unsqueeze(1)
    partner_B = torch.randperm(len(length), generator=seeded(seed))
    seen = stretch(position_BT1, mask_BT, partner_B).squeeze(-1)
    for b, own in enumerate(length):
        partner = length[int(partner_B[b])]
        assert not seen[b, own:].any()
        for t, clip in enumerate(seen[b, :own].tolist()):
            assert abs(clip - t * partner / own) <= 1 and clip < partner


def test_a_plain_batch_is_the_performances_and_their_scores() -> None:
    batch, clips, scores = draw([4, 2])
    assert torch.equal(batch.clips_BTC[0], clips[0])
    assert torch.equal(batch.clips_BTC[1, :2], clips[1])
    assert torch.equal(batch.scores_BK, scores)
    assert batch.mask_BT.tolist() == [[True] * 4, [True] * 2 + [False] * 2]


@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), seeds)
def test_mixed_clips_and_scores_share_one_proportion_and_one_partner(
    length: list[int], seed: int
) -> None:
    batch, _, scores = draw(length, seed, mixing=1.0)
    plain, _, _ = draw(length)
    # Scores are squares of 1, 2, ...: partner and proportion can be recovered by trying.
    repeat = seeded(seed)
    partner_B = torch.randperm(len(length), generator=repeat)
    other_BK = scores[partner_B]
    differs = (scores != other_BK).squeeze(1)
    share_B = ((batch.scores_BK - other_BK) / (scores - other_BK)).squeeze(1)[differs]
    if not len(share_B):
        return
    share = float(share_B[0])
    assert -1e-4 <= share <= 1 + 1e-4
    torch.testing.assert_close(share_B, torch.full_like(share_B, share), atol=1e-4, rtol=0)
    partner_BTC = stretch(plain.clips_BTC, plain.mask_BT, partner_B)
    expected = share * plain.clips_BTC + (1 - share) * partner_BTC
    torch.testing.assert_close(batch.clips_BTC, expected, atol=0.05, rtol=1e-3)


@given(st.lists(st.integers(1, 12), min_size=2, max_size=6), seeds, st.floats(0.2, 5))
def test_mixing_stays_between_the_extremes_and_off_the_padding(
    length: list[int], seed: int, mixing: float
) -> None:
    batch, clips, scores = draw(length, seed, mixing=mixing)
    assert scores.min() - 1e-3 <= batch.scores_BK.min()
    assert batch.scores_BK.max() <= scores.max() + 1e-3
    assert batch.clips_BTC.max() <= torch.cat(clips).max() * 1.001
    assert not batch.clips_BTC[~batch.mask_BT].any()


def test_channels_are_blanked_for_a_whole_performance_and_the_rest_scaled_up() -> None:
    packed = PackedClips.of([torch.ones(5, 1000)] * 4, [5] * 4)
    settings = replace(PLAIN, channel_dropout=0.25)
    batch = draw_batch(packed, Labels(torch.ones(4, 1)), torch.arange(4), settings, seeded(0))
    assert torch.equal(batch.clips_BTC, batch.clips_BTC[:, :1].expand(-1, 5, -1))
    first_BC = batch.clips_BTC[:, 0]
    assert first_BC.unique().tolist() == pytest.approx([0, 4 / 3])
    # 250 of 1000 expected, with standard deviation 14.
    assert ((first_BC == 0).sum(1) - 250).abs().max() < 70
    assert not torch.equal(first_BC[0], first_BC[1])


@pytest.mark.parametrize("view", ["subset", "window", "whole"])
def test_a_batch_repeats_with_its_generator_whatever_the_global_state(view: str) -> None:
    settings = {"view": view, "mixing": 1.0, "channel_dropout": 0.3, "view_clips": 5}
    torch.manual_seed(1)
    first, _, _ = draw([9, 12, 7], 4, **settings)
    torch.manual_seed(2)
    same, _, _ = draw([9, 12, 7], 4, **settings)
    other, _, _ = draw([9, 12, 7], 5, **settings)
    assert torch.equal(first.clips_BTC, same.clips_BTC)
    assert torch.equal(first.scores_BK, same.scores_BK)
    assert first.clips_BTC.shape != other.clips_BTC.shape or not torch.equal(
        first.clips_BTC, other.clips_BTC
    )
