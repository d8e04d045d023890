"""MS-LSTM: its attention, its scales, its loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from cofinal.config import Preset
from cofinal.errors import CofinalError
from cofinal.layers.losses import row_separation
from cofinal.methods.ms_lstm import MsLstmSettings
from cofinal.models import build_model
from cofinal.models.interface import Labels, StagedClips, Task, pad_clips
from cofinal.models.ms_lstm import SCALES

SETTINGS = MsLstmSettings(principal_components=5, parts=12, rows=3, width=6, dropout=0.0)


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    fresh = build_model(Preset("ms-lstm", SETTINGS), Task(6, ("a", "b")))
    clips = [torch.randn(length, 6) for length in (9, 5, 12)]
    fresh.prepare(clips, Labels(np.array([[5.0, 100.0], [9.0, 300.0], [25.0, 200.0]])))
    return fresh.eval()


def test_row_separation_equals_its_equation() -> None:
    attention = torch.rand(2, 3, 5).softmax(-1)
    total = 0.0
    for rows in attention.numpy():
        for i in range(3):
            for j in range(3):
                total += (float(rows[i] @ rows[j]) - (i == j)) ** 2
    assert row_separation(attention).item() == pytest.approx(total / 2, rel=1e-5)
    sharp = torch.eye(5)[:3].unsqueeze(0)
    assert row_separation(sharp).item() == 0


def test_order_of_clips_counts(model: Any) -> None:
    clips = torch.randn(15, 6)
    with torch.no_grad():
        forth, back = (model.score(model(*pad_clips([c]))) for c in (clips, clips.flip(0)))
    assert (forth - back).abs().max() > 1e-4


def test_repeated_clips_change_nothing(model: Any) -> None:
    """A performance sampled three times as densely has the same equal parts."""
    clips = torch.randn(10, 6)
    with torch.no_grad():
        once, thrice = (
            model.score(model(*pad_clips([c]))) for c in (clips, clips.repeat_interleave(3, 0))
        )
    torch.testing.assert_close(once, thrice, rtol=1e-4, atol=1e-4)


def test_attention_is_over_the_parts_and_every_scale_is_read(model: Any) -> None:
    staged_BTC, mask_BT = pad_clips([torch.randn(9, 5), torch.randn(4, 5)])
    points_BK, attention_BRP = model.look(staged_BTC, mask_BT)
    assert attention_BRP.shape == (2, SETTINGS.rows, SETTINGS.parts)
    torch.testing.assert_close(attention_BRP.sum(-1), torch.ones(2, SETTINGS.rows))
    points_BK.sum().backward()
    for convolution in model.multi_scale.convolutions:
        assert convolution.weight.grad.abs().max() > 0
    assert len(model.multi_scale.convolutions) == len(SCALES)


def test_loss_is_the_squared_error_in_deviations_of_the_scores(model: Any) -> None:
    batch = pad_clips([torch.randn(9, 5), torch.randn(4, 5)])
    with torch.no_grad():
        points_BK, _ = model.look(*batch)
        terms = model.training_loss(
            StagedClips(*batch), Labels(points_BK + torch.tensor([2.0, 0.0]))
        )
    deviation = np.std([5.0, 9.0, 25.0])
    assert terms["score"].item() == pytest.approx((2 / deviation) ** 2 / 2, rel=1e-4)
    assert terms["rows"].item() > 0


@pytest.mark.parametrize(
    ("name", "value"), [("parts", 7), ("rows", 0), ("dropout", 1.0), ("row_weight", -1.0)]
)
def test_impossible_settings_get_a_sentence(name: str, value: float) -> None:
    with pytest.raises(CofinalError, match=f"setting {name} is {value}"):
        MsLstmSettings(**{name: value})  # type: ignore[arg-type]
