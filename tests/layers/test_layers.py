"""Frame, attention, summaries and whitening against closed forms and plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from torch import nn

from cofinal.errors import CofinalError
from cofinal.layers.attention import Attention, relative_time_code
from cofinal.layers.etf import simplex_etf
from cofinal.layers.summary import equal_segments, soft_segments, time_average
from cofinal.layers.whitening import ClipWhitening, mean_and_covariance


@pytest.mark.parametrize(("sub_grades", "width"), [(2, 2), (3, 8), (10, 32), (100, 100)])
def test_frame_has_unit_vectors_with_equal_angles(sub_grades: int, width: int) -> None:
    etf_SE = simplex_etf(sub_grades, width, torch.Generator().manual_seed(1))
    cosines = (etf_SE @ etf_SE.T).numpy()
    expected = np.full((sub_grades, sub_grades), -1 / (sub_grades - 1))
    np.fill_diagonal(expected, 1.0)
    np.testing.assert_allclose(cosines, expected, atol=1e-5)


@pytest.mark.parametrize(("sub_grades", "width"), [(1, 4), (5, 4)])
def test_impossible_frames_get_a_sentence(sub_grades: int, width: int) -> None:
    with pytest.raises(CofinalError, match="no simplex frame"):
        simplex_etf(sub_grades, width)


def test_attention_equals_pytorchs_own() -> None:
    torch.manual_seed(0)
    mine, theirs = Attention(12, 3), nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([mine.to_query.weight, mine.to_key_value.weight]))
        theirs.in_proj_bias.copy_(torch.cat([mine.to_query.bias, mine.to_key_value.bias]))
        theirs.out_proj.load_state_dict(mine.to_output.state_dict())
        query, memory = torch.randn(2, 4, 12), torch.randn(2, 7, 12)
        mask = torch.tensor([[True] * 7, [True] * 3 + [False] * 4])
        answer, share = mine(query, memory, mask)
        expected, expected_share = theirs(query, memory, memory, key_padding_mask=~mask)
    torch.testing.assert_close(answer, expected, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(share, expected_share, atol=1e-6, rtol=1e-5)


def test_width_that_heads_do_not_divide_gets_a_sentence() -> None:
    with pytest.raises(CofinalError, match="10 is not divisible by 4"):
        Attention(10, 4)


def test_time_code_depends_on_relative_time_alone() -> None:
    mask = torch.tensor([[True] * 8, [True] * 4 + [False] * 4])
    code = relative_time_code(mask, 6)
    # The second of four clips has its middle at 0.375 of the performance.
    angle = 0.375 * math.pi / 8
    assert code[1, 1, 0].item() == pytest.approx(math.sin(angle), abs=1e-6)
    assert code[1, 1, 3].item() == pytest.approx(math.cos(angle), abs=1e-6)
    assert torch.isfinite(code).all()


def test_summaries_equal_plain_loops() -> None:
    torch.manual_seed(0)
    clips, mask = torch.randn(2, 6, 3), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    clips[1, 4:] = torch.nan_to_num(torch.full((2, 3), 1e6))
    average, parts = time_average(clips, mask), soft_segments(clips, mask, 3)
    for row, length in enumerate((6, 4)):
        valid = clips[row, :length].numpy()
        np.testing.assert_allclose(average[row], valid.mean(0), rtol=1e-4, atol=1e-5)
        for part in range(3):
            place = (np.arange(length) + 0.5) / length
            weight = np.exp(-0.5 * ((place - (part + 0.5) / 3) * 3) ** 2)
            expected = (weight[:, None] * valid).sum(0) / weight.sum()
            np.testing.assert_allclose(parts[row, part], expected, rtol=1e-4, atol=1e-5)


def test_whitening_equals_scikit_learns_principal_components() -> None:
    rng = np.random.default_rng(0)
    clips = rng.normal(size=(200, 6)) @ rng.normal(size=(6, 6)) + 3
    layer = ClipWhitening(6, 3, exponent=1.0)
    layer.fit([torch.from_numpy(clips[:80]), torch.from_numpy(clips[80:])])
    mine = layer(torch.from_numpy(clips).float()).numpy()
    theirs = PCA(3, whiten=True).fit_transform(clips)
    correlation = np.abs(np.corrcoef(mine.T, theirs.T)[:3, 3:])
    np.testing.assert_allclose(np.sort(correlation.max(0)), 1.0, atol=1e-4)
    np.testing.assert_allclose(mine.var(0), 1.0, rtol=0.02)


def test_running_covariance_is_numpys_also_far_from_zero() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(loc, 1e-3, (rows, 5)) + 1e4 for loc, rows in ((0, 1), (2, 7), (-1, 40))]
    mean_C, covariance_CC = mean_and_covariance(map(torch.from_numpy, parts), 5)
    every = np.concatenate(parts)
    np.testing.assert_allclose(mean_C.numpy(), every.mean(0), rtol=1e-14)
    np.testing.assert_allclose(covariance_CC.numpy(), np.cov(every.T), rtol=1e-9, atol=1e-12)


def test_whitening_of_constant_clips_stays_finite() -> None:
    layer = ClipWhitening(4, 4)
    layer.fit([torch.ones(5, 4)])
    assert torch.isfinite(layer(torch.ones(2, 4))).all()


@pytest.mark.parametrize(("clips", "segments"), [(1, 4), (3, 4), (8, 4), (13, 5), (7, 1)])
def test_equal_segments_are_means_of_finely_cut_clips(clips: int, segments: int) -> None:
    """Every clip cut in as many slices as there are segments divides without a rest."""
    clips_TC = torch.randn(clips, 3)
    slices = clips_TC.repeat_interleave(segments, 0)
    expected_PC = slices.reshape(segments, clips, 3).mean(1)
    padded_BTC = torch.cat([clips_TC, torch.full((4, 3), 100.0)]).unsqueeze(0)
    mask_BT = (torch.arange(clips + 4) < clips).unsqueeze(0)
    parts_BPC = equal_segments(padded_BTC, mask_BT, segments)
    torch.testing.assert_close(parts_BPC[0], expected_PC, atol=1e-5, rtol=1e-5)
    average_BC = time_average(padded_BTC, mask_BT)
    torch.testing.assert_close(parts_BPC.mean(1), average_BC, atol=1e-5, rtol=1e-5)
