"""What every method must hold, whatever it is: the package's own checks over every method."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cofinal.config import Preset
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.methods import method_names, settings_class
from cofinal.models.interface import pad_clips
from cofinal.testing import (
    METHOD_CHECKS,
    TOLERANCE,
    TRAINING,
    make_clips,
    prepared_model,
    scores,
)
from cofinal.training.loop import train

# Settings that make the checks quick.
SMALL = {
    "cofinal": {
        "width": 8,
        "heads": 2,
        "principal_components": 5,
        "sub_grades": 4,
        "embedding_width": 6,
        "grades": 3,
    },
    "cofinal-released": {"width": 8},
    "gdlt": {"width": 8, "queries": 3},
    "usdl": {"width": 8, "bins": 11},
    "musdl": {"width": 8, "bins": 11, "seats": 2},
    "ms-lstm": {"width": 6, "parts": 10, "rows": 3, "principal_components": 5},
    "action-net": {"width": 8, "principal_components": 5},
    "dae": {"width": 8},
    "hgcn": {"width": 8, "principal_components": 6, "clips": 5, "scenes": 3},
    "t2cr": {"width": 8, "heads": 2, "principal_components": 5, "clips": 6, "exemplars": 9},
    "phi": {"width": 8, "principal_components": 5, "rank": 4, "steps": 2},
    "core": {"width": 8, "principal_components": 5, "exemplars": 9, "depth": 2, "segments": 3},
}


def small_preset(method: str, **changes: object) -> Preset:
    settings = settings_class(method)(**(SMALL.get(method, {}) | changes))
    return Preset(method, settings, TRAINING)


@pytest.mark.parametrize("check", METHOD_CHECKS)
@pytest.mark.parametrize("method", method_names())
def test_every_method_passes(method: str, check: str) -> None:
    METHOD_CHECKS[check](small_preset(method))


@pytest.mark.parametrize(
    "released",
    [
        "cofinal-released",
        "gdlt",
        "ridge",
        "svr",
        "usdl",
        "musdl",
        "mean",
        "action-net",
        "dae",
        "phi",
    ],
)
def test_order_of_clips_is_unseen_by_methods_that_claim_so(released: str) -> None:
    model, clips = prepared_model(small_preset(released)), make_clips([9])
    shuffled = [clips[0][torch.randperm(9, generator=torch.Generator().manual_seed(2))]]
    torch.testing.assert_close(
        scores(model, clips), scores(model, shuffled), rtol=TOLERANCE, atol=TOLERANCE
    )


def test_constant_labels_get_a_sentence_where_grades_need_a_range(generated: Dataset) -> None:
    constant = replace(generated, scores=np.full_like(generated.scores, 7.0))
    for name in sorted(set(method_names()) - {"cofinal-released", "gdlt"}):
        with pytest.raises(CofinalError, match="training scores are 7"):
            train(constant, small_preset(name), show_progress=False)


@pytest.mark.parametrize(("grades", "sub_grades"), [(1, 3), (2, 4), (7, 20)])
@pytest.mark.parametrize("spacing", ["equal-count", "equal-width"])
def test_cofinal_works_for_any_grades_and_sub_grades(
    grades: int, sub_grades: int, spacing: str
) -> None:
    changes = {"grades": grades, "sub_grades": sub_grades, "spacing": spacing}
    model = prepared_model(small_preset("cofinal", embedding_width=20, **changes))
    assert torch.isfinite(scores(model, make_clips([4, 9]))).all()


@pytest.mark.parametrize("method", method_names())
def test_every_method_is_asked_for_grades(method: str) -> None:
    model = prepared_model(small_preset(method))
    with torch.no_grad():
        distribution = model.distribution(model(*pad_clips(make_clips([7, 3]))))
    assert distribution.grades > 1
    np.testing.assert_allclose(distribution.grade_probabilities.sum(-1), 1.0)
