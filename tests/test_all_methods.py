"""What every method must hold, whatever it is: the same checks over every method there is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from cofinal.config import Preset, TrainingSettings
from cofinal.data.dataset import Dataset
from cofinal.errors import CofinalError
from cofinal.methods import method_names, settings_class
from cofinal.methods.cofinal import CoFInAlSettings
from cofinal.modelfolder.folder import load_model, save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models import build_model
from cofinal.models.ensemble import Ensemble
from cofinal.models.inference import predict_scores
from cofinal.models.interface import AssessmentModel, Task, pad_clips
from cofinal.training.loop import train

CHANNELS = 6
TOLERANCE = 2e-5

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
    "core": {"width": 8, "principal_components": 5, "exemplars": 9, "depth": 2, "segments": 3},
}


def small_preset(method: str, **changes: object) -> Preset:
    settings = settings_class(method)(**(SMALL.get(method, {}) | changes))
    return Preset(method, settings, TrainingSettings(epochs=2, batch_size=4, members=2))


def make_clips(lengths: list[int], seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(length, CHANNELS, generator=generator) for length in lengths]


def prepared_model(method: str, targets: int = 2, **changes: object) -> AssessmentModel:
    torch.manual_seed(0)
    names = tuple(f"target{k}" for k in range(targets))
    model = build_model(small_preset(method, **changes), Task(CHANNELS, names))
    clips = make_clips([9, 5, 12, 7, 10, 6, 8, 11], seed=1)
    rng = np.random.default_rng(0)
    model.prepare(clips, rng.uniform(5, 25, (len(clips), targets)))
    # Fresh networks answer nearly the same for everything; random weights make the checks bite.
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return model.eval()


@torch.no_grad()
def scores(model: AssessmentModel, clips: list[torch.Tensor]) -> torch.Tensor:
    return model.score(model(*pad_clips(clips)))


@pytest.fixture(params=method_names())
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_answer_does_not_depend_on_the_rest_of_the_batch(method: str) -> None:
    model, clips = prepared_model(method), make_clips([7, 3, 11, 1])
    together = scores(model, clips)
    alone = torch.cat([scores(model, [one]) for one in clips])
    torch.testing.assert_close(together, alone, rtol=TOLERANCE, atol=TOLERANCE)


def test_padding_is_invisible_whatever_it_holds(method: str) -> None:
    model, clips = prepared_model(method), make_clips([7, 3])
    clips_BTC, mask_BT = pad_clips(clips)
    wider_BTC = torch.nn.functional.pad(clips_BTC, (0, 0, 0, 4))
    wider_BT = torch.nn.functional.pad(mask_BT, (0, 4))
    dirty_BTC = wider_BTC.masked_fill(~wider_BT.unsqueeze(-1), 100.0)
    with torch.no_grad():
        clean, dirty = model(clips_BTC, mask_BT), model(dirty_BTC, wider_BT)
    torch.testing.assert_close(
        model.score(clean), model.score(dirty), rtol=TOLERANCE, atol=TOLERANCE
    )
    if dirty.attention_BKGT is not None:
        assert (dirty.attention_BKGT[:, :, :, 7:] == 0).all()
        assert (dirty.attention_BKGT[1, :, :, 3:] == 0).all()


def test_order_of_the_batch_permutes_the_answers(method: str) -> None:
    model, clips = prepared_model(method), make_clips([7, 3, 11])
    order = [2, 0, 1]
    permuted = scores(model, [clips[i] for i in order])
    torch.testing.assert_close(
        permuted, scores(model, clips)[order], rtol=TOLERANCE, atol=TOLERANCE
    )


@pytest.mark.parametrize(
    "released",
    ["cofinal-released", "gdlt", "ridge", "svr", "usdl", "musdl", "mean", "action-net"],
)
def test_order_of_clips_is_unseen_by_methods_that_claim_so(released: str) -> None:
    model, clips = prepared_model(released), make_clips([9])
    shuffled = [clips[0][torch.randperm(9, generator=torch.Generator().manual_seed(2))]]
    torch.testing.assert_close(
        scores(model, clips), scores(model, shuffled), rtol=TOLERANCE, atol=TOLERANCE
    )


def test_any_number_of_clips_and_targets_gives_finite_scores(method: str) -> None:
    for targets in (1, 3):
        model = prepared_model(method, targets)
        answer = scores(model, make_clips([1, 2, 400]))
        assert answer.shape == (3, targets)
        assert torch.isfinite(answer).all()


def test_probabilities_attention_and_places_are_what_they_say(method: str) -> None:
    model = prepared_model(method)
    with torch.no_grad():
        output = model(*pad_clips(make_clips([7, 3, 11])))
    if output.attention_BKGT is not None:
        assert (output.attention_BKGT >= 0).all()
        torch.testing.assert_close(
            output.attention_BKGT.sum(-1), torch.ones(output.attention_BKGT.shape[:3])
        )
    if output.grade_probabilities_BKG is not None:
        assert (output.grade_probabilities_BKG >= 0).all()
        torch.testing.assert_close(output.grade_probabilities_BKG.sum(-1), torch.ones(3, 2))
        assert output.place_BKG is not None
        assert ((output.place_BKG >= 0) & (output.place_BKG <= 1)).all()


@pytest.mark.parametrize("precision", [torch.float16, torch.float32, torch.bfloat16])
def test_features_of_any_float_type_are_read(method: str, precision: torch.dtype) -> None:
    model, clips = prepared_model(method), make_clips([7, 3])
    with torch.no_grad():
        answer = model.score(model(*pad_clips([c.to(precision) for c in clips])))
    torch.testing.assert_close(answer, scores(model, clips), rtol=0.05, atol=0.5)


def test_saved_and_loaded_model_answers_the_same(
    method: str, generated: Dataset, tmp_path: object
) -> None:
    preset = small_preset(method)
    model = train(generated, preset, show_progress=False)
    info = ModelInfo(preset, Task(generated.channels, generated.targets))
    save_model(model, info, tmp_path / "model")  # type: ignore[operator]
    loaded, loaded_info = load_model(tmp_path / "model")  # type: ignore[operator]
    assert loaded_info == info
    assert np.array_equal(
        predict_scores(model, generated.clips), predict_scores(loaded, generated.clips)
    )


def test_same_seed_gives_the_same_run_and_another_seed_another(
    method: str, generated: Dataset
) -> None:
    preset = small_preset(method)
    first, again = (
        predict_scores(train(generated, preset, show_progress=False), generated.clips)
        for _ in range(2)
    )
    assert np.array_equal(first, again)
    other = replace(preset, training=replace(preset.training, seed=1))
    different = predict_scores(train(generated, other, show_progress=False), generated.clips)
    gradient = build_model(preset, Task(CHANNELS, ("a",))).trains_by_gradient
    assert np.array_equal(first, different) == (not gradient)


@pytest.mark.parametrize(
    "trained",
    ["cofinal", "cofinal-released", "gdlt", "usdl", "musdl", "ms-lstm", "action-net", "core"],
)
def test_training_lowers_the_loss(trained: str, generated: Dataset) -> None:
    preset = small_preset(trained)
    preset = replace(preset, training=replace(preset.training, epochs=15, members=1, mixing=0.0))
    totals: list[float] = []
    clips = [torch.from_numpy(c) for c in generated.clips]
    scores_NK = torch.from_numpy(generated.scores).float()

    def total_loss(models: list[Ensemble]) -> None:
        member = models[0].first
        staged = [member.fixed_stage(c) for c in clips]
        with torch.no_grad():
            terms = member.training_loss(*pad_clips(staged), scores_NK)
        totals.append(float(sum(terms.values())))

    train(generated, preset, show_progress=False, after_epoch=total_loss)
    assert totals[-1] < totals[0]


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
    model = prepared_model(
        "cofinal", grades=grades, sub_grades=sub_grades, embedding_width=20, spacing=spacing
    )
    assert torch.isfinite(scores(model, make_clips([4, 9]))).all()


def test_ensemble_average_keeps_score_equal_to_expectation_over_grades() -> None:
    members = []
    for seed in range(3):
        member = prepared_model("cofinal")
        torch.manual_seed(seed)
        with torch.no_grad():
            for parameter in member.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        members.append(member)
    with torch.no_grad():
        output = Ensemble(members)(*pad_clips(make_clips([7, 3])))
    assert output.grade_probabilities_BKG is not None and output.place_BKG is not None
    edges = members[0].edges_KG
    unit = (edges - edges[:, :1]) / (edges[:, -1:] - edges[:, :1])
    score = (
        output.grade_probabilities_BKG * (unit[:, :-1] + unit.diff(dim=-1) * output.place_BKG)
    ).sum(-1)
    torch.testing.assert_close(score, output.unit_score_BK, rtol=1e-5, atol=1e-5)


def test_a_score_above_every_training_score_can_be_reached() -> None:
    model = prepared_model("cofinal", correction_share=0.0)
    highest = float(model.edges_KG[0, -1])
    with torch.no_grad():
        model.level_bias_K.fill_(5.0)  # type: ignore[operator]
        model.settings = replace(CoFInAlSettings(), summary_share=0.0, correction_share=0.0)
        best = scores(model, make_clips([9]))[0, 0]
    assert best > highest - 0.1 * (highest - float(model.edges_KG[0, 0]))
