"""The command line: quick help, one sentence for a mistake, JSON that parses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import cofinal.config
import cofinal.data.checks
import cofinal.generated.synthetic
from cofinal.cli import parsing
from cofinal.cli.main import COMMANDS, main
from cofinal.cli.score import looked_at
from cofinal.config import DataSource
from cofinal.times import ClipTimes
from cofinal.version import __version__

TINY = [
    *("--model.width", "8", "--model.heads", "2", "--model.principal-components", "8"),
    *("--model.sub-grades", "4", "--model.embedding-width", "8", "--model.summary-segments", "1"),
    *("--training.epochs", "1", "--training.members", "1", "--training.device", "cpu"),
]
HELP = "import sys; from cofinal.cli.main import main; sys.exit(main(sys.argv[1:]))"
NO_TORCH = """
import sys
from cofinal.cli.main import main
try:
    main(sys.argv[1:])
except SystemExit:
    pass
sys.exit("torch" in sys.modules)
"""
helps = pytest.mark.parametrize("command", ["", *COMMANDS], ids=lambda name: name or "cofinal")


def mistake(capsys: pytest.CaptureFixture[str], arguments: list[str], status: int = 1) -> str:
    """Runs a command that must fail with one line on standard error, which is returned.

    Before it, `train` tells what the columns of the labels were taken for.
    """
    capsys.readouterr()
    assert main(arguments) == status
    captured = capsys.readouterr()
    assert captured.out == ""
    told = re.fullmatch(
        r"(\S+: \d+ performances; [^\n]+\n)?(cofinal: error: [^\n]+\n)", captured.err
    )
    assert told, captured.err
    return told[2]


def train(source: DataSource, *more: str) -> list[str]:
    """The arguments of a tiny training."""
    return ["train", "--dataset", source.dataset, *more]


@pytest.fixture(scope="module")
def model(generated_source: DataSource, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model."""
    out = tmp_path_factory.mktemp("model") / "run"
    assert main(train(generated_source, "--out", str(out), *TINY)) == 0
    return out / "model"


@pytest.fixture(scope="module")
def one(generated_source: DataSource) -> Path:
    """Features of one performance of the generated data."""
    assert generated_source.data is not None
    return generated_source.data / "p031.npy"


@helps
def test_help_answers_in_half_a_second(command: str) -> None:
    fastest = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        arguments = [sys.executable, "-c", HELP, *command.split(), "--help"]
        done = subprocess.run(arguments, check=True, capture_output=True, text=True)
        fastest = min(fastest, time.perf_counter() - started)
        assert "usage: cofinal" in done.stdout
        if fastest < 0.5:
            break
    assert fastest < 0.5


@helps
def test_help_imports_no_torch(command: str) -> None:
    arguments = [sys.executable, "-c", NO_TORCH, *command.split(), "--help"]
    assert subprocess.run(arguments, check=False, capture_output=True).returncode == 0


