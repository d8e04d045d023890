"""Exported models: they answer as the model does, elsewhere, or are not written."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from cofinal.cli.main import main
from cofinal.config import DataSource
from cofinal.errors import CofinalError
from cofinal.export import files
from cofinal.export.files import export_model
from cofinal.methods import method_names
from cofinal.modelfolder.folder import save_model
from cofinal.modelfolder.info import ModelInfo
from cofinal.models.ensemble import Ensemble
from cofinal.models.interface import pad_clips
from cofinal.scorer import Scorer
from cofinal.testing import make_clips, prepared_model
from test_all_methods import small_preset


def scorer_of(method: str, members: int = 2) -> Scorer:
    """A small model of random weights, ready to score."""
    made = [prepared_model(small_preset(method)) for _ in range(members)]
    with torch.no_grad():
        for parameter in made[-1].parameters():
            parameter.mul_(0.9)
    info = ModelInfo(small_preset(method), made[0].task)
    return Scorer(Ensemble(made), info)


def test_an_onnx_file_gives_the_scores_of_the_model_without_this_package(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra export is not installed")
    scorer, path = scorer_of("cofinal"), tmp_path / "model.onnx"
    export_model(scorer.model, scorer.info, path)
    session = onnxruntime.InferenceSession(str(path))
    known = session.get_modelmeta().custom_metadata_map
    assert json.loads(known["targets"]) == ["target0", "target1"]
    assert [output.name for output in session.get_outputs()] == ["score", "cells", "votes"]
    edges_KL = np.array(json.loads(known["cell_edges"]))
    assert edges_KL.shape == (2, 3 * 4 + 1) and (np.diff(edges_KL) > 0).all()
    for lengths in ([1], [2, 11, 6]):
        clips = make_clips(lengths, seed=5)
        clips_BTC, mask_BT = pad_clips(clips)
        score, cells, votes = session.run(
            None, {"clips": clips_BTC.numpy(), "mask": mask_BT.numpy()}
        )
        told = scorer.score_many([one.numpy() for one in clips])
        expected = [[entry.score for entry in one.targets] for one in told]
        np.testing.assert_allclose(score, expected, atol=1e-4)
        np.testing.assert_allclose(cells.sum(-1), 1, atol=1e-5)
        for b, one in enumerate(told):
            for k, entry in enumerate(one.targets):
                np.testing.assert_allclose(votes[b, k, :, : lengths[b]], entry.votes, atol=1e-4)


def test_a_program_of_torch_is_written_by_the_command(
    generated_source: DataSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = scorer_of("ridge", members=1)
    save_model(scorer.model, scorer.info, tmp_path / "model")
    np.save(tmp_path / "own.npy", make_clips([6])[0].numpy())
    out = tmp_path / "out" / "model.pt2"
    flags = ["--format", "torch", "--out", str(out)]
    assert main(["export", str(tmp_path / "model"), str(tmp_path / "own.npy"), *flags]) == 0
    assert f"{out}: scores differ by at most" in capsys.readouterr().out
    known = {"cofinal.json": ""}
    program = torch.export.load(out, extra_files=known)
    assert json.loads(json.loads(known["cofinal.json"])["outputs"]) == ["score"]
    clips = make_clips([4, 9], seed=6)
    (score_BK,) = program.module()(*pad_clips(clips))
    told = [
        entry.score
        for one in scorer.score_many([c.numpy() for c in clips])
        for entry in one.targets
    ]
    np.testing.assert_allclose(score_BK.detach().numpy().ravel(), told, atol=1e-4)


def written(graph: object, known: object, path: Path) -> None:
    """In place of writing a file, which takes seconds."""
    path.write_bytes(b"file")


@pytest.mark.parametrize(("off", "passes"), [(0.9e-4, True), (1.2e-4, False), (np.nan, False)])
def test_a_file_that_answers_otherwise_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: float, passes: bool
) -> None:
    scorer = scorer_of("ridge", members=1)

    def run(clips_BTC: Tensor, mask_BT: Tensor) -> Sequence[np.ndarray]:
        with torch.no_grad():
            score_BK = scorer.model.score(scorer.model(clips_BTC, mask_BT)).double().numpy()
        return [score_BK + off]

    monkeypatch.setattr(files, "write_torch", written)
    monkeypatch.setattr(files, "run_torch", lambda path: run)
    path = tmp_path / "model.pt2"
    if passes:
        largest = export_model(scorer.model, scorer.info, path, "torch")
        assert largest == pytest.approx(off, rel=0.1) and path.read_bytes() == b"file"
        return
    with pytest.raises(CofinalError, match=r"the exported file's score differs by .* nothing was"):
        export_model(scorer.model, scorer.info, path, "torch")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_exported_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("no such operator\nand more")

    scorer = scorer_of("ridge", members=1)
    monkeypatch.setattr(files, "write_torch", refuse)
    with pytest.raises(CofinalError, match="method 'ridge' cannot be exported to torch: no such o"):
        export_model(scorer.model, scorer.info, tmp_path / "model.pt2", "torch")
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(CofinalError, match=r"onnx, which is not installed; .*cofinal\[export\]"):
        export_model(scorer.model, scorer.info, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("method", method_names())
def test_every_method_is_exported(method: str, tmp_path: Path) -> None:
    scorer = scorer_of(method)
    assert export_model(scorer.model, scorer.info, tmp_path / "model.pt2", "torch") <= 1e-4
