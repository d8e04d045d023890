"""The plain post-norm layers against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cofinal.layers.postnorm import OneHeadAttention, PostNormDecoderLayer, PostNormEncoderLayer

B, T, Q, D = 3, 11, 4, 8


@pytest.fixture
def clips() -> torch.Tensor:
    return torch.randn(B, T, D, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mask() -> torch.Tensor:
    return torch.arange(T) < torch.tensor([[T], [5], [1]])


def test_the_encoder_layer_is_pytorchs(clips: torch.Tensor, mask: torch.Tensor) -> None:
    theirs = nn.TransformerEncoderLayer(D, 1, 3 * D, dropout=0.0, batch_first=True)
    ours = PostNormEncoderLayer(D, 3 * D, 0.0)
    ours.load_state_dict(theirs.state_dict())
    expected_BTD = theirs(clips, src_key_padding_mask=~mask)
    torch.testing.assert_close(ours(clips, mask)[mask], expected_BTD[mask])


def test_the_decoder_layer_is_pytorchs(clips: torch.Tensor, mask: torch.Tensor) -> None:
    theirs = nn.TransformerDecoderLayer(D, 1, 3 * D, dropout=0.0, batch_first=True)
    ours = PostNormDecoderLayer(D, 3 * D, 0.0)
    ours.load_state_dict(theirs.state_dict())
    query_BQD = torch.randn(B, Q, D, generator=torch.Generator().manual_seed(1))
    expected_BQD = theirs(query_BQD, clips, memory_key_padding_mask=~mask)
    torch.testing.assert_close(ours(query_BQD, clips, mask)[0], expected_BQD)


def test_attention_is_pytorchs(clips: torch.Tensor, mask: torch.Tensor) -> None:
    theirs = nn.MultiheadAttention(D, 1, batch_first=True)
    ours = OneHeadAttention(D, 0.0)
    ours.load_state_dict(theirs.state_dict())
    expected = theirs(clips, clips, clips, key_padding_mask=~mask)
    for mine, other in zip(ours(clips, clips, mask), expected, strict=True):
        torch.testing.assert_close(mine, other)


def test_first_weights_are_drawn_as_pytorch_draws_them() -> None:
    theirs = nn.MultiheadAttention(64, 1, batch_first=True).state_dict()
    for name, tensor in OneHeadAttention(64, 0.0).state_dict().items():
        assert tensor.shape == theirs[name].shape
        assert float(tensor.std()) == pytest.approx(float(theirs[name].std()), rel=0.05, abs=1e-9)


def test_dropout_is_where_pytorchs_is(clips: torch.Tensor, mask: torch.Tensor) -> None:
    """All dropped: only sums and norms remain, in both."""
    theirs = nn.TransformerDecoderLayer(D, 1, 3 * D, dropout=1.0, batch_first=True)
    ours = PostNormDecoderLayer(D, 3 * D, 1.0)
    ours.load_state_dict(theirs.state_dict())
    expected_BTD = theirs(clips, clips, memory_key_padding_mask=~mask)
    torch.testing.assert_close(ours(clips, clips, mask)[0], expected_BTD)