def test_help_names_every_command_and_version_tells_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert all(f"  {name}" in text for name in COMMANDS)
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_help_tells_the_settings_of_the_method_that_is_meant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "--method", "gdlt", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--model.queries" in text
    assert "--model.grades" not in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--dataset", "nope"], "data set 'nope' is unknown; use fisv, rg"),
        (["evaluate", "--dataset", "nope"], "data set 'nope' is unknown; use fisv, rg"),
        (["train", "--dataset", "fisv"], "name it with --data"),
        (["train", "--dataset", "rg", "--data", "/no/folder"], "/no/folder has no train.txt"),
        (["data", "check", "--dataset", "absent.csv"], "cannot read absent.csv (No such file"),
        (["train", "--dataset", "x.csv", "--preset", "nope"], "preset 'nope' not found; name a"),
        (
            ["train", "--dataset", "x.csv", "--preset", "no.toml"],
            "cannot read no.toml (No such file or dir",
        ),
        (["train", "--dataset", "x.csv", "--method", "nope"], "method 'nope' is unknown; choose"),
        (["evaluate", "--dataset", "x.csv", "--folds", "1"], "setting folds is 1; expected 2"),
        (["score", "/no/model", "x.npy"], "/no/model is no model folder"),
        (["score", "/no/model"], "nothing to score"),
        (["evaluate", "--dataset", "x.csv", "--group", "event"], "add --protocol group"),
        (["train", "--dataset", "ABSENT.CSV"], "cannot read ABSENT.CSV (No such file"),
        (["train", "--dataset", "labels.txt"], "a file that ends in .csv"),
        (["import", "/no/file.pkl", "--out", "x"], "cannot read /no/file.pkl"),
        (
            ["data", "generate", "--out", "x", "--channels", "3"],
            "setting channels is 3; expected 4 to 4096",
        ),
        (["data", "generate", "--out", "x", "--seed", "-1"], "setting seed is -1; expected 0 to"),
        (["extract", "x.mp4", "--out", "x", "--workers", "100000"], "setting workers is 100000"),
        (["score", "x", "y" * 300 + ".npy"], "x is no model folder"),
        (["score", "x" * 300, "y.npy"], "File name too long"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_sentence(
    capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert sentence in mistake(capsys, arguments)


@pytest.mark.parametrize(
    "setting",
    [
        ("model.grades", "0"),
        ("model.sub-grades", "1"),
        ("model.embedding-width", "3"),
        ("model.width", "0"),
        ("model.width", "7"),
        ("model.heads", "0"),
        ("model.principal-components", "0"),
        ("model.encoder-layers", "-1"),
        ("model.summary-segments", "-1"),
        ("model.summary-share", "1.5"),
        ("model.dropout", "1.0"),
        ("model.score-weight", "nan"),
        ("model.place-weight", "-1.0"),
        ("training.epochs", "0"),
        ("training.batch-size", "0"),
        ("training.members", "0"),
        ("training.view-clips", "0"),
        ("training.learning-rate", "0"),
        ("training.learning-rate", "inf"),
        ("training.weight-decay", "nan"),
        ("training.averaging", "1.0"),
        ("training.channel-dropout", "1"),
        ("training.mixing", "-1"),
        ("training.seed", "-1"),
        ("training.seed", "99999999999999999999"),
        ("training.warmup", "5"),
        ("training.final-rate", "7"),
        ("training.clip-gradient", "-1"),
        ("training.device", "abacus"),
    ],
    ids=" ".join,
)
def test_an_impossible_setting_gets_one_sentence_that_names_it(
    capsys: pytest.CaptureFixture[str],
    generated_source: DataSource,
    run_folder: Path,
    setting: tuple[str, str],
) -> None:
    name, value = setting
    arguments = train(generated_source, "--out", str(run_folder), *TINY, f"--{name}", value)
    sentence = mistake(capsys, arguments)
    assert name.split(".")[1].replace("-", "_") in sentence
    assert value.removesuffix(".0") in sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("trian", "command 'trian' is unknown; choose one of demo, train"),
        ("data", "choose one of data check, data audit, data generate"),
        ("data chekc", "command 'data chekc' is unknown; choose one of data check"),
        ("train --dataset x.csv --preset", "argument --preset: expected one argument"),
        ("train", "--dataset STR is needed (Name of a published data set"),
        ("score", "PATH is needed (Model folder, "),
        ("train --dataset x.csv --ephocs 3", "--ephocs is unknown, near it is --training.epochs"),
        ("train --dataset x.csv --training.ephocs=3", "near it is --training.epochs"),
        ("score m a.npy --confidance 1 --zz", "near it is --confidence; --zz is unknown;"),
        ("data check --dataset x.csv more", "more is unknown"),
        ("train --dataset x.csv --training.epochs many", "epochs got 'many'; expected INT;"),
        ("train --dataset x.csv --model.spacing odd", "one of 'equal-count', 'equal-width'"),
        ("data generate --out x --channels", "--channels needs a value"),
    ],
)
def test_a_command_line_not_understood_gets_one_sentence_and_status_2(
    capsys: pytest.CaptureFixture[str], line: str, sentence: str
) -> None:
    assert sentence in mistake(capsys, line.split(), status=2)


@pytest.mark.parametrize(
    "text", ["╭─ New title ─╮\n│ A new box.  │\n╰─────────────╯\n", "no box", ""]
)
def test_texts_of_other_parsers_are_told_too(text: str) -> None:
    said = parsing._sentence(text, list)
    assert said == {"n": "no box", "": "", "╭": "A new box"}[text[:1]]


@pytest.mark.parametrize("name", ["score", "train"])
def test_help_is_laid_out_for_the_narrowest_terminal(name: str) -> None:
    arguments = [sys.executable, "-m", "cofinal", name, "--help"]
    environment = {**os.environ, "COLUMNS": "1"}
    done = subprocess.run(
        arguments, check=True, capture_output=True, text=True, env=environment, timeout=60
    )
    boxes = [line for line in done.stdout.splitlines() if line.startswith("│")]
    assert {len(line) for line in boxes} == {parsing.NARROWEST}


