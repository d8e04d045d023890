"""Members of an ensemble as one stack of tensors, trained by one batched pass.

Letters: M members; every stacked tensor has M as its first dimension.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.optim.swa_utils import get_ema_multi_avg_fn

from cofinal.models.interface import AssessmentModel
from cofinal.training.batches import Batch, stack_batches

# A model of more parameters fills the processors alone. An epoch of eight seeds at once on two
# cores, beside one after the other, is 1.3 times as fast with 108,000 parameters (`cofinal`), and
# .64 times with 6,300,000 (`gdlt`); see benchmarks/seeds_at_once.json.
MOST_PARAMETERS_STACKED = 1_000_000


def trains_faster_alone(model: nn.Module) -> bool:
    """Whether several such models train faster one after the other than as one stack."""
    return sum(p.numel() for p in model.parameters()) > MOST_PARAMETERS_STACKED


def first(stacked: dict[str, Tensor]) -> dict[str, Tensor]:
    """The first member's tensors."""
    return {name: tensor[0] for name, tensor in stacked.items()}


class _Loss(nn.Module):
    """Makes the loss of a batch the forward pass, which is what `functional_call` calls."""

    def __init__(self, model: AssessmentModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, *batch: Tensor) -> dict[str, Tensor]:
        return Batch(*batch).loss(self.model)


class MemberStack:
    """M models of the same shape; their losses, parameters and running averages."""

    def __init__(self, members: Sequence[AssessmentModel], averaging: float) -> None:
        losses = [_Loss(member).train() for member in members]
        parameters, self.buffers = stack_module_state(losses)
        self.parameters = {k: v.detach().requires_grad_() for k, v in parameters.items()}
        self.averaging = averaging
        # Without averaging the average is the weights themselves, not a copy.
        kept = {k: v.detach() for k, v in self.parameters.items()}
        self.average = {k: v.clone() for k, v in kept.items()} if averaging else kept
        self._skeleton = deepcopy(losses[0]).to("meta").train()

    def loss(self, batches: Sequence[Batch]) -> dict[str, Tensor]:
        """Loss terms of every member: name -> (M,).

        Args:
            batches: one that all members see, or S of them: members come in S equal parts, each
                of which sees its own.
        """

        def of_member(
            parameters: dict[str, Tensor], buffers: dict[str, Tensor], batch: tuple[Tensor, ...]
        ) -> dict[str, Tensor]:
            terms: dict[str, Tensor] = functional_call(self._skeleton, (parameters, buffers), batch)
            return terms

        members = len(next(iter(self.parameters.values())))
        if members == 1:
            # One model needs no vmap, whose batched products cost twice the time on a CPU.
            alone = of_member(first(self.parameters), first(self.buffers), batches[0].tensors)
            return {name: value.unsqueeze(0) for name, value in alone.items()}
        shared = len(batches) == 1
        seen = batches[0].tensors if shared else stack_batches(batches, members // len(batches))
        # PyTorch's own attention layers have a batching rule for the plain kernel only.
        with sdpa_kernel(SDPBackend.MATH):
            apply = vmap(of_member, in_dims=(0, 0, None if shared else 0), randomness="different")
            return apply(self.parameters, self.buffers, seen)

    @torch.no_grad()
    def clip_gradients(self, largest: float) -> None:
        """Limits each member's gradient norm, as if it were trained alone."""
        gradients = [p.grad for p in self.parameters.values() if p.grad is not None]
        squares_PM = torch.stack([g.square().reshape(len(g), -1).sum(1) for g in gradients])
        norm_M = squares_PM.sum(0).sqrt()
        factor_M = (largest / norm_M.clamp(min=1e-12)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor_M.view(-1, *[1] * (gradient.dim() - 1)))

    @torch.no_grad()
    def update_average(self, step: int) -> None:
        """Exponential average of the weights, with a short memory in the first steps."""
        if not self.averaging:
            return
        decay = min(self.averaging, (1 + step) / (10 + step))
        move = get_ema_multi_avg_fn(decay)
        move(list(self.average.values()), [p.detach() for p in self.parameters.values()], step)

    @torch.no_grad()
    def write_to(self, members: Sequence[AssessmentModel]) -> None:
        """Copies averaged weights and buffers into the members."""
        state = {**self.average, **self.buffers}
        for index, member in enumerate(members):
            member.load_state_dict(
                {name.removeprefix("model."): tensor[index] for name, tensor in state.items()},
                strict=False,  # buffers that are not saved (fixed weights) are not in the state
            )
            member.eval()

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Everything that changes in training, for a checkpoint."""
        return {"parameters": self.parameters, "average": self.average, "buffers": self.buffers}

    @torch.no_grad()
    def load_state(self, state: dict[str, dict[str, Tensor]]) -> None:
        """Takes over a checkpoint; raises ValueError for one of another shape."""
        for part, tensors in self.state().items():
            for name, tensor in tensors.items():
                found = state[part][name]
                if found.shape != tensor.shape:  # one member would be copied into all of them
                    expected = tuple(tensor.shape)
                    raise ValueError(f"{name} has shape {tuple(found.shape)}, expected {expected}")
                if not found.isfinite().all():
                    raise ValueError(f"{name} holds a value that is not finite")
                tensor.copy_(found)
