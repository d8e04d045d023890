"""An LSTM, with or without skipped steps, in plain tensor operations.

PyTorch's own recurrence cannot be batched over models (`torch.func.vmap`); this one can.

Letters: B videos, T steps, I input width, D state width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def round_through(share: Tensor) -> Tensor:
    """Rounds to 0 or 1, but lets the gradient through as if it did not."""
    return share + (share.round() - share).detach()


class Lstm(nn.Module):
    """Reads a sequence and answers its last state; gates in PyTorch's order (i, f, g, o).

    With `skips` a gate decides at each step whether the state is updated or kept, and how soon the
    next update comes: every step raises the update's probability by an amount that the last state
    chose. Paper: Campos et al., ICLR 2018 (Skip RNN, equations 1 to 5).
    """

    def __init__(self, inputs: int, width: int, skips: bool = False) -> None:
        super().__init__()
        self.from_input = nn.Linear(inputs, 4 * width)
        self.from_state = nn.Linear(width, 4 * width, bias=False)
        self.to_raise = nn.Linear(width, 1) if skips else None
        if self.to_raise is not None:
            nn.init.ones_(self.to_raise.bias)  # at first no step is skipped

    def forward(self, sequence_BTI: Tensor) -> Tensor:
        """Returns the last state (B, D)."""
        gates_BTG = self.from_input(sequence_BTI)
        state_BD = gates_BTG.new_zeros(gates_BTG.shape[0], self.from_state.in_features)
        cell_BD, update_B1 = state_BD, state_BD.new_ones(state_BD.shape[0], 1)
        for gates_BG in gates_BTG.unbind(1):
            next_state_BD, next_cell_BD = self.step(gates_BG, state_BD, cell_BD)
            if self.to_raise is None:
                state_BD, cell_BD = next_state_BD, next_cell_BD
                continue
            moves_B1 = round_through(update_B1)
            state_BD = torch.lerp(state_BD, next_state_BD, moves_B1)
            cell_BD = torch.lerp(cell_BD, next_cell_BD, moves_B1)
            raise_B1 = self.to_raise(cell_BD).sigmoid()
            waiting_B1 = (update_B1 + raise_B1).clamp(max=1)
            update_B1 = torch.lerp(waiting_B1, raise_B1, moves_B1)
        return state_BD

    def step(self, gates_BG: Tensor, state_BD: Tensor, cell_BD: Tensor) -> tuple[Tensor, Tensor]:
        """The usual LSTM step: next state and cell, from the input's share of the gates."""
        add, keep, value, show = (gates_BG + self.from_state(state_BD)).chunk(4, -1)
        cell_BD = keep.sigmoid() * cell_BD + add.sigmoid() * value.tanh()
        return show.sigmoid() * cell_BD.tanh(), cell_BD