@pytest.mark.parametrize(
    ("command", "flags"),
    [
        ("score", "--weights random"),
        ("score", "--precision bfloat16"),
        ("score", "--download"),
        ("explain", "--device cpu"),
        ("report", "--backbone-class x.py:X"),
    ],
)
def test_a_flag_about_videos_is_refused_where_there_are_none(
    capsys: pytest.CaptureFixture[str], command: str, flags: str
) -> None:
    out = ["--out", "page.html"] if command == "report" else []
    said = mistake(capsys, [command, "/no/model", "a.npy", *flags.split(), *out])
    assert f"{flags.split(maxsplit=1)[0]} is about reading videos" in said


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("method = ", "is not TOML"),
        ("method = 'nope'", "method 'nope' is unknown; choose one of action-net, cofinal"),
        ("method = 3", "method is 3; expected a name"),
        ("method = []", r"method is []; expected a name"),
        ("model = 3", "model is 3; expected a table [model]"),
        ("colour = 1", "'colour' is unknown; a preset has method, [model] and [training]"),
        ("[model]\ncolour = 1", "[model]: setting 'colour' is unknown"),
        ("[model]\ngrades = 4.0", "[model]: setting grades is 4.0; expected a whole number"),
        ("[model]\ngrades = true", "setting grades is True; expected a whole number"),
        ("[model]\ngrades = 0", "setting grades is 0; expected 1 to 100"),
        ("[model]\ndropout = true", "setting dropout is True; expected a number"),
        ("[model]\nspacing = 'odd'", "choose one of equal-count, equal-width"),
        ("[training]\nlearning_rate = 'high'", "learning_rate is 'high'; expected a number"),
        ("[training]\nlearning_rate = nan", "learning_rate is nan; expected a finite number"),
        ("[training]\nview = 3", "view is 3; expected text"),
    ],
)
def test_a_faulty_preset_file_gets_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, sentence: str
) -> None:
    (tmp_path / "my.toml").write_text(text)
    arguments = ["train", "--dataset", "x.csv", "--preset", str(tmp_path / "my.toml")]
    assert sentence in mistake(capsys, arguments)


def test_a_preset_file_that_is_not_utf8_gets_one_sentence(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "my.toml").write_bytes(b"method = '\xff'")
    arguments = ["train", "--dataset", "x.csv", "--preset", str(tmp_path / "my.toml")]
    assert "not UTF-8" in mistake(capsys, arguments)


def test_flags_count_over_the_preset_file(
    generated_source: DataSource, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "my.toml").write_text("[model]\ngrades = 5\nwidth = 8\n[training]\nepochs = 1\n")
    flags = ["--preset", str(tmp_path / "my.toml"), "--model.grades", "2", "--model.heads", "2"]
    out = tmp_path / "run"
    assert main(train(generated_source, *flags, "--out", str(out))) == 0
    settings = json.loads((out / "settings.json").read_text())["preset"]
    assert settings["model"]["grades"] == 2
    assert settings["model"]["width"] == 8
    assert settings["training"]["epochs"] == 1


@pytest.mark.parametrize("method", ["ridge", "mean"])
def test_train_tells_json_that_parses(
    generated_source: DataSource,
    run_folder: Path,
    capsys: pytest.CaptureFixture[str],
    method: str,
) -> None:
    arguments = train(generated_source, "--method", method, "--out", str(run_folder), "--json")
    assert main(arguments) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["model"] == str(run_folder / "model")
    assert told["result"]["method"] == method
    assert [cell["performances"] for cell in told["result"]["measures"]] == [8, 8]


