"""The recurrence against PyTorch's LSTM: step by step, and on the steps that are not skipped."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cofinal.layers.recurrence import Lstm, round_through


def pair(skips: bool, seed: int = 0) -> tuple[Lstm, nn.LSTM]:
    """Ours and PyTorch's with the same weights."""
    torch.manual_seed(seed)
    mine, theirs = Lstm(5, 4, skips), nn.LSTM(5, 4, batch_first=True)
    with torch.no_grad():
        theirs.weight_ih_l0.copy_(mine.from_input.weight)
        theirs.weight_hh_l0.copy_(mine.from_state.weight)
        theirs.bias_ih_l0.copy_(mine.from_input.bias)
        theirs.bias_hh_l0.zero_()
    return mine, theirs


def last_state(lstm: nn.LSTM, sequence_BTI: torch.Tensor) -> torch.Tensor:
    state: torch.Tensor = lstm(sequence_BTI)[1][0][0]
    return state


@pytest.mark.parametrize("steps", [1, 2, 17])
def test_without_skips_it_is_pytorchs_lstm(steps: int) -> None:
    mine, theirs = pair(skips=False)
    sequence_BTI = torch.randn(3, steps, 5)
    torch.testing.assert_close(mine(sequence_BTI), last_state(theirs, sequence_BTI))


def test_a_fresh_gate_skips_nothing() -> None:
    mine, theirs = pair(skips=True)
    with torch.no_grad():
        mine.to_raise.weight.zero_()  # type: ignore[union-attr]
    sequence_BTI = torch.randn(3, 9, 5)
    torch.testing.assert_close(mine(sequence_BTI), last_state(theirs, sequence_BTI))


@pytest.mark.parametrize(("rise", "every"), [(0.9, 1), (0.3, 2), (0.2, 3), (0.11, 5)])
def test_a_constant_rise_updates_every_so_many_steps(rise: float, every: int) -> None:
    """The update comes as soon as the rises since the last one add up to more than one half."""
    mine, theirs = pair(skips=True)
    with torch.no_grad():
        mine.to_raise.weight.zero_()  # type: ignore[union-attr]
        mine.to_raise.bias.fill_(torch.logit(torch.tensor(rise)).item())  # type: ignore[union-attr]
    sequence_BTI = torch.randn(3, 19, 5)
    expected_BD = last_state(theirs, sequence_BTI[:, ::every])
    torch.testing.assert_close(mine(sequence_BTI), expected_BD)


def test_each_video_skips_by_its_own_gate() -> None:
    mine, _ = pair(skips=True, seed=1)
    with torch.no_grad():
        mine.to_raise.weight.mul_(20)  # type: ignore[union-attr]
    sequence_BTI = torch.randn(6, 15, 5) * 3
    alone_BD = torch.cat([mine(one.unsqueeze(0)) for one in sequence_BTI])
    torch.testing.assert_close(mine(sequence_BTI), alone_BD)


def test_rounding_lets_the_gradient_through() -> None:
    share = torch.tensor([0.2, 0.7], requires_grad=True)
    rounded = round_through(share)
    assert rounded.tolist() == pytest.approx([0.0, 1.0])
    (rounded * torch.tensor([3.0, 5.0])).sum().backward()
    assert share.grad is not None and share.grad.tolist() == [3.0, 5.0]


def test_the_gate_is_trained() -> None:
    mine, _ = pair(skips=True)
    mine(torch.randn(3, 9, 5)).square().sum().backward()
    assert mine.to_raise is not None and mine.to_raise.weight.grad is not None
    assert (mine.to_raise.weight.grad != 0).any()
