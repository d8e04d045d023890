"""Backbones of one's own: from a file into features, their workers, scores and checks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from video_files import moving_square, write_video

from cofinal import CofinalError, Scorer, use_backbone
from cofinal.brought import class_in_file
from cofinal.cli.main import main
from cofinal.extraction.backbones import BROUGHT
from cofinal.extraction.backbones.loading import load_backbone, weights_sha256
from cofinal.extraction.many import extract_many
from cofinal.extraction.recipe import ExtractionRecipe
from cofinal.files.reading import read_json
from cofinal.testing import BACKBONE_CHECKS, check_backbone, failure

FILE = Path(__file__).parents[1] / "own_backbone.py"
OWN, NAME = f"{FILE}:Grid", "own_backbone.py:Grid"
CLIPS_BTHWC = np.random.default_rng(0).integers(0, 256, (3, 4, 16, 16, 3), dtype=np.uint8)


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process to which nobody has brought a backbone."""
    for name in list(BROUGHT.known):
        monkeypatch.delitem(BROUGHT.known, name)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six films of 70 frames with labels."""
    folder = tmp_path_factory.mktemp("videos")
    for number in range(6):
        write_video(folder / f"{number}.mp4", moving_square(70, number + 1, 60, 80))
    lines = [f"{number},{number + 1}.5" for number in range(6)]
    (folder / "labels.csv").write_text("\n".join(["id,speed", *lines]) + "\n")
    return folder


@pytest.mark.usefixtures("forgotten")
def test_films_become_features_and_scores_by_a_backbone_in_a_file(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    features, run = tmp_path / "features", tmp_path / "run"
    size = ["--input-px", "32", "--clip-frames", "16", "--stride-frames", "16"]
    assert main(["extract", str(videos), "--out", str(features), "--backbone", OWN, *size]) == 0
    assert np.load(features / "0.npy").shape[1] == 24
    assert read_json(features / "features.json", "")["backbone"] == NAME
    data = ["--dataset", str(videos / "labels.csv"), "--data", str(features)]
    assert main(["train", *data, "--method", "ridge", "--out", str(run)]) == 0
    BROUGHT.known.clear()
    capsys.readouterr()
    film = [str(run / "model"), str(videos / "3.mp4")]
    assert main(["score", *film]) == 1
    assert "run only if you name it: --backbone FOLDER" in capsys.readouterr().err
    assert main(["score", *film, "--backbone-class", OWN]) == 0
    scored = Scorer.load(run / "model").score(features / "3.npy")["speed"].score
    assert f"{scored:.2f} points" in capsys.readouterr().out


@pytest.mark.usefixtures("forgotten")
def test_workers_and_joined_backbones_are_brought_the_class(videos: Path, tmp_path: Path) -> None:
    recipe = ExtractionRecipe(backbone=use_backbone(f"motion+{OWN}"), input_px=64)
    assert recipe.backbone == f"motion+{NAME}"
    several = extract_many([videos], tmp_path / "a", recipe, workers=2)
    alone = extract_many([videos], tmp_path / "b", recipe)
    assert len(several.extracted) == len(alone.extracted) == 6
    for path in (tmp_path / "a").glob("*.npy"):
        assert np.array_equal(np.load(path), np.load(tmp_path / "b" / path.name))


def test_the_hash_is_that_of_code_and_weights(tmp_path: Path) -> None:
    use_backbone(OWN)
    assert weights_sha256(NAME) == load_backbone(NAME).weights_sha256
    module = class_in_file(OWN)[0]()
    torch.save(module.state_dict(), tmp_path / "grid.pth")
    other = load_backbone(NAME, tmp_path / "grid.pth")
    assert other.weights_sha256 != weights_sha256(NAME)
    found = other.features(CLIPS_BTHWC)  # type: ignore[union-attr]
    with torch.no_grad():
        levels = (torch.from_numpy(CLIPS_BTHWC).float() - 127.5) / 127.5
        expected = module(levels.permute(0, 4, 1, 2, 3)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
    with pytest.raises(CofinalError, match="neither a file nor known for own_backbone"):
        load_backbone(NAME, tmp_path / "absent.pth")


class Sound(nn.Module):
    """Mean colour of a clip."""

    output_width = 3

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Features (B, 3)."""
        return clips_BCTHW.mean((2, 3, 4))


class Wider(Sound):
    """Says four, gives three."""

    output_width = 4


class Together(Sound):
    """Compares the clips of a batch."""

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Features (B, 3)."""
        return super().forward(clips_BCTHW) / clips_BCTHW.mean()


class Restless(Sound):
    """Draws by chance."""

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Features (B, 3)."""
        return super().forward(clips_BCTHW) + torch.randn(3) / 100


class Blind(Sound):
    """Answers the same to everything."""

    def forward(self, clips_BCTHW: Tensor) -> Tensor:
        """Features (B, 3)."""
        return torch.ones(len(clips_BCTHW), 3)


BROKEN = {
    Wider: "width_as_declared",
    Together: "clips_apart",
    Restless: "answers_again",
    Blind: "sees_the_picture",
}


def test_sound_backbones_pass_the_checks() -> None:
    check_backbone(Sound, 4, 16)
    check_backbone(OWN, 4, 16)
    check_backbone("motion", 8, 64)


def test_every_check_has_a_backbone_that_fails_it() -> None:
    assert set(BROKEN.values()) == set(BACKBONE_CHECKS)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_a_broken_backbone_fails_the_check_of_its_fault(broken: type) -> None:
    told = failure(BACKBONE_CHECKS[BROKEN[broken]], (use_backbone(broken), CLIPS_BTHWC))
    assert told and "\n" not in told
    with pytest.raises(AssertionError, match=f"{broken.__name__} fails . of 4 checks:\n- "):
        check_backbone(broken, 4, 16)


class NoWidth(nn.Module):
    """Lacks output_width."""


class NoModule:
    """Is no torch module."""

    output_width = 3


class Unbuildable(Sound):
    """Wants an argument."""

    def __init__(self, size: int) -> None:
        super().__init__()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (NoWidth, "'NoWidth' has output_width None; let the class have the number of channels"),
        (NoModule, "'NoModule' is no torch module; derive the class from torch"),
        (Unbuildable, r"'Unbuildable' cannot be built without arguments \(TypeError"),
    ],
)
def test_a_class_that_is_no_backbone_gets_one_sentence(wrong: type, sentence: str) -> None:
    with pytest.raises(CofinalError, match=sentence):
        load_backbone(use_backbone(wrong))