def test_evaluate_tells_json_that_parses_and_is_the_result(
    generated_source: DataSource, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", "--dataset", generated_source.dataset, "--method", "ridge"]
    assert main([*arguments, "--folds", "2", "--out", str(run_folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((run_folder / "result.json").read_text())


def test_score_tells_each_performance_in_order(
    model: Path, one: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = one.with_name("p030.npy")
    capsys.readouterr()
    assert main(["score", str(model), str(one), str(other), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [entry["id"] for entry in told] == ["p031", "p030"]
    for entry, path in zip(told, (one, other), strict=True):
        assert entry["clips"] == len(np.load(path))
        assert [target["target"] for target in entry["targets"]] == ["difficulty", "execution"]
        for target in entry["targets"]:
            assert sum(target["grade_probabilities"]) == pytest.approx(1, abs=1e-5)
            assert np.shape(target["votes"]) == (4, entry["clips"]) and target["attention"] is None


def test_score_tells_people_score_grade_and_moments(
    model: Path, one: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert main(["score", str(model), str(one)]) == 0
    text = capsys.readouterr().out
    assert re.search(r"p031 \(\d+ clips\)\n  difficulty: \d+\.\d\d points: grade \d of 4 \(", text)
    assert re.search(r"most for this grade: \d:\d\d", text)


def test_attention_that_is_even_points_at_no_clip() -> None:
    even_T = np.full(6, 1 / 6)
    assert looked_at(even_T, None) == "at all clips about alike"
    assert looked_at(np.ones(1), None) == "at all clips about alike"
    shares_T = np.array([0.1, 0.3, 0.05, 0.2, 0.15, 0.2])
    assert looked_at(shares_T, None) == "most at clip 2, clip 4, clip 6"
    assert looked_at(shares_T, ClipTimes(1.0, 20.0, 20.0)) == "most at 0:21, 1:01, 1:41"


def test_scores_do_not_depend_on_what_is_scored_with_them(
    model: Path, one: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    others = sorted(map(str, one.parent.glob("p00*.npy")))
    assert main(["score", str(model), str(one), "--json"]) == 0
    alone = json.loads(capsys.readouterr().out)[0]
    assert main(["score", str(model), *others, str(one), "--json"]) == 0
    among = json.loads(capsys.readouterr().out)[-1]
    for a, b in zip(alone["targets"], among["targets"], strict=True):
        assert a["score"] == pytest.approx(b["score"], abs=1e-4)


def test_score_refuses_features_of_another_width(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", np.ones((5, 9), dtype=np.float32))
    sentence = mistake(capsys, ["score", str(model), str(tmp_path / "a.npy")])
    assert "features 'a' have 9 channels a clip, the model expects 8" in sentence


def test_score_refuses_features_of_another_backbone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", np.ones((5, 8), dtype=np.float32))
    (tmp_path / "features.json").write_text('{"backbone": "i3d"}')
    sentence = mistake(capsys, ["score", str(model), str(tmp_path / "a.npy")])
    assert "made with backbone 'i3d' instead of 'generated'; extract them again" in sentence


def test_score_refuses_features_that_are_not_finite(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "a.npy", np.full((5, 8), np.nan, dtype=np.float32))
    assert "not finite" in mistake(capsys, ["score", str(model), str(tmp_path / "a.npy")])


def test_data_check_fails_on_errors_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "generate", "--out", str(tmp_path), "--performances", "8"]) == 0
    check = ["data", "check", "--dataset", str(tmp_path / "labels.csv")]
    capsys.readouterr()
    assert main(check) == 0
    assert "errors: 0" in capsys.readouterr().out
    (tmp_path / "features" / "p003.npy").unlink()
    assert main(check) == 1
    printed = capsys.readouterr().out
    missing = tmp_path / "features" / "p003.npy"
    assert f"{tmp_path / 'labels.csv'}:5: {missing} is missing; extract its features" in printed
    assert "errors: 1" in printed


def test_data_check_tells_json_that_parses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "generate", "--out", str(tmp_path), "--performances", "8"]) == 0
    (tmp_path / "features" / "p003.npy").write_bytes(b"")
    capsys.readouterr()
    assert main(["data", "check", "--dataset", str(tmp_path / "labels.csv"), "--json"]) == 1
    findings = json.loads(capsys.readouterr().out)
    assert [f["kind"] for f in findings if f["severity"] == "error"] == ["features-unreadable"]


def test_generated_data_repeats_with_its_seed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        flags = ["--performances", "8", "--seed", "7", "--channels", "8"]
        assert main(["data", "generate", "--out", str(tmp_path / name), *flags]) == 0
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("[!.]*.*"))
    assert len(files) == 8 + 2  # beside the lock
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_ctrl_c_ends_with_status_130_and_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cofinal.data.checks, "check_dataset", interrupted)
    assert main(["data", "check", "--dataset", "x.csv"]) == 130
    assert capsys.readouterr().err == "cofinal: stopped; run the same command again to continue\n"


def test_the_demo_needs_some_films(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--out", str(tmp_path / "demo"), "--count", "8"]) == 1
    assert "8 films; the demo's 8 events need two each" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("a folder", "is a folder; name video or .npy files"),
        ("notes.txt", "made with 'generated', which cannot be made from videos here"),
        ("huge.NPY", "'huge' give no finite score"),
    ],
)
def test_score_refuses_what_gives_no_score(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, sentence: str
) -> None:
    (tmp_path / "a folder").mkdir()
    (tmp_path / "notes.txt").write_text("no video")
    with (tmp_path / "huge.NPY").open("wb") as file:
        np.save(file, np.full((5, 8), 1e30, dtype=np.float32))
    assert sentence in mistake(capsys, ["score", str(model), str(tmp_path / name)])


def test_a_run_that_failed_before_its_first_epoch_may_start_with_other_settings(
    generated_source: DataSource, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = train(generated_source, "--out", str(run_folder), *TINY)
    absent = mistake(capsys, [*command, "--training.device", "cuda:99"])
    assert "device 'cuda:99' is not available" in absent
    assert main(command) == 0
    assert "model.width 8 instead of 6" in mistake(capsys, [*command, "--model.width", "6"])


@pytest.mark.parametrize("number", ["1_000", "\uff11\uff12", "\u0663", "1e3", ""])
def test_a_flag_takes_no_number_that_only_python_would(
    capsys: pytest.CaptureFixture[str], number: str
) -> None:
    assert main(["data", "generate", "--out", "x", "--performances", number]) == 2
    assert "--performances got" in capsys.readouterr().err
