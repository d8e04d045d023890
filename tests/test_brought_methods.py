"""Methods of one's own: from a file or a package, in every command, and back from a folder."""

from __future__ import annotations

import pickle
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cofinal import CofinalError, DataSource, Preset, Scorer, use_method
from cofinal.brought import class_in_file
from cofinal.cli.main import main
from cofinal.config import default_space, method_preset
from cofinal.files.reading import read_json
from cofinal.methods import BROUGHT, settings_class
from cofinal.models import method_class
from cofinal.testing import check_method

FILE = Path(__file__).with_name("own_method.py")
OWN = f"{FILE}:Nearest"
NAME = "own_method.py:Nearest"


@pytest.fixture
def data(generated_source: DataSource) -> list[str]:
    """Flags that name the small generated data set."""
    return ["--dataset", generated_source.dataset, "--data", str(generated_source.data)]


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process to which nobody has brought a method."""
    for name in list(BROUGHT.known):
        monkeypatch.delitem(BROUGHT.known, name)


def test_a_method_in_a_file_passes_the_checks() -> None:
    check_method(class_in_file(OWN)[0])


def test_the_name_of_a_method_that_was_brought_is_a_name() -> None:
    assert use_method(use_method(OWN)) == NAME


def test_it_brings_its_settings_search_space_and_training() -> None:
    preset = method_preset(use_method(OWN), Preset())
    assert (preset.method, preset.model.neighbours, preset.training.epochs) == (NAME, 3, 7)
    assert set(default_space(NAME)) == {"model.neighbours"}
    assert preset.to_json()["code"] == class_in_file(OWN)[1]


@pytest.mark.usefixtures("forgotten")
def test_a_model_folder_runs_no_file_that_its_user_did_not_name(
    data: list[str],
    tmp_path: Path,
    generated_source: DataSource,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--method", OWN, "--model.neighbours", "2", "--out", str(tmp_path)]
    assert main(["train", *data, *flags]) == 0
    model = tmp_path / "model"
    assert read_json(model / "config.json", "")["preset"]["method"] == NAME  # no folder's name
    assert generated_source.data is not None
    features = sorted(generated_source.data.glob("*.npy"))[0]
    scored = Scorer.load(model).score(features)
    BROUGHT.known.clear()
    capsys.readouterr()
    assert main(["score", str(model), str(features)]) == 1
    told = capsys.readouterr().err
    assert "run only if you name it" in told and "--model-class" in told and "damaged" not in told
    assert main(["score", str(model), str(features), "--model-class", OWN]) == 0
    assert f"{scored.targets[0].score:.2f} points" in capsys.readouterr().out


@pytest.mark.usefixtures("forgotten")
def test_it_is_evaluated_tuned_and_compared_in_processes_of_their_own(
    data: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *data, "--method", OWN, "--folds", "2"]) == 0
    tuned = str(tmp_path / "tuned")
    assert (
        main(["tune", *data, "--method", OWN, "--folds", "2", "--trials", "2", "--out", tuned]) == 0
    )
    best = ["--preset", f"{tuned}/best.toml", "--method", OWN]
    assert main(["evaluate", *data, *best, "--folds", "2"]) == 0
    capsys.readouterr()
    run = ["--protocols", "kfold", "--folds", "2", "--workers", "2", "--out", str(tmp_path / "b")]
    assert main(["benchmark", *data, "--methods", "mean", OWN, *run]) == 0
    assert "| Nearest |" in capsys.readouterr().out


@pytest.mark.usefixtures("forgotten")
def test_another_process_is_brought_the_same_method() -> None:
    preset = replace(Preset(use_method(OWN)), model=settings_class(NAME)(neighbours=5))  # type: ignore[call-arg]
    sent = pickle.dumps(preset)
    BROUGHT.known.clear()
    found = pickle.loads(sent)
    assert (found.method, found.model.neighbours) == (NAME, 5)
    assert method_class(NAME).__name__ == "Nearest"


@pytest.mark.usefixtures("forgotten")
def test_an_installed_package_offers_its_methods_by_name(
    data: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(FILE, tmp_path / "package_of_nearest.py")
    about = tmp_path / "nearest-1.5.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: nearest\nVersion: 1.5\n")
    (about / "entry_points.txt").write_text(
        "[cofinal.methods]\nnearest = package_of_nearest:Nearest\nabsent = package_of_none:X\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert main(["train", *data, "--method", "nearest", "--out", str(tmp_path / "run")]) == 0
    BROUGHT.known.clear()
    scorer = Scorer.load(tmp_path / "run" / "model")
    assert scorer.info.preset.to_json()["code"] == "nearest 1.5"
    with pytest.raises(CofinalError, match=r"'absent' of nearest 1\.5 cannot be imported"):
        Preset("absent")
    with pytest.raises(CofinalError, match=r"method 'near' is unknown; choose one of .*nearest"):
        Preset("near")
    sys.modules.pop("package_of_nearest", None)


@pytest.mark.parametrize(
    ("text", "name", "sentence"),
    [
        (None, "A", "cannot read .*own.py .*name a file and its class"),
        ("A = 3", "A", "own.py has no class 'A'; name one of its classes"),
        ("class B: pass", "A", "own.py has no class 'A'; name one of B"),
        (
            "1 / 0",
            "A",
            r"own.py fails when it is run \(ZeroDivisionError: division by zero\); mend",
        ),
        ("def", "A", r"own.py fails when it is run \(SyntaxError"),
        ("class A: pass", "A", "'own.py:A' has no settings class; let it have Settings = "),
        (
            "from cofinal.settings import MethodSettings\nclass A:\n"
            "    class Settings(MethodSettings):\n        width: int = 3",
            "A",
            r"Settings of method 'own.py:A' is no dataclass; write @dataclass\(frozen=True\)",
        ),
        (
            "from dataclasses import dataclass\nfrom cofinal.settings import MethodSettings\n"
            "class A:\n    @dataclass(frozen=True)\n    class Settings(MethodSettings):\n"
            "        width: list = None",
            "A",
            "setting width of method 'own.py:A' has no plain default; give it true or false, ",
        ),
    ],
)
def test_a_file_that_is_no_method_gets_one_sentence(
    tmp_path: Path, text: str | None, name: str, sentence: str
) -> None:
    if text is not None:
        (tmp_path / "own.py").write_text(text)
    with pytest.raises(CofinalError, match=sentence) as raised:
        use_method(f"{tmp_path / 'own.py'}:{name}")
    assert "\n" not in str(raised.value)


def test_a_class_that_is_no_model_gets_one_sentence(tmp_path: Path) -> None:
    text = "from cofinal.settings import MethodSettings\nclass A:\n    Settings = MethodSettings\n"
    (tmp_path / "own.py").write_text(text)
    name = use_method(f"{tmp_path / 'own.py'}:A")
    with pytest.raises(CofinalError, match=r"'own.py:A' is no AssessmentModel; derive the class"):
        method_class(name)


def test_a_changed_file_is_another_method(tmp_path: Path) -> None:
    text = FILE.read_text()
    (tmp_path / "own_method.py").write_text(text)
    before = Preset(use_method(f"{tmp_path / 'own_method.py'}:Nearest"))
    seen = before.to_json()
    (tmp_path / "own_method.py").write_text(text.replace("neighbours: ", "neighbours : ") + "\n")
    after = Preset(use_method(f"{tmp_path / 'own_method.py'}:Nearest"))
    assert after.to_json()["code"] != seen["code"]
    assert np.isclose(after.model.neighbours, before.model.neighbours)
